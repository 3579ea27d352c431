"""A column that is made of the statement's own parameter is found out: it would be that of every row."""

from __future__ import annotations

import pytest

from app.connectors.sql.echoes import gives_back_parameter


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT :student_number AS xh, je FROM v",
        "select je, :student_number xh from v",
        "SELECT CAST(:student_number AS CHAR(10)) AS xh, je FROM v",
        "SELECT je, UPPER(TRIM(:student_number)) AS XH FROM v",
        "SELECT COALESCE(a, :student_number) AS xh FROM v",
        'SELECT je, (:student_number) AS "xh" FROM v',
        "SELECT (SELECT :student_number FROM dual) AS xh, je FROM v",
        "SELECT DISTINCT :student_number AS `xh`, ',' FROM v",
        "SELECT :student_number AS [xh] FROM v",
        "SELECT xh, je FROM (SELECT :student_number AS xh, je FROM v) q",
        "SELECT xh FROM v WHERE xh = :student_number UNION SELECT :student_number AS xh",
        "SELECT je, /* xh, */ :student_number::text AS xh FROM v",
    ],
)
def test_a_column_made_of_the_parameter_is_found(statement: str) -> None:
    assert gives_back_parameter(statement, "xh")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT xh, je FROM v WHERE xh = :student_number",
        "SELECT je, v.xh FROM v WHERE xh = CAST(:student_number AS INTEGER)",
        "SELECT (SELECT max(xh) FROM v WHERE xh = :student_number) AS xh",
        "SELECT :student_number AS asked, xh FROM v",
        "SELECT ':student_number' AS xh FROM v WHERE xh = :student_number",
        "WITH q AS (SELECT xh, je FROM v WHERE xh = :student_number) SELECT xh, je FROM q",
        "SELECT xh FROM v WHERE xh IN (:student_number) ORDER BY je, xh",
    ],
)
def test_a_parameter_in_a_condition_is_none(statement: str) -> None:
    assert not gives_back_parameter(statement, "xh")
