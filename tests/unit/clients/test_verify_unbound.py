"""Documents that name no log: valid where a log of version 0.3 took them, and nowhere behind its last start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import made_gateway as made
from tests.made_gateway import World
from tests.simulator import document_transaction
from tests.vectors import make_documents as documents
from wicketgate.base.signing import dump_envelope
from wicketgate.clients.verify import Report, verify_folder
from wicketgate.commits.state import State
from wicketgate.commits.transactions import Transaction
from wicketgate.regime.admission.admit import admit, entry_members
from wicketgate.regime.documents.document import kind_of, open_document, sign_document
from wicketgate.regime.moment import RegimeAt

BY = ("tfl/data-protection",)


def unbound(name: str) -> dict[str, Any]:
    """Return an example as version 0.3 had it signed, for no log."""
    document = made.charter() if name == "charter" else documents.example(name)
    return documents.changed(document, documents.put(f"{kind_of(document)}.log", None))


def take(world: World, document: dict[str, Any], offices: Iterable[str]) -> None:
    """Let a document take effect that may name no log, as version 0.3 did."""
    envelope = dump_envelope(sign_document(document, documents.keys_of(offices)))
    opened = open_document(envelope)

    def build(state: State, at_us: int, sequence: int) -> Transaction:
        cameras = 100 if opened.kind == "authority" else 0
        admitted = admit(
            RegimeAt(state.regime, world.parsed, at_us),
            opened,
            cameras=cameras,
            next_entry=state.entries,
            log_needed=False,
        )
        more = entry_members(opened.kind, admitted)
        return document_transaction(envelope, state.entries, at_us, admitted, more)

    world.commit(build)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[World]:
    """The log of a gateway of version 0.3: no document in it names its log."""
    world = World(tmp_path / "log", founding=unbound("charter"))
    world.at_us += 200_000
    take(world, unbound("authority"), documents.CT_OFFICES)
    world.live(1)
    take(world, unbound("suspension"), BY)
    world.live(1)
    yield world
    world.close()


def verified(world: World) -> Report:
    world.flush()
    return verify_folder(world.folder)


def words_of(report: Report) -> str:
    return next(check.words for check in report.checked if check.name == "documents")


def test_what_stands_in_an_old_log_stays_valid_and_is_counted(old: World) -> None:
    report = verified(old)
    assert report.ok, report.lines()
    assert "3 of them, of version 0.3, DO NOT SAY FOR WHICH LOG they were signed." in words_of(report)


def test_an_old_log_goes_on_with_documents_that_name_it(old: World) -> None:
    old.entry(kind="operation", operation="start", documents=2, software="wicketgate 0.4.0")
    old.document(documents.example("revocation"), BY)
    old.live(1)
    report = verified(old)
    assert report.ok, report.lines()


@pytest.mark.parametrize("by", ["a start", "a document"])
def test_none_is_slipped_in_behind_the_first_that_demands_a_log(old: World, by: str) -> None:
    if by == "a start":
        old.entry(kind="operation", operation="start", documents=2, software="wicketgate 0.4.0")
        old.live(1)
        old.entry(kind="operation", operation="start", software="wicketgate 0.3.0")  # nor by going back
    else:
        old.document(documents.example("challenge"), ("high-court/judge",))
    take(old, unbound("revocation"), BY)
    old.live(1)
    report = verified(old)
    assert [check.name for check in report.checked if not check.ok] == ["documents"]
    assert "`revocation.log` is missing: it is signed for no log" in words_of(report)


def test_another_log_is_no_log_of_an_old_one_either(old: World) -> None:
    """What names another log was never valid here, whatever version took it."""
    other = documents.changed(
        documents.example("revocation"), documents.put("revocation.log", "tfl.example/rehearsal")
    )
    envelope = dump_envelope(sign_document(other, documents.keys_of(BY)))
    old.commit(lambda state, at_us, sequence: document_transaction(envelope, state.entries, at_us))
    old.live(1)
    assert "it is signed for the log `tfl.example/rehearsal`" in words_of(verified(old))


def test_a_new_log_names_itself_from_its_charter_on(tmp_path: Path) -> None:
    world = World(tmp_path / "log")
    world.live(1)
    take(world, unbound("authority"), documents.CT_OFFICES)
    world.live(1)
    assert "`authority.log` is missing" in words_of(verified(world))
    world.close()


def test_a_form_of_documents_that_is_not_known_is_said_so(old: World) -> None:
    old.entry(kind="operation", operation="start", documents=3)
    old.live(1)
    assert "documents of a form `3`" in words_of(verified(old))
