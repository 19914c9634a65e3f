"""What was found in what left, by mode: as far as published figures of targeting tell. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from wicketgate.pages.figures import in_steps

_UNSEEN: Final = ("bulk", "unlisted")
"""What is looked for in these the gateway cannot see."""
_CUSTODY: Final = {
    "looked": "rows that people looked at",
    "rows": "rows of answers, which mode search would have released",
    "listed": "of these, which mode match would have released",
}
_QUESTIONS: Final = {
    "answered": "questions answered",
    "refused": "refused",
    "not-approved": "not approved",
}


def found_of(
    mode: str,
    names: Iterable[str],
    views: Iterable[Mapping[str, Any]],
    months: Sequence[Mapping[str, Any]],
    steps: tuple[int, int],
) -> list[str]:
    """Return what is known of what people found in what authorities of a mode let go, in words.

    Hits and their outcomes are told elsewhere.

    Parameters
    ----------
    months : sequence of mapping
        The published figures of targeting.
    steps : (int, int)
        The steps of traffic, in which rows are counted, and of targeting, in which questions are.
    """
    names = set(names)
    rows, questions = (
        list(_sums(names, months, table, words, step))
        for table, words, step in (("custody", _CUSTODY, steps[0]), ("searches", _QUESTIONS, steps[1]))
    )
    if mode == "search":
        return questions
    if mode not in _UNSEEN:
        return []
    # Of a name under which anything left without custody not all is known.
    blind = sorted(
        {
            str(view["name"])
            for view in views
            if view["name"] in names and view["mode"]["id"] in _UNSEEN and not view["item"].get("custody")
        }
    )
    unknown = [f"not known of {', '.join(blind)}: no custody"] if blind else []
    return [*rows, *(questions if rows else []), *unknown]


def _sums(
    names: set[str], months: Sequence[Mapping[str, Any]], table: str, words: Mapping[str, str], step: int
) -> Iterator[str]:
    tables = [kinds for month in months for name, kinds in (month.get(table) or {}).items() if name in names]
    for kind, said in words.items():
        cells = [kinds.get(kind) for kinds in tables]
        if cells:
            yield f"{in_steps(cells, step)} {said}"
