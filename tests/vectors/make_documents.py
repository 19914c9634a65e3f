"""Make the named documents under tests/vectors/documents/: good and bad, and what must come of each.

Run as `python tests/vectors/make_documents.py`. Keys come from fixed seeds, so that the same bytes come out
each time; a unit test holds the files to this script. The format: docs/spec/vectors.md. What a case says of itself
(its code, or its need, its cap, …) is held against what admission finds; the rest of what it finds is written down.
"""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from wicketgate.base.clock import parse_rfc3339, rfc3339
from wicketgate.base.errors import DocumentRefused, InputError
from wicketgate.base.signing import PrivateKey, canonical, dump_envelope, format_public, parse_canonical
from wicketgate.regime.admission.admit import admit, scope_of
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.authority import Authority
from wicketgate.regime.documents.binding import bind, log_within
from wicketgate.regime.documents.document import (
    kind_of,
    open_document,
    parse_payload,
    parse_toml,
    sign_document,
)
from wicketgate.regime.documents.signatures import verify_charter
from wicketgate.regime.fold import Regime
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.powers import describe, of_authority

FOLDER = Path(__file__).parent / "documents"
EXAMPLES = Path(__file__).parents[2] / "docs" / "spec" / "examples"
BEGIN = "2026-07-01T00:00:00Z"
"""When the charter took effect."""

AT = "2026-07-08T12:00:00Z"
"""When the documents are submitted, unless a case says otherwise."""

AT_US = parse_rfc3339(AT)

CT_OFFICES = ("home-office/secretary-of-state", "tfl/data-protection", "met/national-security")
"""Who must sign the example authority."""

MATCH_OFFICES = ("tfl/data-protection", "met/serious-crime")
"""Who must sign the example authority of mode match."""

ROOTS = ("tfl/commissioner", "home-office/secretary-of-state", "ico/commissioner")
"""Who must sign the example charter."""

DECIDERS = ("tfl/data-protection", "dft/minister")
"""Who must sign a decision under the example charter."""

CAMERAS = 100
"""Active cameras in the scope of every authority and draft, unless a case says otherwise."""

LOG = "tfl.example/wicketgate"
"""The log for which the examples are signed."""

Document = dict[str, Any]


def key_of(office: str) -> PrivateKey:
    """Return the test key of an office."""
    seed = hashlib.sha256(f"test key of {office}".encode()).digest()
    return PrivateKey(Ed25519PrivateKey.from_private_bytes(seed))


def keys_of(offices: Iterable[str]) -> list[PrivateKey]:
    """Return the test keys of offices."""
    return [key_of(office) for office in offices]


def example(name: str) -> Document:
    """Return an example document; the charter has the test keys in it."""
    document = parse_toml((EXAMPLES / f"{name}.toml").read_bytes())
    if kind_of(document) == "charter":
        for office in document["offices"]:
            office["key"] = format_public(key_of(office["id"]).public)
    return document


def bound(document: Mapping[str, Any]) -> Document:
    """Return a document for the log of the examples, where it names none."""
    return dict(document) if log_within(document) is not None else bind(document, LOG)


def changed(document: Document, *changes: Callable[[Document], object]) -> Document:
    """Return a copy of a document to which `changes` were made in turn."""
    copied = copy.deepcopy(document)
    for change in changes:
        change(copied)
    return parse_canonical(canonical(copied))


def put(path: str, value: object) -> Callable[[Document], object]:
    """Return a change that sets the member at a dotted path; None takes it out."""

    def change(document: Document) -> None:
        *tables, last = path.split(".")
        table: Any = document
        for part in tables:
            table = table[int(part)] if isinstance(table, list) else table[part]
        name = int(last) if isinstance(table, list) else last
        if value is None:
            del table[name]
        else:
            table[name] = value

    return change


# --- what went before -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Taken:
    """A document that took effect: its envelope, when, with how many cameras in scope, and its entry."""

    envelope: bytes
    at: str
    cameras: int
    entry: int


@dataclass(frozen=True, kw_only=True)
class Case:
    """A named document: what went before it, and what must come of it."""

    before: tuple[Taken, ...]
    submitted: Taken
    expected: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Story:
    """Documents that took effect, in their order, the charter first; each is admitted as it is added."""

    before: tuple[Taken, ...] = ()
    regime: Regime = field(default_factory=Regime)

    @classmethod
    def under(cls, charter: Document, by: Iterable[str] = ROOTS) -> Self:
        """Return a deployment that begins with a charter."""
        return cls().then(charter, by, at=BEGIN)

    def then(self, document: Document | bytes, by: Iterable[str], *, at: str = AT, cameras: int = -1) -> Self:
        """Return the story with one more document that took effect."""
        taken = self._submitted(document, by, at, cameras)
        regime, _ = take(self.regime, taken)
        return type(self)(before=(*self.before, taken), regime=regime)

    def case(
        self,
        document: Document | bytes,
        signers: Iterable[str] = CT_OFFICES,
        /,
        *,
        at: str = AT,
        cameras: int = -1,
        code: str | None = None,
        **wanted: Any,
    ) -> Case:
        """Return the case of a document that is submitted now.

        Parameters
        ----------
        document : mapping or bytes
            A document, or the bytes of an envelope.
        code : str or None
            What it is refused for; None if it takes effect.
        **wanted
            What admission must find besides, by the members of `Admitted`.
        """
        submitted = self._submitted(document, signers, at, cameras)
        try:
            _, admitted = take(self.regime, submitted)
        except DocumentRefused as error:
            if error.code != code:
                raise ValueError(f"`{error.code}`, not `{code}`: {error.detail}") from error
            expected: dict[str, Any] = {"code": code}
            if error.powers:
                expected["powers"] = list(error.powers)
            return Case(before=self.before, submitted=submitted, expected=expected)
        if code is not None:
            raise ValueError(f"it took effect, and is not refused as `{code}`: {admitted}")
        for member, value in wanted.items():
            if getattr(admitted, member) != value:
                raise ValueError(f"`{member}` is {getattr(admitted, member)!r}, not {value!r}")
        return Case(before=self.before, submitted=submitted, expected=outcome(submitted, admitted))

    def _submitted(self, document: Document | bytes, by: Iterable[str], at: str, cameras: int) -> Taken:
        envelope = (
            document if isinstance(document, bytes) else dump_envelope(sign_document(document, keys_of(by)))
        )
        if cameras < 0:
            cameras = CAMERAS if _counts_cameras(envelope) else 0
        return Taken(envelope=envelope, at=at, cameras=cameras, entry=10 * len(self.before))


