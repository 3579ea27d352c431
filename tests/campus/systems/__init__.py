"""The department systems, each with an API of its own shape."""

from __future__ import annotations

from tests.campus.credentials import Credentials
from tests.campus.state import State
from tests.campus.systems.archive import ArchiveQuery
from tests.campus.systems.base import Endpoint
from tests.campus.systems.campus_card import CampusCardAccount
from tests.campus.systems.dormitory import DormitoryCheckout
from tests.campus.systems.finance import FinanceArrears
from tests.campus.systems.library_loans import CancelCard, ReadersQuery
from tests.campus.systems.library_thesis import ThesisQuery
from tests.campus.systems.student_card import StudentCardQuery
from tests.campus.systems.xml_wire import ArchiveXml, FinanceSoap

TITLES = {
    "library_loans": "图书馆 · 图书借阅",
    "library_thesis": "图书馆 · 论文提交",
    "archive": "档案馆",
    "dormitory": "总务部公寓",
    "finance": "财务收费",
    "campus_card": "校园卡中心",
    "student_card": "教务部 · 学生证",
}


def create_endpoints(state: State, credentials: Credentials) -> list[Endpoint]:
    """Return every address that the department systems answer at."""
    kinds = (
        ReadersQuery,
        CancelCard,
        ThesisQuery,
        ArchiveQuery,
        DormitoryCheckout,
        FinanceArrears,
        CampusCardAccount,
        StudentCardQuery,
        ArchiveXml,
        FinanceSoap,
    )
    return [kind(state, credentials) for kind in kinds]
