"""What the pages of verification share: the blueprint, who is looking (a stranger, or a signed-in gate guard or clerk of the
school; an administrator counts as a clerk), and what each verdict says: a word, a sign, and what to do.
"""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint

from app.domain.person import Person, Role
from app.domain.slip_code import Verdict
from app.services.verification.uploads import FileState
from app.web.auth.access import find_person
from app.web.language import lazy_gettext as _l


@dataclass(frozen=True, slots=True)
class VerdictText:
    """`tone` is good, bad, unsure or plain: it picks colour, shape and sign."""

    tone: str
    word: str
    explanation: str


@dataclass(frozen=True, slots=True)
class FileText:
    """What is said of a file itself."""

    state: FileState
    tone: str
    message: str


TEXTS = {
    Verdict.VALID: VerdictText(
        "good", _l("有效"), _l("本校签发，目前有效。请核对姓名、学号与纸面和证件一致。")
    ),
    Verdict.REVOKED: VerdictText("bad", _l("已撤销"), _l("学校已撤销此离校单，不能作为离校凭证。")),
    Verdict.SUPERSEDED: VerdictText("bad", _l("已被替换"), _l("此离校单已换发，请出示新的离校单。")),
    Verdict.EXPIRED: VerdictText("bad", _l("已过期"), _l("此离校单已超过有效期。")),
    Verdict.NOT_YET_VALID: VerdictText("bad", _l("尚未生效"), _l("此离校单的签发日期还没有到。")),
    Verdict.UNKNOWN_KEY: VerdictText("bad", _l("签名无法识别"), _l("此码不是用本校的密钥签发的。")),
    Verdict.BAD_SIGNATURE: VerdictText("bad", _l("签名不符"), _l("此码被改动过，或不是本校签发的。")),
    Verdict.MALFORMED: VerdictText(
        "unsure", _l("不是核验码"), _l("此码不完整或不是本校离校单的码，请重新扫描。")
    ),
    Verdict.NEVER_ISSUED: VerdictText("bad", _l("未签发"), _l("学校的签发记录里没有此离校单。")),
    Verdict.STATUS_UNKNOWN: VerdictText(
        "unsure",
        _l("暂时无法确认"),
        _l("现在无法核对签发记录或签名，不能认定有效，也不能认定无效。请稍后再扫描。"),
    ),
    Verdict.RATE_LIMITED: VerdictText(
        "unsure", _l("查询过于频繁"), _l("短时间内查询太多次，请稍后再试。扫描真的离校单不受影响。")
    ),
}

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
_COMPARE = VerdictText(
    "plain", _l("请逐项核对"), _l("二维码属于一张有效的离校单，但此文件不是原件：以签发记录中的内容为准。")
)


def describe_file(verdict: Verdict, state: FileState | None) -> FileText | None:
    """What is said of a file in this state whose code has this verdict. Nothing is praised that is not valid."""
    if state is None or verdict is Verdict.RATE_LIMITED:
        return None
    if state is FileState.GENUINE:
        return {Verdict.VALID: _GENUINE, Verdict.REVOKED: _GENUINE_REVOKED}.get(verdict, _GENUINE_ONCE)
    if state is FileState.DIFFERENT:
        return _DIFFERENT
    return _NOT_NOW if verdict is Verdict.STATUS_UNKNOWN else _UNKNOWN


def describe_verdict(verdict: Verdict, file: FileText | None = None) -> VerdictText:
    """The words of a verdict. A valid code in a file that is not the original one says nothing of the file's words."""
    if verdict is Verdict.VALID and file is not None and file.state is FileState.DIFFERENT:
        return _COMPARE
    return TEXTS[verdict]


verify_pages = Blueprint("verify", __name__)


STAFF = frozenset({Role.GUARD, Role.CLERK, Role.ADMINISTRATOR})


def get_staff() -> Person | None:
    """The signed-in guard, clerk or administrator, or None for everybody else."""
    person = find_person()
    return person if person is not None and person.role in STAFF else None
