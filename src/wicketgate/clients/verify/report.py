"""The outcome of a verification, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wicketgate.base.shown_text import on_one_line

_FAULTS_SHOWN = 20
_ANOTHER_LOG = (
    "that nobody was shown another log under the same key: compare the checkpoint with what others see, and give "
    "theirs with --seen, or a policy of witnesses whom you trust with --policy"
)
_ALWAYS = (
    "what the HTML pages say: no page was looked at",
    "the software and settings that starts name, and the lists of cameras under their roots",
    "the numbers of reads repeated and quarantined, of images fetched, and of rows that recipients say they passed on: "
    "nothing else that is public bounds them, but that there can have been some",
    "that what the cameras sent was all taken in, and what the facts under the seconds say: the overseer can "
    "open them",
)


def never_checked(*, witnessed: bool) -> tuple[str, ...]:
    """Return what no verification checks; `witnessed` where a policy of the caller's held."""
    return _ALWAYS if witnessed else (_ALWAYS[0], _ANOTHER_LOG, *_ALWAYS[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One check and its outcome.

    Attributes
    ----------
    name : str
        Stable: those of docs/recipient.md.
    ok : bool
        Whether everything agreed.
    words : str
        What was checked and found; for a failure, where it failed first.
    faults : tuple of str
        Each place where it failed, the first 20.
    unreached : bool
        Whether it failed because something could not be reached, and nothing that was seen is wrong.
    """

    name: str
    ok: bool
    words: str
    faults: tuple[str, ...] = ()
    unreached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of `verify_url` or `verify_folder`.

    Attributes
    ----------
    trusted : str
        What everything rests on.
    checked : tuple of Check
        In the order of the checks.
    not_checked : tuple of str
        What was not, and why.
    counts : mapping of str to int
        How much was looked at.
    kept : str
        What was kept for the next look, and where.
    """

    trusted: str
    checked: tuple[Check, ...]
    not_checked: tuple[str, ...]
    counts: Mapping[str, int]
    kept: str = ""

    @property
    def ok(self) -> bool:
        """Whether something was checked and nothing failed."""
        return bool(self.checked) and all(check.ok for check in self.checked)

    @property
    def unreached(self) -> bool:
        """Whether only absence spoilt the verification.

        Nothing that was seen is wrong, and the gateway, or a file, could not be reached for the rest.
        """
        failed = [check for check in self.checked if not check.ok]
        return bool(failed) and all(check.unreached for check in failed)

    def lines(self) -> list[str]:
        """Return the report for people, each line fit for a terminal: much of it is a gateway's own words."""
        lines = [f"Trusted: {self.trusted}"]
        for check in self.checked:
            lines.append(f"{'ok    ' if check.ok else 'FAILED'} {check.name}: {check.words}")
            lines.extend(f"         {fault}" for fault in check.faults[1:])
        lines.extend(f"not checked: {words}" for words in self.not_checked)
        if self.kept:
            lines.append(f"Kept: {self.kept}")
        failed = [check.name for check in self.checked if not check.ok]
        if self.unreached:
            lines.append(
                f"NOT verified: nothing that was seen is wrong, and not all could be reached: {', '.join(failed)}."
            )
        else:
            lines.append(f"Verification FAILED: {', '.join(failed)}." if failed else "Verified.")
        return [on_one_line(line) for line in lines]

    def to_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        return {
            "ok": self.ok,
            "trusted": self.trusted,
            "checked": [
                {"name": check.name, "ok": check.ok, "words": check.words, "faults": list(check.faults)}
                for check in self.checked
            ],
            "not_checked": list(self.not_checked),
            "kept": self.kept,
            "counts": dict(self.counts),
        }


@dataclass(slots=True)
class Findings:
    """The faults of one check, as they are found."""

    name: str
    faults: list[str] = field(default_factory=list)
    total: int = 0
    false: int = 0

    def add(self, fault: str, *, unreached: bool = False) -> None:
        """Note a fault, or with `unreached` that something could not be looked at.

        The first 20 are kept.
        """
        self.total += 1
        self.false += not unreached
        if len(self.faults) < _FAULTS_SHOWN:
            self.faults.append(fault)

    def close(self, words: str) -> Check:
        """Return the check, with `words` if nothing was wrong."""
        if not self.total:
            return Check(name=self.name, ok=True, words=words)
        first = self.faults[0] if self.total == 1 else f"{self.faults[0]} (the first of {self.total} faults)"
        return Check(
            name=self.name, ok=False, words=first, faults=tuple(self.faults), unreached=not self.false
        )
