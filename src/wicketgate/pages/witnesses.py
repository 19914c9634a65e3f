"""What the page on witnesses says, of the register and of what the gateway heard. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from wicketgate.pages.phrases import sentence_case

_MODES: Final[Mapping[str, str]] = {
    "bulk": "Bulk releases",
    "search": "Answers to questions about the past",
    "match": "Matches against lists",
}


def said_of_witnesses(register: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows.

    Parameters
    ----------
    seen : mapping
        `ledger.witnessed.WitnessingSeen`, as JSON.
    """
    known = register.get("witnessing") or {}
    after = known.get("after_s") or {}
    stopped = set(seen["stopped"])
    size = seen["size"]
    return {
        "seen": seen,
        "standing": _standing(seen),
        "refusals": [
            {**one, "note": _signed(one["note"]), "other": _signed(one["other"])} for one in seen["refusals"]
        ],
        "witnesses": [
            {
                **one,
                "lag": max(0, size - one["size"]) if one["size"] else None,
                "state": _state(one),
                "said": sentence_case(one["said"]),
            }
            for one in seen["witnesses"]
        ],
        "modes": [
            {"what": words, "after": _seconds(after[mode]), "stopped": mode in stopped}
            for mode, words in _MODES.items()
            if mode in after
        ],
        "told": [
            {
                **one,
                "words": ", ".join(_MODES[mode].lower() for mode in one["stopped"] if mode in _MODES)
                or "nothing: all of it went on",
            }
            for one in reversed(known.get("told") or ())
        ],
        "keys": register.get("witnesses") or [],
    }


def _signed(note: str) -> str:
    """Return a checkpoint with its first signature, which is the log's own: cosignatures take pages."""
    text, blank, lines = note.partition("\n\n")
    return f"{text}{blank}{lines.partition(chr(10))[0]}" if blank else note


def _standing(seen: Mapping[str, Any]) -> tuple[str, str]:
    """Return how the log stands with its witnesses: a tag and its colour."""
    if seen["stopped"]:
        return "Too few cosign", "red"
    if not seen["cosigned"]:
        return "Nothing cosigned yet", "yellow"
    if seen["behind"] > 30:
        return "Behind", "yellow"
    return "Cosigned", "green"


def _state(one: Mapping[str, Any]) -> tuple[str, str]:
    if one["is_well"]:
        return "Cosigns", "green"
    if one["heard"] is None:
        return "Not heard yet", "grey"
    return ("Says that the log forked", "red") if one["refusals"] else ("Does not cosign", "orange")


def _seconds(seconds: int) -> str:
    """Return a number of seconds in the largest unit that it is a whole number of."""
    for unit, of in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % of == 0:
            number = seconds // of
            return f"{number} {unit}{'' if number == 1 else 's'}"
    raise AssertionError
