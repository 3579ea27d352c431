"""An office 办理地点 of a department: where it is, when it is open and how it is reached, for all or for some students."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from app.config_model import NOT_EMPTY, SHOWN_DEFAULT, Section, Text, Texts, matching, require
from app.domain.opening_hours import Hours
from app.domain.texts import is_same_word

COLLEGE = "college"
_PHONE = r"\+?\(?[0-9][0-9 ()-]{4,22}[0-9]( ?(转|ext\.) ?[0-9]{1,6})?"
_ADDRESS = r"https://[^\s\"'<>]+"
_EXAMPLE = re.compile(r"https://([a-z0-9.-]+\.)?example\.")
PhoneNumber = Annotated[str, matching(_PHONE)]
WebAddress = Annotated[str, matching(_ADDRESS)]


class Contact(Section):
    """How an office is reached, beside its place and name."""

    room: str = Field("", description="door or room, e.g. `101室`")
    phone: PhoneNumber = Field("", description="a number to call, an extension behind 转 or `ext.`")
    qq: Annotated[str, matching("[1-9][0-9]{4,11}")] = Field(
        "", description="a QQ number, which is copied by a tap"
    )
    web: WebAddress = Field("", description="an address in the web, `https://…`")
    map: WebAddress = Field("", description="the place on a map, `https://…`")
    hours: Hours | None = Field(None, description="when it is open")

    @property
    def phone_link(self) -> str:
        """The phone number as a link of the scheme tel (RFC 3966); a pause, then the extension, as phones dial it."""
        number, *extension = re.split(r"转|ext\.", self.phone)
        return "tel:" + ",".join(re.sub(r"[^+0-9]", "", part) for part in (number, *extension))

    @property
    def is_example(self) -> bool:
        """Whether something here is left from an example: nobody has such a number or address."""
        return "-0000" in self.phone or any(_EXAMPLE.match(address) for address in (self.web, self.map))

    @property
    def web_name(self) -> str:
        """The address in the web as people read it: its host, and its path where it has one."""
        return self.web.removeprefix("https://").rstrip("/")


class Office(Contact):
    """`[steps.office]`: where a student goes for a step, and whom to ask."""

    place: Text = Field(description="where")
    contact: Text = Field(description="whom to ask")


class OfficeChanges(Contact):
    """What differs of an office for some people."""

    place: str = Field("", json_schema_extra={SHOWN_DEFAULT: "as in `office`"}, description="where")
    contact: str = Field("", json_schema_extra={SHOWN_DEFAULT: "as in `office`"}, description="whom to ask")

    def complete(self, office: Office) -> Office:
        """The office with what differs. Another place has another room and map, and another person another number."""
        differing = {name: value for name, value in self if name in Office.model_fields and value}
        unsaid = dict.fromkeys(("room", "map") if self.place else (), "")
        unsaid |= dict.fromkeys(("phone", "qq") if self.contact else (), "")
        return office.model_copy(update=unsaid | differing)


class SpecialOffice(OfficeChanges):
    """`[[steps.offices]]`: what differs for some students; the first that fits is theirs."""

    by: Text = Field(description="a fact of the step, or `college`")
    of: Annotated[Texts, require("is empty: the office would be nobody's")] = Field(
        description="the values of it for which this holds, e.g. buildings; spaces, width and case do not count"
    )

    def fits(self, values: Mapping[str, Iterable[object]]) -> bool:
        """Whether one of a student's values is named; by the key, as `by` has it."""
        held = [value for value in values.get(self.by, ()) if isinstance(value, str) and value]
        return any(is_same_word(value, named) for value in held for named in self.of)


class Link(Section):
    """`[[steps.links]]`: an online system that the step's texts name; wherever they do, the name is a link."""

    name: Text = Field(description="as the texts have it")
    address: Annotated[WebAddress, NOT_EMPTY] = Field(description="`https://…`")

    @property
    def is_example(self) -> bool:
        """As of an office."""
        return _EXAMPLE.match(self.address) is not None
