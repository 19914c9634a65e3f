"""The hotlists in force: what the vault holds of them, and what a start makes of it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from obstore.store import LocalStore

from tests.strategies import EPOCH_US, SPAN_US, entry_of
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.periods import Period
from wicketgate.base.shared_blobs import SharedBlobs
from wicketgate.commits.hits import HotlistState
from wicketgate.commits.state import State
from wicketgate.commits.transactions import HotlistChanged
from wicketgate.hotlists import Change, Entry, Hotlist, dump_changes, dump_entries
from wicketgate.hotlists.in_force import Allowed, Hotlists
from wicketgate.reads.plates import pack_all
from wicketgate.regime.documents.authority import MatchTerms

NAME = "tfl-met-wanted"


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def lists(vault: Path) -> Hotlists:
    return Hotlists(vault)


def state(entries: int, *blobs: tuple[str, bool], revision: int | None = None) -> State:
    """Return a fold that names these blobs."""
    known = HotlistState(revision=revision or len(blobs), entries=entries, blobs=list(blobs))
    return State(hotlists={NAME: known})


def plates(hotlist: Hotlist) -> list[str]:
    return sorted(entry.plate for entry in hotlist.entries())


def test_a_name_without_a_list_has_an_empty_one(lists: Hotlists) -> None:
    lists.load(State())
    assert len(lists.at(NAME, State())) == 0


def test_one_that_waits_follows_the_lists_of_another_by_the_store_that_both_have(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "shared", mkdir=True)
    sides = [
        Hotlists(tmp_path / name, shared=SharedBlobs(store, "_vault", b"s" * 32)) for name in ("one", "other")
    ]
    leading, waiting = sides
    whole = leading.store(dump_entries([entry_of("KLM3"), entry_of("B5GZ")]))
    waiting.load(State())
    waiting.follow(HotlistChanged(authority=NAME, revision=1, blob=whole, whole=True, entries=2))
    assert plates(waiting.at(NAME, state(2, (whole, True)))) == ["B5GZ", "KLM3"]
    change = leading.store(dump_changes([Change(plate="KLM3")]))
    waiting.follow(HotlistChanged(authority=NAME, revision=2, blob=change, whole=False, entries=1))
    now = state(1, (whole, True), (change, False))
    assert plates(waiting.at(NAME, now)) == ["B5GZ"]
    # What it followed it keeps: its own start needs the store no more.
    again = Hotlists(tmp_path / "other")
    again.load(now)
    assert plates(again.at(NAME, now)) == ["B5GZ"]
    for path in (tmp_path / "shared").rglob("*"):
        assert not path.is_file() or b"B5GZ" not in path.read_bytes()
    with pytest.raises(ConfigurationError, match="lacks"):
        waiting.follow(HotlistChanged(authority=NAME, revision=3, blob="0" * 64, whole=True, entries=1))
    with pytest.raises(ConfigurationError, match="2 entries in the vault and 5"):
        waiting.follow(HotlistChanged(authority=NAME, revision=3, blob=whole, whole=True, entries=5))
    foreign = Hotlists(tmp_path / "foreign", shared=SharedBlobs(store, "_vault", b"f" * 32))
    with pytest.raises(ConfigurationError, match="another deployment's"):
        foreign.follow(HotlistChanged(authority=NAME, revision=1, blob=whole, whole=True, entries=2))


def test_blobs_that_nothing_names_leave_the_shared_store_with_the_one_that_leads(tmp_path: Path) -> None:
    shared = SharedBlobs(LocalStore(tmp_path / "shared", mkdir=True), "_vault", b"s" * 32)
    now_s = [0.0]
    lists = Hotlists(tmp_path / "vault", lambda: now_s[0], shared)
    blob = lists.store(dump_entries([entry_of("KLM3")]))
    for everywhere in (False, True):
        lists.tidy(frozenset(), everywhere)
        now_s[0] += 3601
        lists.tidy(frozenset(), everywhere)
        assert (shared.get(blob) is None) == everywhere
        assert lists.store(dump_entries([entry_of("KLM3")])) == blob


def test_a_start_compiles_the_whole_list_and_the_changes_since(lists: Hotlists, vault: Path) -> None:
    whole = lists.store(dump_entries([entry_of("KLM3"), entry_of("B5GZ")]))
    first = lists.store(dump_changes([Change.put(entry_of("AB12CDE")), Change(plate="KLM3")]))
    second = lists.store(dump_changes([Change.put(entry_of("KLM3", priority=1))]))
    committed = state(3, (whole, True), (first, False), (second, False))
    again = Hotlists(vault)
    again.load(committed)
    hotlist = again.at(NAME, committed)
    assert plates(hotlist) == ["AB12CDE", "B5GZ", "KLM3"]
    found = hotlist.entry("KLM3")
    assert found is not None
    assert found.priority == 1


def test_changes_may_begin_a_list(lists: Hotlists) -> None:
    blob = lists.store(dump_changes([Change.put(entry_of("KLM3"))]))
    lists.load(state(1, (blob, False)))
    assert plates(lists.at(NAME, state(1, (blob, False)))) == ["KLM3"]


def test_the_same_change_twice_is_one_blob(lists: Hotlists, vault: Path) -> None:
    blob = lists.store(dump_entries([entry_of("KLM3")]))
    assert lists.store(dump_entries([entry_of("KLM3")])) == blob
    assert [path.name for path in vault.iterdir()] == [blob]


def test_blobs_are_readable_by_their_owner_alone(lists: Hotlists, vault: Path) -> None:
    blob = lists.store(b"x")
    assert vault.stat().st_mode & 0o777 == 0o700
    assert (vault / blob).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda path: path.unlink(), "lacks"),
        (lambda path: path.write_bytes(b""), "not what was committed"),
        (lambda path: path.write_bytes(path.read_bytes() + b"\0"), "not what was committed"),
        (lambda path: path.write_bytes(dump_entries([entry_of("B5GZ")])), "not what was committed"),
    ],
    ids=["missing", "empty", "longer", "another"],
)
def test_a_blob_that_is_not_what_was_committed_is_a_reason_to_refuse(
    lists: Hotlists, vault: Path, spoil: object, words: str
) -> None:
    blob = lists.store(dump_entries([entry_of("KLM3")]))
    spoil(vault / blob)  # type: ignore[operator]
    with pytest.raises(ConfigurationError, match=words) as caught:
        Hotlists(vault).load(state(1, (blob, True)))
    assert "KLM3" not in str(caught.value)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"nothing of the kind", True),
        (dump_changes([Change(plate="KLM3")]), True),
        (dump_entries([entry_of("KLM3")]), False),
    ],
    ids=["bytes", "changes-as-a-list", "a-list-as-changes"],
)
def test_a_blob_of_another_form_is_refused(lists: Hotlists, vault: Path, data: bytes, whole: bool) -> None:
    blob = lists.store(data)
    with pytest.raises(ConfigurationError, match="is no hotlist, or not the kind of file"):
        Hotlists(vault).load(state(1, (blob, whole)))


def test_a_list_of_another_length_than_was_committed_is_refused(lists: Hotlists, vault: Path) -> None:
    blob = lists.store(dump_entries([entry_of("KLM3")]))
    with pytest.raises(ConfigurationError, match="1 entries in the vault and 2 in the commits"):
        Hotlists(vault).load(state(2, (blob, True)))


def test_a_revision_is_at_hand_before_it_is_committed(lists: Hotlists) -> None:
    """Decisions under way still ask the one before."""
    lists.load(State())
    for revision in range(1, 8):
        lists.prepare(NAME, revision, Hotlist.of([entry_of(f"P{revision}")]))
    for revision in (4, 5, 6, 7):
        assert plates(lists.at(NAME, state(1, ("x", True), revision=revision))) == [f"P{revision}"]
    with pytest.raises(KeyError):
        lists.at(NAME, state(1, ("x", True), revision=3))


def test_a_revision_that_was_refused_is_replaced_by_the_next(lists: Hotlists) -> None:
    lists.prepare(NAME, 1, Hotlist.of([entry_of("KLM3")]))
    lists.prepare(NAME, 1, Hotlist.of([entry_of("B5GZ")]))
    assert plates(lists.at(NAME, state(1, ("x", True)))) == ["B5GZ"]


def test_tidying_takes_what_was_found_unnamed_for_an_hour(vault: Path) -> None:
    now_s = [0.0]
    lists = Hotlists(vault, lambda: now_s[0])
    named, orphan = (lists.store(text) for text in (b"named", b"orphan"))
    torn = vault / f".{orphan}.0123abcd"
    torn.write_bytes(b"half of it")
    committed = state(1, (named, True))
    lists.tidy(Hotlists.named(committed, State()))
    now_s[0] = 3599.0
    kept = lists.store(b"recent")
    lists.tidy(Hotlists.named(committed, State()))
    assert {path.name for path in vault.iterdir()} == {kept, named, orphan, torn.name}
    now_s[0] = 3601.0
    lists.tidy(Hotlists.named(committed, State()))
    assert {path.name for path in vault.iterdir()} == {kept, named}
    assert Hotlists.named(committed) == {named}


def test_a_leap_of_the_machines_clock_takes_no_blob(lists: Hotlists, vault: Path) -> None:
    """The file's own time is that of the machine's clock: a year ago by it may be a moment ago."""
    blob = lists.store(b"its commit is still to come")
    os.utime(vault / blob, (1, 1))
    lists.tidy(frozenset())
    lists.tidy(frozenset())
    assert (vault / blob).exists()


def test_a_blob_that_is_stored_again_is_recent(vault: Path) -> None:
    """A change that is prepared and not yet committed may have an old blob's content."""
    now_s = [0.0]
    lists = Hotlists(vault, lambda: now_s[0])
    blob = lists.store(b"old")
    lists.tidy(frozenset())
    now_s[0] = 3601.0
    lists.store(b"old")
    lists.tidy(frozenset())
    assert (vault / blob).exists()


