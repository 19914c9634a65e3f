"""A member of a shown register, compared with what the log says of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from typing import Any

from wicketgate.base.signing import envelope_mapping
from wicketgate.clients.verify.logged import Logged
from wicketgate.clients.verify.report import Findings

_SIGNED = frozenset({"document", "signatures", "entry"})


def check_shown(
    found: Findings,
    where: str,
    shown: object,
    logged: Logged,
    expected: Mapping[str, object],
    others: Set[str] = frozenset(),
) -> None:
    """Compare a shown document with the log.

    It must be as the document, and as what follows from it and the log.

    Parameters
    ----------
    others : set of str
        Further members that it may have, which are compared elsewhere or cannot be.
    """
    _check_signed(found, where, shown, logged)
    if isinstance(shown, dict):
        _check_members(found, where, shown, expected)
        refuse_unknown(found, f"{where}: ", shown, expected.keys() | _SIGNED | others)


def refuse_unknown(found: Findings, where: str, shown: Mapping[str, Any], known: Set[str]) -> None:
    """Refuse members that no gateway shows in this form: nothing says what they mean, and nobody could check them."""
    for member in sorted(shown.keys() - known):
        found.add(f"{where}`{member[:40]}` is a member that the register has not in this form")


def _check_members(
    found: Findings, where: str, shown: Mapping[str, Any], expected: Mapping[str, object]
) -> None:
    for member, value in expected.items():
        if not differ(shown.get(member), value):
            continue
        if isinstance(value, list | dict):
            found.add(f"{where}: `{member}` is not shown as it follows from the log")
        else:
            said = str(shown.get(member))[:40]
            found.add(f"{where}: `{member}` is shown as `{said}`, and by the log it is `{str(value)[:40]}`")


def _check_signed(found: Findings, where: str, shown: object, logged: Logged) -> None:
    if not isinstance(shown, dict):
        found.add(f"{where} is missing")
        return
    for name, value in (
        ("document", dict(logged.document.payload)),
        ("signatures", envelope_mapping(logged.document.envelope)["signatures"]),
        ("entry", logged.entry),
    ):
        if differ(shown.get(name), value):
            found.add(f"`{name}` of {where} is not that of entry {logged.entry}")


def differ(one: object, other: object) -> bool:
    """Compare JSON values by their texts.

    In Python 1 is 1.0 and true.
    """
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


def listed(value: object) -> list[object]:
    """Return what is shown where a list must be; empty where there is none."""
    return value if isinstance(value, list) else []


def demand_list(found: Findings, where: str, value: object) -> None:
    """Refuse what is no list, an empty one of another kind or nothing at all too."""
    if not isinstance(value, list):
        found.add(f"{where} is not a list")
