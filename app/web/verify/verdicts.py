"""What each verdict says to the person who scanned: a word, a sign, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import lazy_gettext as _l

from app.domain.slip_code import Verdict


@dataclass(frozen=True, slots=True)
class VerdictText:
    """`tone` is good, bad or unsure: it picks colour, shape and sign."""

    tone: str
    word: str
    explanation: str


@dataclass(frozen=True, slots=True)
class FileText:
    """What is said of a PDF file; `verdict_text` stands instead of that of a code which alone is valid."""

    state: str
    tone: str
    says: str
    verdict_text: VerdictText | None = None


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
        "bad", _l("不是核验码"), _l("此码不完整或不是本校离校单的码，请重新扫描。")
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

FILE_GENUINE = FileText("genuine", "good", _l("此文件与签发的原件完全相同，单上的每一项都可信。"))
FILE_CHANGED = FileText(
    "changed",
    "bad",
    _l(
        "此文件与签发的原件不同：被改动过，或是另存、打印成的新文件。只有下面列出的内容出自签发记录，请逐项核对。"
    ),
    VerdictText("bad", _l("文件被改动"), _l("二维码取自一张真的离校单，但这个文件不是原件，不能采信。")),
)


def describe_verdict(verdict: Verdict, file: FileText | None = None) -> VerdictText:
    """The words of a verdict, on a code or on a whole file."""
    if file and file.verdict_text and verdict is Verdict.BAD_SIGNATURE:
        return file.verdict_text
    return TEXTS[verdict]
