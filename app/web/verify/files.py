"""A photo of a slip, or its PDF file, as somebody hands it in."""

from __future__ import annotations

from app.services import slip_reading
from app.services.slip_reading import FileVerification, UnreadableCode, verify_file
from app.web.shell import get_installation
from app.web.verify import problems
from app.web.verify.problems import Problem

PROBLEMS: dict[type[UnreadableCode], Problem] = {
    slip_reading.NoCodeFound: problems.NO_CODE_FOUND,
    slip_reading.NoCodeOnPages: problems.NO_CODE_ON_PAGES,
    slip_reading.IncompleteFile: problems.INCOMPLETE_FILE,
    slip_reading.ForeignCode: problems.FOREIGN_CODE,
    slip_reading.NotAPicture: problems.NOT_A_PICTURE,
    slip_reading.ProtectedFile: problems.PROTECTED_FILE,
    slip_reading.SeveralCodes: problems.SEVERAL_CODES,
    slip_reading.FileTooLarge: problems.BODY_TOO_LARGE,
    slip_reading.PictureTooLarge: problems.PICTURE_TOO_LARGE,
}


def verify_upload(data: bytes) -> FileVerification | Problem:
    """The verdict on the code in a picture or a PDF file, and the file's own state; or why there is none."""
    try:
        return verify_file(get_installation(), data)
    except UnreadableCode as error:
        return PROBLEMS[type(error)]
