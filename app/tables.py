"""Reads typed values out of configuration tables and collects every fault, each named by its key.

One reader for the settings, the connectors' sections and the mini-apps' manifests, so that an operator
sees all mistakes of a file at once. Values of secrets never appear in a message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.private_files import describe_openness

_SAMPLES = re.compile(r"change.?me|replace.?(me|this)|your.?(secret|password|key|token)|todo", re.IGNORECASE)


class Table:
    """A mapping under reading. Each getter notes a fault in `faults` and returns a stand-in, so that
    reading goes on; the caller refuses the whole once `faults` is not empty.
    """

    def __init__(self, data: Mapping[str, Any], where: str, faults: list[str]) -> None:
        self.where = where
        self.faults = faults
        self._data = data
        self._read: set[str] = set()

    def fault(self, key: str, message: str) -> None:
        """Note that `key` is wrong."""
        self.faults.append(f"{self._name(key)} {message}")

    def has(self, key: str) -> bool:
        """Whether the key is there; asking does not count as reading it."""
        return key in self._data

    def peek(self, key: str) -> object:
        """What stands under the key, unchecked, or None; looking does not count as reading it."""
        return self._data.get(key)

    def keys(self) -> tuple[str, ...]:
        """The keys of the table, in the file's order."""
        return tuple(self._data)

    def text(
        self, key: str, default: str | None = None, *, choices: tuple[str, ...] = (), pattern: str = ""
    ) -> str:
        """A text, not empty unless the default is; one of `choices` and matching `pattern` if given."""
        value: str | None = self._take(key, str, default)
        if value is None or (value == default and key not in self._data):
            return value or ""
        if not value and default != "":
            self.fault(key, "is empty")
        elif choices and value not in choices:
            self.fault(key, f"must be one of {', '.join(choices)}")
        elif pattern and value and not re.fullmatch(pattern, value):
            self.fault(key, f"must match {pattern}")
        return value

    def integer(self, key: str, default: int | None = None, *, least: int = 0, most: int = 2**31) -> int:
        """A whole number within its bounds; an environment variable's digits count."""
        value = self._number(key, default, int)
        if value is None:
            return default if default is not None else least
        if not least <= value <= most:
            self.fault(key, f"must be from {least} to {most}")
        return int(value)

    def number(self, key: str, default: float | None = None, *, least: float = 0, most: float = 1e9) -> float:
        """A number within its bounds."""
        value = self._number(key, default, float)
        if value is None:
            return default if default is not None else least
        if not least <= value <= most:
            self.fault(key, f"must be from {least} to {most}")
        return value

    def flag(self, key: str, default: bool | None = None) -> bool:
        """true or false."""
        if self._data.get(key) in ("true", "false"):
            self._read.add(key)
            return bool(self._data[key] == "true")
        return bool(self._take(key, bool, default))

    def texts(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of texts; from the environment: joined by commas."""
        if isinstance(self._data.get(key), str):
            self._read.add(key)
            return tuple(part.strip() for part in self._data[key].split(",") if part.strip())
        value = self._take(key, list, list(default) if default is not None else None)
        if value is None:
            return ()
        if not all(isinstance(item, str) for item in value):
            self.fault(key, "must be a list of texts")
            return ()
        return tuple(value)

    def values(self, key: str, default: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """A table whose keys are free, as a dictionary of plain values."""
        return dict(self._take(key, dict, dict(default) if default is not None else None) or {})

    def secret(self, key: str, default: str | None = None) -> str:
        """A secret: the key itself, or the file named by `<key>_file`, without its line's end. A file that
        others may read is refused, and so is a sample from somebody's instructions.
        """
        value = self._read_secret_file(key) if self.has(f"{key}_file") else self.text(key, default)
        if _SAMPLES.search(value) or (len(value) >= 8 and len(set(value)) <= 2):
            self.fault(key, "is a sample and no secret: set one of your own")
        return value

    def table(self, key: str) -> Table:
        """A table below this one; an empty one if it is missing (its own keys then complain)."""
        value = self._take(key, dict, {}) or {}
        return Table(value, self._name(key), self.faults)

    def tables(self, key: str) -> list[Table]:
        """A list of tables; each is named by its position."""
        value = self._take(key, list, []) or []
        if not all(isinstance(item, dict) for item in value):
            self.fault(key, "must be a list of tables")
            return []
        return [Table(item, f"{self._name(key)}[{place}]", self.faults) for place, item in enumerate(value)]

    def named_tables(self, key: str) -> dict[str, Table]:
        """A table of tables, by name."""
        return {name: self.table(key).table(name) for name in self._names_of_tables(key)}

    def close(self) -> None:
        """Note every key that nothing read."""
        for key in self._data:
            if key not in self._read:
                self.fault(key, "is not a known key")

    def _read_secret_file(self, key: str) -> str:
        if self.has(key):
            self.fault(key, f"and {key}_file are both set")
            self._read.add(key)
        path = Path(self.text(f"{key}_file"))
        try:
            openness = describe_openness(path)
            value = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            self.fault(f"{key}_file", f"names a file that cannot be read: {path}")
            return ""
        if openness:
            self.fault(f"{key}_file", f"names a file that is {openness}: chmod 600 {path}")
        if not value:
            self.fault(f"{key}_file", f"names an empty file: {path}")
        return value

    def _names_of_tables(self, key: str) -> list[str]:
        value = self._take(key, dict, {}) or {}
        wrong = [name for name, item in value.items() if not isinstance(item, dict)]
        for name in wrong:
            self.faults.append(f"{self._name(key)}.{name} must be a table")
        return [name for name in value if name not in wrong]

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _take(self, key: str, kind: type, default: Any) -> Any:
        self._read.add(key)
        if key not in self._data:
            if default is None:
                self.fault(key, "is missing")
            return default
        value = self._data[key]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            self.fault(key, f"must be a {_KIND_WORDS[kind]}")
            return default
        return value

    def _number(self, key: str, default: float | None, kind: type[int] | type[float]) -> float | None:
        value = self._data.get(key)
        if isinstance(value, str) and re.fullmatch(
            r"-?[0-9]+" if kind is int else r"-?[0-9]+(\.[0-9]+)?", value
        ):
            value = kind(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if not isinstance(value, kind) or isinstance(value, bool):
            taken: float | None = self._take(key, kind, default)
            return taken
        self._read.add(key)
        return value


_KIND_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    list: "list",
    dict: "table",
}
