"""The words that the slips of a mini-app share, in Chinese or in both languages."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.slip import SlipRecord

QR_SIZE = 35.0
QUIET_MODULES = 4
"""The symbol's quiet zone in modules (ISO/IEC 18004:2015, 6.3.8)."""

COMPARED = ("name", "student_number", "level", "college")
"""The fields that stand beside the QR; of the student number only the last four."""

STEP_WIDTHS = (39.0, 22.0, 66.0, 15.0, 24.0)
STEP_HEADINGS = ("部门", "事项", "办理情况", "结果", "查询时间")
ENGLISH_STEP_WIDTHS = (37.0, 26.0, 60.0, 19.0, 24.0)
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
    "后四位": "last four",
}
"""What stands behind these words on a slip in both languages."""

ADVICE = (
    "1. 用手机扫描左侧二维码。",
    "2. 打开的网页，地址栏必须显示 {host}。",
    "3. 网页须显示“有效”，姓名和学号后四位须与本单一致。",
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
    the QR, `modules` the side of the QR symbol.
    """

    title: str
    second_title: str
    labels: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    statement: str
    compared: tuple[str, ...]
    host: str
    modules: int

    def put(self, word: str) -> str:
        """A word that is on every slip, with the English behind it where the slip has both."""
        return f"{word} {ENGLISH[word]}" if self.second_title else word

    @property
    def step_widths(self) -> tuple[float, ...]:
        """The columns of the steps, in mm."""
        return ENGLISH_STEP_WIDTHS if self.second_title else STEP_WIDTHS

    def list_advice(self) -> list[str]:
        """How to check the slip, in four sentences."""
        advice = [sentence.format(host=self.host) for sentence in ADVICE]
        pairs = zip(advice, ENGLISH_ADVICE, strict=True)
        return [f"{sentence} {english}" for sentence, english in pairs] if self.second_title else advice

    @property
    def quiet_width(self) -> float:
        """The side of the QR with its quiet zone, in mm."""
        return QR_SIZE * (self.modules + 2 * QUIET_MODULES) / self.modules


def get_wording(record: SlipRecord, host: str, modules: int) -> Wording:
    """The words of a slip that other slips share."""
    labels = {field.key: field.label for field in record.fields}
    last_four = f" 后四位 {ENGLISH['后四位']}" if record.second_title else "后四位"
    labels["student_number"] = labels.get("student_number", "") + last_four
    return Wording(
        record.title,
        record.second_title,
        tuple(field.label for field in record.fields),
        tuple((step.department, step.title) for step in record.steps),
        record.statement,
        tuple(labels.get(key, "") for key in COMPARED),
        host,
        modules,
    )
