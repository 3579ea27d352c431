"""What can be wrong with a typed code, a picture or a file, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass

from app.services.verification import uploads
from app.services.verification.uploads import FileVerification, UnreadableCode, verify_file
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation


@dataclass(frozen=True, slots=True)
class Problem:
    """`name` is the machine-readable mark, `status` the answer's, `tone` the colour: an error accuses nobody."""

    name: str
    title: str
    what_to_do: str
    status: int = 422
    tone: str = "warn"


MAX_UPLOAD_BYTES = 12 * 1024 * 1024

NOTHING_GIVEN = Problem(
    "NothingGiven", _l("没有收到核验码或文件"), _l("请输入核验码，或选择一张照片、一个文件。")
)
MALFORMED_SHORT_CODE = Problem(
    "MalformedCode",
    _l("核验码不完整"),
    _l("核验码有 16 位字母和数字，印在二维码旁。请对照纸面改好后再核验。"),
)
STRANGE_SIGNS = Problem(
    "MalformedCode",
    _l("核验码里有不会出现的字"),
    _l("核验码只有数字和英文字母，没有字母 U。请对照纸面改好后再核验。"),
)
TOO_LONG_CODE = Problem(
    "MalformedCode",
    _l("核验码太长"),
    _l("核验码有 16 位字母和数字，印在二维码旁。请删去多余的字后再核验。"),
)
TOO_MUCH_GIVEN = Problem(
    "TooMuchGiven",
    _l("一次只能核验一项"),
    _l("收到了不止一个文件，或既有核验码又有文件，不知道该核验哪一个。请只输入核验码，或只选一个文件。"),
)
MALFORMED_DIGITS = Problem(
    "MalformedCode",
    _l("二维码的内容不完整"),
    _l("请重新扫描，或复制整个网址；也可以输入二维码旁的 16 位核验码。"),
)
BODY_TOO_LARGE = Problem(
    "BodyTooLarge",
    _l("文件太大"),
    _l(
        "文件不能超过 %(megabytes)s MB。请调低相机分辨率后重拍，或直接扫描二维码。",
        megabytes=MAX_UPLOAD_BYTES // 1024**2,
    ),
    413,
)
PICTURE_TOO_LARGE = Problem(
    "PictureTooLarge", _l("照片的像素太多"), _l("请调低相机分辨率后重拍，或只截取二维码部分。"), 413
)
NO_CODE_FOUND = Problem(
    "NoCodeFound",
    _l("照片里没有找到二维码"),
    _l(
        "请靠近一些，让二维码占画面一半以上，避免反光、阴影和折痕，拍清楚后重试。文件请确认前几页里有离校单。"
    ),
)
NO_CODE_ON_PAGES = Problem(
    "NoCodeFound",
    _l("这个 PDF 文件里没有找到二维码"),
    _l("请确认离校单在文件的前几页里，而且二维码清楚、完整；或直接扫描二维码。"),
)
INCOMPLETE_FILE = Problem(
    "NotAPicture",
    _l("这个文件不完整"),
    _l("文件的后半部分缺失，多半是没有下载或传送完。请重新下载或重新发送后再选择。"),
)
SEVERAL_CODES = Problem(
    "SeveralCodes", _l("里面有两张离校单的二维码"), _l("请每次只拍一张离校单，或每次只选一张离校单的文件。")
)
FOREIGN_CODE = Problem(
    "ForeignCode",
    _l("这不是本校离校单的二维码"),
    _l("图中的二维码属于别的网站或用途。请不要扫描打开它，请核对纸面。"),
    tone="bad",
)
FOREIGN_ADDRESS = Problem(
    "ForeignCode",
    _l("这个网址不是本校的"),
    _l("别的网站可以显示任何结果，请不要打开它。请扫描纸上的二维码，或在本页输入二维码旁的 16 位核验码。"),
    tone="bad",
)
NOT_A_PICTURE = Problem(
    "NotAPicture",
    _l("打不开这个文件"),
    _l("请选择照片（JPEG、PNG、HEIC 等）或离校单的 PDF 文件。打不开的照片，可以先截屏，再选截屏的图片。"),
)
PROTECTED_FILE = Problem(
    "ProtectedFile",
    _l("这个 PDF 文件有密码"),
    _l("请先去掉密码，再选择文件；或选择下载时的原文件，或直接扫描二维码。"),
)


PROBLEMS: dict[type[UnreadableCode], Problem] = {
    uploads.NoCodeFound: NO_CODE_FOUND,
    uploads.NoCodeOnPages: NO_CODE_ON_PAGES,
    uploads.IncompleteFile: INCOMPLETE_FILE,
    uploads.ForeignCode: FOREIGN_CODE,
    uploads.NotAPicture: NOT_A_PICTURE,
    uploads.ProtectedFile: PROTECTED_FILE,
    uploads.SeveralCodes: SEVERAL_CODES,
    uploads.FileTooLarge: BODY_TOO_LARGE,
    uploads.PictureTooLarge: PICTURE_TOO_LARGE,
}


def verify_upload(data: bytes) -> FileVerification | Problem:
    """The verdict on the code in a picture or a PDF file, and the file's own state; or why there is none."""
    try:
        return verify_file(get_installation(), data)
    except UnreadableCode as error:
        return PROBLEMS[type(error)]
