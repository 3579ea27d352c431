"""Slips for their holders: page, PDF, picture, and the list of completed services 已完成事项."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import cast

from flask import Blueprint, Response, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from app.documents.qr import build_qr_matrix
from app.domain.errors import LinkExpired, SlipRevoked, UnknownSlip
from app.domain.slip_log import SlipState
from app.services.sign_in.sessions import hash_identifier
from app.services.slips.files import hand_out_pdf, hand_out_png
from app.services.slips.slips import (
    SlipView,
    get_printed_mini_app_title,
    get_slip,
    get_slip_status,
    list_slip_statuses,
    list_slips,
)
from app.services.verification.scan_log import summarize_scans
from app.web.auth.access import current_person, get_person, signed_in_required
from app.web.language import render_template, show_mini_app
from app.web.page_context import get_installation
from app.web.session import get_session, get_session_interface
from app.web.slip_texts import show_record, view_state

slip_pages = Blueprint("slips", __name__)

LINK_SECONDS = 15 * 60
SUBMITTED, SECONDS = "lixiao_submitted", 60
"""The cookie that names the slip that was just issued, and how long it waits for the slip's page."""


def _get_signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(get_installation().settings.service.secret_key, salt="slip-file")


@slip_pages.get("/completed")
@signed_in_required
def completed() -> ResponseReturnValue:
    """已完成事项."""
    installation = get_installation()
    slips = list_slips(installation, current_person().number)
    shown = {path: show_mini_app(item) for path, item in installation.mini_apps.items()}
    titles = {slip.number: get_printed_mini_app_title(shown, slip.mini_app) for slip in slips}
    statuses = list_slip_statuses(installation, [slip.number for slip in slips])
    states = {number: view_state(status) for number, status in statuses.items()}
    return render_template("slips/completed.html", slips=slips, titles=titles, states=states)


@slip_pages.get("/slips/<number>")
@signed_in_required
def slip(number: str) -> ResponseReturnValue:
    """The slip as a page, with its picture and the links to its file."""
    found = _get_own_slip(number)
    token = _make_token(found.number)
    links = {
        "png": url_for(".slip_png", number=number, token=token),
        "picture": url_for(".slip_png", number=number, token=token, download=1),
        "pdf": url_for(".slip_pdf", number=number, token=token),
        "download": url_for(".slip_pdf", number=number, token=token, download=1),
    }
    address = get_installation().settings.service.base_url + links["download"]
    state = view_state(get_slip_status(get_installation(), number))
    is_new = request.cookies.get(SUBMITTED) == number and state.is_usable
    page = render_template(
        "slips/slip.html",
        slip=found,
        state=state,
        record=show_record(found.record, found.mini_app),
        is_new=is_new,
        qr=_draw_qr(found.code.url),
        scans=summarize_scans(number),
        later=_find_way_later(found.mini_app),
        links=links,
        download_address=address,
    )
    response = make_response(page)
    if is_new:
        response.delete_cookie(SUBMITTED)
    return response


def lead_to_new_slip(number: str) -> Response:
    """From a submission to the page of its slip, which says once that it was successful. A cookie tells it: to write
    the session for that costs as much as half of the submission.
    """
    response = cast("Response", redirect(url_for("slips.slip", number=number), 303))
    is_https = get_installation().settings.service.is_https
    response.set_cookie(SUBMITTED, number, SECONDS, secure=is_https, httponly=True, samesite="Lax")
    return response


@lru_cache(maxsize=256)
def _draw_qr(url: str) -> dict[str, object]:
    """The QR as the page draws it, which no network has to bring."""
    matrix = build_qr_matrix(url)
    return {"size": matrix.size, "path": matrix.to_path()}


def _find_way_later(slug: str) -> str:
    """How the mini-app says that a slip is to be had when the campus account has ended; empty where it does not."""
    shown = map(show_mini_app, get_installation().mini_apps.values())
    return next((item.mini_app.slip.later for item in shown if item.mini_app.slug == slug), "")


@slip_pages.get("/slips/<number>.pdf")
def slip_pdf(number: str) -> ResponseReturnValue:
    """The slip as a PDF file, inline or with `?download=1` as an attachment."""
    installation = get_installation()
    return _answer(
        number,
        lambda found: _send(
            hand_out_pdf(installation, found), "application/pdf", "pdf", found, _get_disposition()
        ),
    )


@slip_pages.get("/slips/<number>.png")
def slip_png(number: str) -> ResponseReturnValue:
    """The slip as a picture, inline or with `?download=1` as an attachment."""
    installation = get_installation()
    return _answer(
        number,
        lambda found: _send(hand_out_png(installation, found), "image/png", "png", found, _get_disposition()),
    )


def _get_disposition() -> str:
    return "attachment" if request.args.get("download") else "inline"


def _answer(number: str, show: Callable[[SlipView], ResponseReturnValue]) -> ResponseReturnValue:
    """By a signed link, which needs no cookie, or else by the holder's session: a link that was cut short on its way is
    as good as none. Raises SlipRevoked, or LinkExpired for anybody but the holder.
    """
    holder = _find_linked_holder(number)
    if holder is not None:
        return show(_require_in_force(get_slip(get_installation(), number, holder)))
    return signed_in_required(lambda: show(_require_in_force(_get_own_slip(number))))()


def _require_in_force(found: SlipView) -> SlipView:
    """The slip, unless it is revoked: no file says so, and a file is what is shown to others. The reason is the
    holder's alone, who may have passed the link on.
    """
    status = get_slip_status(get_installation(), found.number)
    if status.state is SlipState.REVOKED:
        raise SlipRevoked(found.number, status.reason if _is_own(found.number) else "")
    return found


def _get_own_slip(number: str) -> SlipView:
    return get_slip(get_installation(), number, current_person().number)


def _is_own(number: str) -> bool:
    """Whether the slip is that of the person who is signed in, if anybody is."""
    person = get_person()
    try:
        return person is not None and bool(get_slip(get_installation(), number, person.number))
    except UnknownSlip:
        return False


def _make_token(number: str) -> str:
    """What a link to this slip's files carries: the slip, and by its hash the session that the link ends with."""
    token = _get_signer().dumps([number, hash_identifier(get_session().identifier or "")])
    return token if isinstance(token, str) else token.decode()


def _find_linked_holder(number: str) -> str | None:
    """The number of the person for whom the address has a signed link to this slip: 15 minutes old at most, and of a
    session that has not ended. Raises LinkExpired for who needs it.
    """
    try:
        linked, id_hash = _get_signer().loads(request.args.get("token", ""), max_age=LINK_SECONDS)
    except SignatureExpired:
        linked, id_hash = number, ""
    except (BadSignature, ValueError):
        return None
    if linked != number:
        return None
    holder = get_session_interface().find_person_number(id_hash) if id_hash else None
    if holder is None and not _is_own(number):
        raise LinkExpired(number)
    return holder


def _send(body: bytes, content_type: str, ending: str, slip: SlipView, disposition: str) -> Response:
    name = f"{slip.number}.{ending}"
    response = Response(body, content_type=content_type)
    response.headers["Content-Disposition"] = (
        f"{disposition}; filename=\"{name}\"; filename*=UTF-8''%E7%A6%BB%E6%A0%A1%E5%8D%95-{name}"
    )
    return response
