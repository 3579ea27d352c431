"""What is printed on a slip, as texts: the words that the slips of a mini-app share, and a slip's own values.

A `Wording` holds the shared words, in Chinese or in both languages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from app.domain.clearance import Status
from app.domain.slip import COMPARED, SlipRecord

SEAL_PLACE = "（盖章处）"
CAPTION = "扫码核验真伪"
STEP_HEADINGS = ("部门", "事项", "办理情况", "结果", "查询时间")
ENGLISH = {
    "编号": "No.",
    "提交时间": "Submitted",
    "签发日期": "Issued on",
    "部门": "Department",
    "事项": "Item",
    "办理情况": "Details",
    "结果": "Result",
    "查询时间": "Checked at",
    "核验码": "Code",
    SEAL_PLACE: "Seal",
    CAPTION: "Scan to verify",
}
"""What stands behind these words on a slip in both languages."""

ADVICE = (
    "1. 用手机扫描左侧二维码。",
    "2. 打开的网页，地址栏必须显示 {host}。",
    "3. 网页须显示“有效”，姓名和{number}后四位须与本单一致。",
    "不便扫码时，可在 {host}/verify 输入核验码。",
)
ENGLISH_ADVICE = (
    "Scan the QR code on the left.",
    "The page that opens must be at this address.",
    'It must say "Valid", with the name and last four digits of this slip.',
    "Without a camera, type the code there.",
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What slips share. `second_title` is there on slips in both languages; `compared` are the labels beside
    the QR, `number_label` what the number is called in Chinese, `modules` the side of the QR symbol. `day` is as long in print as the day under the office's name.
    """

    title: str
    second_title: str
    labels: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    statement: str
    office: str
    second_office: str
    day: str
    has_seal: bool
    compared: tuple[str, ...]
    number_label: str
    host: str
    modules: int

    def put(self, word: str) -> str:
        """A word that is on every slip, with the English behind it where the slip has both."""
        return f"{word} {ENGLISH[word]}" if self.second_title else word

    def list_advice(self) -> list[str]:
        """How to check the slip, in four sentences."""
        advice = [sentence.format(host=self.host, number=self.number_label) for sentence in ADVICE]
        pairs = zip(advice, ENGLISH_ADVICE, strict=True)
        return [f"{sentence} {english}" for sentence, english in pairs] if self.second_title else advice


def get_wording(record: SlipRecord, host: str, modules: int, has_seal: bool) -> Wording:
    """The words of a slip that other slips share; `has_seal`: its seal is drawn."""
    labels = {field.key: field.label for field in record.fields}
    label = labels.get("student_number", "")
    number_label = label.partition(" ")[0] if record.second_title else label
    labels["student_number"] = _label_last_four(label, is_in_both=bool(record.second_title))
    return Wording(
        record.title,
        record.second_title,
        tuple(field.label for field in record.fields),
        tuple((step.department, step.title) for step in record.steps),
        record.statement,
        record.office,
        record.second_office,
        _DIGIT.sub("0", format_day(record.issued_on)) if record.office else "",
        has_seal,
        tuple(labels.get(key, "") for key in COMPARED),
        number_label,
        host,
        modules,
    )


def _label_last_four(label: str, is_in_both: bool) -> str:
    """The label of a number's last four; one in both languages has its English behind the first space."""
    if not is_in_both:
        return f"{label}后四位"
    chinese, _, english = label.partition(" ")
    of_what = f" of {english[:1].lower()}{english[1:]}" if english else ""
    return f"{chinese}后四位 Last four{of_what}"


_DIGIT = re.compile("[0-9]")
"""All are equally wide."""


def format_day(day: str) -> str:
    """A day in ISO 8601 as it stands under an official document (GB/T 9704-2012, 7.3.5.4): 2026年6月8日."""
    parsed = date.fromisoformat(day)
    return f"{parsed.year}年{parsed.month}月{parsed.day}日"


def list_values(record: SlipRecord, short_code: str) -> list[str]:
    """A slip's own values in printed order."""
    values = [record.number, record.submitted_at, record.issued_on, *(field.value for field in record.fields)]
    for step in record.steps:
        facts = "；".join(f"{fact.label} {fact.value}" for fact in step.facts)
        values += [
            facts or "—",
            step.status_word,
            "—" if step.status == Status.NOT_REQUIRED else step.learnt_at,
        ]
    if record.office:
        values.append(format_day(record.issued_on))
    grouped = " ".join(short_code[start : start + 4] for start in range(0, len(short_code), 4))
    name, number, level, college = map(record.get_field, COMPARED)
    return [*values, grouped, name, number[-4:], level, college]
