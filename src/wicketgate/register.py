"""The register: what anybody may see of the state, as `/register.json`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from wicketgate.authority import Authority, describe
from wicketgate.charter import Charter
from wicketgate.clock import rfc3339
from wicketgate.documents import Review, open_document, parse_act
from wicketgate.signing import canonical, parse_json
from wicketgate.standing import in_scope
from wicketgate.state import (
    ActTaken,
    Named,
    Parsed,
    State,
    Version,
    in_force_from,
    review_due,
    status,
)


def build_register(
    state: State, parsed: Parsed, *, checkpoint: bytes, log_key: str, as_of_us: int
) -> dict[str, Any]:
    """Return the register of a state, at a moment.

    Parameters
    ----------
    checkpoint : bytes
        The log's latest; it covers every entry named here (the caller sees to it).

    Notes
    -----
    O(authorities x cameras). Counts come from closed periods alone, so nothing here moves with the traffic.
    """
    charter = parsed.charter(state)
    return {
        "origin": charter.origin,
        "demonstration": charter.demonstration,
        "as_of": rfc3339(as_of_us),
        "log_key": log_key,
        "checkpoint": checkpoint.decode(),
        "charter": {
            "document": _plain(charter.document),
            "entry": state.charter_entry,
            "signatures": _signatures(state.charter_envelope),
        },
        "authorities": [
            _version(state, named, number, parsed, charter, as_of_us)
            for _, named in sorted(state.authorities.items())
            for number in range(len(named.versions))
        ],
        "consultations": [],
        "figures": [{**period.figures, "entry": period.entry} for period in state.periods],
        "small_cells": charter.limits.small_cells,
    }


def _version(
    state: State, named: Named, number: int, parsed: Parsed, charter: Charter, as_of_us: int
) -> dict[str, Any]:
    version = named.versions[number]
    authority = parsed.authority(version)
    due_us = review_due(version, authority)
    return {
        "name": authority.name,
        "version": authority.version,
        "status": status(named, number, parsed, as_of_us),
        "mode": authority.mode,
        "document": _plain(authority.document),
        "signatures": _signatures(version.envelope),
        "entry": version.entry,
        "committed_at": rfc3339(version.committed_us),
        "in_force_from": rfc3339(in_force_from(version, authority)),
        "in_force_until": rfc3339(_until(named, number, parsed)),
        "review_due": None if due_us is None else rfc3339(due_us),
        "cameras": int(
            np.count_nonzero(
                in_scope(state, authority) & np.array([c.active for c in state.cameras], np.bool_)
            )
        ),
        "acts": [_act(taken) for taken in named.acts if _concerns(taken, version, authority)],
        "words": describe(authority, charter),
    }


def _until(named: Named, number: int, parsed: Parsed) -> int:
    version = named.versions[number]
    authority = parsed.authority(version)
    due_us = review_due(version, authority)
    ends = [authority.valid_until_us]
    ends.extend(in_force_from(later, parsed.authority(later)) for later in named.versions[number + 1 :])
    if version.revoked_us is not None:
        ends.append(version.revoked_us)
    if due_us is not None:
        ends.append(due_us)
    return min(ends)


def _concerns(taken: ActTaken, version: Version, authority: Authority) -> bool:
    """Say whether an act is about this version: a review names one, a revocation ends those there were."""
    if taken.kind == "review":
        act = parse_act(taken.kind, open_document(taken.envelope).payload)
        return isinstance(act, Review) and act.version == authority.version
    return taken.kind != "revocation" or version.committed_us <= taken.at_us


def _act(taken: ActTaken) -> dict[str, Any]:
    document = open_document(taken.envelope).payload
    act = parse_act(taken.kind, document)
    return {
        "kind": taken.kind,
        "id": act.id,
        "at": rfc3339(taken.at_us),
        "entry": taken.entry,
        "reason": getattr(act, "reason", None) or getattr(act, "findings", ""),
        "document": _plain(document),
        "signatures": _signatures(taken.envelope),
    }


def _plain(document: Mapping[str, Any]) -> Any:
    # The values are read-only views, which neither JSON nor the pages' templates take everywhere.
    return parse_json(canonical(dict(document)))


def _signatures(envelope: bytes) -> list[Mapping[str, str]]:
    signatures: list[Mapping[str, str]] = parse_json(envelope)["signatures"]
    return signatures


def dump_register(register: Mapping[str, Any]) -> bytes:
    """Return the register as JSON."""
    return msgspec.json.encode(register)
