"""Parameters of the API's paths and queries.

There is one definition of each for the handlers and for the description.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from starlette.requests import Request

from wicketgate.base.errors import InputError

_MOST_DIGITS = 16
_UNBOUNDED = 1 << 53
_SECONDS = re.compile(r"\d{1,4}(\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A parameter read by its handler itself."""

    name: str
    words: str
    place: Literal["path", "query", "header"] = "path"
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})

    @property
    def required(self) -> bool:
        """Return whether the parameter must be there."""
        return self.place == "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A whole number of the query.

    Attributes
    ----------
    default : int or None
        What it is where it is left out; None where it must be there.
    most : int
        More is read as this.
    """

    place: ClassVar[Literal["query"]] = "query"
    name: str
    meaning: str
    default: int | None
    least: int = 0
    most: int = _UNBOUNDED

    @property
    def required(self) -> bool:
        """Return whether the number must be there."""
        return self.default is None

    @property
    def words(self) -> str:
        """The description's words for the number."""
        return self.meaning + (f" More is read as {self.most:,}." if self.most < _UNBOUNDED else "")

    @property
    def schema(self) -> Mapping[str, Any]:
        """The schema of the values to be sent."""
        bounds = {"type": "integer", "minimum": self.least, "maximum": 10**_MOST_DIGITS - 1}
        return bounds if self.default is None else {**bounds, "default": self.default}

    def read(self, request: Request) -> int:
        """Return the number of a request.

        InputError if it is none, or missing without a default.
        """
        text = request.query_params.get(self.name)
        if text is None:
            if self.default is None:
                raise InputError(f"`{self.name}` is missing")
            return self.default
        return self.parse(text, self.name)

    def parse(self, text: str, name: str) -> int:
        """Parse a number from a text.

        InputError, which names where it stood, if it is none.
        """
        digits = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
        if not (digits and int(text) >= self.least):
            raise InputError(f"`{name}` must be a whole number of at least {self.least}")
        return min(int(text), self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """A number of seconds of the query.

    It is 0 where there is none. More than `most` is read as that.
    """

    place: ClassVar[Literal["query"]] = "query"
    required: ClassVar[bool] = False
    name: str
    meaning: str
    most: float

    @property
    def words(self) -> str:
        """The description's words for the seconds."""
        return f"{self.meaning} More is read as {self.most:g}."

    @property
    def schema(self) -> Mapping[str, Any]:
        """The schema of the values to be sent."""
        return {"type": "number", "minimum": 0, "exclusiveMaximum": 10_000, "default": 0}

    def read(self, request: Request) -> float:
        """Return the seconds of a request.

        InputError for anything else.
        """
        text = request.query_params.get(self.name, "0")
        if not _SECONDS.fullmatch(text):
            raise InputError(f"`{self.name}` must be a number of seconds")
        return min(float(text), self.most)


AFTER = Number(name="after", meaning="Begin behind this number; they count from 1.", default=0)
AFTER_BATCH = Number(name="after", meaning="Begin behind this batch.", default=0)
AFTER_ROW = Number(name="after", meaning="Begin behind this row, by its `seq`.", default=0)
ROWS = Number(name="limit", meaning="At most so many rows.", default=1_000, least=1, most=10_000)
BATCH = Number(name="batch", meaning="The batch.", default=None, least=1)
BATCHES = Number(name="limit", meaning="At most so many batches.", default=100, least=1, most=10_000)
LINES = Number(name="limit", meaning="At most so many.", default=100, least=1, most=1_000)
QUARANTINED = Number(name="limit", meaning="At most so many lines.", default=100, most=1_000)
PAGE_OF_RESPONSES = Number(name="page", meaning="Which fifty responses.", default=1, least=1)
WAIT = Seconds(
    name="wait", meaning="Hold the request for so many seconds until there is something.", most=60.0
)
