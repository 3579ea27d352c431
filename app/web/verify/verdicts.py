"""What each verdict says to the person who scanned: a word, a sign, and what to do."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.slip_code import Verdict


@dataclass(frozen=True, slots=True)
class VerdictText:
    """`tone` is good, bad or unsure: it picks colour and shape."""

    tone: str
    sign: str
    word: str
    explanation: str


TEXTS = {
    Verdict.VALID: VerdictText(
        "good", "✓", "有效", "此离校单由本校签发，目前有效。请核对下列信息与纸面、证件一致。"
    ),
    Verdict.REVOKED: VerdictText("bad", "✕", "已撤销", "此离校单已被学校撤销，不能作为离校凭证。"),
    Verdict.SUPERSEDED: VerdictText("bad", "✕", "已被替换", "此离校单已换发新单，请出示新的离校单。"),
    Verdict.EXPIRED: VerdictText("bad", "✕", "已过期", "此离校单已超过有效期。"),
    Verdict.NOT_YET_VALID: VerdictText("bad", "✕", "尚未生效", "此离校单的签发日期还没有到。"),
    Verdict.UNKNOWN_KEY: VerdictText("bad", "✕", "无法识别的签名", "此码不是用本校的密钥签发的。"),
    Verdict.BAD_SIGNATURE: VerdictText("bad", "✕", "签名不符", "此码被改动过，或不是本校签发的。"),
    Verdict.MALFORMED: VerdictText(
        "bad", "✕", "不是离校单核验码", "此码不完整或格式不对，请重新扫描纸面上的二维码。"
    ),
    Verdict.NEVER_ISSUED: VerdictText("bad", "✕", "未签发", "学校的签发记录中没有此离校单。"),
    Verdict.STATUS_UNKNOWN: VerdictText(
        "unsure", "?", "暂时无法确认", "现在查不到签发记录，不能认定为有效。请稍后再次扫描。"
    ),
    Verdict.RATE_LIMITED: VerdictText("unsure", "?", "查询过于频繁", "请稍等一分钟后再次扫描。"),
}


def describe_verdict(verdict: Verdict) -> VerdictText:
    """The words of a verdict."""
    return TEXTS[verdict]
