"""What keeps a counter from going on: each in words, with what to do about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.services.staff.noting import Obstacle
from app.services.staff.roster import Listed
from app.services.verification import uploads
from app.services.verification.uploads import MAX_BYTES, UnreadableCode
from app.web.language import gettext
from app.web.language import lazy_gettext as _l


def name_student(student: Listed) -> str:
    """A student in a line of text: by name and number, since there are namesakes."""
    number = student.student_number
    return gettext("%(name)s（%(number)s）", name=student.name, number=number) if student.name else number


@dataclass(frozen=True, slots=True)
class Problem:
    """`name` is the machine-readable mark, `status` the answer's, `tone` the colour; `address` leads to the student whom it
    is about, and `details` are lines about what stands there.
    """

    name: str
    title: str
    what_to_do: str
    status: int = 422
    tone: str = "warn"
    address: str = ""
    details: tuple[str, ...] = ()

    def about(self, student: Listed, address: str, *details: str) -> Problem:
        """The same, headed by whom it is about."""
        name = name_student(student)
        title = gettext("%(name)s：%(title)s", name=name, title=self.title)
        return replace(self, title=title, address=address, details=details)


NOTHING_GIVEN = Problem(
    "NothingGiven", _l("没有收到内容"), _l("请扫描学生的办理码，或输入学号、学号后四位以上、姓名。")
)
NOTHING_FOUND = Problem(
    "NothingFound",
    _l("名单里没有找到"),
    _l("请核对是否输错：要输入完整学号、学号最后至少四位，或者姓名。"),
    404,
)
OBSTACLES: dict[Obstacle, Problem] = {
    Obstacle.NOT_WHOLE: replace(NOTHING_FOUND, title=_l("名单里没有找到，也不是完整的学号")),
    Obstacle.NO_STUDENT: replace(
        NOTHING_FOUND,
        title=_l("没有找到：这个号码的本人不在本环节办理离校"),
        what_to_do=_l("请核对是否输错。确实应在这里办理的，请研究生院核对该生的身份。"),
    ),
    Obstacle.OTHER_PERIOD: replace(
        NOTHING_FOUND,
        title=_l("没有找到：该生属于另一批次"),
        what_to_do=_l("请核对是否输错。确实在本批次离校的，请研究生院核对该生的批次。"),
    ),
}
"""What to say of a number that is on no roster and is not to be put there."""
CODE_TOO_OLD = Problem(
    "CodeTooOld", _l("办理码已过期"), _l("办理码五分钟内有效。请学生在手机上刷新办理码，再扫描一次。"), 410
)
MALFORMED_CODE = Problem(
    "MalformedCode",
    _l("这不是本服务的办理码"),
    _l("请学生打开本服务的“办理码”页面再扫描，或者输入学号。"),
)
SEVERAL_SCANNED = Problem(
    "NotCertain",
    _l("没有办理：不能确定是谁"),
    _l("连续扫码时只接受办理码或完整学号。请改为逐个核对后办理。"),
    409,
    "bad",
)
ALREADY_DONE = Problem(
    "AlreadyDone", _l("此前已经办结"), _l("没有重复记录。需要更正的，请打开该生办理页面。"), 409
)
ALREADY_RECORDED = Problem(
    "AlreadyRecorded",
    _l("没有办理：此前已有记录"),
    _l("扫码不会更改已有的记录。确要更改的，请打开该生办理页面，核对后再办理。"),
    409,
    "bad",
)
NEEDS_ASKING = Problem(
    "NeedsAsking", _l("没有办理：还要填写内容"), _l("这一环节办结时要填写内容，请打开该生办理页面。"), 409
)
SUBMITTED = Problem(
    "AlreadySubmitted",
    _l("没有办理：该生已提交离校"),
    _l("离校单已经签发，记录不能再改。确有问题的，请研究生院申请撤销离校单。"),
    409,
    "bad",
)
OWN_ITEM = Problem(
    "OwnDecision", _l("没有办理：这是您本人的事项"), _l("本人的事项请由同事办理。"), 403, "bad"
)
CHANGED = Problem(
    "Conflict",
    _l("没有办理：刚刚有人办理了这一项"),
    _l("请打开该生办理页面，核对现在的记录。"),
    409,
    "bad",
)
ALREADY_CLOSED = replace(SUBMITTED, title=_l("没有记录：该生已提交离校"))
TOO_LATE = Problem(
    "UndoTooLate", _l("没有撤销：已不能由您撤销"), _l("没有更改任何记录。原因见下。"), 409, "bad"
)
MALFORMED_REASON = Problem(
    "ReasonMissing",
    _l("没有记录：请填写原因"),
    _l("请选择或写明原因，不超过 200 个字，写成一行。下面是您填写的内容。"),
    tone="bad",
)
MALFORMED_FIELD = Problem(
    "FieldRefused",
    _l("没有记录：填写的内容不能记录"),
    _l("请核对各栏内容，改正后再提交。下面是您填写的内容。"),
    tone="bad",
)
PHOTOS_TOO_OFTEN = Problem(
    "AskedTooOften",
    _l("上传照片过于频繁"),
    _l("请稍等一分钟，或者输入学号。只限制您本人上传照片，其他方式不受影响。"),
    429,
)
_NO_CODE = Problem(
    "NoCodeFound",
    _l("照片里没有找到办理码"),
    _l("请靠近一些，让二维码占画面一半以上，避免反光；或者输入学号。"),
)
_UNREADABLE = Problem("NotAPicture", _l("打不开这个文件"), _l("请选择照片，或者输入学号。"))
_TOO_LARGE = Problem(
    "BodyTooLarge",
    _l("照片太大"),
    _l(
        "照片不能超过 %(megabytes)s MB。请调低相机分辨率后重拍，或者输入学号。",
        megabytes=MAX_BYTES // 1024**2,
    ),
    413,
)
PHOTO_PROBLEMS: dict[type[UnreadableCode], Problem] = {
    uploads.NoCodeFound: _NO_CODE,
    uploads.ForeignCode: replace(MALFORMED_CODE, name="ForeignCode"),
    uploads.SeveralCodes: Problem(
        "SeveralCodes", _l("照片里有两个办理码"), _l("请每次只拍一位学生的办理码。")
    ),
    uploads.NotAPicture: _UNREADABLE,
    uploads.ProtectedFile: _UNREADABLE,
    uploads.IncompleteFile: _UNREADABLE,
    uploads.NoCodeOnPages: _NO_CODE,
    uploads.FileTooLarge: _TOO_LARGE,
    uploads.PictureTooLarge: _TOO_LARGE,
    uploads.ReadersBusy: Problem(
        "ReadersBusy",
        _l("现在上传的照片太多，没有读这一张"),
        _l("请输入学号，或者过十几秒再试。"),
        503,
    ),
}