# --- what an authority's terms leave of a list --------------------------------------------------------------


def terms(*kinds: str, most: int = 10) -> MatchTerms:
    return MatchTerms(kinds=kinds, max_entries=most, entry_life=Period(us=SPAN_US))


def look(entries: list[Entry], allowed: MatchTerms, *read: str) -> list[tuple[int, str, bool]]:
    """Return what a list that is allowed this much finds."""
    listed = Allowed(Hotlist.of(entries), allowed)
    hits = listed.look(pack_all(list(read)), read, np.full(len(read), EPOCH_US, np.int64), EPOCH_US)
    assert len(hits.substitutions) == len(hits.rows)
    return [
        (row, entry.voi, exact)
        for row, entry, exact in zip(hits.rows.tolist(), hits.entries, hits.exact.tolist(), strict=True)
    ]


def test_an_entry_of_a_kind_that_is_not_allowed_any_more_never_hits() -> None:
    entries = [entry_of("KLM3", kind="murder"), entry_of("B5GZ", kind="theft")]
    assert look(entries, terms("murder", "theft"), "KLM3", "X", "85GZ") == [
        (0, "vKLM3", True),
        (2, "vB5GZ", False),
    ]
    assert look(entries, terms("murder"), "KLM3", "X", "85GZ") == [(0, "vKLM3", True)]
    assert look(entries, terms("theft"), "KLM3", "X", "85GZ") == [(2, "vB5GZ", False)]
    assert look(entries, terms("kidnap"), "KLM3", "X", "85GZ") == []


def test_a_list_that_is_longer_than_allowed_is_not_asked() -> None:
    entries = [entry_of("KLM3"), entry_of("B5GZ")]
    assert look(entries, terms("murder", most=2), "KLM3") == [(0, "vKLM3", True)]
    with pytest.raises(InputError) as caught:
        look(entries, terms("murder", most=1), "KLM3")
    assert caught.value.code == "too-many-entries"
