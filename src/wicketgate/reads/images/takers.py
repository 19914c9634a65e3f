"""The takers of images, their words, and the marks of reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import msgspec

from wicketgate.reads.checks import Checked
from wicketgate.reads.observations import ImageKind
from wicketgate.reads.takers import PostAnswer

Bodies: TypeAlias = Mapping[ImageKind, tuple[int, bytes]]
"""The images that belong to one read with certainty, and their numbers in the post."""


@dataclass(frozen=True, slots=True)
class Joined:
    """The fate of an image behind its read.

    `code` is empty where the read has it now.
    """

    code: Literal["", "image-unbound", "image-conflict", "image-unreadable"]
    detail: str
    sha256: str
    repeated: bool = False


class ImageTaker(Protocol):
    """Whatever takes reads with their images: the joiner, or a front's way to it."""

    async def take(
        self,
        checked: Checked,
        source: str,
        bodies: Mapping[int, Bodies],
        left: Sequence[tuple[int, bytes]] = (),
    ) -> PostAnswer:
        """Store checked reads with their images, as `Joining.take` does."""
        ...

    async def follow(self, source: str, given: str, kind: ImageKind, body: bytes) -> Joined:
        """Take an image behind its read, as `Joining.follow` does."""
        ...


def marks_text(marks: tuple[str, ...]) -> str | None:
    """Return marks in a column's form.

    None where there are none.
    """
    return msgspec.json.encode(sorted(set(marks))).decode() if marks else None


def with_mark(text: str | None, mark: str) -> str:
    """Return a column's marks with one more."""
    marks = [] if text is None else msgspec.json.decode(text, type=list[str])
    return marks_text((*marks, mark)) or ""
