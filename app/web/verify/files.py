"""A photo of a slip, or its PDF file."""

from __future__ import annotations

from app.services import slip_reading
from app.services.slip_reading import UnreadableCode, read_code_from_image
from app.web.shell import get_installation
from app.web.verify import problems
from app.web.verify.problems import Problem

PROBLEMS: dict[type[UnreadableCode], Problem] = {
    slip_reading.NoCodeFound: problems.NO_CODE_FOUND,
    slip_reading.ForeignCode: problems.FOREIGN_CODE,
    slip_reading.NotAPicture: problems.NOT_A_PICTURE,
    slip_reading.PictureTooLarge: problems.PICTURE_TOO_LARGE,
}


def read_photo(data: bytes) -> str | Problem:
    """The digits of the code in a photo, or why there are none."""
    try:
        return read_code_from_image(get_installation(), data)
    except UnreadableCode as error:
        return PROBLEMS[type(error)]
