"""The PDF file that a holder is given, as configured, and what verification recognises of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest

from app.documents.certificate import UnusableCertificate
from app.factory import warm_up
from app.services.installation import Installation
from app.services.slips.files import hand_out_pdf, make_pdf_file
from app.services.slips.slips import SlipView, get_slip, render_pdf, render_png
from app.services.verification.uploads import FileState, verify_file
from tests.fixtures.certificates import PASSWORD, Pkcs12, make_p12
from tests.fixtures.office import Office
from tests.fixtures.photos import change_name
from tests.unit.documents.test_file_signature import add_overlay, validate

NAME = "李文静"


@pytest.fixture(scope="module")
def slip(office: Office) -> SlipView:
    return get_slip(office.installation, office.issue(NAME), None)


@pytest.fixture(scope="module")
def p12(tmp_path_factory: pytest.TempPathFactory) -> Pkcs12:
    return make_p12(tmp_path_factory.mktemp("p12"), "ec")


def configure(office: Office, **changes: Any) -> Installation:
    """The office's installation with other settings of `[slip]`."""
    settings = office.installation.settings
    return replace(
        office.installation, settings=replace(settings, slip=settings.slip.model_copy(update=changes))
    )


@pytest.fixture(scope="module")
def signing(office: Office, p12: Pkcs12) -> Installation:
    return configure(office, p12_file=p12.path, p12_password=PASSWORD)


def test_without_a_certificate_the_file_is_the_bare_rendering(office: Office, slip: SlipView) -> None:
    assert office.installation.file_signer is None
    assert make_pdf_file(office.installation, slip) == render_pdf(slip)


def test_a_configured_certificate_signs_the_file_at_the_time_of_submission(
    signing: Installation, slip: SlipView, p12: Pkcs12
) -> None:
    data = make_pdf_file(signing, slip)
    status = validate(data, p12.root)
    assert data.startswith(render_pdf(slip))
    assert status.bottom_line
    assert status.signer_reported_dt == slip.submitted_at.replace(microsecond=0)


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("is_archival", [False, True])
def test_a_signed_file_is_genuine_also_where_no_certificate_is_configured(
    office: Office, slip: SlipView, tmp_path: Path, kind: str, is_archival: bool
) -> None:
    p12 = make_p12(tmp_path, kind)
    signing = configure(office, p12_file=p12.path, p12_password=PASSWORD, pdf_a=is_archival)
    data = hand_out_pdf(signing, slip)
    for installation in (signing, office.installation):
        assert verify_file(installation, data).state is FileState.GENUINE


def test_a_file_signed_by_an_earlier_certificate_is_genuine(
    office: Office, signing: Installation, slip: SlipView, tmp_path: Path
) -> None:
    earlier = configure(office, p12_file=make_p12(tmp_path, "rsa").path, p12_password=PASSWORD)
    assert verify_file(signing, hand_out_pdf(earlier, slip)).state is FileState.GENUINE


def test_an_edited_signed_file_is_not_the_original(signing: Installation, slip: SlipView) -> None:
    data = hand_out_pdf(signing, slip)
    for edited in (change_name(data, NAME, "李文静"), data[:-1], data + b"\n"):
        assert verify_file(signing, edited).state is FileState.DIFFERENT


def test_a_garbage_signature_makes_another_file(signing: Installation, slip: SlipView) -> None:
    data = hand_out_pdf(signing, slip)
    start = data.index(b"/Contents <", len(render_pdf(slip))) + len(b"/Contents <")
    garbage = data[:start] + b"C0FFEE" + data[start + 6 :]
    hidden = b"00> /Hidden (words) /More <00"
    for edited in (garbage, data[:start] + hidden + data[start + len(hidden) :]):
        assert verify_file(signing, edited).state is FileState.DIFFERENT


def test_an_overlay_on_a_signed_file_is_not_the_original(signing: Installation, slip: SlipView) -> None:
    stamp = b"q 1 g 200 600 100 40 re f Q"
    data = hand_out_pdf(signing, slip)
    signer = signing.file_signer
    assert signer is not None
    bare = add_overlay(render_pdf(slip), stamp)
    for edited in (add_overlay(data, stamp), bare, signer.sign_pdf(bare, slip.submitted_at)):
        assert verify_file(signing, edited).state is FileState.DIFFERENT


def test_a_slips_signature_under_another_slip_is_not_the_original(
    office: Office, signing: Installation, slip: SlipView
) -> None:
    other = get_slip(office.installation, office.issue("王芳"), None)
    revision = hand_out_pdf(signing, slip)[len(render_pdf(slip)) :]
    assert verify_file(signing, render_pdf(other) + revision).state is FileState.DIFFERENT


def test_pdf_a_is_a_matter_of_configuration(office: Office, slip: SlipView) -> None:
    with pikepdf.open(BytesIO(make_pdf_file(configure(office, pdf_a=True), slip))) as pdf:
        assert pdf.open_metadata().pdfa_status == "2U"
    with pikepdf.open(BytesIO(make_pdf_file(office.installation, slip))) as pdf:
        assert pdf.open_metadata().pdfa_status == ""


@contextmanager
def installed(office: Office, installation: Installation) -> Iterator[None]:
    office.app.extensions["installation"] = installation
    try:
        yield
    finally:
        office.app.extensions["installation"] = office.installation


def test_the_service_does_not_start_with_a_certificate_that_it_cannot_use(
    office: Office, tmp_path: Path
) -> None:
    file = make_p12(tmp_path, "ec")
    with (
        installed(office, configure(office, p12_file=file.path, p12_password="wrong")),
        pytest.raises(UnusableCertificate, match="p12_password is wrong"),
    ):
        warm_up(office.app)
    file.path.chmod(0o644)
    with (
        installed(office, configure(office, p12_file=file.path, p12_password=PASSWORD)),
        pytest.raises(UnusableCertificate, match="open to others"),
    ):
        warm_up(office.app)


def test_a_slips_picture_is_drawn_once(office: Office, slip: SlipView) -> None:
    other = get_slip(office.installation, office.issue("王芳"), None)
    assert render_png(slip) is render_png(get_slip(office.installation, slip.number, None))
    assert render_png(other) != render_png(slip)
