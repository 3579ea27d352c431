"""Settings: every mistake is told at once, and no secret is told at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from app.config_model import EnvironmentText
from app.domain.person import LetterCase, NumberForm, Role
from app.settings import (
    ANY_FACT,
    Canaries,
    Settings,
    SettingsError,
    load_settings,
    merge,
    read_environment,
    read_settings,
    read_toml,
)

SECRET = "0123456789abcdef" * 2


def make_data(**sections: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "service": {
            "base_url": "https://lixiao.example.edu",
            "time_zone": "Asia/Shanghai",
            "university": "大学",
            "support": "QQ群",
            "secret_key": SECRET,
        },
        "database": {"url": "sqlite:///x.sqlite3"},
        "session": {"idle_minutes": 30, "absolute_minutes": 480},
        "slip": {"keys": "keys", "validity_days": 0, "status_list_hours": 4},
        "rate_limit": {
            "storage_url": "memory://",
            "verification": "600 per minute",
            "unproven": "600 per minute",
            "typed": "60 per minute",
            "typed_everywhere": "6000 per hour",
            "comparison": "10 per minute",
            "upload": "120 per minute",
            "refresh": "20 per minute",
        },
        "round": {
            "deadline_seconds": 3.0,
            "page_wait_seconds": 0.3,
            "fresh_seconds": 15.0,
            "canaries_fresh_seconds": 5.0,
        },
        "retention": {
            "sessions_days": 1,
            "known_answers_days": 180,
            "slip_checks_days": 365,
            "closed_cases_days": 365,
            "audit_days": 1095,
        },
        "privacy": {"consent": True},
        "sign_in": {"campus": {"kind": "oidc"}},
        "connectors": {"library": {"kind": "http_json"}},
        "mini_apps": {
            "graduate_departure": {
                "period": "2026-06",
                "period_title": "2026年夏季",
                "opens_on": "2026-05-01",
                "closes_on": "2026-07-31",
                "levels": "all",
                "steps": {"library_loans": "library"},
            }
        },
    }
    for name, changes in sections.items():
        data[name] = {**data.get(name, {}), **changes}
    return data


def read(data: dict[str, Any]) -> Settings:
    return read_settings(data, [])


def test_a_complete_configuration_has_no_faults() -> None:
    settings = read(make_data())
    assert settings.faults == []
    assert settings.service.host == "lixiao.example.edu"
    assert settings.service.is_https
    assert settings.service.trusted_hosts == ("lixiao.example.edu",)


def test_all_mistakes_are_told_in_one_message_that_names_keys() -> None:
    settings = read(
        make_data(
            service={"base_url": "lixiao", "colour": "blue", "time_zone": "Mars/Olympus"},
            session={"idle_minutes": 900},
            mini_apps={"graduate_departure": {"period": "2026-06", "opens_on": "2026-02-30"}},
        )
    )
    with pytest.raises(SettingsError) as raised:
        settings.raise_faults()
    for name in (
        "service.base_url must be",
        "service.colour is not a known key",
        "service.time_zone is not a known time zone",
        "session.idle_minutes is longer",
        "mini_apps.graduate_departure.period_title is missing",
        "mini_apps.graduate_departure.opens_on is no day",
        "mini_apps.graduate_departure.closes_on is missing",
    ):
        assert name in str(raised.value)


def test_a_secret_that_is_too_short_is_refused_and_not_repeated() -> None:
    settings = read(make_data(service={"secret_key": "hunter2"}))
    assert settings.faults == ["service.secret_key must have at least 32 characters"]
    assert "hunter2" not in str(settings.faults)


def test_a_step_that_names_no_connector_is_a_fault() -> None:
    app = {**make_data()["mini_apps"]["graduate_departure"], "steps": {"finance": "bank"}}
    settings = read(make_data(mini_apps={"graduate_departure": app}))
    assert settings.faults == ["mini_apps.graduate_departure.steps.finance names no connector: bank"]


@pytest.mark.parametrize("period", ["rolling", "rolling-2", "Rolling-12"])
def test_a_period_may_not_have_the_name_of_what_is_open_all_year(period: str) -> None:
    app = {**make_data()["mini_apps"]["graduate_departure"], "period": period}
    assert read(make_data(mini_apps={"graduate_departure": app})).faults == [
        "mini_apps.graduate_departure.period is the name that stands for what is open all year: give it another"
    ]


def test_a_period_may_have_a_name_that_only_begins_so() -> None:
    app = {**make_data()["mini_apps"]["graduate_departure"], "period": "rolling-spring"}
    assert read(make_data(mini_apps={"graduate_departure": app})).faults == []


def test_without_mini_apps_or_sign_in_there_is_nothing_to_serve() -> None:
    data = make_data() | {"mini_apps": {}, "sign_in": {}}
    assert read(data).faults == [
        "mini_apps is empty: at least one is needed",
        "sign_in is empty: at least one is needed",
    ]


def test_the_environment_comes_last_and_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    config = tmp_path / "campus.toml"
    config.write_text('[service]\nbase_url = "https://a.example"\n[sign_in.campus]\nkind = "oidc"\n')
    settings = load_settings(
        {
            "LIXIAO_CONFIG": str(config),
            "LIXIAO_SERVICE__BASE_URL": "https://b.example",
            "LIXIAO_SERVICE__SECRET_KEY_FILE": str(secret),
            "LIXIAO_SERVICE__PROXY_COUNT": "2",
            "LIXIAO_SERVICE__TRUSTED_HOSTS": "b.example, c.example",
            "LIXIAO_SIGN_IN__CAMPUS__CLIENT_ID": "lixiao",
        }
    )
    assert settings.service.base_url == "https://b.example"
    assert settings.service.secret_key == SECRET
    assert settings.service.proxy_count == 2
    assert settings.service.trusted_hosts == ("b.example", "c.example")
    assert settings.sign_in["campus"]["client_id"] == "lixiao"


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    config = tmp_path / "campus.toml"
    config.write_text("[service\n")
    with pytest.raises(SettingsError, match=r"campus\.toml cannot be read"):
        load_settings({"LIXIAO_CONFIG": str(config)})


def test_of_several_files_a_later_one_comes_over_an_earlier_one(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text('[service]\nbase_url = "https://a.example"\nsupport = "first"\n')
    second.write_text('[service]\nsupport = "second"\n[sign_in.campus]\nkind = "oidc"\n')
    settings = load_settings({"LIXIAO_CONFIG": f"{first}{os.pathsep}{second}{os.pathsep}"})
    assert settings.service.base_url == "https://a.example"
    assert settings.service.support == "second"
    assert set(settings.sign_in) == {"campus"}
    settings = load_settings({"LIXIAO_CONFIG": f"{second}{os.pathsep}{first}"})
    assert settings.service.support == "first"


def test_each_of_several_files_must_be_readable(tmp_path: Path) -> None:
    first = tmp_path / "first.toml"
    first.write_text("")
    with pytest.raises(SettingsError, match=r"missing\.toml cannot be read: No such file or directory"):
        load_settings({"LIXIAO_CONFIG": f"{first}{os.pathsep}{tmp_path / 'missing.toml'}"})


def test_a_mini_app_is_for_the_levels_it_names_or_in_so_many_words_for_all() -> None:
    app = make_data()["mini_apps"]["graduate_departure"]
    assert read(make_data()).mini_apps["graduate_departure"].levels == ()
    named = read(make_data(mini_apps={"graduate_departure": {**app, "levels": ["硕士", "博士"]}}))
    assert named.mini_apps["graduate_departure"].levels == ("硕士", "博士")
    wrong = read(make_data(mini_apps={"graduate_departure": {**app, "levels": [1]}}))
    assert wrong.faults == ["mini_apps.graduate_departure.levels must be a list of texts"]
    for silent in ({key: value for key, value in app.items() if key != "levels"}, {**app, "levels": []}):
        (fault,) = read(make_data(mini_apps={"graduate_departure": silent})).faults
        assert fault.startswith("mini_apps.graduate_departure.levels is ")
        assert '"all"' in fault


@pytest.mark.parametrize("levels", ["All", "everybody", [" "], ["硕士", ""], ["ALL"], ["硕士", "all"]])
def test_levels_that_let_nobody_in_are_told(levels: object) -> None:
    app = make_data()["mini_apps"]["graduate_departure"]
    (fault,) = read(make_data(mini_apps={"graduate_departure": {**app, "levels": levels}})).faults
    assert fault.startswith("mini_apps.graduate_departure.levels must be a list")
    joined = read(
        make_data(mini_apps={"graduate_departure": {**app, "levels": EnvironmentText("硕士,博士")}})
    )
    assert (joined.faults, joined.mini_apps["graduate_departure"].levels) == ([], ("硕士", "博士"))


def test_a_first_day_in_the_future_would_refuse_every_day() -> None:
    (fault,) = read(make_data(answers={"not_before": "2999-01-01"})).faults
    assert fault.startswith("answers.not_before is in the future")
    assert read(make_data(answers={"not_before": "2001-01-01"})).faults == []


def test_a_pattern_that_knows_nobody_is_told_once() -> None:
    app = make_data()["mini_apps"]["graduate_departure"]
    controls = {"library_loans": {"passes": "TS1", "fails": ["TS2", "TS3"]}}
    named = {
        "mini_apps": {"graduate_departure": {**app, "canaries": controls}},
        "roles": {"guards": ["TS9"]},
    }
    (fault,) = read(make_data(numbers={"pattern": "TB[0-9]+"}, **named)).faults
    assert fault.startswith("numbers.pattern knows none")
    (fault,) = read(make_data(numbers={"pattern": "ts[0-9]+"}, **named)).faults
    assert fault.startswith("numbers.pattern has no letter as case")
    # The controls: in the other case it fits, and one number that does not is named by its own key.
    assert read(make_data(numbers={"pattern": "ts[0-9]+", "case": "lower"}, **named)).faults == []
    (fault,) = read(make_data(numbers={"pattern": "TS[1-3]"}, **named)).faults
    assert fault.startswith("roles.guards names what is no number")


def test_roles_are_given_to_numbers() -> None:
    settings = read(make_data(roles={"administrators": ["00420014"], "guards": ["00420016"]}))
    assert settings.faults == []
    assert settings.roles == {"00420014": Role.ADMINISTRATOR, "00420016": Role.GUARD}
    assert read(make_data()).roles == {}


def test_the_form_of_numbers_is_configured_and_roles_are_given_to_folded_numbers() -> None:
    numbers = {"pattern": "[a-z0-9]{8}", "case": "lower"}
    settings = read(make_data(numbers=numbers, roles={"guards": [" AB420016"]}))

    assert settings.numbers == NumberForm("[a-z0-9]{8}", LetterCase.LOWER)
    assert settings.roles == {"ab420016": Role.GUARD}
    wrong = read(make_data(numbers=numbers, roles={"guards": [" AB420016", "x"]}))
    assert wrong.faults == ["roles.guards names what is no number of a person: 'x'"]


def test_a_form_of_numbers_that_cannot_be_read_is_told() -> None:
    told = read(make_data(numbers={"pattern": "[", "case": "title"})).faults

    assert told == [
        "numbers.pattern is not a regular expression",
        "numbers.case must be one of upper, lower, kept",
    ]


def test_a_number_with_two_roles_and_a_role_that_is_none_are_named() -> None:
    roles = {"administrators": ["00420014"], "clerks": ["00420014"], "students": ["TS1"]}
    told = read(make_data(roles=roles)).faults
    assert "roles.clerks names a number that is in administrators too" in told
    assert "roles.students is not a known key" in told


def test_a_certificate_for_slip_files_is_read_and_its_password_not_shown() -> None:
    settings = read(make_data(slip={"p12_file": "slip.p12", "p12_password": "hidden words", "pdf_a": True}))
    assert settings.faults == []
    assert (settings.slip.p12_file, settings.slip.pdf_a) == (Path("slip.p12"), True)
    assert settings.slip.p12_password == "hidden words"
    assert "hidden words" not in repr(settings.slip)


def test_fonts_are_a_list_of_files_and_each_that_is_not_there_is_named(tmp_path: Path) -> None:
    font = tmp_path / "rare.ttf"
    font.touch()
    assert read(make_data(slip={"fonts": [str(font)]})).slip.fonts == (font,)
    assert read(make_data(slip={"fonts": EnvironmentText(f"{font},{font}")})).slip.fonts == (font, font)
    assert read(make_data()).slip.fonts == ()
    told = read(make_data(slip={"fonts": [str(font), "gone.ttf", "lost.ttf"]})).faults
    assert told == ["slip.fonts names no file: gone.ttf", "slip.fonts names no file: lost.ttf"]
    assert "slip.second_font is not a known key" in read(make_data(slip={"second_font": str(font)})).faults


def test_a_password_without_its_certificate_is_a_mistake() -> None:
    assert read(make_data(slip={"p12_password": "hidden words"})).faults == [
        "slip.p12_password is set without p12_file"
    ]


def read_canaries(**table: object) -> Settings:
    app = make_data()["mini_apps"]["graduate_departure"]
    canaries = {"library_loans": table}
    return read(make_data(mini_apps={"graduate_departure": {**app, "canaries": canaries}}))


def test_canary_students_are_named_singly_in_lists_or_by_fact_and_folded() -> None:
    by_fact = {"overdue_books": "ts2", "fine": ["TS2", " ＴＳ3"]}
    settings = read_canaries(passes=["TS1", "TS4"], fails=by_fact)
    assert settings.faults == []
    found = settings.mini_apps["graduate_departure"].canaries["library_loans"]
    assert found == Canaries(passes=("TS1", "TS4"), fails={"overdue_books": ("TS2",), "fine": ("TS2", "TS3")})
    assert found.numbers == ("TS1", "TS4", "TS2", "TS3")
    single = read_canaries(passes="TS1", fails="TS2").mini_apps["graduate_departure"]
    assert single.canaries["library_loans"] == Canaries(passes=("TS1",), fails={ANY_FACT: ("TS2",)})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"passes": "TS1"}, "fails is missing"),
        ({"passes": [], "fails": "TS2"}, "passes names nobody"),
        ({"passes": "TS1", "fails": {}}, "fails names no fact"),
        ({"passes": "TS1", "fails": {"fine": []}}, "fails.fine names nobody"),
        ({"passes": "TS1", "fails": {"fine": "ts1"}}, "fails and passes name the same canary student"),
        ({"passes": "no number!", "fails": "TS2"}, "passes names what is no number of a person"),
    ],
)
def test_canary_students_that_prove_nothing_are_refused(table: dict[str, object], message: str) -> None:
    where = "mini_apps.graduate_departure.canaries.library_loans"
    assert [fault for fault in read_canaries(**table).faults if f"{where}.{message}" in fault] != []


@pytest.mark.parametrize(
    "url",
    [
        "http://host:port", "http://:8310", "http://host:99999", "http://host:0", "http://host:", "http://[::1",
        "https://host:1:[]", "https://lixiao.example.edu.cn/", "https://a.b/c", "https://me@host", "http://a b", "ftp://a",
    ],
)  # fmt: skip
def test_an_address_at_which_nothing_can_be_is_refused(url: str) -> None:
    (fault,) = read(make_data(service={"base_url": url})).faults
    assert fault.startswith("service.base_url ")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000", "https://lixiao.example.edu.cn", "http://[::1]:8000"]
)
def test_an_address_of_a_host_is_taken(url: str) -> None:
    assert read(make_data(service={"base_url": url})).faults == []


@pytest.mark.parametrize("rest", ["user:S3CR@ET:PW@h/db", "user@host:S3CRET/db", "host:bad/db"])
def test_a_database_url_that_is_none_is_told_without_a_part_of_its_password(rest: str) -> None:
    (fault,) = read(make_data(database={"url": f"postgresql+psycopg://{rest}"})).faults
    assert fault.startswith("database.url is not a database URL")
    assert "S3CR" not in fault
    assert "PW" not in fault


def test_a_pattern_that_is_none_hides_no_other_mistake() -> None:
    faults = read(
        make_data(numbers={"pattern": "([0-9"}, session={"idle_minutes": -1}, roles={"guards": ["1"]})
    ).faults
    assert "numbers.pattern is not a regular expression" in faults
    assert any(fault.startswith("session.idle_minutes ") for fault in faults)


@pytest.mark.parametrize(
    ("text", "variable", "fault"),
    [
        ("service = 5", "LIXIAO_SERVICE__SECRET_KEY", "service must be a table"),
        (
            '[connectors]\nfinance = "abc"',
            "LIXIAO_CONNECTORS__FINANCE__CREDENTIAL",
            "connectors.finance must be a table",
        ),
        ("[sign_in]\ncampus = 5", "LIXIAO_SIGN_IN__CAMPUS__CLIENT_SECRET", "sign_in.campus must be a table"),
    ],
)
def test_what_stands_where_a_table_belongs_is_told_though_the_environment_has_one(
    tmp_path: Path, text: str, variable: str, fault: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    data: dict[str, Any] = {}
    merge(data, read_toml(file, []))
    merge(data, read_environment({variable: "x"}, []))
    place = fault.removesuffix(" must be a table").split(".")
    for key in place:
        data = data[key]
    assert not isinstance(data, dict)


def test_texts_of_a_file_are_no_numbers_flags_or_lists() -> None:
    faults = read(
        make_data(
            database={"url": "sqlite:////a", "connections": "15"},
            privacy={"consent": "true"},
            roles={"guards": "00420016, 00420017"},
        )
    ).faults
    assert "database.connections must be a whole number" in faults
    assert "privacy.consent must be true or false" in faults
    assert any(fault.startswith("roles.guards ") for fault in faults)


def test_texts_too_long_for_the_system_are_mistakes_like_others() -> None:
    long = "x" * 5000
    faults = read(make_data(service={"time_zone": long}, slip={"fonts": [long, "a\0b"]})).faults
    assert sum(fault.startswith("slip.fonts names no file") for fault in faults) == 2
    assert any(fault.startswith("service.time_zone is not a known") for fault in faults)
