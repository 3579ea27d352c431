"""The front page: what the departments hold, their faults, and the calls they received. Needs no script."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from tests.campus.accounts import DEMO_STUDENTS, Account, find_student
from tests.campus.control import RequestRefusedError, parse_behaviour
from tests.campus.facts import (
    FACTS_OF,
    ROW_FIELDS,
    Facts,
    FactsRefusedError,
    Finance,
    as_json,
    list_systems,
)
from tests.campus.kinds import Kind, in_fen
from tests.campus.state import State, UnknownNameError, list_faults
from tests.campus.systems import TITLES

SHOWN_CALLS = 50
CAMPUS_TIME = ZoneInfo("Asia/Shanghai")
ROW_LABELS = dict(zip(ROW_FIELDS, ("项目", "金额（元）", "缓缴", "减免", "贷款"), strict=True))
_WORDS = {"true": "是", "false": "否", "active": "有效", "cancelled": "已注销", "": "空"}

View = Callable[..., Any]


def create_pages(state: State) -> Blueprint:
    """Return the front page and the addresses of its forms."""
    blueprint = Blueprint("pages", __name__)
    pages = _Pages(state)
    blueprint.add_url_rule("/", view_func=pages.front, endpoint="front")
    blueprint.add_url_rule("/facts/<number>/<system>", view_func=pages.change_facts, methods=["POST"])
    blueprint.add_url_rule("/systems-form/<system>", view_func=pages.change_behaviour, methods=["POST"])
    blueprint.add_url_rule("/reset", view_func=pages.reset, methods=["POST"])
    blueprint.add_app_template_filter(say, "say")
    blueprint.add_app_template_filter(_clock, "clock")
    return blueprint


class _Pages:
    def __init__(self, state: State) -> None:
        self.state = state

    def front(self, error: str | None = None) -> str:
        """Show everything; `number` in the query adds a student who is not in the list."""
        extra = find_student(request.args.get("number", "").strip().upper())
        titles = TITLES | {name: each.title for name, each in self.state.described.items()}
        people = [*((extra,) if extra and extra not in DEMO_STUDENTS else ()), *DEMO_STUDENTS]
        return render_template(
            "front.html",
            error=error,
            students=[(person, self._list_items(person)) for person in people],
            systems=[
                (key, title, self.state.get_behaviour(key), list_faults(key)) for key, title in titles.items()
            ],
            titles=titles,
            # A new address each time: a link that differs in its fragment alone would not reload the page.
            now=time.time_ns(),
            calls=self.state.list_calls()[: -SHOWN_CALLS - 1 : -1],
            row_labels=ROW_LABELS,
        )

    def change_facts(self, number: str, system: str) -> Response | tuple[str, int]:
        """Put a form's values into what a system holds."""

        def change() -> None:
            held = self.state.get_facts(number, system)
            self.state.change_facts(number, system, read_form(held, request.form))

        return self._follow(change, url_for("pages.front", number=number, _anchor=number))

    def change_behaviour(self, system: str) -> Response | tuple[str, int]:
        """Set a system's fault and delay from a form."""

        def change() -> None:
            self.state.get_behaviour(system)
            delay = request.form.get("delay_ms", "0")
            given = {
                "fault": request.form.get("fault"),
                "delay_ms": int(delay) if delay.isascii() and delay.isdigit() else -1,
            }
            self.state.change_behaviour(system, **parse_behaviour(system, given))

        return self._follow(change, url_for("pages.front", _anchor="systems"))

    def reset(self) -> Response:
        """Bring back the demo facts, no faults and no calls."""
        self.state.reset()
        return redirect(url_for("pages.front"), 303)

    def _follow(self, change: Callable[[], None], address: str) -> Response | tuple[str, int]:
        try:
            change()
        except UnknownNameError as error:
            return self.front(str(error)), 404
        except (FactsRefusedError, RequestRefusedError) as error:
            return self.front(str(error)), 400
        return redirect(address, 303)

    def _list_items(self, person: Account) -> list[dict[str, Any]]:
        own = [
            _describe(TITLES[system], system, self.state.get_facts(person.number, system), FACTS_OF[system]())
            for system in list_systems(person.level)
        ]
        described = [
            _describe(each.title, name, self.state.get_facts(person.number, name), each.make_facts()())
            for name, each in self.state.described.items()
            if not each.levels or person.level in each.levels
        ]
        return own + described


def read_form(held: Facts, form: MultiDict[str, str]) -> Mapping[str, object]:
    """Return the facts in a form, as JSON values; finance rows without a project are left out."""
    if isinstance(held, Finance):
        columns = [form.getlist(name) for name in ROW_FIELDS]
        rows = [dict(zip(ROW_FIELDS, row, strict=True)) for row in zip(*columns, strict=False)]
        return {"rows": [row for row in rows if row["project"].strip()]}
    kinds: dict[str, Kind] = {item.name: item.metadata["kind"] for item in fields(held)}
    return {name: kinds[name].from_text(text) if name in kinds else text for name, text in form.items()}


def say(value: object) -> str:
    """Return a held value in a word."""
    if value is None:
        return "空"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _WORDS.get(text, text)


def _describe(title: str, system: str, held: Facts, usual: Facts) -> dict[str, Any]:
    differs = as_json(held) != as_json(usual)
    item: dict[str, Any] = {"system": system, "title": title, "differs": differs}
    if isinstance(held, Finance):
        total = sum(int(in_fen(row["amount"])) for row in held.rows) / 100
        summary = f"{len(held.rows)} 项，金额合计 {total:.2f}" if held.rows else "无数据"
        return item | {
            "rows": [*held.rows, dict.fromkeys(ROW_FIELDS[1:], "0.00") | {"project": ""}],
            "summary": summary,
        }
    shown = [
        {
            "name": part.name,
            "label": part.metadata["label"],
            "value": getattr(held, part.name),
            "choices": part.metadata["kind"].choices,
        }
        for part in fields(held)
    ]
    return item | {
        "fields": shown,
        "summary": " · ".join(f"{part['label']} {say(part['value'])}" for part in shown),
    }


def _clock(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(CAMPUS_TIME).strftime("%H:%M:%S")
