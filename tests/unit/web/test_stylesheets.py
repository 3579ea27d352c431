"""Another university's name and colours, everywhere that ours stand."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.settings import load_settings
from app.web.page_context import DEFAULT, SOFT, SOFT_DARK
from tests.campus.run import make_environment

PURPLE = {"HEAD": "#660874", "HEAD_DARK": "#3d0546", "ACCENT": "#7a0a8a", "ACCENT_DARK": "#d9a0e6"}
OURS = [DEFAULT.head, DEFAULT.head_dark, DEFAULT.accent, DEFAULT.accent_dark, SOFT, SOFT_DARK]


def make_app(folder: Path, **changes: str) -> Flask:
    environment = make_environment(folder, 8000, "http://127.0.0.1:9")
    return create_app(
        load_settings(environment | {f"LIXIAO_SERVICE__{key}": value for key, value in changes.items()})
    )


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    """A browser at the service of a university with its own name and colours."""
    colours = {f"COLOURS__{key}": value for key, value in PURPLE.items()}
    return make_app(tmp_path, UNIVERSITY="清泉大学", **colours).test_client()


def read(client: FlaskClient, path: str) -> str:
    with client.get(path, base_url="http://127.0.0.1") as answer:
        assert answer.status_code == 200
        return answer.get_data(as_text=True).lower()


def find_stylesheet(page: str) -> str:
    return page.split('rel="stylesheet" href="')[1].split('"')[0]


def test_pages_and_stylesheets_have_the_universitys_name_and_colours_and_none_of_ours(
    client: FlaskClient,
) -> None:
    page = read(client, "/graduate-departure/")
    assert "清泉大学" in page
    assert '<meta name="theme-color" content="#660874">' in page
    style = read(client, find_stylesheet(page))
    for colour in PURPLE.values():
        assert colour in style, colour
    for text in (page, style, read(client, "/static/verify.css")):
        assert not any(colour in text or colour.replace("#", "%23") in text for colour in OURS)


def test_the_stylesheet_of_the_default_colours_has_them_all(tmp_path: Path) -> None:
    client = make_app(tmp_path).test_client()
    style = read(client, find_stylesheet(read(client, "/graduate-departure/")))
    assert all(colour in style for colour in OURS)


def test_the_universitys_emblem_stands_in_the_head_of_every_page_and_is_kept_at_the_gate(
    tmp_path: Path,
) -> None:
    emblem = tmp_path / "emblem.svg"
    emblem.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><path fill="#fff" d="M0 0h1v1z"/></svg>', "utf-8"
    )
    client = make_app(tmp_path / "data", EMBLEM=str(emblem)).test_client()
    page = read(client, "/graduate-departure/")
    address = page.split('<link rel="icon" href="')[1].split('"')[0]
    assert f'<img class="mark" src="{address}" alt=""' in page
    assert read(client, address) == emblem.read_text("utf-8").lower()
    assert address in read(client, "/gate/worker.js")
    plain = read(make_app(tmp_path / "plain").test_client(), "/graduate-departure/")
    assert '<svg class="mark"' in plain
    assert "/static/emblem" not in plain


def test_the_address_of_a_stylesheet_changes_with_the_colours(client: FlaskClient, tmp_path: Path) -> None:
    ours = make_app(tmp_path / "ours").test_client()
    addresses = {find_stylesheet(read(one, "/graduate-departure/")) for one in (client, ours)}
    assert len(addresses) == 2


def test_a_painted_stylesheet_is_kept_for_ever_and_not_sent_twice(client: FlaskClient) -> None:
    address = find_stylesheet(read(client, "/graduate-departure/"))
    first = client.get(address, base_url="http://127.0.0.1")
    assert "immutable" in first.headers["Cache-Control"]
    again = client.get(address, base_url="http://127.0.0.1", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
