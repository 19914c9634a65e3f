"""What a source is told of its cameras, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from wicketgate.commits.cameras import Camera
from wicketgate.regime.standing import Status

Hearing = Literal["heard", "silent", "never"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHeard:
    """A camera, its number in the register, and whether it was heard lately."""

    number: int
    camera: Camera
    hearing: Hearing


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraHealth:
    """How one camera is.

    Attributes
    ----------
    number : int
        In the register of cameras.
    heard_us : int
        When a read of it was taken last; 0 where none ever was.
    lag_us : int or None
        The least time from a capture to its taking, lately: below zero its clock is ahead. None where no read came.
    refused : mapping
        Reads that could not be taken, by the code why, ever since.
    under : tuple of str
        The authorities over it, as `name@version`.
    """

    number: int
    camera: Camera
    hearing: Hearing
    heard_us: int
    lag_us: int | None
    accepted: int
    repeated: int
    refused: Mapping[str, int]
    under: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityOver:
    """An authority over cameras of a source: who gets what.

    Attributes
    ----------
    recipient, unit : str
        Their names.
    cameras : int
        How many of the source's active cameras are in its scope.
    """

    name: str
    version: int
    title: str
    recipient: str
    unit: str
    mode: str
    fields: tuple[str, ...]
    status: Status
    cameras: int

    @property
    def reference(self) -> str:
        """Its name and version."""
        return f"{self.name}@{self.version}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedPeriod:
    """How hits on a source's reads were judged in a published period: at least so many vehicles.

    None stands for none and for few.
    """

    from_us: int
    until_us: int
    kinds: Mapping[str, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadInMonth:
    """What left in bulk under an authority in a month, and how many images of it were fetched, as published."""

    month: str
    name: str
    released: int
    fetched: int
    hidden: bool
