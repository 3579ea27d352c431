"""What the service needs to know to talk to the pretend campus.

The values are fixed and public: they open nothing but a program that listens on loopback. Each may be replaced by
an environment variable, `CAMPUS_` and the field's name in upper case, e.g. `CAMPUS_CLIENT_SECRET`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

PASSWORD = "demo"


@dataclass(frozen=True)
class Credentials:
    """The sign-in client's and the department systems' demo credentials."""

    client_id: str = "lixiao"
    client_secret: str = "demo-campus-client-secret"
    library_loans_token: str = "demo-library-token"
    library_thesis_key: str = "demo-thesis-key"
    archive_app_id: str = "lixiao-archive"
    archive_secret: str = "demo-archive-secret"
    dormitory_app_id: str = "lixiao-dormitory"
    dormitory_secret: str = "demo-dormitory-secret"
    finance_token: str = "demo-finance-token"
    campus_card_key: str = "demo-campus-card-key"
    student_card_token: str = "demo-student-card-token"

    @property
    def of_systems(self) -> dict[str, str]:
        """The secret that each department system asks for."""
        return {
            "library_loans": self.library_loans_token,
            "library_thesis": self.library_thesis_key,
            "archive": self.archive_secret,
            "dormitory": self.dormitory_secret,
            "finance": self.finance_token,
            "campus_card": self.campus_card_key,
            "student_card": self.student_card_token,
        }

    @property
    def of_other_forms(self) -> dict[str, str]:
        """The secret that a department asks for where it answers in another form, by the demo's connectors."""
        return {"archive_xml": self.archive_secret, "finance_soap": self.finance_token}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Credentials:
        """Return the defaults with every `CAMPUS_<FIELD>` that is set put in their place."""
        given = {field.name: environment.get(f"CAMPUS_{field.name.upper()}") for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if value})


DEMO = Credentials()
