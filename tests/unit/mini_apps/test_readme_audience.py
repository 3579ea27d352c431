"""The examples of README's section on whom a mini-app is for let in whom they say."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import config_model
from app.domain.errors import NotAStudent, NotGraduating
from app.domain.mini_app import MiniApp
from app.domain.person import NumberForm, Person, Role
from app.identity.claims import read_person
from app.identity.settings import ProviderSettings
from app.services.installation import InstalledMiniApp
from app.settings.mini_apps import MiniAppSettings

README = Path(__file__).resolve().parent.parent.parent.parent / "miniapp_templates" / "README.md"


@pytest.fixture(scope="module")
def examples() -> dict[str, Any]:
    """All blocks of the section as one configuration."""
    section = README.read_text("utf-8").partition("## For whom, and when")[2].partition("\n## ")[0]
    return tomllib.loads("\n".join(re.findall(r"```toml\n(.*?)```", section, re.DOTALL)))


def install(examples: dict[str, Any], slug: str) -> InstalledMiniApp:
    faults: list[str] = []
    table = {"folder": slug, "steps": {}, "canaries": {}, **examples["mini_apps"][slug]}
    settings = config_model.read(MiniAppSettings, table, slug, faults, {"slug": slug}, numbers=NumberForm())
    assert faults == []
    return InstalledMiniApp(MiniApp.model_construct(slug=slug), settings, {})


def sign_in(examples: dict[str, Any], **claims: str) -> Person:
    faults: list[str] = []
    given = {"name": "campus", "numbers": NumberForm()}
    table = {"label": "x", **examples["sign_in"]["campus"]}
    provider = config_model.read(ProviderSettings, table, "campus", faults, given)
    assert faults == []
    return read_person({"xm": "甲", **claims}, provider)


def test_a_postdoc_is_let_in_all_year_under_the_staff_number_and_no_student_or_teacher_is(
    examples: dict[str, Any],
) -> None:
    mini_app = install(examples, "postdoc_departure")
    person = sign_in(examples, gh="00520021", xh="TS1", rylb="博士后", hzds="周文远", lb="博士后")
    assert (person.number, person.role, person.get_told("supervisor")) == ("00520021", Role.POSTDOC, "周文远")
    mini_app.require_graduate(person)
    assert (mini_app.settings.is_rolling, mini_app.settings.slip_valid_days) == (True, 180)
    for word in ("研究生", "教职工"):
        with pytest.raises(NotAStudent):
            mini_app.require_graduate(sign_in(examples, gh="00420013", xh="TS1", rylb=word))


def test_a_visiting_scholar_of_the_two_colleges_is_let_in_and_no_other_teacher_is(
    examples: dict[str, Any],
) -> None:
    mini_app = install(examples, "visitor_departure")
    person = replace(sign_in(examples, gh="0042", rylb="教职工", lb="访问学者"), college="安全工程学院")
    mini_app.require_graduate(person)
    for other in (replace(person, college="外文学院"), replace(person, attributes={})):
        with pytest.raises(NotGraduating):
            mini_app.require_graduate(other)
