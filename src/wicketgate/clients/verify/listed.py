"""Bound the cameras of a scope by the lists that sources registered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from wicketgate.clients.verify.logged import is_count
from wicketgate.regime.documents.authority import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class CamerasListed:
    """The registered cameras of a source as an entry counts them, in all and by group.

    `root` is the leaf hash of the fact that holds the list.
    """

    entry: int
    source: str
    count: int
    groups: Mapping[str, int]
    root: str


def cameras_in(scope: Scope, listed: Iterable[CamerasListed]) -> tuple[int, int]:
    """Return how many cameras are in a scope, at least and at most, by the last list of each source.

    Areas and who is in two groups are not in the log.
    """
    lists = {one.source: one for one in listed if one.source in scope.sources}
    least = most = 0
    for one in lists.values():
        named = [one.groups.get(group, 0) for group in set(scope.groups)]
        most += min(sum(named), one.count) if scope.groups else one.count
        least += max(named) if scope.groups else one.count
    return (0 if scope.area is not None else least), most


def cameras_fault(
    shown: Mapping[str, Any], scope: Scope, cap: int | None, listed: Iterable[CamerasListed]
) -> str:
    """Return what is wrong with the numbers of cameras that a register shows of an authority; empty if nothing is.

    Parameters
    ----------
    cap : int, optional
        The most that it may use: cameras are withheld beyond it, and not before.
    """
    used, withheld = shown.get("cameras"), shown.get("cameras_withheld")
    least, most = cameras_in(scope, listed)
    if is_count(used) and is_count(withheld) and least <= used + withheld <= most:
        if cap is None and not withheld:
            return ""
        if cap is not None and used <= cap and (used == cap or not withheld):
            return ""
    return (
        f"{str(used)[:40]} `cameras` are shown and {str(withheld)[:40]} withheld, where by the log {least} to {most} "
        "are in its scope"
    )
