"""Signed files: good in two readers, changed by nothing but what the key makes differ, and found out when edited."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from asn1crypto.x509 import Certificate
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
from cryptography.hazmat.primitives.hashes import SHA256
from fpdf import FPDF
from PIL import ImageChops
from pyhanko.pdf_utils.generic import ArrayObject, NameObject, StreamObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

from app.documents.certificate import UnusableCertificate, read_credentials
from app.documents.pdf_signature import MAX_BYTES, FileSigner
from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.certificates import PASSWORD, SIGNER_NAME, Pkcs12, make_p12
from tests.fixtures.slips import ORDINARY, make_code
from tests.unit.documents.tools import needs, rasterize, run_tool

MOMENT = datetime(2026, 6, 18, 2, 3, 4, tzinfo=UTC)
PDF = render_slip_pdf(ORDINARY, make_code())
each_kind = pytest.mark.parametrize("kind", ["rsa", "ec"])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pkcs12]:
    folder = tmp_path_factory.mktemp("p12")
    return {kind: make_p12(folder, kind) for kind in ("rsa", "ec", "ed25519")}


@pytest.fixture(scope="module")
def signers(files: dict[str, Pkcs12]) -> dict[str, FileSigner]:
    return {kind: load(files[kind]) for kind in ("rsa", "ec")}


def load(file: Pkcs12, password: str = PASSWORD) -> FileSigner:
    return FileSigner(read_credentials(file.path, password, datetime.now(UTC)))


def validate(data: bytes, root: bytes) -> PdfSignatureStatus:
    """What pyHanko finds, which trusts this root."""
    (signature,) = PdfFileReader(BytesIO(data)).embedded_signatures
    trusted = ValidationContext(trust_roots=[Certificate.load(root)])
    return asyncio.run(async_validate_pdf_signature(signature, trusted))


def add_overlay(data: bytes, drawing: bytes = b"1 g 0 0 400 800 re f") -> bytes:
    """The file with something painted over its page by one more revision, as a PDF editor would."""
    writer = IncrementalPdfFileWriter(BytesIO(data))
    page = writer.root["/Pages"]["/Kids"][0]
    drawn = writer.add_object(StreamObject(stream_data=drawing))
    page[NameObject("/Contents")] = ArrayObject([page.raw_get("/Contents"), drawn])
    writer.update_container(page)
    writer.write_in_place()
    stream = writer.prev.stream
    assert isinstance(stream, BytesIO)
    return stream.getvalue()


@each_kind
def test_a_signed_file_is_good_in_pyhanko_as_a_whole(
    files: dict[str, Pkcs12], signers: dict[str, FileSigner], kind: str
) -> None:
    signed = signers[kind].sign_pdf(PDF, MOMENT)
    status = validate(signed, files[kind].root)
    assert status.bottom_line
    assert status.coverage is SignatureCoverageLevel.ENTIRE_FILE
    assert status.signer_reported_dt == MOMENT
    assert status.signing_cert.subject.native["common_name"] == SIGNER_NAME


@needs("pdfsig")
@each_kind
def test_a_signed_file_is_good_in_pdfsig_as_a_whole(
    signers: dict[str, FileSigner], tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(signers[kind].sign_pdf(PDF, MOMENT))
    told = run_tool("pdfsig", "-nocert", path)
    assert "Total document signed" in told
    assert "Signature is Valid" in told
    assert "ETSI.CAdES.detached" in told
    assert "Not total document signed" not in told


@needs("pdfsig")
def test_pdfsig_tells_an_overlay(signers: dict[str, FileSigner], tmp_path: Path) -> None:
    path = tmp_path / "overlaid.pdf"
    path.write_bytes(add_overlay(signers["rsa"].sign_pdf(PDF, MOMENT)))
    assert "Not total document signed" in run_tool("pdfsig", "-nocert", path)


@needs("qpdf")
def test_qpdf_finds_no_fault_in_a_signed_file(signers: dict[str, FileSigner], tmp_path: Path) -> None:
    path = tmp_path / "signed.pdf"
    path.write_bytes(signers["ec"].sign_pdf(PDF, MOMENT))
    assert "No syntax or stream encoding errors" in run_tool("qpdf", "--check", path)


def test_a_changed_byte_breaks_the_signature(
    files: dict[str, Pkcs12], signers: dict[str, FileSigner]
) -> None:
    signed = signers["rsa"].sign_pdf(PDF, MOMENT)
    assert not validate(signed.replace(b"zh-CN", b"en-GB"), files["rsa"].root).bottom_line


def test_an_overlay_is_more_than_the_certification_permits(
    files: dict[str, Pkcs12], signers: dict[str, FileSigner]
) -> None:
    signed = signers["rsa"].sign_pdf(PDF, MOMENT)
    status = validate(add_overlay(signed), files["rsa"].root)
    assert status.intact  # as far as it goes
    assert not status.docmdp_ok
    assert not status.bottom_line


def test_a_signature_shows_nothing_on_the_page(signers: dict[str, FileSigner]) -> None:
    signed = signers["ec"].sign_pdf(PDF, MOMENT)
    assert signed.startswith(PDF)
    assert ImageChops.difference(rasterize(PDF, 100), rasterize(signed, 100)).getbbox() is None
    with pikepdf.open(BytesIO(signed)) as pdf:
        assert str(pdf.docinfo["/Title"]) == f"{ORDINARY.title} {ORDINARY.number}"


def test_the_signatures_field_stands_outside_of_the_page_and_has_a_name(
    signers: dict[str, FileSigner],
) -> None:
    """PDF/UA-1, 7.18.1: else it would have to be in the structure tree, which is signed already."""
    with pikepdf.open(BytesIO(signers["ec"].sign_pdf(PDF, MOMENT))) as pdf:
        (field,) = pdf.pages[0].Annots
        assert max(map(float, field.Rect)) < 0
        assert str(field.TU) == "电子签名"
        assert int(field.F) & 0b110 == 0b100  # printed and not hidden, as PDF/A asks


@each_kind
def test_the_same_file_is_signed_with_the_same_bytes(
    signers: dict[str, FileSigner], kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = signers[kind]
    assert signer.sign_pdf(PDF, MOMENT) == signer.sign_pdf(PDF, MOMENT)
    assert signer.sign_pdf(PDF, MOMENT) != signer.sign_pdf(PDF, MOMENT + timedelta(seconds=1))
    if kind == "ec":
        monkeypatch.setattr(signer, "_ecdsa", ECDSA(SHA256()))
        assert signer.sign_pdf(PDF, MOMENT) != signer.sign_pdf(PDF, MOMENT)


def test_eight_threads_sign_as_one_does(signers: dict[str, FileSigner]) -> None:
    signer = signers["rsa"]
    with ThreadPoolExecutor(8) as threads:
        together = set(threads.map(lambda _: signer.sign_pdf(PDF, MOMENT), range(16)))
    assert together == {signer.sign_pdf(PDF, MOMENT)}


def test_a_wrong_password_is_told_and_not_repeated(files: dict[str, Pkcs12]) -> None:
    with pytest.raises(UnusableCertificate, match="p12_password is wrong") as refusal:
        load(files["rsa"], "wrong words")
    assert "wrong words" not in str(refusal.value)


@pytest.mark.parametrize(
    ("begins", "ends"), [(timedelta(-9), timedelta(-1)), (timedelta(1), timedelta(9))], ids=["past", "future"]
)
def test_a_certificate_that_is_not_valid_now_is_refused(
    tmp_path: Path, begins: timedelta, ends: timedelta
) -> None:
    file = make_p12(tmp_path, "ec", begins=begins, ends=ends)
    with pytest.raises(UnusableCertificate, match=r"valid from \d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d"):
        load(file)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = make_p12(tmp_path, "ec")
    file.path.chmod(0o640)
    with pytest.raises(UnusableCertificate, match=r"open to others \(mode 0640\)"):
        load(file)
    file.path.chmod(0o600)
    load(file)


def test_a_missing_file_and_what_is_no_pkcs12_are_refused(tmp_path: Path) -> None:
    nothing = tmp_path / "nothing.p12"
    with pytest.raises(UnusableCertificate, match="cannot be read"):
        read_credentials(nothing, PASSWORD, MOMENT)
    nothing.touch(mode=0o600)
    nothing.write_bytes(os.urandom(300))
    with pytest.raises(UnusableCertificate, match="no PKCS #12"):
        read_credentials(nothing, PASSWORD, MOMENT)


def test_a_key_that_pdf_readers_do_not_know_is_refused(files: dict[str, Pkcs12]) -> None:
    with pytest.raises(UnusableCertificate, match="no RSA or EC key"):
        load(files["ed25519"])


def test_a_signature_fits_into_its_place(signers: dict[str, FileSigner]) -> None:
    assert len(signers["rsa"].sign_digest(bytes(32)).dump()) < MAX_BYTES / 3


def test_an_ordinary_file_of_fpdf2_can_be_signed_too(
    files: dict[str, Pkcs12], signers: dict[str, FileSigner]
) -> None:
    document = FPDF()
    document.add_page()
    signed = signers["ec"].sign_pdf(bytes(document.output()), MOMENT)
    assert validate(signed, files["ec"].root).bottom_line