def _counts_cameras(envelope: bytes) -> bool:
    try:
        return scope_of(open_document(envelope)) is not None
    except DocumentRefused:
        return False


def take(regime: Regime, taken: Taken) -> tuple[Regime, Admitted]:
    """Return the regime with a document that takes effect, and what its admission found; or refuse it."""
    document = open_document(taken.envelope)
    at_us = parse_rfc3339(taken.at)
    if regime.charters:
        admitted = admit(
            RegimeAt(regime, Parsed(), at_us), document, cameras=taken.cameras, next_entry=taken.entry
        )
    else:
        verify_charter(document.envelope)
        admitted = Admitted()
    after = copy.deepcopy(regime)
    after.apply(document, taken.envelope, entry=taken.entry, at_us=at_us, admitted=admitted)
    return after, admitted


def outcome(taken: Taken, admitted: Admitted) -> dict[str, Any]:
    """Return what a vector says of a document that takes effect."""
    document = open_document(taken.envelope)
    value = parse_payload(document.kind, document.payload)
    found: dict[str, Any] = {}
    if document.kind == "authority":
        found = {
            "by": list(admitted.by),
            "cap": admitted.cap,
            "due": None if admitted.due_us is None else rfc3339(admitted.due_us),
            "need": admitted.need,
            "wider": list(admitted.wider),
        }
    elif document.kind == "consultation":
        found = {"cap": admitted.cap, "wider": list(admitted.wider)}
    elif document.kind == "decision":
        found = {"fulfils": list(admitted.fulfils)}
    elif document.kind == "charter":
        found = {"stops": list(admitted.stops), "wider": list(admitted.wider)}
    expected: dict[str, Any] = {"admitted": found}
    if isinstance(value, Authority):
        expected["powers"] = describe(of_authority(value, admitted.cap))
    return expected


# --- files ------------------------------------------------------------------------------------------------


def all_cases() -> dict[str, bytes]:
    """Return every vector by name, as the bytes of its file."""
    # Here, as they are written with what stands above.
    from tests.vectors import (
        cases_admin,
        cases_amending,
        cases_consultations,
        cases_documents,
        cases_keepers,
        cases_people,
        cases_schemes,
        cases_signatures,
        cases_unlisted,
        cases_widening,
    )

    cases: dict[str, Case] = {}
    for module in (
        cases_documents,
        cases_signatures,
        cases_consultations,
        cases_widening,
        cases_amending,
        cases_people,
        cases_unlisted,
        cases_keepers,
        cases_schemes,
        cases_admin,
    ):
        for name, case in module.cases().items():
            if name in cases:
                raise ValueError(f"`{name}` stands twice")
            cases[name] = case
    # What another vector holds is named, not repeated: the charters alone would be megabytes.
    names: dict[bytes, str] = {}
    for name, case in sorted(cases.items()):
        if "admitted" in case.expected:
            names.setdefault(case.submitted.envelope, name)
    return {name: _file(case, names) for name, case in cases.items()}


def _file(case: Case, names: dict[bytes, str]) -> bytes:
    before = []
    for taken in case.before:
        of = names.get(taken.envelope)
        document = _shown(taken.envelope) if of is None else {"of": of}
        before.append({"at": taken.at, "cameras": taken.cameras, "entry": taken.entry, **document})
    submitted = case.submitted
    vector = {
        "at": submitted.at,
        "before": before,
        "cameras": submitted.cameras,
        "entry": submitted.entry,
        **_shown(submitted.envelope),
        **case.expected,
    }
    return json.dumps(vector, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


def _shown(envelope: bytes) -> dict[str, Any]:
    """Return an envelope as JSON, where its bytes are what that comes to in canonical form; else in base64."""
    try:
        mapping = json.loads(envelope)
        if canonical(mapping) == envelope:
            return {"envelope": mapping}
    except (ValueError, InputError):
        pass
    return {"envelope_base64": base64.b64encode(envelope).decode("ascii")}


def envelope_of(vector: Mapping[str, Any]) -> bytes:
    """Return the bytes of the envelope that a vector, or an item of its `before`, holds itself."""
    if "envelope" in vector:
        return canonical(vector["envelope"])
    return base64.b64decode(vector["envelope_base64"], validate=True)


def main() -> None:
    """Write all files, and take away those that no case has."""
    FOLDER.mkdir(exist_ok=True)
    files = all_cases()
    for path in FOLDER.glob("*.json"):
        if path.stem not in files:
            path.unlink()
    for name, data in files.items():
        (FOLDER / f"{name}.json").write_bytes(data)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.vectors.make_documents import main as make  # this module, as the cases import it

    make()
