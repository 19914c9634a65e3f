"""The register as it is shown, against what the log says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from wicketgate.charter import Charter
from wicketgate.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.errors import InputError, WicketgateError
from wicketgate.regime import Named, Parsed, consultation_status, ends, in_force_from, review_due, status
from wicketgate.signing import envelope_mapping, parse_json
from wicketgate.state import State
from wicketgate.verify.entries import EntryFold, Logged, fold
from wicketgate.verify.log import TrustedLog
from wicketgate.verify.report import Findings

MAX_REGISTER_BYTES = 64 * 1024 * 1024
STALE_US = 10 * SECOND_US
"""How old the last second, and the register behind the log, may be."""


class Register:
    """A register as fetched; nothing of it is trusted.

    Raises
    ------
    InputError
        If `data` is not a JSON object with a time, a checkpoint and lists where lists must be.
    """

    def __init__(self, data: bytes) -> None:
        value = parse_json(data)
        if not isinstance(value, dict):
            raise InputError("`/register.json` is not an object")
        self.value: Mapping[str, Any] = value
        self.authorities = self._objects("authorities")
        self.figures = self._objects("figures")
        as_of, checkpoint = value.get("as_of"), value.get("checkpoint")
        if not isinstance(as_of, str) or not isinstance(checkpoint, str):
            raise InputError("`/register.json` has no `as_of` or no `checkpoint`")
        self.as_of_us = parse_rfc3339(as_of)
        self.checkpoint = checkpoint.encode("utf-8", "surrogatepass")

    def _objects(self, name: str) -> list[Mapping[str, Any]]:
        items = self.value.get(name)
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise InputError(f"`{name}` of `/register.json` is not a list of objects")
        return items

    @property
    def reach(self) -> int:
        """How many entries the log must have at least, for the register to be of it."""
        entries = [item.get("entry") for item in (*self.authorities, *self.figures)]
        entries.extend(
            act.get("entry")
            for item in self.authorities
            for act in _list(item.get("acts"))
            if isinstance(act, dict)
        )
        return 1 + max((entry for entry in entries if isinstance(entry, int)), default=-1)


def check_register(
    register: Register, entries: EntryFold, log: TrustedLog, charter: Charter, vkey: str
) -> Findings:
    """Compare a register with the entries of an audited log that covers it.

    Parameters
    ----------
    entries : EntryFold
        Every entry up to the log's checkpoint.
    """
    found = Findings("register")
    shown_size = 0
    try:
        shown_size = log.accept(register.checkpoint).size
    except WicketgateError as error:
        found.add(f"`checkpoint`: {error.detail}")
    reach = max(shown_size, register.reach)
    if reach > entries.entries:
        found.add(f"it speaks of entry {reach - 1}, and the log has {entries.entries}")
    for name, shown, logged in (
        ("origin", register.value.get("origin"), charter.origin),
        ("demonstration", register.value.get("demonstration"), charter.demonstration),
        ("log_key", str(register.value.get("log_key")).strip(), vkey),
        ("small_cells", register.value.get("small_cells"), charter.limits.small_cells),
    ):
        if shown != logged:
            found.add(f"`{name}` is not what the log says")
    for logged_document in entries.documents:
        late_us = register.as_of_us - logged_document.at_us
        if logged_document.entry >= reach and late_us > STALE_US:
            found.add(f"it does not know of entry {logged_document.entry}, {late_us // SECOND_US} s after it")
    state = fold(one for one in entries.documents if one.entry < reach)
    by_entry = {one.entry: one for one in entries.documents}
    for fault in _compare_regime(register, state, entries.parsed, by_entry):
        found.add(fault)
    for fault in _compare_authorities(register, state, entries, by_entry):
        found.add(fault)
    for fault in _compare_figures(register, entries, reach):
        found.add(fault)
    return found


def _compare_regime(
    register: Register, state: State, parsed: Parsed, by_entry: Mapping[int, Logged]
) -> Iterator[str]:
    """Compare the charters and consultations."""
    found = Findings("register")
    charters = state.regime.charters
    shown = _list(register.value.get("charters"))
    if len(shown) != len(charters):
        yield f"{len(shown)} charters are shown, and the log has {len(charters)}"
    for item, taken in zip(shown, charters, strict=False):
        _check_signed(found, "a charter", item, by_entry[taken.entry])
        if isinstance(item, dict) and _differ(item.get("wider"), list(taken.admitted.wider)):
            yield f"the charter of entry {taken.entry} is shown as widening something else"
    if charters:
        _check_signed(found, "charter", register.value.get("charter"), by_entry[charters[-1].entry])
    consultations = {
        str(item.get("id")): item
        for item in _list(register.value.get("consultations"))
        if isinstance(item, dict)
    }
    for id_, consultation in state.regime.consultations.items():
        known = consultations.pop(id_, None)
        if known is None:
            yield f"the consultation `{id_}` of entry {consultation.entry} is not shown"
            continue
        _check_signed(found, f"`{id_}`", known, by_entry[consultation.entry])
        decision = consultation.decision
        expected = {
            "status": consultation_status(consultation, register.as_of_us),
            "opens_at": rfc3339(consultation.opens_us),
            "closes_at": rfc3339(consultation.closes_us),
            "wider": consultation.wider,
        }
        for member, value in expected.items():
            if _differ(known.get(member), value):
                yield f"`{id_}`: `{member}` is not shown as it follows from the log"
        objections = _list(known.get("objections"))
        if len(objections) != len(consultation.objections):
            yield f"`{id_}`: {len(objections)} objections are shown, and the log has {len(consultation.objections)}"
        for item, objection in zip(objections, consultation.objections, strict=False):
            _check_signed(found, f"an objection to `{id_}`", item, by_entry[objection.entry])
        if (known.get("decision") is None) != (decision is None):
            yield f"`{id_}`: its decision is shown otherwise than it was logged"
        elif decision is not None:
            _check_signed(found, f"the decision on `{id_}`", known.get("decision"), by_entry[decision.entry])
    for id_ in consultations:
        yield f"the consultation `{id_[:64]}` is shown, and the log has none such"
    yield from found.faults


def _check_signed(found: Findings, where: str, shown: object, logged: Logged) -> None:
    if not isinstance(shown, dict):
        found.add(f"`{where}` is missing")
        return
    for name, value in (
        ("document", dict(logged.document.payload)),
        ("signatures", envelope_mapping(logged.document.envelope)["signatures"]),
        ("entry", logged.entry),
    ):
        if _differ(shown.get(name), value):
            found.add(f"`{name}` of {where} is not that of entry {logged.entry}")


def _differ(one: object, other: object) -> bool:
    """Compare JSON values by their texts: in Python 1 is 1.0 and true."""
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


def _compare_authorities(
    register: Register, state: State, entries: EntryFold, by_entry: Mapping[int, Logged]
) -> Iterator[str]:
    shown: dict[str, Mapping[str, Any]] = {}
    for item in register.authorities:
        reference = f"{item.get('name')}@{item.get('version')}"
        if reference in shown:
            yield f"`{reference}` stands twice"
        shown[reference] = item
    for name, named in state.authorities.items():
        acts: list[object] = []
        for number in range(len(named.versions)):
            known = shown.pop(f"{name}@{number + 1}", None)
            if known is None:
                yield f"`{name}@{number + 1}` of entry {named.versions[number].entry} is not shown"
                continue
            yield from _compare_version(known, name, named, number, register.as_of_us, entries, by_entry)
            acts.extend(_list(known.get("acts")))
        yield from _compare_acts(name, acts, named, by_entry)
    for reference in shown:
        yield f"`{reference[:100]}` is shown, and the log has no such authority"


def _compare_version(
    shown: Mapping[str, Any],
    name: str,
    named: Named,
    number: int,
    as_of_us: int,
    entries: EntryFold,
    by_entry: Mapping[int, Logged],
) -> Iterator[str]:
    where = f"`{name}@{number + 1}`"
    version = named.versions[number]
    authority = entries.parsed.authority(version)
    found = Findings("register")
    _check_signed(found, where, shown, by_entry[version.entry])
    yield from found.faults
    due_us = review_due(version, authority)
    until = [ends(version, authority)[0]]
    until.extend(in_force_from(one, entries.parsed.authority(one)) for one in named.versions[number + 1 :])
    if version.revoked_us is not None:
        until.append(version.revoked_us)
    consulted = shown.get("consulted")
    if not isinstance(consulted, dict) or _differ(
        [consulted.get("need"), consulted.get("wider"), consulted.get("by")],
        [version.need, version.wider, version.by],
    ):
        yield f"{where}: what it widens, and what consultation covers it, is not shown as it follows from the log"
    expected = {
        "status": status(named, number, entries.parsed, as_of_us),
        "mode": authority.mode,
        "committed_at": rfc3339(version.committed_us),
        "in_force_from": rfc3339(in_force_from(version, authority)),
        "in_force_until": rfc3339(min(until)),
        "review_due": None if due_us is None else rfc3339(due_us),
    }
    for member, value in expected.items():
        if shown.get(member) != value:
            said = str(shown.get(member))[:40]
            yield f"{where}: `{member}` is shown as `{said}`, and by the log it is `{value}`"


def _compare_acts(
    name: str, shown: list[object], named: Named, by_entry: Mapping[int, Logged]
) -> Iterator[str]:
    logged = {act.entry: act for act in named.acts}
    seen = set()
    for item in shown:
        entry = item.get("entry") if isinstance(item, dict) else None
        act = logged.get(entry) if isinstance(entry, int) else None
        if act is None or not isinstance(item, dict):
            yield f"`{name}`: an act is shown that the log has not"
            continue
        seen.add(act.entry)
        body = by_entry[act.entry].document.payload[act.kind]
        if item.get("kind") != act.kind or item.get("at") != rfc3339(act.at_us):
            yield f"`{name}`: the act of entry {act.entry} is shown otherwise than it was logged"
        if "reason" in body and item.get("reason") != body["reason"]:
            yield f"`{name}`: the act of entry {act.entry} is shown with another reason"
    for entry in logged.keys() - seen:
        yield f"`{name}`: the {logged[entry].kind} of entry {entry} is not shown"


def _compare_figures(register: Register, entries: EntryFold, reach: int) -> Iterator[str]:
    logged = {index: body for index, body in entries.figures if index < reach}
    for item in register.figures:
        entry = item.get("entry")
        body = logged.pop(entry, None) if isinstance(entry, int) else None
        if body is None:
            yield f"figures from {str(item.get('from'))[:40]} are shown, and the log has none at their entry"
            continue
        if _differ(
            {key: value for key, value in item.items() if key != "entry"} | {"kind": "figures"}, dict(body)
        ):
            yield f"the figures of entry {entry} are shown otherwise than they were logged"
    for entry in logged:
        yield f"the figures of entry {entry} are not shown"


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
