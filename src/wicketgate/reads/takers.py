"""The takers of checked reads, and their answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.reads.checks import Checked

LINGER_S: Final = 0.004
"""For how long reads wait for others, with which they become one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAnswer:
    """The fate of a post: sent = accepted + repeated + quarantined + held.

    `again` are the reads of it that are repeats, by their number in the post. `images` are those that were put into
    quarantine, by theirs; they do not count as reads.
    """

    accepted: int
    repeated: int
    quarantined: tuple[tuple[int, str, str], ...]
    held: int = 0
    images: tuple[tuple[int, str, str], ...] = ()
    again: tuple[int, ...] = ()


class ReadTaker(Protocol):
    """Whatever takes checked reads: an intake, or a front's way to one."""

    async def take(
        self,
        checked: Checked,
        source: str,
        *,
        images: Sequence[tuple[int, QuarantinedRead]] = (),
        have_waited: bool = False,
    ) -> PostAnswer:
        """Store checked reads, as `Intake.take` does."""
        ...
