"""A photo of a slip, or its PDF file."""

from __future__ import annotations

from dataclasses import replace

from app.documents.drawing import is_pdf
from app.domain.slip_code import Verdict
from app.services import slip_reading
from app.services.slip_reading import FileState, UnreadableCode, read_code_from_image, verify_pdf
from app.services.verification import Verification, verify_code
from app.web.shell import get_installation
from app.web.verify import problems
from app.web.verify.problems import Problem
from app.web.verify.verdicts import FILE_CHANGED, FILE_GENUINE, FileText

PROBLEMS: dict[type[UnreadableCode], Problem] = {
    slip_reading.NoCodeFound: problems.NO_CODE_FOUND,
    slip_reading.ForeignCode: problems.FOREIGN_CODE,
    slip_reading.NotAPicture: problems.NOT_A_PICTURE,
    slip_reading.ProtectedFile: problems.PROTECTED_FILE,
    slip_reading.SeveralCodes: problems.SEVERAL_CODES,
    slip_reading.FileTooLarge: problems.BODY_TOO_LARGE,
    slip_reading.PictureTooLarge: problems.PICTURE_TOO_LARGE,
}


def verify_file(data: bytes) -> tuple[Verification, FileText | None] | Problem:
    """The verdict on the code in a picture or a PDF file, with what is said of a PDF file itself; or why there
    is none. The signature covers what the slip says, so that of a changed file it is not good, whatever its
    code alone is worth.
    """
    try:
        if is_pdf(data):
            return _verify_pdf(data)
        installation = get_installation()
        return verify_code(installation, read_code_from_image(installation, data)), None
    except UnreadableCode as error:
        return PROBLEMS[type(error)]


def _verify_pdf(data: bytes) -> tuple[Verification, FileText | None]:
    found = verify_pdf(get_installation(), data)
    if found.state is FileState.CHANGED:
        verification = found.verification
        if verification.verdict is Verdict.VALID:
            verification = replace(verification, verdict=Verdict.BAD_SIGNATURE)
        return verification, FILE_CHANGED
    return found.verification, FILE_GENUINE if found.state is FileState.GENUINE else None
