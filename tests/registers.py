"""A gateway's fold without the gateway: documents are admitted as there, and the register is what it would show."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tests.simulator import LOG_KEY, ORIGIN, charter, document_transaction
from tests.vectors import make_documents as documents
from wicketgate.base.signing import canonical, dump_envelope, format_public
from wicketgate.commits.cameras import cameras_in_scope
from wicketgate.commits.register import build_register, dump_register
from wicketgate.commits.state import State
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, FiguresClosed, Transaction
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.notes import Checkpoint, sign_note
from wicketgate.regime.admission.admit import admit, scope_of
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.document import SignedDocument, open_document, sign_document
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

FOUNDERS = ("tfl/commissioner", "home-office/secretary-of-state", "ico/commissioner")
DECIDERS = ("tfl/data-protection", "dft/minister")
NOTHING_FOUND = Admitted()
_LOG = note_signer(LOG_KEY, ORIGIN)


class Chancery:
    """Where documents take effect, at the times that the test sets.

    Parameters
    ----------
    changes : callables
        Made to the charter of a demonstration (`make_documents.put`).
    """

    def __init__(self, *changes: Any, cameras: int = 5) -> None:
        self.state = State()
        self.parsed = Parsed()
        self.at_us = documents.AT_US
        founding = documents.changed(charter(), *changes)
        self._apply(sign(founding, FOUNDERS))
        listed = tuple(
            CameraSet(id=f"c{number}", groups=("ccz-boundary",) if number < 3 else ())
            for number in range(cameras)
        )
        self.state.apply(
            Transaction(at_us=self.at_us, cameras=CamerasRegistered(source="tfl", cameras=listed)),
            self.state.sequence + 1,
        )

    def submit(self, document: dict[str, Any] | bytes, signers: Iterable[str] = ()) -> int:
        """Let a document take effect; return its entry, or refuse it as the gateway would."""
        data = document if isinstance(document, bytes) else sign(document, signers)
        opened = open_document(data)
        admitted = admit(
            RegimeAt(self.state.regime, self.parsed, self.at_us),
            opened,
            cameras=self.cameras_of(opened),
            next_entry=self.state.entries,
        )
        entry = self.state.entries
        self._apply(data, admitted)
        return entry

    def cameras_of(self, document: SignedDocument) -> int:
        """Return how many cameras the gateway counts in a document's scope."""
        scope = scope_of(document)
        return 0 if scope is None else cameras_in_scope(self.state.cameras, scope)

    def publish(self, figures: dict[str, Any], from_us: int, until_us: int) -> None:
        """Let figures be published as they are."""
        body = canonical(figures)
        closed = FiguresClosed(from_us=from_us, until_us=until_us, entry=self.state.entries)
        self.state.apply(
            Transaction(at_us=self.at_us, first_entry=self.state.entries, entries=(body,), figures=closed),
            self.state.sequence + 1,
        )

    def register(self) -> dict[str, Any]:
        """Return the register as anybody gets it."""
        head = Checkpoint(origin=_LOG.name, size=self.state.entries, root=bytes(32))
        built = build_register(
            RegimeAt(self.state.regime, self.parsed, self.at_us),
            self.state,
            checkpoint=sign_note(head.to_text(), [_LOG]),
            log_key="the key",
        )
        shown: dict[str, Any] = json.loads(dump_register(built))
        return shown

    def _apply(self, data: bytes, admitted: Admitted = NOTHING_FOUND) -> None:
        transaction = document_transaction(data, self.state.entries, self.at_us, admitted)
        self.state.apply(transaction, self.state.sequence + 1, self.parsed)


def sign(document: dict[str, Any], signers: Iterable[str]) -> bytes:
    """Return the envelope of a document signed by the test keys of offices."""
    return dump_envelope(sign_document(documents.bound(document), documents.keys_of(signers)))


def moved(document: dict[str, Any], office: str, *, reason: str = "rotated") -> dict[str, Any]:
    """Return the next charter, in which somebody else (`sign` knows them as `successor`) holds an office."""
    changes = [documents.put("charter.version", document["charter"]["version"] + 1)]
    for number, one in enumerate(document["offices"]):
        if one["id"] == office:
            ended = {"key": one["key"], "office": office, "reason": reason, "from_entry": 0}
            changes += [
                documents.put(f"offices.{number}.holder", "Somebody Else"),
                documents.put(f"offices.{number}.key", format_public(documents.key_of("successor").public)),
                documents.put("keys_ended", [*document.get("keys_ended", []), ended]),
            ]
    return documents.changed(document, *changes)


def story() -> Iterator[tuple[Chancery, dict[str, Any], tuple[str, ...]]]:
    """Yield a gateway with each document that is to be submitted next and its signers; it is taken on the way on."""
    chancery = Chancery()
    put, changed, example = documents.put, documents.changed, documents.example
    days = 86_400_000_000

    def step(
        document: dict[str, Any], *signers: str
    ) -> Iterator[tuple[Chancery, dict[str, Any], tuple[str, ...]]]:
        yield chancery, document, signers
        chancery.submit(document, signers)

    yield from step(example("authority"), *documents.CT_OFFICES)
    yield from step(example("authority-match"), *documents.MATCH_OFFICES)
    yield from step(example("authority-own-use"), "tfl/commissioner", "tfl/data-protection")
    yield from step(example("suspension"), "ico/deputy")
    yield from step(example("resumption"), "tfl/data-protection", "ico/commissioner")
    yield from step(example("consultation"), "tfl/data-protection")
    match = example("authority-match")
    on_match = changed(
        example("consultation"),
        put("consultation.id", "c-match"),
        put("draft", {**match, "scope": {**match["scope"], "max_cameras": 4}}),
    )
    yield from step(on_match, "tfl/data-protection")
    chancery.at_us += 20 * days
    yield from step(example("objection"), "dft/minister")
    yield from step(changed(example("challenge"), put("challenge.stay", True)), "high-court/judge")
    chancery.at_us += 40 * days
    yield from step(example("decision"), *DECIDERS)
    decided = changed(
        example("decision"),
        put("decision.id", "d-match"),
        put("decision.consultation", "c-match"),
        put("decision.answers", []),
    )
    yield from step(decided, *DECIDERS)
    images = changed(example("consultation")["draft"], put("authority.consultation", "c-2026-002"))
    yield from step(images, *documents.CT_OFFICES)
    resumed = changed(
        example("resumption"), put("resumption.id", "lifted"), put("resumption.suspension", "co-1234-2026")
    )
    yield from step(resumed, "high-court/judge")
    chancery.at_us += 25 * days
    yield from step(example("review"), "home-office/secretary-of-state")
    yield from step(
        changed(example("quashed"), put("quashed.consultation", "c-2026-002")), "high-court/judge"
    )
    yield from step(
        changed(
            example("objection"),
            put("objection.consultation", None),
            put("objection.authority", "tfl-met-wanted"),
        ),
        "dft/minister",
    )
    yield from step(
        changed(example("revocation"), put("revocation.authority", "tfl-charging")), "tfl/commissioner"
    )
    yield from step(
        changed(charter(), put("charter.version", 2), put("charter.title", "The same, once more")), *FOUNDERS
    )
    yield chancery, {}, ()
