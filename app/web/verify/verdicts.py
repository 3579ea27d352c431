"""What the pages of verification share: the blueprint; who is looking (a stranger, or a signed-in gate guard or clerk of
the school; an administrator counts as a clerk); what each verdict says: a word, a sign, and what to do; and what can be
wrong with a typed code, a picture or a file.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint

from app.domain.desk_code import LENGTHS
from app.domain.person import STAFF, Person
from app.domain.slip_code import Verdict
from app.domain.texts import ForeignAddress, SeveralDigits, find_digits
from app.services.desk.desk_code import has_code
from app.services.verification import uploads
from app.services.verification.uploads import FileState, FileVerification, UnreadableCode, verify_file
from app.web.auth.access import find_person
from app.web.language import lazy_gettext as _l
from app.web.page_context import get_installation

verify_pages = Blueprint("verify", __name__)
MAX_UPLOAD_BYTES = 12 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class VerdictText:
    """`tone` is good, bad, unsure or plain: it picks colour, shape and sign. `next_step` tells who looks what to do now;
    where it `asks_support`, the service's contact stands behind it.
    """

    tone: str
    word: str
    explanation: str
    next_step: str = ""
    asks_support: bool = False


@dataclass(frozen=True, slots=True)
class FileText:
    """What is said of a file itself; `state` is None of a picture, which is never told from the paper it shows."""

    state: FileState | None
    tone: str
    message: str


_ASK_AGAIN = _l(
    "不要接受这张单。请持单人打开手机上的离校单，扫描那上面的二维码；结果相同，请联系离校办理部门核实。"
)

TEXTS = {
    Verdict.VALID: VerdictText(
        "good",
        _l("有效"),
        _l("本校签发，目前有效。"),
        _l("对照纸面和证件：姓名、学号（工号）后四位都一致，即可放行。"),
    ),
    Verdict.REVOKED: VerdictText(
        "bad",
        _l("已撤销"),
        _l("学校已撤销此离校单，不能作为离校凭证。"),
        _l("不要接受这张单，先不要放行。请持单人联系离校办理部门办理。"),
        asks_support=True,
    ),
    Verdict.SUPERSEDED: VerdictText(
        "bad",
        _l("已被替换"),
        _l("此离校单已换发，请出示新的离校单。"),
        _l("不要接受这张单。请持单人打开手机上的离校单，扫描那上面的新二维码。"),
    ),
    Verdict.EXPIRED: VerdictText(
        "bad",
        _l("已过期"),
        _l("此离校单已超过有效期。"),
        _l("不要接受这张单。请持单人打开手机查看是否有新的离校单；没有，请联系离校办理部门。"),
        asks_support=True,
    ),
    Verdict.NOT_YET_VALID: VerdictText(
        "bad",
        _l("尚未生效"),
        _l("此离校单的签发日期还没有到。"),
        _l("不要接受这张单。请核对今天的日期；日期无误，请联系离校办理部门核实。"),
        asks_support=True,
    ),
    Verdict.UNKNOWN_KEY: VerdictText(
        "bad", _l("签名无法识别"), _l("此码不是用本校的密钥签发的。"), _ASK_AGAIN, asks_support=True
    ),
    Verdict.BAD_SIGNATURE: VerdictText(
        "bad", _l("签名不符"), _l("此码被改动过，或不是本校签发的。"), _ASK_AGAIN, asks_support=True
    ),
    Verdict.MALFORMED: VerdictText(
        "unsure",
        _l("不是核验码"),
        _l("此码不完整或不是本校离校单的码。"),
        _l("请把纸展平、避开反光重新扫描，或输入二维码旁的 16 位核验码。"),
    ),
    Verdict.NEVER_ISSUED: VerdictText(
        "bad", _l("未签发"), _l("学校的签发记录里没有此离校单。"), _ASK_AGAIN, asks_support=True
    ),
    Verdict.STATUS_UNKNOWN: VerdictText(
        "unsure",
        _l("暂时无法确认"),
        _l("现在无法核对签发记录或签名，不能认定有效，也不能认定无效。"),
        _l("请持单人稍等，一分钟后再扫描。仍无法确认，请查看证件，联系离校办理部门核实以后再放行。"),
        asks_support=True,
    ),
    Verdict.RATE_LIMITED: VerdictText(
        "unsure",
        _l("查询过于频繁"),
        _l("短时间内查询太多次。扫描真的离校单不受影响。"),
        _l("请稍后再试；门卫和工作人员可以登录后继续。"),
    ),
}

LOST = VerdictText(
    "unsure",
    _l("暂时无法确认"),
    _l("此码是本校签发的，不是伪造；但学校的签发记录因故障恢复过，这张单的内容已不在记录里。"),
    _l(
        "请持单人登录本服务，重新提交一次，扫描新的离校单。暂时不能重新提交的，请查看证件，联系离校办理部门核实以后再放行。"
    ),
    asks_support=True,
)
"""Of a code that a restored backup lacks."""

TYPED_TEXTS = TEXTS | {
    Verdict.NEVER_ISSUED: VerdictText(
        "unsure",
        _l("查不到这个核验码"),
        _l(
            "多半是有一位看错或输错了。请逐位与纸面对照，改好后再核验；每一位都相同，请扫描二维码，或请持单人打开手机上的离校单。"
        ),
    )
}
"""What a typed code gets where no slip stands behind it: an error of typing is no forgery."""

_GENUINE = FileText(FileState.GENUINE, "good", _l("此文件与签发的原件完全相同，单上的每一项都可信。"))
_GENUINE_ONCE = FileText(
    FileState.GENUINE, "info", _l("此文件是学校当时发出的原件；离校单现在是否有效，以上面的结果为准。")
)
_GENUINE_REVOKED = FileText(
    FileState.GENUINE, "info", _l("此文件是学校当时发出的原件，但离校单后来已被撤销，此文件不能再作凭证。")
)
_DIFFERENT = FileText(
    FileState.DIFFERENT,
    "info",
    _l(
        "此文件不是学校发出的原件，可能是扫描、打印、加了封面或另存的：这本身没有问题，但文件上的字也没有得到证明。下面是签发记录中的内容，请逐项核对。"
    ),
)
_UNKNOWN = FileText(FileState.UNKNOWN, "info", _l("没有可以与此文件比对的签发记录。"))
_NOT_NOW = FileText(
    FileState.UNKNOWN,
    "info",
    _l("此文件现在不能与签发记录比对，不能认定是原件，也不能认定不是。请稍后再试。"),
)
_NOT_PROVEN = FileText(
    FileState.UNKNOWN,
    "info",
    _l("现在不能证明此文件就是学校发出的原件，文件上的字没有得到证明。下面是签发记录中的内容，请逐项核对。"),
)
_PICTURE = FileText(
    None, "info", _l("图片里只核验了二维码，图上的字没有得到证明：请与下面签发记录中的内容逐项核对。")
)
_COMPARE = VerdictText(
    "plain",
    _l("请逐项核对"),
    _l("二维码属于一张有效的离校单，但此文件不是原件：以签发记录中的内容为准。"),
    _l("逐项对照下面的签发记录。有一项不同，不要接受这个文件，请持单人打开手机上的离校单。"),
)


def describe_file(verdict: Verdict, state: FileState | None, *, is_lost: bool = False) -> FileText | None:
    """What is said of a file in this state whose code has this verdict. Nothing is praised that is not valid, and of a
    code that a restore lost no more is known later.
    """
    if verdict is Verdict.RATE_LIMITED:
        return None
    if state is None:
        return _PICTURE if verdict is Verdict.VALID else None
    if state is FileState.GENUINE:
        return {Verdict.VALID: _GENUINE, Verdict.REVOKED: _GENUINE_REVOKED}.get(verdict, _GENUINE_ONCE)
    if state is FileState.DIFFERENT:
        return _DIFFERENT
    if is_lost:
        return _UNKNOWN
    return {Verdict.STATUS_UNKNOWN: _NOT_NOW, Verdict.VALID: _NOT_PROVEN}.get(verdict, _UNKNOWN)


def describe_verdict(
    verdict: Verdict,
    file: FileText | None = None,
    compared: VerdictText | None = None,
    *,
    is_lost: bool = False,
) -> VerdictText:
    """The words of a verdict, or those of a name that was `compared`. A valid code in a file that is not proven to be the original
    one says nothing of the file's words.
    """
    if compared is not None:
        return compared
    if is_lost and verdict is Verdict.STATUS_UNKNOWN:
        return LOST
    if (
        verdict is Verdict.VALID
        and file is not None
        and file.state in (FileState.DIFFERENT, FileState.UNKNOWN)
    ):
        return _COMPARE
    return TEXTS[verdict]


def get_staff() -> Person | None:
    """The signed-in guard, clerk or administrator, or None for everybody else."""
    person = find_person()
    return person if person is not None and person.role in STAFF else None


@dataclass(frozen=True, slots=True)
class Problem:
    """`name` is the machine-readable mark, `status` the answer's, `tone` the colour: an error accuses nobody.
    `retry_after` are the seconds after which the same may go well; 0 where it never will.
    """

    name: str
    title: str
    what_to_do: str
    status: int = 422
    tone: str = "warn"
    retry_after: int = 0


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
TWO_CODES_TYPED = Problem(
    "SeveralCodes",
    _l("里面有两个码"),
    _l("收到的内容里有两个不同的二维码，不知道该核验哪一个。请把它们分开，一次核验一个。"),
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
DESK_CODE = Problem(
    "DeskCode",
    _l("这是办理码，不是离校单"),
    _l("办理码只用来在办理窗口办理离校手续，不能证明已经离校。请持单人出示离校单上的二维码。"),
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
READERS_BUSY = Problem(
    "ReadersBusy",
    _l("现在上传的文件太多，没有读这个文件"),
    _l("请输入二维码旁的 16 位核验码，或直接扫描二维码：这两种方式不受影响。也可以过十几秒再选择文件。"),
    503,
    retry_after=15,
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
    uploads.ReadersBusy: READERS_BUSY,
}


def read_digits(text: str) -> str | Problem:
    """The digits of a code in what was scanned, pasted or opened, "" where there are none; or what is wrong with it."""
    installation = get_installation()
    base_url = installation.settings.service.base_url
    try:
        digits = find_digits(text, base_url)
        return DESK_CODE if len(digits) in LENGTHS and has_code(installation, digits) else digits
    except ForeignAddress:
        return DESK_CODE if _is_desk_address(text, base_url) else FOREIGN_ADDRESS
    except SeveralDigits:
        return TWO_CODES_TYPED


def _is_desk_address(text: str, base_url: str) -> bool:
    try:
        return bool(find_digits(text, base_url, "/c/"))
    except (ForeignAddress, SeveralDigits):
        return False


def verify_upload(data: bytes) -> FileVerification | Problem:
    """The verdict on the code in a picture or a PDF file, and the file's own state; or why there is none."""
    try:
        return verify_file(get_installation(), data)
    except UnreadableCode as error:
        return PROBLEMS[type(error)]
