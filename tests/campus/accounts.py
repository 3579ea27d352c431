"""The people who can sign in at the pretend campus."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tests.campus.facts import UNDERGRADUATE


class Role(StrEnum):
    """What a person is at the university."""

    STUDENT = "student"
    POSTDOC = "postdoc"
    TEACHER = "teacher"
    CLERK = "clerk"
    GUARD = "guard"


LEAVERS = (Role.STUDENT, Role.POSTDOC)
"""Whom departments hold anything about."""


@dataclass(frozen=True)
class Account:
    """A person; `number` is the student or staff number, `case` says in a few words what the account shows."""

    number: str
    name: str
    college: str
    case: str
    role: Role = Role.STUDENT
    major: str | None = None
    level: str | None = None
    graduation_period: str | None = None
    locale: str | None = None
    card_number: str | None = None
    more: tuple[tuple[str, str], ...] = ()
    """Further claims and their values."""

    def claims(self) -> dict[str, str]:
        """Return the OpenID Connect claims about this person; what does not apply to them is left out."""
        claims = {
            "number": self.number,
            "name": self.name,
            "college": self.college,
            "major": self.major,
            "level": self.level,
            "role": self.role.value,
            "graduation_period": self.graduation_period,
            "locale": self.locale,
            "card_number": self.card_number,
        }
        return {name: value for name, value in claims.items() if value is not None} | dict(self.more)


def _student(
    number: str,
    name: str,
    college: str,
    major: str,
    case: str,
    level: str = "硕士",
    period: str = "2026-06",
    locale: str | None = None,
) -> Account:
    """The campus card's number is 8 and the last seven digits; of the crowd the campus does not know it."""
    card = None if _CROWD_NUMBER.fullmatch(number) else f"8{number[-7:]}"
    return Account(number, name, college, case, Role.STUDENT, major, level, period, locale, card)


_CROWD_NUMBER = re.compile(r"TS9[0-9]{7}")


DEMO_ACCOUNTS: tuple[Account, ...] = (
    _student("TS23000001", "陈思远", "矿业工程学院", "采矿工程", "只差注销借书证：注销后可提交"),
    _student("TS23000002", "李文静", "计算机科学与技术学院", "计算机科学与技术", "全部通过"),
    _student(
        "TS23000003",
        "王浩然",
        "安全工程学院",
        "安全科学与工程",
        "图书馆：欠书 2 本、欠费 12.50 元、违章 1 次",
    ),
    _student("TS23000004", "赵雨桐", "机电工程学院", "机械工程", "图书馆论文审核中"),
    _student("TS23000005", "刘子轩", "化工学院", "矿物加工工程", "档案馆论文状态为空"),
    _student("TS23000006", "孙佳怡", "环境与测绘学院", "测绘科学与技术", "未办理退宿"),
    _student("TS23000007", "周明哲", "经济管理学院", "工商管理", "未在校住宿，财务无数据"),
    _student("TS23000008", "吴晓彤", "力学与土木工程学院", "土木工程", "财务欠款 800.00 元，共两项"),
    _student("TS23000009", "欧阳䶮𠮷𬭎", "材料与物理学院", "材料科学与工程", "全部通过；姓名含生僻字"),
    _student(
        "TB23000010",
        "Muhammadjonbek Abdurahmonovich Khudoyberdi",
        "资源与地球科学学院",
        "地质资源与地质工程",
        "全部通过；博士，外文长姓名，离校单为中英文",
        level="博士",
        locale="en",
    ),
    _student(
        "TS23000011", "郑凯文", "信息与控制工程学院", "控制科学与工程", "借书证未注销，且图书馆拒绝注销"
    ),
    _student("TS25000012", "冯一诺", "马克思主义学院", "马克思主义理论", "本批次不毕业", period="2028-06"),
    _student("08230001", "林一鸣", "矿业工程学院", "采矿工程", "本科生：全部通过", level=UNDERGRADUATE),
    _student(
        "08230002",
        "何雨晴",
        "外国语言文化学院",
        "英语",
        "本科生：校园卡余额 23.40 元，学生证未上交",
        level=UNDERGRADUATE,
    ),
    Account(
        "00520021",
        "沈知远",
        "安全工程学院",
        "博士后：学院意见由学院录入，其余全部通过",
        Role.POSTDOC,
        level="博士后",
        more=(
            *(("kind", "博士后"), ("employment", "全职博士后"), ("housing", "是")),
            *(("supervisor", "周文远"), ("station", "安全科学与工程博士后流动站")),
        ),
    ),
    Account(
        "00520022",
        "Amara Okafor",
        "矿业工程学院",
        "博士后：在职，不住公寓，外文姓名；欠设备和经费，审核中",
        Role.POSTDOC,
        level="博士后",
        locale="en",
        more=(
            *(("kind", "博士后"), ("employment", "在职博士后"), ("housing", "否")),
            ("supervisor", "屠明川"),
        ),
    ),
    Account("00420013", "何建平", "矿业工程学院", "教师，不是学生", Role.TEACHER),
    Account("00420014", "许丽华", "研究生院", "研究生院工作人员", Role.CLERK),
    Account("00420015", "高志强", "研究生院", "研究生院工作人员", Role.CLERK),
    Account("00420016", "马国栋", "保卫处", "门卫，核验离校单", Role.GUARD),
    Account("00420017", "罗秀英", "档案馆", "档案馆工作人员", Role.TEACHER),
    Account("00420018", "邓国强", "后勤服务集团", "学生宿舍管理员", Role.TEACHER),
    Account("00420019", "蒋建华", "后勤服务集团", "宿舍管理部门负责人", Role.TEACHER),
    Account("00420020", "韩雪梅", "矿业工程学院", "辅导员", Role.TEACHER),
    Account("00420021", "曹文博", "审计处", "审计人员", Role.TEACHER),
    Account("00420022", "彭立新", "信息化建设与管理处", "系统管理员", Role.TEACHER),
)

DEMO_STUDENTS: tuple[Account, ...] = tuple(person for person in DEMO_ACCOUNTS if person.role in LEAVERS)

# Canary students that a department's own people keep: nobody graduates under these numbers.
CONTROL_PASSES = _student("TS00000001", "控制甲", "研究生院", "控制", "控制学生：全部通过")
CONTROL_FAILS = _student("TS00000002", "控制乙", "研究生院", "控制", "控制学生：全部未通过")

_BY_NUMBER = {person.number: person for person in (*DEMO_ACCOUNTS, CONTROL_PASSES, CONTROL_FAILS)}


def find_account(number: str) -> Account | None:
    """Return the person with this number, one of the crowd for `TS9` and seven digits, or None."""
    if _CROWD_NUMBER.fullmatch(number):
        return _student(number, f"测试{number[2:]}", "研究生院", "压力测试", "全部通过")
    return _BY_NUMBER.get(number)


def find_student(number: str) -> Account | None:
    """Return the student or post-doc with this number, or None for who does not leave and for nobody."""
    person = find_account(number)
    return person if person and person.role in LEAVERS else None
