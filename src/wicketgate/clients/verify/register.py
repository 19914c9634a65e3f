"""A shown register, compared with the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError, Unreachable, WicketgateError
from wicketgate.base.forms import FIRST, is_form, newer_form
from wicketgate.base.signing import parse_json
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.listed import CamerasListed, cameras_fault
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.logged import Logged, fold, is_count
from wicketgate.clients.verify.months import compare_months
from wicketgate.clients.verify.priced import compare_schemes
from wicketgate.clients.verify.report import Findings
from wicketgate.clients.verify.shown import check_shown, demand_list, differ, listed, refuse_unknown
from wicketgate.clients.verify.witnessed import compare_witnesses
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.acts import ENDING
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.authority_words import is_in_custody
from wicketgate.regime.documents.consultations import parse_decision, parse_objection
from wicketgate.regime.documents.document import describe_document
from wicketgate.regime.documents.fields import as_03_worded
from wicketgate.regime.documents.people import People
from wicketgate.regime.documents.scheme_terms import Scheme
from wicketgate.regime.documents.waiver import Waiver
from wicketgate.regime.fold import ActTaken, ConsultationTaken, Named, Version
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.publishing import REGISTER_FORM, least_traffic, step_of
from wicketgate.regime.stance import stance_of
from wicketgate.regime.standing import consultation_status, in_force_from, review_due

MAX_REGISTER_BYTES = 64 * 1024 * 1024
STALE_US = 10 * SECOND_US
"""How old the last second, and the register behind the log, may be."""
_BY_MONTH = 3
"""The form from which on closed months are shown by `months`; the second shows all figures."""
_SINCE_03 = frozenset(
    {"form", "least_traffic", "months", "people", "schemes", "step", "targeting", "waivers"}
    | {"witnesses", "witnessing"}
)
"""Members of the register that version 0.3 did not show; nor did it show `stance` and `custody` of an authority."""
_REGISTER = _SINCE_03 | {
    *("origin", "demonstration", "as_of", "log_key", "checkpoint", "charter", "charters", "authorities"),
    *("consultations", "figures", "small_cells"),
}
_REASONS = {"review": "findings", "challenge": "claim"}
"""What the register shows as the reason of an act, where it has another name in the document."""


class Register:
    """A fetched register, not trusted.

    Raises
    ------
    InputError
        If `data` is not a JSON object with a time, a checkpoint and lists where lists must be, or of a later form.
    """

    def __init__(self, data: bytes) -> None:
        value = parse_json(data)
        if not isinstance(value, dict):
            raise InputError("`/register.json` is not an object")
        form = value.get("form", FIRST)
        if not is_form(form):
            raise InputError("`form` of `/register.json` is no number of a form")
        if form > REGISTER_FORM:
            raise InputError(newer_form("`/register.json`", form, REGISTER_FORM))
        self.value: Mapping[str, Any] = value
        self.by_month = form >= _BY_MONTH
        self.authorities = self._objects("authorities")
        self.figures = self._objects("figures")
        self.targeting = self._objects("targeting") if "targeting" in self.value else []
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
    def as_of_03(self) -> bool:
        """Whether it has no member that came after version 0.3. Whoever shows it can leave them out."""
        return self.value.keys().isdisjoint(_SINCE_03)

    @property
    def reach(self) -> int:
        """The least size of the log for the register to be of it."""
        items = [*self.authorities, *self.figures, *self.targeting]
        for name in ("charters", "consultations", "people", "schemes", "waivers"):
            items.extend(_objects(self.value.get(name)))
        for item in tuple(items):
            for name in ("acts", "standings", "objections"):
                items.extend(_objects(item.get(name)))
            items.extend(_objects([item.get("decision")]))
        if isinstance(witnessing := self.value.get("witnessing"), dict):
            items.extend(_objects(witnessing.get("told")))
        entries = [item.get("entry") for item in items]
        entries += [month.get("last_entry") for month in _objects(self.value.get("months"))]
        return 1 + max((entry for entry in entries if isinstance(entry, int)), default=-1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The log's own account, as far as a register is of it.

    Attributes
    ----------
    moment : RegimeAt
        The regime of those entries, at the register's time.
    charter : Charter
        The one in force.
    listed : sequence of CamerasListed
        The lists of cameras so far, in order.
    of_03 : bool
        Whether the register is one of version 0.3, whose words and members are expected. The log decides it.
    """

    moment: RegimeAt
    charter: Charter
    listed: Sequence[CamerasListed]
    by_entry: Mapping[int, Logged]
    of_03: bool

    def words(self, value: Authority | Charter | People | Scheme | Waiver) -> list[str]:
        """Return what is to be shown of a document in words."""
        lines = describe_document(value, self.charter)
        return [as_03_worded(line) for line in lines] if self.of_03 else lines


