"""Fold what a register shows to be in force into a regime, as the gateway does. Pure.

The register is believed: `wicketgate verify` is what checks it. What contradicts itself is refused all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import canonical, dump_envelope, parse_envelope
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.regime.admission.admit import judge_document
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.charter import Charter
from wicketgate.regime.documents.binding import refuse_other_log
from wicketgate.regime.documents.document import SignedDocument, open_envelope, payload_type
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

MonthAsked = Callable[[str], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRegister:
    """The regime of a register: documents in force, as a fold.

    Attributes
    ----------
    register : mapping
        The register as it came; not verified.
    entries : int
        Entries of the ledger, as far as it shows.
    month : callable, optional
        Returns the figures of a closed month that the register names; None where nobody can be asked for them.
    """

    register: Mapping[str, Any]
    regime: Regime
    parsed: Parsed
    entries: int
    month: MonthAsked | None = None

    @property
    def charter(self) -> Charter:
        """The charter in force."""
        return self.parsed.charter(self.regime)

    def at(self, at_us: int) -> RegimeAt:
        """Return the regime at a moment."""
        return RegimeAt(self.regime, self.parsed, at_us)


def learn(register: Mapping[str, Any], month: MonthAsked | None = None) -> ShownRegister:
    """Return the regime of a register.

    Parameters
    ----------
    month : callable, optional
        Returns the figures of a closed month.

    Raises
    ------
    InputError
        If it shows no charter, is not as a register is, or contradicts itself.
    """
    try:
        taken = sorted(_documents(register), key=lambda one: one[0])
    except (KeyError, TypeError, ValueError, AttributeError, DocumentRefused) as error:
        raise InputError("the register is not as a gateway shows it") from error
    regime, parsed = Regime(), Parsed()
    for entry, at_us, document, shown in taken:
        try:
            if document.kind != "charter" and not regime.charters:
                raise InputError("the register shows no charter before other documents")
            if regime.charters:
                refuse_other_log(document, parsed.charter(regime).origin, needed=False)
            admitted = _admitted(RegimeAt(regime, parsed, at_us), document, shown, entry)
            envelope = dump_envelope(document.envelope)
            parsed.keep(envelope, document)
            regime.apply(document, envelope, entry=entry, at_us=at_us, admitted=admitted)
        except DocumentRefused as error:
            raise InputError(
                f"the register's entry {entry} cannot have been taken: {error.detail}"
            ) from error
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                f"the register's entry {entry} is not whole, or about what is not in it"
            ) from error
    if not regime.charters:
        raise InputError("the register shows no charter")
    seen = 1 + max(entry for entry, *_ in taken)
    return ShownRegister(
        register=register, regime=regime, parsed=parsed, entries=max(seen, _size(register)), month=month
    )


def _size(register: Mapping[str, Any]) -> int:
    """Return the size of the log under a register's checkpoint.

    It is 0 where the register shows no checkpoint.
    """
    try:
        return unverified_checkpoint(
            str(register.get("checkpoint", "")).encode("utf-8", "surrogatepass")
        ).size
    except InputError:
        return 0


_Taken = tuple[int, int, SignedDocument, Mapping[str, Any]]


def _documents(register: Mapping[str, Any]) -> Iterator[_Taken]:
    """Yield every document of a register, once.

    Each comes with its entry, its time, and what is shown beside it.
    """
    charters = list_of(register, "charters") or [register["charter"]]
    for shown in charters:
        yield _taken("charter", shown, "at")
    seen: set[int] = set()
    for version in list_of(register, "authorities"):
        yield _taken("authority", version, "committed_at")
        # An act stands with every version that it concerns; an entry holds one document.
        for act in list_of(version, "acts"):
            if act["entry"] not in seen:
                seen.add(act["entry"])
                yield _taken(act["kind"], act, "at")
    for consultation in list_of(register, "consultations"):
        yield _taken("consultation", consultation, "committed_at")
        for objection in list_of(consultation, "objections"):
            yield _taken("objection", objection, "at")
        if consultation.get("decision") is not None:
            yield _taken("decision", consultation["decision"], "at")
    for people in list_of(register, "people"):
        yield _taken("people", people, "at")
    for name in ("scheme", "waiver"):
        for shown in list_of(register, f"{name}s"):
            yield _taken(name, shown, "at")


def _taken(kind: str, shown: Mapping[str, Any], time: str) -> _Taken:
    # The strict reader of envelopes reads the signatures; the payload is made again from what is shown.
    envelope = parse_envelope(
        canonical(
            {"payload": "", "payloadType": payload_type(kind), "signatures": list_of(shown, "signatures")}
        )
    )
    document = open_envelope(replace(envelope, payload=canonical(dict(shown["document"]))))
    at, entry = shown.get(time), shown.get("entry", 0)
    if isinstance(entry, bool) or not isinstance(entry, int):
        raise TypeError("an entry is a number")
    return entry, 0 if at is None else parse_rfc3339(at), document, shown


def list_of(shown: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list of the register.

    One that is missing or null is empty.
    """
    value = shown.get(name) or []
    if not isinstance(value, list):
        raise InputError(f"the register's `{name}` is no list")
    return value


def _admitted(moment: RegimeAt, document: SignedDocument, shown: Mapping[str, Any], entry: int) -> Admitted:
    """Return what the admission of a document found: as the register shows it, or else found again."""
    if document.kind == "authority":
        consulted = shown.get("consulted") or {}
        due = consulted.get("due")
        return Admitted(
            cap=number_of(shown, "camera_cap"),
            need=str(consulted.get("need", "covered")),
            wider=tuple(str(words) for words in list_of(consulted, "wider")),
            by=tuple(str(id_) for id_ in list_of(consulted, "by")),
            due_us=None if due is None else parse_rfc3339(due),
        )
    if document.kind == "consultation":
        return Admitted(
            cameras=number_of(shown, "cameras") or 0,
            cap=number_of(shown, "camera_cap"),
            wider=tuple(str(words) for words in list_of(shown, "wider")),
        )
    if document.kind == "review":
        return Admitted(figures=dict(shown.get("figures") or {}))
    if document.kind in ("decision", "quashed") or (document.kind == "charter" and moment.regime.charters):
        return judge_document(moment, document, cameras=0, next_entry=entry).admitted
    return Admitted()


def number_of(shown: Mapping[str, Any], name: str) -> int | None:
    """Return a whole number of the register, or None for anything else."""
    value = shown.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InputError(f"the register's `{name}` is no number")
    return value
