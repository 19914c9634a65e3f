"""Strict reading of a signed document's members, by name.

Each has its path in every message. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.hours import Hours, parse_hours

ORIGIN = re.compile(r"[a-z0-9][a-z0-9.-]{0,100}(?:/[A-Za-z0-9._~-]{1,60}){0,8}", re.ASCII)
"""The origin of a log."""

_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LATEST_US = 221_845_392_000_000_000  # the year 9000: any period can be added and remain a date

_T = TypeVar("_T")


class Members:
    """One table of a signed document, read strictly.

    What nobody asked for is refused.

    Parameters
    ----------
    value : object
        What stands in the document; refused if it is no table.
    path : str
        Where it stands, for messages; empty for the document itself.

    Notes
    -----
    Every method refuses with `DocumentRefused`, code `malformed` unless said otherwise. Call `end` last: it
    refuses members that were never asked for.
    """

    __slots__ = ("_asked", "_value", "path")

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, Mapping):
            raise DocumentRefused(f"`{path}` is not a table")
        self._value = value
        self._asked: set[str] = set()
        self.path = path

    @property
    def mapping(self) -> Mapping[str, Any]:
        """The table as it stands."""
        return self._value

    def at(self, name: str) -> str:
        """Return the path of a member, for messages."""
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Return whether the member is present, and mark it read.

        It counts as asked for, so `end` does not refuse it.
        """
        self._asked.add(name)
        return name in self._value

    def get(self, name: str) -> Any:
        """Return a member as it stands, or refuse if it is missing."""
        if not self.has(name):
            raise DocumentRefused(f"`{self.at(name)}` is missing")
        return self._value[name]

    def text(self, name: str, *, most: int = 200, pattern: re.Pattern[str] | None = None) -> str:
        """Return a text of 1 to `most` characters, readable by people as it is written.

        Control characters other than tab and line feed are refused, and so are those that turn the
        direction of writing, by which a page could show another text than was signed.
        """
        return self._checked_text(self.at(name), self.get(name), most, pattern)

    def log(self) -> str | None:
        """Return the origin of the log for which the document is signed, or None where it names none.

        Documents of version 0.3 name none. Whether one may is judged in `documents.bound`.
        """
        return self.text("log", pattern=ORIGIN) if self.has("log") else None

    def texts(
        self,
        name: str,
        *,
        least: int = 1,
        most: int = 100,
        each: int = 200,
        pattern: re.Pattern[str] | None = None,
    ) -> tuple[str, ...]:
        """Return a list of distinct texts, in the order written."""
        value = self._list(name, least, most)
        texts = tuple(
            self._checked_text(f"{self.at(name)}[{index}]", item, each, pattern)
            for index, item in enumerate(value)
        )
        if len(set(texts)) != len(texts):
            raise DocumentRefused(f"`{self.at(name)}` says something twice")
        return texts

    def integer(self, name: str, *, least: int, most: int) -> int:
        """Return a whole number from `least` to `most`."""
        value = self.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise DocumentRefused(f"`{self.at(name)}` is not a whole number from {least} to {most}")
        return value

    def boolean(self, name: str) -> bool:
        """Return true or false."""
        value = self.get(name)
        if not isinstance(value, bool):
            raise DocumentRefused(f"`{self.at(name)}` is neither true nor false")
        return value

    def time_us(self, name: str) -> int:
        """Return a time with a zone, microseconds since the epoch, years 1970 to 8999."""
        value = self.parsed(name, parse_rfc3339, most=40)
        if not 0 <= value < _LATEST_US:
            raise DocumentRefused(f"`{self.at(name)}` is outside the years 1970 to 8999")
        return value

    def parsed(self, name: str, parse: Callable[[str], _T], *, most: int = 200) -> _T:
        """Parse a text by `parse`.

        An `InputError` of `parse` becomes a refusal that names the member.
        """
        text = self.text(name, most=most)
        try:
            return parse(text)
        except InputError as error:
            raise DocumentRefused(f"`{self.at(name)}`: {error}") from error

    def one_of(self, name: str, choices: Iterable[str]) -> str:
        """Return a text from `choices`."""
        value = self.text(name)
        known = sorted(choices)
        if value not in known:
            raise DocumentRefused(f"`{self.at(name)}` is not one of {', '.join(known)}")
        return value

    def table(self, name: str) -> Members:
        """Return a table within this one."""
        return Members(self.get(name), self.at(name))

    def tables(self, name: str, *, least: int = 0, most: int = 1000) -> tuple[Members, ...]:
        """Return a list of tables.

        One that is missing counts as empty if `least` is 0.
        """
        if least == 0 and not self.has(name):
            return ()
        value = self._list(name, least, most)
        return tuple(Members(item, f"{self.at(name)}[{index}]") for index, item in enumerate(value))

    def names(self) -> tuple[str, ...]:
        """Return the names of all members, sorted, without asking for them."""
        return tuple(sorted(self._value))

    def end(self) -> None:
        """Refuse, with `unknown-key`, members not asked for."""
        unknown = sorted(set(self._value) - self._asked)
        if unknown:
            raise DocumentRefused(f"`{self.at(unknown[0][:80])}` is not known here", code="unknown-key")

    def _list(self, name: str, least: int, most: int) -> list[Any]:
        value = self.get(name)
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise DocumentRefused(f"`{self.at(name)}` is not a list of {least} to {most}")
        return value

    @staticmethod
    def _checked_text(path: str, value: object, most: int, pattern: re.Pattern[str] | None) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= most or not value.strip():
            raise DocumentRefused(f"`{path}` is not a text of 1 to {most} characters")
        if any(
            char in _BIDI or (unicodedata.category(char) == "Cc" and char not in "\n\t") for char in value
        ):
            raise DocumentRefused(f"`{path}` holds control characters")
        if pattern is not None and not pattern.fullmatch(value):
            raise DocumentRefused(f"`{path}` is not of the form `{pattern.pattern}`")
        return value


def hours_in(members: Members) -> Hours:
    """Return the hours of the week in a table."""
    words = members.text("zone"), members.texts("days", most=7), members.text("from"), members.text("until")
    members.end()
    try:
        return parse_hours(*words)
    except InputError as error:
        raise DocumentRefused(f"`{members.path}`: {error}") from error