def check_register(
    register: Register, entries: EntryFold, log: TrustedLog, charter: Charter, vkey: str
) -> Findings:
    """Compare a register with an audited log.

    The log must cover it.

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
        found.add(f"`checkpoint`: {error.detail}", unreached=isinstance(error, Unreachable))
    reach = max(shown_size, register.reach)
    if reach > entries.entries:
        found.add(f"it speaks of entry {reach - 1}, and the log has {entries.entries}")
    said = _said(entries, charter, reach, register)
    if register.as_of_03 and not said.of_03:
        found.add(
            f"it is of the form that version 0.3 showed, and the log is of a later one from entry {entries.since_04} on"
        )
    form = REGISTER_FORM if "months" in register.value else _BY_MONTH - 1
    if not said.of_03 and not register.as_of_03 and differ(register.value.get("form"), form):
        found.add(f"`form` is not {form}, which has the members that it has")
    refuse_unknown(found, "", register.value, _REGISTER)
    for name, shown, logged in (
        ("origin", register.value.get("origin"), said.charter.origin),
        ("demonstration", register.value.get("demonstration"), said.charter.demonstration),
        ("log_key", str(register.value.get("log_key")).strip(), vkey),
        ("small_cells", register.value.get("small_cells"), said.charter.limits.small_cells),
    ):
        if differ(shown, logged):
            found.add(f"`{name}` is not what the log says")
    for name, logged in (("least_traffic", least_traffic(said.charter)), ("step", step_of(said.charter))):
        if not said.of_03 and differ(register.value.get(name), logged):
            found.add(f"`{name}` is not what the charter comes to")
    behind = {one.entry: one.at_us for one in entries.documents if one.entry >= reach}
    for told in entries.regime.told.values():
        behind |= {one.entry: one.at_us for one in told if one.entry >= reach}
    behind |= {one.entry: one.at_us for one in entries.regime.witnessing if one.entry >= reach}
    for entry, at_us in sorted(behind.items()):
        late_us = register.as_of_us - at_us
        if late_us > STALE_US:
            found.add(f"it does not know of entry {entry}, {late_us // SECOND_US} s after it")
    _compare_lists(found, register, said)
    _compare_charters(found, register, said)
    _compare_consultations(found, register, said)
    _compare_authorities(found, register, said)
    _compare_people(found, register, said)
    compare_schemes(found, register.value, said)
    if not said.of_03:
        compare_witnesses(found, register.value, said.moment)
    for fault in _compare_figures(register, entries, reach):
        found.add(fault)
    if register.by_month:
        for fault in compare_months(register.value.get("months"), entries.months.closed(reach)):
            found.add(fault)
    _compare_order(found, register, said)
    return found


def _said(entries: EntryFold, charter: Charter, reach: int, register: Register) -> _Said:
    """Return the account of the first `reach` entries.

    `charter` stands in where there is none among them.
    """
    regime = fold(one for one in entries.documents if one.entry < reach)
    for about, told in entries.regime.told.items():
        regime.told[about] = [one for one in told if one.entry < reach]
    regime.witnessing = [one for one in entries.regime.witnessing if one.entry < reach]
    return _Said(
        moment=RegimeAt(regime, entries.parsed, register.as_of_us),
        charter=entries.parsed.charter(regime) if regime.charters else charter,
        listed=[one for one in entries.listed if one.entry < reach],
        by_entry={one.entry: one for one in entries.documents},
        of_03=register.as_of_03 and _may_be_of_03(register, entries, reach),
    )


def _may_be_of_03(register: Register, entries: EntryFold, reach: int) -> bool:
    """Return whether a gateway of version 0.3 can have shown it: the log was of 0.3 then, or just before."""
    since = entries.since_04
    return since is None or (since >= reach and register.as_of_us <= entries.since_04_us + STALE_US)


def _compare_lists(found: Findings, register: Register, said: _Said) -> None:
    """Refuse what is no list where a list must be."""
    for name in ("charters", "consultations", "people", "schemes", "waivers"):
        if not (said.of_03 and name in _SINCE_03):
            demand_list(found, f"`{name}`", register.value.get(name))


def _compare_order(found: Findings, register: Register, said: _Said) -> None:
    """Refuse lists that are out of their order; what they hold is compared before."""
    entries = {id_: taken.entry for id_, taken in said.moment.regime.consultations.items()}
    consultations = [one.get("id") for one in _objects(register.value.get("consultations"))]
    for name, order in (
        ("authorities", [(str(one.get("name")), one.get("version")) for one in register.authorities]),
        ("consultations", [entries[id_] for id_ in consultations if isinstance(id_, str) and id_ in entries]),
        ("figures", [one.get("entry") for one in register.figures]),
        ("targeting", [one.get("entry") for one in register.targeting]),
    ):
        numbers = (one[1] if isinstance(one, tuple) else one for one in order)
        if all(map(is_count, numbers)) and order != sorted(order):  # type: ignore[type-var]
            found.add(f"`{name}` is out of its order")


def _compare_charters(found: Findings, register: Register, said: _Said) -> None:
    charters = said.moment.regime.charters
    shown = listed(register.value.get("charters"))
    if len(shown) != len(charters):
        found.add(f"{len(shown)} charters are shown, and the log has {len(charters)}")
    pairs = [
        (f"the charter of entry {taken.entry}", item, taken)
        for item, taken in zip(shown, charters, strict=False)
    ]
    if charters:
        pairs.append(("charter", register.value.get("charter"), charters[-1]))
    for where, item, taken in pairs:
        check_shown(
            found,
            where,
            item,
            said.by_entry[taken.entry],
            {"at": rfc3339(taken.at_us), "wider": list(taken.admitted.wider)},
        )


def _compare_people(found: Findings, register: Register, said: _Said) -> None:
    moment = said.moment
    logged = [
        (organisation, number, taken)
        for organisation, versions in sorted(moment.regime.people.items())
        for number, taken in enumerate(versions)
    ]
    shown = listed(register.value.get("people"))
    if len(shown) != len(logged):
        found.add(f"{len(shown)} versions of people are shown, and the log has {len(logged)}")
    for item, (organisation, number, taken) in zip(shown, logged, strict=False):
        people = moment.parsed.people(taken)
        from_us, until_us = moment.people_term(organisation, number)
        expected = {
            "organisation": organisation,
            "version": people.version,
            "status": moment.people_status(organisation, number),
            "in_force_from": rfc3339(from_us),
            "in_force_until": rfc3339(max(from_us, until_us)),
            "words": said.words(people),
            "at": rfc3339(taken.at_us),
        }
        check_shown(found, f"the people of {people.reference}", item, said.by_entry[taken.entry], expected)


def _compare_consultations(found: Findings, register: Register, said: _Said) -> None:
    shown: dict[str, Mapping[str, Any]] = {}
    for item in listed(register.value.get("consultations")):
        if not isinstance(item, dict):
            found.add("something is shown among the consultations that is none")
        elif str(item.get("id")) in shown:
            found.add(f"the consultation `{str(item.get('id'))[:64]}` stands twice")
        else:
            shown[str(item.get("id"))] = item
    for id_, taken in said.moment.regime.consultations.items():
        known = shown.pop(id_, None)
        if known is None:
            found.add(f"the consultation `{id_}` of entry {taken.entry} is not shown")
        else:
            _compare_consultation(found, id_, known, taken, said)
    for id_ in shown:
        found.add(f"the consultation `{id_[:64]}` is shown, and the log has none such")


def _compare_consultation(
    found: Findings, id_: str, shown: Mapping[str, Any], taken: ConsultationTaken, said: _Said
) -> None:
    consultation = said.moment.parsed.consultation(taken)
    expected: dict[str, object] = {
        "id": id_,
        "title": consultation.title,
        "kind": "charter" if isinstance(consultation.draft, Charter) else "authority",
        "status": consultation_status(taken, said.moment.at_us),
        "opens_at": rfc3339(taken.opens_us),
        "closes_at": rfc3339(taken.closes_us),
        "assessment": consultation.assessment,
        "cameras": taken.cameras,
        "camera_cap": taken.cap,
        "wider": taken.wider,
        "words": said.words(consultation.draft),
        "at": rfc3339(taken.at_us),
        "committed_at": rfc3339(taken.at_us),
        "void_at": _time(taken.void_us),
        "quashed_at": _time(taken.quashed_us),
    }
    others = {"objections", "decision", "responses", "responses_withheld"}
    for member in ("responses", "responses_withheld"):
        if taken.closes_us > said.moment.at_us:
            expected[member] = None
        elif not is_count(shown.get(member)):
            found.add(f"`{id_}`: `{member}` is not a count")
    check_shown(found, f"`{id_}`", shown, said.by_entry[taken.entry], expected, others)
    demand_list(found, f"`{id_}`: `objections`", shown.get("objections"))
    objections = listed(shown.get("objections"))
    if len(objections) != len(taken.objections):
        found.add(f"`{id_}`: {len(objections)} objections are shown, and the log has {len(taken.objections)}")
    for item, one in zip(objections, taken.objections, strict=False):
        logged = said.by_entry[one.entry]
        objection = parse_objection(logged.document.payload)
        expected = {
            "id": objection.id,
            "organisation": objection.organisation,
            "reason": objection.reason,
            "at": rfc3339(one.at_us),
        }
        check_shown(found, f"an objection to `{id_}`", item, logged, expected)
    if (shown.get("decision") is None) != (taken.decision is None):
        found.add(f"`{id_}`: its decision is shown otherwise than it was logged")
    elif taken.decision is not None:
        logged = said.by_entry[taken.decision.entry]
        decision = parse_decision(logged.document.payload)
        expected = {
            "id": decision.id,
            "outcome": decision.outcome,
            "reasons": decision.reasons,
            "answers": [{"objection": one, "answer": answer} for one, answer in decision.answers.items()],
            "covered_until": _time(taken.decision.until_us),
            "at": rfc3339(taken.decision.at_us),
        }
        check_shown(found, f"the decision on `{id_}`", shown.get("decision"), logged, expected)


def _compare_authorities(found: Findings, register: Register, said: _Said) -> None:
    shown: dict[str, Mapping[str, Any]] = {}
    for item in register.authorities:
        reference = f"{item.get('name')}@{item.get('version')}"
        if reference in shown:
            found.add(f"`{reference[:100]}` stands twice")
        shown[reference] = item
    for name, named in said.moment.regime.authorities.items():
        for number, version in enumerate(named.versions):
            known = shown.pop(f"{name}@{number + 1}", None)
            if known is None:
                found.add(f"`{name}@{number + 1}` of entry {version.entry} is not shown")
            else:
                _compare_version(found, known, named, number, said)
    for reference in shown:
        found.add(f"`{reference[:100]}` is shown, and the log has no such authority")


def _compare_version(
    found: Findings, shown: Mapping[str, Any], named: Named, number: int, said: _Said
) -> None:
    version = named.versions[number]
    authority = said.moment.authority(version)
    expected = {
        "name": authority.name,
        "version": authority.version,
        "status": said.moment.status(named, number),
        "mode": authority.mode,
        "committed_at": rfc3339(version.committed_us),
        "in_force_from": rfc3339(in_force_from(version, authority)),
        "in_force_until": rfc3339(said.moment.in_force_until(named, number)),
        "review_due": _time(review_due(version, authority)),
        "camera_cap": version.cap,
        "ended_by": version.ended_by or None,
        "consulted": {
            "need": version.need,
            "wider": version.wider,
            "by": version.by,
            "due": _time(version.consult_due_us),
            "since": _time(version.consulted_us),
        },
        "redactions": len(authority.redactions),
        "standings": [
            {"status": told.status, "at": rfc3339(told.at_us), "entry": told.entry}
            for told in said.moment.regime.told.get(authority.name, ())
            if told.version == authority.version
        ],
        "words": said.words(authority),
    }
    if not said.of_03:
        expected["stance"] = stance_of(said.moment, named, number).shown()
        expected["custody"] = is_in_custody(authority)
    others = {"acts", "cameras", "cameras_withheld"}
    fault = cameras_fault(shown, authority.scope, version.cap, said.listed)
    if fault:
        found.add(f"`{authority.reference}`: {fault}")
    check_shown(found, f"`{authority.reference}`", shown, said.by_entry[version.entry], expected, others)
    demand_list(found, f"`{authority.reference}`: `acts`", shown.get("acts"))
    _compare_acts(found, listed(shown.get("acts")), named, number, said)


def _compare_acts(found: Findings, shown: list[object], named: Named, number: int, said: _Said) -> None:
    version = named.versions[number]
    where = f"`{said.moment.authority(version).reference}`"
    logged = {act.entry: act for act in named.acts if _concerns(act, version, number, said)}
    seen = []
    for item in shown:
        entry = item.get("entry") if isinstance(item, dict) else None
        act = logged.get(entry) if isinstance(entry, int) else None
        if act is None or not isinstance(item, dict):
            found.add(f"{where}: an act is shown that the log has not")
            continue
        seen.append(act.entry)
        payload = said.by_entry[act.entry].document.payload
        expected = {
            "kind": act.kind,
            "id": payload[act.kind]["id"],
            "at": rfc3339(act.at_us),
            "reason": payload[act.kind][_REASONS.get(act.kind, "reason")],
        }
        if act.kind == "review":
            expected["figures"] = act.admitted.figures
        check_shown(found, f"the {act.kind} of entry {act.entry}", item, said.by_entry[act.entry], expected)
    for entry in logged.keys() - set(seen):
        found.add(f"{where}: the {logged[entry].kind} of entry {entry} is not shown")
    if len(seen) != len(set(seen)) or seen != sorted(seen):
        found.add(f"{where}: acts are shown twice, or out of their order")


def _concerns(act: ActTaken, version: Version, number: int, said: _Said) -> bool:
    """Say whether an act is about a version.

    A review names one. What ends an authority ends those there were.
    """
    if act.kind == "review":
        named: int = said.by_entry[act.entry].document.payload["review"]["version"]
        return named == number + 1
    return act.kind not in ENDING or version.committed_us <= act.at_us


def _compare_figures(register: Register, entries: EntryFold, reach: int) -> Iterator[str]:
    traffic = entries.months.open(reach) if register.by_month else dict(entries.figures)
    logged = {index: body for index, body in (*traffic.items(), *entries.targeting) if index < reach}
    for kind, item in (
        *(("figures", item) for item in register.figures),
        *(("targeting", item) for item in register.targeting),
    ):
        entry = item.get("entry")
        body = logged.pop(entry, None) if is_count(entry) else None
        if body is None or body["kind"] != kind:
            yield f"figures from {str(item.get('from'))[:40]} are shown, and the log has none at their entry"
            continue
        if differ({key: value for key, value in item.items() if key != "entry"}, dict(body)):
            yield f"the figures of entry {entry} are shown otherwise than they were logged"
    for entry in logged:
        yield f"the figures of entry {entry} are not shown"


def _objects(value: object) -> list[dict[str, Any]]:
    return [item for item in listed(value) if isinstance(item, dict)]


def _time(at_us: int | None) -> str | None:
    return None if at_us is None else rfc3339(at_us)
