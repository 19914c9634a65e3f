"""Attempts at a passphrase: each wrong one makes the next wait longer. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST_S = 64.0


@dataclass(slots=True)
class Attempts:
    """The wrong attempts since the last good one.

    Whoever has the file can guess elsewhere, at half a second and 16 MiB a guess. This is for whoever has the page.
    """

    wrong: int = 0
    _not_before: float = 0.0

    def wait_s(self, now: float) -> float:
        """Return for how long no attempt is looked at, seconds on the clock of `now`."""
        return max(0.0, self._not_before - now)

    def note(self, now: float, *, good: bool) -> None:
        """Note how an attempt ended."""
        self.wrong = 0 if good else self.wrong + 1
        self._not_before = now + min(2.0**self.wrong, _LONGEST_S) if self.wrong else 0.0
