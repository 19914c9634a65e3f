from __future__ import annotations

import copy
import io
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import made_gateway as made
from tests.made_gateway import (
    FEED,
    START_US,
    VKEY,
    WANTED,
    Served,
    World,
    changed_register,
    matching,
    serve,
    standard,
)
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import (
    ConfigurationError,
    InputError,
    LedgerError,
    Unreachable,
    VerificationError,
)
from wicketgate.base.signing import canonical, dump_envelope, parse_json
from wicketgate.cli import main
from wicketgate.clients.verify import Report, read_key, verify_folder, verify_url
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.feedfile import FeedFile
from wicketgate.clients.verify.feeds import FeedChain
from wicketgate.clients.verify.kept import SeenCheckpoint
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.remote import Remote
from wicketgate.clients.verify.report import Findings
from wicketgate.clients.verify.rows import RowRule
from wicketgate.feeds.batches import build, erased_line, read_batches
from wicketgate.ledger.facts import Promises
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import Checkpoint, parse_vkey, sign_note
from wicketgate.ledger.tiles import folder_fetch
from wicketgate.regime.admission.admit import admit, entry_members, scope_of
from wicketgate.regime.documents.authority import parse_authority
from wicketgate.regime.documents.document import open_document
from wicketgate.regime.moment import RegimeAt

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world that nobody changes: 377 entries, so a full tile and a partial one at each kind."""
    folder = tmp_path_factory.mktemp("world")
    made_world = standard(folder / "log", seconds=300)
    made_world.feed_file(folder / "feed.ndjson")
    yield made_world
    made_world.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[World]:
    """A small world to be changed."""
    made_world = World(tmp_path / "log")
    made_world.at_us += 200_000
    made_world.list_cameras(150, 100)
    made_world.document(documents.example("authority"))
    made_world.live(3)
    yield made_world
    made_world.close()


@pytest.fixture
def served(world: World) -> Iterator[Served]:
    """The unchanged world behind a web server that can be told to lie."""
    with serve(world) as gateway:
        yield gateway


def folder_of(world: World) -> Path:
    """Return the folder of a world's log, written to its end."""
    world.flush()
    return world.folder


def failed(report: Report) -> dict[str, str]:
    """Return what failed, with its words."""
    assert not report.ok
    return {check.name: check.words for check in report.checked if not check.ok}


def only(report: Report, name: str) -> str:
    """Return the words of the one check that failed, which must be `name`."""
    faults = failed(report)
    assert list(faults) == [name], faults
    return faults[name]


def run(*words: str | Path) -> int:
    """Run the command."""
    return main([str(word) for word in words])


# --- everything right -----------------------------------------------------------------------------------------


def test_a_gateway_that_tells_the_truth_verifies(served: Served, world: World) -> None:
    report = verify_url(served.url, key=parse_vkey(VKEY), feed_file=world.folder.parent / "feed.ndjson")
    assert report.ok, report.lines()
    assert [check.name for check in report.checked] == [
        *("key", "log", "documents", "seconds", "figures", "fresh", "register", "feed-file", "proofs", "sums")
    ]
    counts = report.counts
    assert counts["seconds"] == 308
    assert counts["seconds_missing"] == 7
    assert counts["entries"] == world.ledger.size == 377
    assert counts["batches"] == counts["proved"] == len(world.batches[FEED])
    assert counts["late_proofs"] == 0
    assert "as given" in report.trusted
    assert any("the groups of its cameras, which are not public" in words for words in report.not_checked)


def test_a_key_that_the_gateway_itself_shows_is_said_loudly(served: Served) -> None:
    report = verify_url(served.url)
    assert report.ok
    assert "ITSELF SHOWS" in report.trusted
    assert "key" not in [check.name for check in report.checked]


def test_pages_are_said_not_to_be_looked_at(served: Served, world: World) -> None:
    for report in (verify_url(served.url), verify_folder(world.folder)):
        assert any("no page was looked at" in words for words in report.not_checked)


def test_a_folder_verifies_and_says_what_it_cannot_check(world: World) -> None:
    report = verify_folder(world.folder.parent, feed_file=world.folder.parent / "feed.ndjson")
    assert report.ok, report.lines()
    assert "ITSELF SHOWS" in report.trusted
    assert any("register" in words for words in report.not_checked)
    assert any("only a folder" in words for words in report.not_checked)
    assert verify_folder(world.folder, key=parse_vkey(VKEY)).ok


def test_the_report_says_what_failed_and_what_was_not_looked_at() -> None:
    findings = Findings("log")
    for number in range(30):
        findings.add(f"fault {number}")
    check = findings.close("never said")
    assert check.words == "fault 0 (the first of 30 faults)"
    assert len(check.faults) == 20
    report = Report(trusted="a key", checked=(check,), not_checked=("the rest",), counts={"entries": 1})
    assert report.lines()[-1] == "Verification FAILED: log."
    assert "not checked: the rest" in report.lines()
    assert json.loads(json.dumps(report.to_json()))["ok"] is False
    assert not Report(trusted="", checked=(), not_checked=(), counts={}).ok


# --- keys and checkpoints -------------------------------------------------------------------------------------


def test_another_key_than_the_one_given_is_a_failure(served: Served) -> None:
    other = made.note_signer(made.OTHER_KEY, made.ORIGIN)
    words = only(verify_url(served.url, key=other.verifier), "key")
    assert "another key than the one given" in words


def test_a_checkpoint_by_another_key_is_a_failure(served: Served, world: World) -> None:
    head = Checkpoint(origin=made.ORIGIN, size=world.ledger.size, root=world.ledger.root)
    forged = sign_note(head.to_text(), [made.note_signer(made.OTHER_KEY, made.ORIGIN)])
    served.lies["/log/checkpoint"] = lambda _served, _query: (200, forged)
    assert "checkpoint" in only(verify_url(served.url), "log")


@pytest.mark.parametrize("without", ["entry", "key"])
def test_a_log_that_does_not_say_how_it_was_begun_is_a_failure(world: World, without: str) -> None:
    """An attacker left the entry out, and with it the key that it names."""
    fold = EntryFold(VKEY)
    entries = list(world.entries)
    assert parse_json(entries[1])["operation"] == "init"
    if without == "entry":
        del entries[1]
    else:
        entries[1] = canonical({k: v for k, v in parse_json(entries[1]).items() if k != "log_key"})
    for index, entry in enumerate(entries):
        fold.take(index, entry)
    found = fold.checks(made.ORIGIN)[0]
    assert any("`init`" in fault for fault in found.faults)


def test_a_log_that_names_another_key_at_its_beginning_is_a_failure(tmp_path: Path) -> None:
    # Everything is signed anew with another key; but entry 1 still says with which key the log was begun.
    forged = World(tmp_path / "log", log_key=made.OTHER_KEY)
    forged.live(2)
    forged.flush()
    other = made.note_signer(made.OTHER_KEY, made.ORIGIN).verifier
    words = failed(verify_folder(forged.folder, key=other))
    assert "another key" in words["key"]
    forged.close()


@pytest.mark.parametrize("body", [b"", b"x", b"\xff\xfe", VKEY.encode()[:-4] + b"AAAA", b"a" * 5000])
def test_a_key_that_cannot_be_read_is_a_failure(served: Served, body: bytes) -> None:
    served.lies["/log/key"] = lambda _served, _query: (200, body)
    assert failed(verify_url(served.url)).keys() == {"key"}


def test_a_key_file_must_hold_a_key(tmp_path: Path) -> None:
    path = tmp_path / "log.vkey"
    with pytest.raises(ConfigurationError):
        read_key(path)
    path.write_text("no key\n")
    with pytest.raises(ConfigurationError):
        read_key(path)
    path.write_text(VKEY + "\n")
    assert read_key(path).vkey == VKEY


# --- one byte changed anywhere --------------------------------------------------------------------------------


def flipped(data: bytes, at: int, value: int) -> bytes:
    """Return the bytes with one of them changed."""
    return data[:at] + bytes([data[at] ^ value]) + data[at + 1 :]


changes = st.integers(1, 255)


@given(st.data())
@QUICK
def test_one_byte_changed_in_a_tile_an_entry_or_the_checkpoint_is_found(
    world: World, tmp_path: Path, data: st.DataObject
) -> None:
    files = sorted(
        path for path in world.folder.rglob("*") if path.is_file() and ".writing" not in path.parts
    )
    chosen = data.draw(st.sampled_from(files)).relative_to(world.folder)
    whole = (world.folder / chosen).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    copied = tmp_path / "copy"
    shutil.rmtree(copied, ignore_errors=True)
    shutil.copytree(world.folder, copied)
    (copied / chosen).write_bytes(flipped(whole, at, data.draw(changes)))
    words = only(verify_folder(copied, key=parse_vkey(VKEY)), "log")
    # It says where: the file, or the entries that it holds.
    assert "`tile/" in words or "entr" in words or "`checkpoint`" in words


@given(st.data())
@QUICK
def test_one_byte_changed_on_the_way_from_the_gateway_is_found(world: World, data: st.DataObject) -> None:
    fetch = folder_fetch(world.folder)
    paths = [
        "checkpoint",
        "tile/0/000",
        "tile/0/001.p/121",
        "tile/1/000.p/1",
        "tile/entries/000",
        "tile/entries/001.p/121",
    ]
    path = data.draw(st.sampled_from(paths))
    whole = fetch(path)
    changed = flipped(whole, data.draw(st.integers(0, len(whole) - 1)), data.draw(changes))
    with serve(world) as gateway:
        gateway.lies[f"/log/{path}"] = lambda _served, _query: (200, changed)
        assert "log" in failed(verify_url(gateway.url, key=parse_vkey(VKEY)))


@given(st.data())
@QUICK
def test_one_byte_changed_in_a_feed_file_is_found(world: World, tmp_path: Path, data: st.DataObject) -> None:
    whole = b"".join(world.batches[FEED][:3])
    at = data.draw(st.integers(0, len(whole) - 1))
    value = data.draw(changes)
    path = tmp_path / "feed.ndjson"
    path.write_bytes(flipped(whole, at, value))
    report = verify_folder(world.folder, feed_file=path)
    words = only(report, "feed-file")
    assert "batch" in words or "line" in words


def test_one_byte_changed_in_a_header_is_found_at_every_place(world: World, tmp_path: Path) -> None:
    whole = world.batches[FEED][0]
    end = whole.index(b"\n")
    path = tmp_path / "feed.ndjson"
    log = TrustedLog.open(folder_fetch(world.folder), parse_vkey(VKEY))
    fold = made_fold(world)
    for at in range(end + 1):
        for value in (1, 32, 128):
            path.write_bytes(flipped(whole, at, value))
            assert not all(check.ok for check in feed_check(world, log, fold, path)), (at, value)


def made_fold(world: World) -> Any:
    """Return what the entries of a world say."""
    fold = EntryFold(VKEY)
    for index, entry in enumerate(world.entries):
        fold.take(index, entry)
    return fold


def feed_check(world: World, log: TrustedLog, fold: Any, path: Path) -> Any:
    """Return the checks of a feed file."""
    held = FeedFile(None, log, fold.charter, fold, world.key.public, lambda: world.at_us)
    return held.check(path)


# --- documents ------------------------------------------------------------------------------------------------


UPGRADED: dict[str, Any] = {
    "from": 1,
    "to": 2,
    "forms": {"commits": 2},
    "entries": 2,
    "machine": "2026-07-08T12:00:00Z",
}
BAD_UPGRADES: tuple[dict[str, Any], ...] = (
    {"from": 2},
    {"from": True},
    {"to": "2"},
    {"forms": ["commits"]},
    {"forms": {"commits": "2"}},
    {"more": 1},
    {"machine": 7},
)
RESUMERS = ("tfl/data-protection", "ico/commissioner")
REVIEWERS = ("home-office/secretary-of-state",)


def raw_document(world: World, envelope: bytes) -> None:
    """Put an envelope in the log without asking anybody, and let it have no effect in the world."""
    members = {} if scope_of(open_document(envelope)) is None else {"cameras": 100}
    world.entry(kind="document", envelope=parse_json(envelope), **members)


def signed(document: dict[str, Any], offices: tuple[str, ...]) -> bytes:
    """Return the envelope of a document."""
    return dump_envelope(documents.sign_document(documents.bound(document), documents.keys_of(offices)))


def second_version() -> dict[str, Any]:
    """Return the next version of the example authority."""
    return documents.changed(documents.example("authority"), documents.put("authority.version", 2))


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        (lambda: signed(second_version(), made.SIGNERS[:2]), "missing are the signatures"),
        (lambda: signed(documents.example("authority"), made.SIGNERS), "the next of"),
        (
            lambda: signed(
                documents.changed(second_version(), documents.put("authority.version", 3)), made.SIGNERS
            ),
            "the next of",
        ),
        (lambda: signed(documents.example("revocation"), ("met/national-security",)), "missing are"),
        (lambda: signed(documents.example("resumption"), RESUMERS), "no suspension"),
        (lambda: signed(made.charter(), ("tfl/commissioner",)), "the next is 2"),
    ],
)
def test_a_document_that_may_not_take_effect_is_found(
    fresh: World, envelope: Callable[[], bytes], words: str
) -> None:
    raw_document(fresh, envelope())
    entry = len(fresh.entries) - 1
    fresh.live(1)
    fault = only(verify_folder(folder_of(fresh)), "documents")
    assert f"entry {entry}" in fault
    assert words in fault


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "document", "envelope": None},
        {"kind": "document", "envelope": {}},
        {"kind": "document", "envelope": {"payload": "", "payloadType": "x", "signatures": []}, "more": 1},
        {"kind": "novelty"},
        {"kind": 7},
        {},
        {"kind": "operation"},
        {"kind": "operation", "operation": "init"},
        {"kind": "operation", "operation": "note"},
        {"kind": "operation", "operation": "start", "x": {"kind": "figures"}},
        {"kind": "operation", "operation": "start", "software": {"kind": "figures"}},
        {"kind": "operation", "operation": "start", "adopted": [{"kind": "figures"}]},
        {"kind": "operation", "operation": "start", "log_key": "the log's key stands in the entry of init"},
        {"kind": "operation", "operation": "clock-step"},
        {"kind": "operation", "operation": "clock-step", "machine": "noon"},
        {"kind": "operation", "operation": "clock-step", "machine": "2026-07-08T12:00:00Z", "more": 1},
        {"kind": "operation", "operation": "start", "machine": 7},
        {"kind": "operation", "operation": "start", "accepted_clock": "no time of the machine"},
        {"kind": "operation", "operation": "start", "accepted_clock": "", "machine": "2026-07-08T12:00:00Z"},
        {"kind": "operation", "operation": "init", "accepted_clock": "x", "machine": "2026-07-08T12:00:00Z"},
        {"kind": "operation", "operation": "start", "entries": 0},
        {"kind": "operation", "operation": "start", "entries": "2"},
        {"kind": "operation", "operation": "start", "from": 1, "to": 2},
        *({"kind": "operation", "operation": "upgraded", **UPGRADED, **wrong} for wrong in BAD_UPGRADES),
        {"kind": "operation", "operation": "upgraded"},
        {"kind": "operation", "operation": "fronts-replaced"},
        {"kind": "operation", "operation": "edges-replaced", "count": 0},
        {"kind": "operation", "operation": "readers-replaced", "count": 0},
        {"kind": "operation", "operation": "readers-replaced", "count": "2"},
        {"kind": "operation", "operation": "roles"},
        {"kind": "operation", "operation": "roles", "roles": "reader west"},
        {"kind": "operation", "operation": "roles", "roles": [7]},
        {"kind": "cameras", "source": "met", "count": 1, "groups": {}, "root": "ab" * 32},
        {"kind": "cameras", "source": "tfl", "count": -1, "groups": {}, "root": "ab" * 32},
        {"kind": "cameras", "source": "tfl", "count": 1, "groups": {"a": 2}, "root": "ab" * 32},
        {"kind": "cameras", "source": "tfl", "count": 1, "groups": [], "root": "ab" * 32},
        {"kind": "cameras", "source": "tfl", "count": 1, "groups": {}, "root": "AB" * 32},
        {"kind": "cameras", "source": ["tfl"], "count": 1, "groups": {}, "root": "ab" * 32},
        {"kind": "cameras", "source": "tfl", "count": 1},
    ],
)
def test_an_entry_that_cannot_be_is_found_and_named(fresh: World, body: dict[str, Any]) -> None:
    fresh.entry(**body)
    entry = len(fresh.entries) - 1
    fresh.live(1)
    assert f"entry {entry}:" in only(verify_folder(folder_of(fresh)), "documents")


def test_entries_of_a_later_form_are_refused_with_both_forms(fresh: World) -> None:
    fresh.entry(kind="operation", operation="start", entries=3)
    fresh.live(1)
    fault = only(verify_folder(folder_of(fresh)), "documents")
    assert "is of form 3" in fault
    assert "up to form 2" in fault


def test_an_upgrade_and_what_follows_it_verify(fresh: World) -> None:
    fresh.entry(kind="operation", operation="start")
    fresh.entry(kind="operation", operation="upgraded", **UPGRADED)
    fresh.entry(kind="operation", operation="start", entries=2)
    fresh.live(1)
    assert verify_folder(folder_of(fresh)).ok


def test_a_step_of_the_clock_says_nothing_of_forms(fresh: World) -> None:
    fresh.entry(kind="operation", operation="start", entries=2)
    fresh.entry(kind="operation", operation="clock-step", machine="2026-07-08T12:30:00Z")
    fresh.entry(kind="operation", operation="start", entries=2)
    fresh.flush()
    assert verify_folder(folder_of(fresh)).ok


def test_an_earlier_version_that_writes_on_is_found(fresh: World) -> None:
    fresh.entry(kind="operation", operation="upgraded", **UPGRADED)
    fresh.entry(kind="operation", operation="start")
    fresh.live(1)
    assert "an earlier version wrote on" in only(verify_folder(folder_of(fresh)), "documents")


def test_steps_and_leaps_of_the_clock_are_said(fresh: World) -> None:
    fresh.entry(kind="operation", operation="clock-step", machine="2026-07-08T12:30:00Z")
    fresh.live(1)
    report = verify_folder(folder_of(fresh))
    (seconds,) = (check for check in report.checked if check.name == "seconds")
    assert seconds.ok
    assert seconds.words.endswith("the machine's clock was moved 1 times while the gateway ran")


@pytest.mark.parametrize(
    "entry", [b"", b"x", b"[]", b'{"kind": "second"}', b"\xff", b'{"at":"x","kind":"second","root":"y"}']
)
def test_an_entry_that_is_no_canonical_object_is_found(fresh: World, entry: bytes) -> None:
    fresh.entries.append(entry)
    assert "entry " in only(verify_folder(folder_of(fresh)), "documents")


@pytest.mark.parametrize(
    ("groups", "cameras", "found"),
    [
        (["ccz-boundary"], 100, False),
        (["ccz-boundary"], 101, True),
        (["ccz-boundary"], 900_000, True),
        (["ccz-boundary", "ulez"], 101, True),
        ([], 150, False),
        ([], 151, True),
    ],
)
def test_more_cameras_than_a_scope_can_hold_are_found(
    fresh: World, groups: list[str], cameras: int, found: bool
) -> None:
    document = documents.changed(second_version(), documents.put("scope.groups", groups))
    envelope = signed(document, made.SIGNERS)
    opened = open_document(envelope)
    admitted = admit(
        RegimeAt(fresh.state.regime, fresh.parsed, fresh.at_us),
        opened,
        cameras=cameras,
        next_entry=len(fresh.entries),
    )
    assert admitted.cap == cameras + -(-cameras // 10)
    members = entry_members("authority", admitted)
    fresh.entry(kind="document", envelope=parse_json(envelope), **members)
    report = verify_folder(folder_of(fresh))
    if found:
        assert f"it counts {cameras} cameras" in only(report, "documents")
    else:
        assert report.ok, report.lines()


def test_a_draft_of_more_cameras_than_there_are_is_found(fresh: World) -> None:
    envelope = signed(documents.example("consultation"), ("tfl/data-protection",))
    fresh.entry(kind="document", envelope=parse_json(envelope), cameras=1500, wider=[])
    assert "it counts 1500 cameras" in only(verify_folder(folder_of(fresh)), "documents")


# --- whatever an entry holds ----------------------------------------------------------------------------------

times = st.sampled_from(
    [
        *("2026-07-08T12:00:00Z", "2026-07-08T12:00:01Z", "2026-07-08T12:00:10Z", "2026-07-08T12:00:20Z"),
        *(
            "0001-01-01T00:00:00Z",
            "8999-12-31T23:59:59Z",
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.999999Z",
        ),
    ]
)
names = st.sampled_from([FEED, "tfl", f"{FEED}@1", "ccz-boundary", "start", "init"]) | st.text(max_size=3)
numbers = st.sampled_from([0, 1, 9, 10, 150, -1, 2**53 - 1, 2**53]) | st.floats(allow_nan=False)
anything = st.recursive(
    st.none() | st.booleans() | numbers | times | names,
    lambda items: st.lists(items, max_size=3) | st.dictionaries(names, items, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def bodies(world: World) -> list[dict[str, Any]]:
    """One entry of each kind, and of each document, as a gateway makes them."""
    found: dict[str, dict[str, Any]] = {}
    for entry in world.entries[1:]:
        body = json.loads(entry)
        found.setdefault(f"{body['kind']} {body.get('envelope', {}).get('payloadType')}", body)
    body = {"kind": "operation", "operation": "start", "at": rfc3339(START_US + SECOND_US)}
    gap = {"missing_from": rfc3339(START_US), "missing_until": rfc3339(START_US + SECOND_US)}
    return [*found.values(), body | gap]


@st.composite
def any_entries(draw: st.DrawFn, bodies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return entries of which some say what they should, and others what they like where they should."""
    entries = []
    for _ in range(draw(st.integers(1, 5))):
        body = copy.deepcopy(draw(st.sampled_from(bodies) | st.dictionaries(names, anything, max_size=3)))
        for _ in range(draw(st.integers(0, 3))):
            table = body
            name = draw(st.sampled_from([*sorted(table), "at", "kind", "more"]))
            while isinstance(table.get(name), dict) and table[name] and draw(st.booleans()):
                table = table[name]
                name = draw(st.sampled_from(sorted(table)))
            if draw(st.booleans()):
                table[name] = draw(times if name in ("at", "from", "until") else anything)
            else:
                table.pop(name, None)
        entries.append(body)
    return entries


def test_each_document_of_a_log_is_opened_once(world: World) -> None:
    fold = EntryFold(VKEY)
    for index, entry in enumerate(world.entries):
        fold.take(index, entry)
    assert len(fold.documents) == 3
    assert all(fold.parsed.open(one.envelope) is one.document for one in fold.documents)


@given(st.data())
@settings(QUICK, max_examples=150)
def test_no_entry_is_too_strange_for_a_report(
    world: World, bodies: list[dict[str, Any]], data: st.DataObject
) -> None:
    fold = EntryFold(VKEY)
    for index, entry in enumerate(world.entries[:6]):
        fold.take(index, entry)
    review = documents.changed(
        documents.example("review"), documents.put("review.reviewed_at", "2026-07-08T12:00:02Z")
    )
    envelope = parse_json(signed(review, REVIEWERS))
    entries = data.draw(any_entries(bodies))
    for body in (*entries, {"kind": "document", "at": rfc3339(fold.open_us), "envelope": envelope}):
        try:
            entry = canonical(body)
        except InputError:  # nor has it any form in which it could stand in a log
            continue
        fold.take(fold.entries, entry)
    assert len(fold.checks(made.ORIGIN)) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "second", "at": "9999-12-31T23:59:59Z", "root": "0" * 64},
        {
            "kind": "operation",
            "operation": "start",
            "at": "9999-12-31T23:59:59Z",
            "missing_from": "2026-07-08T12:00:03Z",
            "missing_until": "9999-12-31T23:59:59Z",
        },
        {"kind": "operation", "operation": "start", "at": "9999-12-31T23:59:59.999999Z"},
    ],
)
def test_an_entry_of_the_last_second_that_has_words_is_reported(fresh: World, body: dict[str, Any]) -> None:
    fresh.entries.append(canonical(body))
    entry = len(fresh.entries) - 1
    fresh.entries.append(canonical({"kind": "second", "at": "9999-12-31T23:59:59Z", "root": "0" * 64}))
    faults = failed(verify_folder(folder_of(fresh)))
    assert any(f"entry {entry}:" in words for words in faults.values())


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.clear(),
        lambda b: b.pop("until"),
        lambda b: b.update(until="soon"),
        lambda b: b.update(decided="12"),
        lambda b: b.update(released=[]),
        lambda b: b["released"].update({FEED: {}}),
        lambda b: b.update(compared={FEED: "7"}),
        lambda b: b.update(receipts=7),
        lambda b: (b.pop("form"), b.pop("compared"), b.update(withheld=0, hits={FEED: 7}, outcomes={})),
    ],
)
def test_a_review_behind_figures_that_cannot_be_added_up_is_reported(
    fresh: World, change: Callable[[dict[str, Any]], object]
) -> None:
    fresh.live(20)
    at = next(i for i, entry in enumerate(fresh.entries) if b'"kind":"figures"' in entry)
    body = json.loads(fresh.entries[at])
    change(body)
    fresh.entries[at] = canonical({**body, "kind": "figures"})
    review = documents.changed(
        documents.example("review"), documents.put("review.reviewed_at", rfc3339(fresh.at_us))
    )
    fresh.document(review, REVIEWERS)
    assert f"entry {at}:" in failed(verify_folder(folder_of(fresh)))["figures"]


def test_a_log_without_a_charter_proves_nothing(tmp_path: Path) -> None:
    signer = made.note_signer(made.LOG_KEY, made.ORIGIN)
    for number, entries in enumerate(
        ([], [b"x"], [canonical({"kind": "operation", "at": "2026-07-08T12:00:00Z"})])
    ):
        folder = tmp_path / str(number)
        with made.Ledger.create(folder, signer, made.ORIGIN) as ledger:
            ledger.append(entries)
        assert only(verify_folder(folder, key=signer.verifier), "documents")


def test_a_charter_of_another_log_is_found(tmp_path: Path) -> None:
    founding = documents.changed(
        made.charter(),
        documents.put("charter.origin", "other.example/log"),
        documents.put("charter.log", "other.example/log"),
    )
    world = World(tmp_path / "log", founding=founding)
    world.live(1)
    assert "other.example/log" in only(verify_folder(folder_of(world)), "documents")
    world.close()


def test_acts_are_folded_as_the_gateway_does(fresh: World) -> None:
    fresh.document(documents.example("suspension"), ("tfl/data-protection",))
    fresh.live(2)
    fresh.document(documents.example("resumption"), RESUMERS)
    fresh.live(2)
    fresh.document(documents.example("revocation"), ("tfl/data-protection",))
    fresh.live(2)
    fresh.flush()
    with serve(fresh) as gateway:
        report = verify_url(gateway.url)
        assert report.ok, report.lines()
        gateway.lies["/register.json"] = changed_register(lambda r: r["authorities"][0]["acts"].pop())
        assert "revocation" in only(verify_url(gateway.url), "register")
        gateway.lies["/register.json"] = changed_register(
            lambda r: r["authorities"][0]["acts"][0].update(reason="another")
        )
        assert "`reason` is shown as `another`" in only(verify_url(gateway.url), "register")
        gateway.lies["/register.json"] = changed_register(
            lambda r: r["authorities"][0]["acts"][0].update(kind="review")
        )
        assert "`kind`" in only(verify_url(gateway.url), "register")


# --- seconds --------------------------------------------------------------------------------------------------


def test_a_second_left_out_is_seen(fresh: World) -> None:
    at = next(i for i in range(len(fresh.entries) - 1, 0, -1) if b'"kind":"second"' in fresh.entries[i])
    del fresh.entries[at - 1]
    assert "are missing" in only(verify_folder(folder_of(fresh)), "seconds")


def test_a_second_that_stands_twice_is_seen(fresh: World) -> None:
    fresh.entries.append(fresh.entries[-1])
    assert "twice" in only(verify_folder(folder_of(fresh)), "seconds")


def test_an_entry_of_another_time_than_its_place_is_seen(fresh: World) -> None:
    for at_us in (fresh.at_us - 2 * SECOND_US, fresh.at_us + 2 * SECOND_US):
        body = {"kind": "operation", "operation": "start", "at": rfc3339(at_us)}
        fresh.entries.append(canonical(body))
    report = verify_folder(folder_of(fresh))
    faults = next(check.faults for check in report.checked if check.name == "seconds")
    assert f"entry {len(fresh.entries) - 2}:" in faults[0]
    assert f"entry {len(fresh.entries) - 1}:" in faults[-1]


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (5, 0), (4, 0)])
def test_a_gap_must_be_explained_as_it_is(fresh: World, shift: tuple[int, int]) -> None:
    fresh.stop_and_start(4)
    at = next(i for i, entry in enumerate(fresh.entries) if b'"missing_from"' in entry)
    body = json.loads(fresh.entries[at])
    for name, seconds in zip(("missing_from", "missing_until"), shift, strict=True):
        body[name] = rfc3339(parse_rfc3339(body[name]) + seconds * SECOND_US)
    fresh.entries[at] = canonical(body)
    fresh.live(2)
    assert "gap" in failed(verify_folder(folder_of(fresh)))["seconds"]


def test_only_a_start_explains_a_gap(fresh: World) -> None:
    fresh.close_second()
    missing_us = fresh.state.second_us
    fresh.at_us = missing_us + 4 * SECOND_US + 100_000
    body = {"kind": "operation", "operation": "clock-step", "at": rfc3339(fresh.at_us)}
    body |= {"missing_from": rfc3339(missing_us), "missing_until": rfc3339(missing_us + 4 * SECOND_US)}
    fresh.entries.append(canonical(body))
    assert "gap" in failed(verify_folder(folder_of(fresh)))["seconds"]


def test_a_log_that_stands_still_is_stale(fresh: World) -> None:
    fresh.flush()
    fresh.at_us += 11 * SECOND_US
    with serve(fresh) as gateway:
        assert "before the register's own time" in only(verify_url(gateway.url), "fresh")


# --- figures --------------------------------------------------------------------------------------------------


def figures_world(
    folder: Path,
    change: Callable[[dict[str, Any]], object],
    made_of: Callable[[Path], World] = standard,
    number: int = 2,
    kind: str = "figures",
) -> World:
    """Return a world whose third period of figures was changed before it was logged."""
    world = made_of(folder)
    numbers = [i for i, entry in enumerate(world.entries) if f'"kind":"{kind}"'.encode() in entry]
    body = json.loads(world.entries[numbers[number]])
    change(body)
    forged = World.__new__(World)
    forged.entries = [*world.entries]
    forged.entries[numbers[number]] = canonical(body)
    world.close()
    shutil.rmtree(folder)
    with made.Ledger.create(folder, made.note_signer(made.LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append(forged.entries)
    return world


def refusal(**more: Any) -> dict[str, Any]:
    return {"authority": f"{FEED}@1", "reason": "expired", "rows": 12, **more}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b.update(taken=b["taken"] - 1), "of"),
        (lambda b: b.update(taken=b["taken"] + 5000), "under way"),
        (lambda b: b.update(decided=b["decided"] + 10), "decided"),
        (lambda b: b.update(repeated=3), "must be left out"),
        (lambda b: b.update(repeated=0), "must be left out"),
        (lambda b: b["released"].update({FEED: b["released"][FEED] + 40}), "released"),
        (lambda b: b["released"].update({FEED: 11}), "released"),
        (lambda b: b["released"].update({"nobody": 12}), "other rows"),
        (lambda b: b["released"].pop(FEED), "other rows"),
        (lambda b: b["again"].pop(FEED), "other rows"),
        (lambda b: b["images"].pop(FEED), "other rows"),
        (lambda b: b.pop("fetched"), "members"),
        (lambda b: b["images"].update({FEED: 9_000_000}), "more images than two each"),
        (lambda b: b["images"].update({FEED: 40}), "named by rows, and no version of it shows one"),
        (
            lambda b: b["fetched"].update({FEED: 40}),
            "fetched by its recipient, and no version of it shows one",
        ),
        (lambda b: b["compared"].update({FEED: 12}), "other rows"),
        (lambda b: b["refused"].append(refusal(authority="nobody@1")), "not in the log"),
        (lambda b: b["refused"].append(refusal(reason="not-listed")), "tell of a list"),
        (lambda b: b["refused"].append(b["refused"][0]), "twice"),
        (lambda b: b["refused"].append(7), "refused"),
        (lambda b: b.update(refused={}), "refused"),
        (lambda b: b.update(released=[]), "released"),
        (lambda b: b.update(repeated=-1), "not a count"),
        (lambda b: b.update(repeated=True), "not a count"),
        (lambda b: b.update(repeated="12"), "not a count"),
        (lambda b: b.update({"from": "2026-07-08T12:00:11Z"}), "last ones end"),
        (lambda b: b.update(until="2026-07-08T12:00:29Z"), "not the end"),
        (lambda b: b.update(until="soon"), "not an RFC 3339 time"),
        (lambda b: b.pop("decided"), "members"),
        (lambda b: b.update(withheld=12), "members"),
        (lambda b: b.update(form=3), "does not know"),
        (lambda b: b["again"].update({FEED: 40}), "came again with an image, and no version of it shows one"),
    ],
)
def test_figures_that_cannot_be_are_found_and_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    world = figures_world(tmp_path / "log", change)
    report = verify_folder(world.folder)
    fault = failed(report)["figures"]
    assert "entry " in fault
    assert words in fault


def test_figures_of_hits_that_can_be_hold(tmp_path: Path) -> None:
    world = matching(tmp_path / "log")
    bodies = [json.loads(entry) for entry in world.entries if b'"kind":"targeting"' in entry]
    assert bodies[0]["hits"] == {
        WANTED: {"vehicles": 40, "exact": 20, "possible": 10, "late": None, "clone": None}
    }
    assert bodies[0]["outcomes"] == {
        WANTED: {"acted": None, "confirmed": 10, "misread": 10, "not-acted": None, "unanswered": None}
    }
    report = verify_folder(folder_of(world), feed_file=world.feed_file(tmp_path / "feed.ndjson", WANTED))
    assert report.ok, report.lines()
    world.close()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda b: b["hits"][WANTED].update(vehicles=None), "more vehicles"),
        (lambda b: b["hits"][WANTED].update(vehicles=41), "no step"),
        (lambda b: b["hits"][WANTED].update(vehicles=70), "neither exact nor possible"),
        (lambda b: b["hits"][WANTED].update(vehicles=900, exact=None, possible=None), "compared at most"),
        (lambda b: b["hits"][WANTED].update(exact=50), "more vehicles"),
        (lambda b: b["hits"][WANTED].update(exact=None), "without the other"),
        (lambda b: b["hits"][WANTED].update(late=50), "more vehicles"),
        (lambda b: b["hits"][WANTED].update(late=0), "no step"),
        (lambda b: b["hits"][WANTED].update(clone=True), "no step"),
        (lambda b: b["hits"][WANTED].pop("clone"), "other rows"),
        (lambda b: b["hits"][WANTED].update(lost=None), "other rows"),
        (lambda b: b["hits"].update({FEED: b["hits"][WANTED]}), "other rows"),
        (lambda b: b["hits"].pop(WANTED), "other rows"),
        (lambda b: b["outcomes"].pop(WANTED), "other rows"),
        (lambda b: b["outcomes"][WANTED].update(confirmed=12), "no step"),
        (lambda b: b["outcomes"].update({WANTED: 7}), "other rows"),
        (lambda b: b["outcomes"][WANTED].update(confirmed=1_000_000), "of 49 with hits at most"),
        (lambda b: b["outcomes"][WANTED].update(unanswered=50), "of 49 with hits at most"),
        (lambda b: b["disclosures"].pop(FEED), "other rows"),
        (lambda b: b["disclosures"][FEED].update(nobody=None), "other rows"),
        (lambda b: b["disclosures_refused"].update({FEED: 3}), "no step"),
        (lambda b: b.update(step=1), "steps of 10"),
        (lambda b: b.update(form=4), "of the form 3"),
        (lambda b: b.update(form=2), "members"),
        (lambda b: b.update(form=1), "members"),
        (lambda b: b["errata"][FEED].update(corrected=20), "more vehicles"),
        (lambda b: b["errata"].pop(FEED), "other rows"),
        (lambda b: b["errata"][FEED].update(hour=3), "no step"),
        (lambda b: b.update(until="2026-07-08T12:00:20Z"), "that is due"),
        (lambda b: b.update({"from": "2026-07-08T12:00:05Z"}), "where the last ones end"),
        (lambda b: b.update(until="soon"), "not an RFC 3339 time"),
        (lambda b: b.update(hits=[]), "members"),
        (lambda b: b.pop("outcomes"), "members"),
    ],
)
def test_figures_of_hits_that_cannot_be_are_found(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    world = figures_world(tmp_path / "log", change, matching, 0, "targeting")
    assert words in failed(verify_folder(world.folder))["figures"]


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b["hits"][WANTED].update(exact=None, possible=None),
        lambda b: b["hits"][WANTED].update(late=40),
        lambda b: b["outcomes"][WANTED].update(confirmed=None),
    ],
    ids=["both-suppressed", "late", "outcomes-of-earlier-hits"],
)
def test_figures_of_hits_that_could_be_are_none_of_its_faults(
    tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    world = figures_world(tmp_path / "log", change, matching, 0, "targeting")
    report = verify_folder(world.folder)
    assert report.ok, report.lines()


@pytest.mark.parametrize("kind", ["figures", "targeting"])
def test_figures_that_are_put_off_are_missed(tmp_path: Path, kind: str) -> None:
    world = standard(tmp_path / "log", seconds=30)
    at = next(i for i, entry in enumerate(world.entries) if f'"kind":"{kind}"'.encode() in entry)
    entries = [*world.entries[:at], *world.entries[at + 1 :]]
    world.close()
    shutil.rmtree(world.folder)
    with made.Ledger.create(world.folder, made.note_signer(made.LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append(entries)
    assert "missing before it" in failed(verify_folder(world.folder))["figures"]


def without_figures(world: World, before: Callable[[int, int], dict[str, Any] | None]) -> World:
    """Return the log of a world without figures, signed with its key.

    `before` gives what is written behind each second in their place, by its end and the number of seconds so far.
    """
    entries: list[bytes] = []
    seconds = 0
    for entry in world.entries:
        body = json.loads(entry)
        if body["kind"] in ("figures", "targeting"):
            continue
        entries.append(entry)
        if body["kind"] == "second":
            seconds += 1
            end_us = parse_rfc3339(body["at"]) + SECOND_US
            extra = before(end_us, seconds)
            if extra is not None:
                entries.append(canonical({"at": rfc3339(end_us), **extra}))
    world.close()
    shutil.rmtree(world.folder)
    with made.Ledger.create(world.folder, made.note_signer(made.LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append(entries)
    return world


@pytest.mark.parametrize(
    "extra",
    [
        {"kind": "operation", "operation": "start"},
        {"kind": "operation", "operation": "start", "software": 'wicketgate "kind":"figures"'},
        {"kind": "operation", "operation": "start", "software": {"kind": "figures"}},
        {"kind": "operation", "operation": "note", "x": {"kind": "figures", "of": {"kind": "targeting"}}},
    ],
)
def test_no_entry_stands_for_figures_that_are_due(tmp_path: Path, extra: dict[str, Any]) -> None:
    world = World(tmp_path / "log")
    world.document(documents.example("authority"))
    world.live(25)
    report = verify_folder(without_figures(world, lambda end_us, seconds: extra).folder)
    assert "missing before it" in failed(report)["figures"]


def test_a_start_behind_a_gap_puts_figures_off_and_forgives_none(tmp_path: Path) -> None:
    world = World(tmp_path / "log")
    world.document(documents.example("authority"))
    world.live(10)

    def start(end_us: int, seconds: int) -> dict[str, Any] | None:
        until_us = end_us + 3 * SECOND_US
        gap = {"missing_from": rfc3339(end_us), "missing_until": rfc3339(until_us), "at": rfc3339(until_us)}
        return {"kind": "operation", "operation": "start", **gap} if end_us % (10 * SECOND_US) == 0 else None

    assert "missing behind it" in only(verify_folder(without_figures(world, start).folder), "figures")


def test_what_the_last_second_made_due_may_still_come(tmp_path: Path) -> None:
    world = standard(tmp_path / "log", seconds=30)
    ends = [n for n, entry in enumerate(world.entries) if b'"kind":"figures"' in entry]
    world.close()
    for end in (ends[-1], ends[-1] + 1, ends[-1] + 2):  # behind those of traffic come those of targeting
        shutil.rmtree(world.folder)
        signer = made.note_signer(made.LOG_KEY, made.ORIGIN)
        with made.Ledger.create(world.folder, signer, made.ORIGIN) as ledger:
            ledger.append(world.entries[:end])
        report = verify_folder(world.folder)
        assert report.ok, report.lines()


def test_suppressed_cells_stand_for_what_they_can_stand_for(fresh: World) -> None:
    # Eight refused and nine released are both shown as null: the arithmetic must still hold.
    fresh.decide(17, released=9, withheld=8)
    fresh.live(20, every=1000)
    fresh.flush()
    figures = [json.loads(entry) for entry in fresh.entries if b'"kind":"figures"' in entry]
    assert any(body["released"][FEED] is None for body in figures)
    report = verify_folder(fresh.folder)
    assert report.ok, report.lines()


# --- the register ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(origin="other.example/log"), "origin"),
        (lambda r: r.update(demonstration=False), "demonstration"),
        (lambda r: r.update(small_cells=1), "small_cells"),
        (lambda r: r.update(log_key="x"), "log_key"),
        (lambda r: r.update(consultations=[{"id": "c-1"}]), "`c-1` is shown"),
        (lambda r: r.update(consultations=["c-1"]), "that is none"),
        (lambda r: r.update(charter=None), "charter"),
        (lambda r: r["charter"]["document"]["limits"].update(small_cells=3), "document"),
        (lambda r: r["charter"]["signatures"].pop(), "signatures"),
        (lambda r: r["charter"].update(entry=1), "entry"),
        (lambda r: r["authorities"].pop(0), "is not shown"),
        (lambda r: r["authorities"].append(copy.deepcopy(r["authorities"][0])), "stands twice"),
        (lambda r: r["authorities"].append({**r["authorities"][0], "name": "another"}), "no such authority"),
        (lambda r: r["authorities"][0].update(status="expired"), "status"),
        (lambda r: r["authorities"][0].update(mode="match"), "mode"),
        (lambda r: r["authorities"][0]["document"]["scope"].update(fields=["plate"]), "document"),
        (lambda r: r["authorities"][0]["signatures"].pop(), "signatures"),
        (lambda r: r["authorities"][0].update(entry=2), "entry"),
        (lambda r: r["authorities"][0].update(in_force_until="2099-01-01T00:00:00Z"), "in_force_until"),
        (lambda r: r["authorities"][1]["consulted"].update(need="covered"), "consulted"),
        (lambda r: r["authorities"][1]["consulted"].update(wider=[]), "consulted"),
        (lambda r: r["authorities"][1]["consulted"].update(due=r["as_of"]), "consulted"),
        (lambda r: r["authorities"][1]["consulted"].update(since=r["as_of"]), "consulted"),
        (lambda r: r["authorities"][0].update(version="1"), "`version`"),
        (lambda r: r["authorities"][0].update(camera_cap=99_000), "camera_cap"),
        (lambda r: r["authorities"][0].update(ended_by="quashed"), "ended_by"),
        (lambda r: r["authorities"][0].update(redactions=1), "redactions"),
        (lambda r: r["authorities"][0]["words"].pop(), "words"),
        (lambda r: r["authorities"][0]["standings"].clear(), "standings"),
        (lambda r: r["authorities"][0]["standings"][0].update(status="suspended"), "standings"),
        (lambda r: r["charters"][0].update(at=r["as_of"]), "`at`"),
        (lambda r: r["charters"].clear(), "charters"),
        (lambda r: r["authorities"][1].update(review_due=None), "review_due"),
        (lambda r: r["authorities"][0].update(acts=[{"kind": "review", "entry": 3}]), "an act is shown"),
        (lambda r: r["authorities"][0].update(acts=["x"]), "an act is shown"),
        (lambda r: r["figures"][3].update(taken=99_999), "otherwise"),
        (lambda r: r["figures"][3].update(taken=float(r["figures"][3]["taken"])), "otherwise"),
        (lambda r: r["figures"].pop(3), "not shown"),
        (lambda r: r["figures"].append(copy.deepcopy(r["figures"][3])), "none at their entry"),
        (lambda r: r["figures"][3].update(entry=None), "none at their entry"),
        (lambda r: r["authorities"].reverse(), "`authorities` is out of its order"),
        (lambda r: r["figures"].reverse(), "`figures` is out of its order"),
        *(
            (lambda r, name=name, value=value: r.update({name: value}), f"`{name}` is not a list")
            for name in ("consultations", "people", "charters")
            for value in ({}, None, "", 0)
        ),
        *(
            (lambda r, value=value: r["authorities"][0].update(acts=value), "`acts` is not a list")
            for value in ({}, None)
        ),
        (lambda r: r.update(checkpoint=r["checkpoint"].replace("377", "376")), "checkpoint"),
        (lambda r: r.update(checkpoint=""), "checkpoint"),
    ],
)
def test_a_register_that_differs_from_the_log_is_found(
    served: Served, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    served.lies["/register.json"] = changed_register(change)
    assert words in only(verify_url(served.url), "register")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"x",
        b"[]",
        b"{}",
        b'{"authorities":[],"figures":[]}',
        b'{"authorities":{},"figures":[]}',
        b"\xff",
        b"[" * 9999,
    ],
)
def test_a_register_that_cannot_be_read_is_a_failure(served: Served, body: bytes) -> None:
    served.lies["/register.json"] = lambda _served, _query: (200, body)
    assert only(verify_url(served.url), "register")


@pytest.fixture(scope="module")
def eventful(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world with two consultations, one of them decided and quashed, and with acts of most kinds."""
    made_world = made.consulted(tmp_path_factory.mktemp("eventful") / "log")
    yield made_world
    made_world.close()


def test_a_register_of_acts_and_consultations_is_what_the_log_says(eventful: World) -> None:
    with serve(eventful) as gateway:
        report = verify_url(gateway.url)
    assert report.ok, report.lines()
    register = eventful.register()
    acts = [act["kind"] for version in register["authorities"] for act in version["acts"]]
    assert acts == ["objection", "suspension", "review", *(2 * ["challenge", "quashed"])]
    assert [one["status"] for one in register["consultations"]] == ["quashed", "closed"]
    assert len(register["consultations"][0]["objections"]) == 1


def bogus_first(register: dict[str, Any]) -> None:
    """Put a consultation that nobody opened before the one of its id."""
    shown = register["consultations"]
    shown.insert(0, {**copy.deepcopy(shown[0]), "title": "Something harmless"})


def review_on(authorities: list[dict[str, Any]], *, pop: bool) -> None:
    """Show the review of one version on the next."""
    acts = authorities[1]["acts"]
    authorities[2]["acts"].insert(0, acts.pop(0) if pop else acts[0])


def first_act(kind: str, **changes: Any) -> Callable[[dict[str, Any]], None]:
    """Return a lie about the first act of a kind."""

    def change(register: dict[str, Any]) -> None:
        acts = [act for version in register["authorities"] for act in version["acts"] if act["kind"] == kind]
        acts[0].update(changes)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (bogus_first, "stands twice"),
        (lambda r: r["consultations"].reverse(), "`consultations` is out of its order"),
        (lambda r: r["consultations"][1].update(objections={}), "`objections` is not a list"),
        *(
            (lambda r, member=member, value=value: r["consultations"][0].update({member: value}), member)
            for member, value in (
                ("title", "Another"),
                ("kind", "charter"),
                ("status", "approved"),
                ("opens_at", "2026-07-01T00:00:00Z"),
                ("closes_at", "2027-07-01T00:00:00Z"),
                ("assessment", "It concerns nobody."),
                ("cameras", 3),
                ("camera_cap", None),
                ("wider", []),
                ("words", ["Nothing changes."]),
                ("at", "2026-07-01T00:00:00Z"),
                ("committed_at", "2026-07-01T00:00:00Z"),
                ("void_at", "2026-07-01T00:00:00Z"),
                ("quashed_at", None),
                ("entry", 0),
                ("signatures", []),
                ("document", {}),
            )
        ),
        (lambda r: r["consultations"][0]["objections"].clear(), "objections"),
        (lambda r: r["consultations"][0]["objections"][0].update(reason="None"), "reason"),
        (lambda r: r["consultations"][0]["objections"][0].update(organisation="met"), "organisation"),
        (lambda r: r["consultations"][0].update(decision=None), "decision"),
        (lambda r: r["consultations"][0]["decision"].update(outcome="rejected"), "outcome"),
        (lambda r: r["consultations"][0]["decision"].update(reasons=""), "reasons"),
        (lambda r: r["consultations"][0]["decision"]["answers"].clear(), "answers"),
        (lambda r: r["consultations"][0]["decision"].update(covered_until=None), "covered_until"),
        (lambda r: r["consultations"][0]["decision"].update(signatures=[]), "signatures"),
        (first_act("review", document={}), "document"),
        (first_act("review", signatures=[]), "signatures"),
        (first_act("review", figures={}), "figures"),
        (first_act("review", reason="All is well"), "reason"),
        (first_act("challenge", reason="No claim"), "reason"),
        (first_act("suspension", id="another"), "`id`"),
        (first_act("quashed", at="2026-07-01T00:00:00Z"), "`at`"),
        (lambda r: r["authorities"][0]["acts"].reverse(), "out of their order"),
        (lambda r: r["authorities"][0]["acts"].append(r["authorities"][0]["acts"][0]), "twice"),
        # It is shown, but not where it counts, or also where it does not.
        (lambda r: review_on(r["authorities"], pop=True), "is not shown"),
        (lambda r: review_on(r["authorities"], pop=False), "an act is shown"),
        (lambda r: r["authorities"][0].update(ended_by="revocation"), "ended_by"),
    ],
)
def test_a_register_that_tells_otherwise_of_acts_and_consultations_is_found(
    eventful: World, change: Callable[[dict[str, Any]], object], words: str
) -> None:
    with serve(eventful) as gateway:
        gateway.lies["/register.json"] = changed_register(change)
        assert words in only(verify_url(gateway.url), "register")


def test_a_register_behind_the_log_is_found(fresh: World) -> None:
    fresh.flush()
    old = fresh.register()
    fresh.document(second_version())
    fresh.live(15)
    fresh.flush()
    old["as_of"] = rfc3339(fresh.at_us)
    with serve(fresh) as gateway:
        gateway.lies["/register.json"] = lambda _served, _query: (200, json.dumps(old).encode())
        assert "does not know of entry" in failed(verify_url(gateway.url))["register"]


def test_a_register_ahead_of_the_log_is_waited_for(fresh: World) -> None:
    fresh.flush()
    ahead = fresh.register()
    fresh.document(second_version())
    fresh.live(1)
    ahead = {**fresh.register(), "checkpoint": ahead["checkpoint"]}
    with serve(fresh) as gateway:

        def checkpoint(served: Served, _query: object) -> tuple[int, bytes]:
            if served.asked.count("/log/checkpoint") == 2:
                served.world.flush()
            return 200, served.world.ledger.checkpoint

        gateway.lies["/log/checkpoint"] = checkpoint
        gateway.lies["/register.json"] = lambda _served, _query: (200, json.dumps(ahead).encode())
        report = verify_url(gateway.url)
        assert report.ok, report.lines()


def test_a_checkpoint_in_the_register_that_forks_from_the_log_is_found(served: Served, world: World) -> None:
    # Both are signed by the log's key: two histories.
    head = Checkpoint(origin=made.ORIGIN, size=200, root=b"\x11" * 32)
    forged = sign_note(head.to_text(), [made.note_signer(made.LOG_KEY, made.ORIGIN)]).decode()
    served.lies["/register.json"] = changed_register(lambda r: r.update(checkpoint=forged))
    faults = failed(verify_url(served.url))
    assert list(faults) == ["register", "kept"]
    assert "forks" in faults["register"]


# --- the feed file --------------------------------------------------------------------------------------------


def written(tmp_path: Path, *parts: bytes) -> Path:
    """Return a feed file."""
    path = tmp_path / "feed.ndjson"
    path.write_bytes(b"".join(parts))
    return path


def test_a_feed_file_may_begin_anywhere_and_be_without_a_gap(
    served: Served, world: World, tmp_path: Path
) -> None:
    held = world.batches[FEED]
    assert verify_url(served.url, feed_file=written(tmp_path, *held[4:7])).ok
    for parts, words in (
        ((held[0], held[2]), "batch 3 of `tfl-met-ct` follows on batch 1"),
        ((held[0], held[0]), "follows on"),
        ((held[1], held[0]), "follows on"),
        ((held[0][:-20],), "ends early"),
        ((b"",), "no batch"),
    ):
        assert words in only(verify_url(served.url, feed_file=written(tmp_path, *parts)), "feed-file")


def test_a_row_that_was_tampered_with_is_found_and_named(world: World, tmp_path: Path) -> None:
    batch = world.batches[FEED][1]
    plate = batch[batch.index(b"AB") : batch.index(b"AB") + 7]
    path = written(tmp_path, world.batches[FEED][0], batch.replace(plate, b"ZZ99ZZZ", 1))
    words = only(verify_folder(world.folder, feed_file=path), "feed-file")
    assert "batch 2" in words
    assert plate.decode() not in words


def test_rows_that_were_erased_are_counted_and_not_taken_for_more(world: World, tmp_path: Path) -> None:
    head, first, rest = world.batches[FEED][0].split(b"\n", 2)
    erased = b"\n".join([head, erased_line(json.loads(first)["seq"], leaf_hash(first)), rest])
    report = verify_folder(world.folder, feed_file=written(tmp_path, erased))
    assert report.ok, report.lines()
    assert report.counts["erased"] == 1
    assert any("erased" in words for words in report.not_checked)


def forged_batch(world: World, **changes: Any) -> bytes:
    """Return a batch signed by the log's key itself, as only a gateway can forge it."""
    source = next(read_batches_of(world.batches[FEED][0]))
    lines = changes.get("lines", source.lines)
    at_us = changes.get("at_us", START_US + 3 * SECOND_US)
    signer = changes.get("signer", made.LOG_KEY)
    return build(
        reference=changes.get("reference", f"{FEED}@1"),
        number=1,
        commit=1,
        released_us=at_us,
        lines=lines,
        promise=lambda header: Promises(
            made.ORIGIN, at_us, signer, changes.get("delay_us", 5 * SECOND_US)
        ).make(header, b"\x01" * 16)[0],
    )[1]


def read_batches_of(data: bytes) -> Iterator[Any]:
    """Return the batches in some bytes."""
    return read_batches(io.BytesIO(data))


def test_a_promise_with_another_delay_than_the_charters_is_found(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, forged_batch(world, delay_us=30 * SECOND_US))
    found = only(verify_folder(world.folder, feed_file=path), "feed-file")
    assert "within 30 s, and the charter in force said 5 s" in found


def test_a_promise_by_another_key_is_found(world: World, tmp_path: Path) -> None:
    path = written(tmp_path, forged_batch(world, signer=made.OTHER_KEY))
    assert "not signed by the log's key" in only(verify_folder(world.folder, feed_file=path), "feed-file")


READ: dict[str, Any] = {
    "plate": "KLM3",
    "confidence": 0.9,
    "captured_at": "2026-07-08T11:59:59Z",
    "source": "tfl",
    "camera": "c1",
    "camera_name": "c1",
}
IMAGE = {"ref": "ab" * 16, "sha256": "cd" * 32, "type": "image/jpeg", "bytes": 7}


def row(read: dict[str, Any], seq: int = 1, reference: str = f"{FEED}@1", **more: Any) -> bytes:
    """Return a row with any read."""
    return json.dumps(
        {"seq": seq, "salt": "00" * 16, "authority": reference, "read": read, **more}, separators=(",", ":")
    ).encode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"at_us": START_US - SECOND_US}, "was not in the log"),
        ({"at_us": START_US + SECOND_US}, "was not in the log"),
        ({"reference": f"{FEED}@2", "lines": (row({}, reference=f"{FEED}@2"),)}, "was not in the log"),
        ({"reference": "nobody@1", "lines": (row({}, reference="nobody@1"),)}, "was not in the log"),
        ({"reference": "Nobody", "lines": (row({}, reference="Nobody"),)}, "names no authority"),
        ({"at_us": START_US + 400 * 86_400 * SECOND_US}, "but review-overdue"),
        ({"at_us": START_US + 200 * 86_400 * SECOND_US}, "but review-overdue"),
        ({"lines": (row(READ | {"vehicle": {}}),)}, "the member `vehicle`"),
        ({"lines": (row(READ | {"keeper": "X"}),)}, "a member that it has not"),
        ({"lines": (row(READ | {"source": "westminster"}),)}, "another source"),
        ({"lines": (row(READ | {"captured_at": "2026-07-03T23:59:59Z"}),)}, "outside the validity"),
        ({"lines": (row(READ | {"captured_at": "2027-07-04T00:00:00Z"}),)}, "outside the validity"),
        ({"lines": (row(READ | {"captured_at": 7}),)}, "not of the form"),
        ({"lines": (row(READ | {"captured_at": "today"}),)}, "no time of capture"),
        ({"lines": (row(READ | {"captured_at": "2026-07-08T11:59:59.000Z"}),)}, "no time of capture"),
        ({"lines": (b'{"seq":1,"salt":"%b","authority":"tfl-met-ct@1"}' % (b"00" * 16),)}, "`read`"),
        ({"lines": (b'{"salt":"00","seq":1,"authority":"tfl-met-ct@1","read":{}}',)}, "its number"),
        ({"lines": (row(READ), row(READ, seq=3))}, "row 2"),
        ({"lines": (row(READ | {"patch_image": IMAGE}),)}, "the member `patch_image`"),
        ({"lines": (row(READ | {"overview_image": IMAGE}),)}, "the member `overview_image`"),
        ({"lines": (row(READ, again=True),)}, "comes again without an image"),
    ],
)
def test_a_gateway_that_releases_what_it_may_not_is_found(
    world: World, tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = written(tmp_path, forged_batch(world, **changes))
    fault = only(verify_folder(world.folder, feed_file=path), "feed-file")
    assert "batch 1" in fault
    assert words in fault


REF = "0f" * 12
HIT = {
    "id": REF,
    "voi": "v",
    "quality": "exact",
    "kind": "murder",
    "priority": 1,
    "due": "2026-07-08T13:00:00Z",
}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"hit": HIT, "ref": REF}, "is a hit"),
        ({"overview_image": "abcdef", "driver": "a face"}, "a member that it has not"),
        ({"purpose": "crime"}, "a member that it has not"),
        ({"late": False}, "by leaving it out"),
        ({"again": "yes"}, "not of the form"),
        ({"salt": "00"}, "not of the form"),
    ],
)
def test_what_stands_beside_a_read_is_looked_at(
    world: World, tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    """An attacker put images and names beside `read`, and they passed as what the authority allows."""
    line = json.dumps({"seq": 1, "salt": "00" * 16, "authority": f"{FEED}@1", "read": READ} | more).encode()
    line = line.replace(b'{"seq": 1, ', b'{"seq":1,', 1)
    path = written(tmp_path, forged_batch(world, lines=(line,)))
    fault = only(verify_folder(world.folder, feed_file=path), "feed-file")
    assert words in fault
    assert not any(name in fault for name in ("driver", "abcdef", "crime"))


@pytest.mark.parametrize(
    ("read", "words"),
    [
        ({}, "lacks the member `plate`"),
        ({name: value for name, value in READ.items() if name != "camera"}, "lacks the member `camera`"),
        (READ | {"plate": {"now": "AA11AAA", "owner": "J Smith"}}, "not of the form"),
        (READ | {"plate": "AA11AAA J SMITH"}, "a plate that is not in normal form"),
        (READ | {"camera": {"id": "c", "journey": ["x"]}}, "not of the form"),
        (READ | {"confidence": 7}, "not of the form"),
        (READ | {"confidence": True}, "not of the form"),
        (READ | {"lane": "x" * 33}, "a `lane` that no camera may say"),
        (READ | {"direction": "home"}, "not of the form"),
        (READ | {"marks": ["J Smith"]}, "a mark that no read has"),
        (READ | {"marks": []}, "not of the form"),
        (READ | {"position": [1, 2, 3]}, "not of the form"),
        (READ | {"position": [0.1, 91]}, "not of the form"),
    ],
)
def test_each_member_of_a_read_is_of_its_type(
    world: World, tmp_path: Path, read: dict[str, Any], words: str
) -> None:
    path = written(tmp_path, forged_batch(world, lines=(row(read),)))
    fault = only(verify_folder(world.folder, feed_file=path), "feed-file")
    assert words in fault
    assert "SMITH" not in fault.upper()
    if "lacks" not in words:  # `receive` looks by the same chain
        with pytest.raises(VerificationError, match="row 1"):
            FeedChain(made.ORIGIN, world.key.public).take(next(read_batches_of(path.read_bytes())))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"read":{', b'"read":{"plate":"OTHER","overview_image":"x"},"read":{'),
        (b'"read":{', b'"read":{"plate":"OTHER"},"re\\u0061d" : {'),
        (b'"camera":', b'"camera":"elsewhere","camera":'),
    ],
)
def test_a_member_that_stands_twice_is_refused(world: World, tmp_path: Path, old: bytes, new: bytes) -> None:
    """Of two a reader of JSON sees the last alone."""
    line = row(READ).replace(old, new.replace(b"\\\\", b"\\"), 1)
    path = written(tmp_path, forged_batch(world, lines=(line,)))
    assert "row 1 has a member twice" in only(verify_folder(world.folder, feed_file=path), "feed-file")
    header, rest = forged_batch(world).split(b"\n", 1)
    twice = written(tmp_path, header.replace(b"{", b'{"rows":5,', 1) + b"\n" + rest)
    assert "line 1 has a member twice" in only(verify_folder(world.folder, feed_file=twice), "feed-file")
    more = written(tmp_path, header.replace(b"{", b'{"driver":"x",', 1) + b"\n" + rest)
    assert "not the members of a header" in only(verify_folder(world.folder, feed_file=more), "feed-file")


def test_a_text_that_looks_like_a_member_is_a_text(world: World, tmp_path: Path) -> None:
    line = row(READ | {"camera_name": 'a "b": c\\', "lane": '"x":'})
    path = written(tmp_path, forged_batch(world, lines=(line,)))
    report = verify_folder(world.folder, feed_file=path)
    assert all(check.ok for check in report.checked if check.name == "feed-file"), report.lines()


SCOPED = [
    ({}, None),
    ({"position": [-0.1, 51.5]}, None),
    ({"position": [-0.1, 52.5]}, "outside the area"),
    ({"position": None}, "outside the area"),
    ({"captured_at": "2026-07-08T05:59:59Z"}, "outside the hours"),
    ({"captured_at": "2026-07-11T11:00:00Z"}, "outside the hours"),
]


@pytest.mark.parametrize(("changes", "words"), SCOPED)
def test_area_and_hours_of_a_row_are_compared(changes: dict[str, Any], words: str | None) -> None:
    """Both are public, and a row that shows place and time says where and when."""

    def scoped(document: dict[str, Any]) -> None:
        document["scope"]["area"] = {"south": 51.4, "west": -0.2, "north": 51.6, "east": 0.0}
        document["scope"]["hours"] = [
            {
                "zone": "Europe/London",
                "days": ["mon", "tue", "wed", "thu", "fri"],
                "from": "07:00",
                "until": "19:00",
            }
        ]

    authority = parse_authority(documents.bound(documents.changed(documents.example("authority"), scoped)))
    read = READ | {"position": [-0.12, 51.51]} | changes
    shown = {name: value for name, value in read.items() if value is not None}
    fault = RowRule(authority).fault({"read": shown})
    assert fault == "" if words is None else words in fault


def test_what_of_a_scope_no_row_shows_is_said(world: World) -> None:
    blind = documents.changed(documents.example("authority"), documents.put("scope.fields", ["plate"]))
    blind["scope"]["area"] = {"south": 51.4, "west": -0.2, "north": 51.6, "east": 0.0}
    words = "; ".join(RowRule(parse_authority(documents.bound(blind))).not_checked())
    for part in ("groups", "area", "sources", "validity"):
        assert part in words


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "is no hit"),
        ({"hit": {**HIT, "kind": "theft"}}, "another kind"),
        ({"hit": True}, "not of the form"),
        ({"hit": {**HIT, "owner": "J Smith"}}, "a member that it has not"),
        ({"hit": {**HIT, "quality": "certain"}}, "not of the form"),
        ({"hit": {**HIT, "voi": ["a"]}}, "not of the form"),
        ({"hit": {**HIT, "priority": 5}}, "not of the form"),
        ({"hit": {**HIT, "due": "soon"}}, "without a deadline"),
        ({"hit": {**HIT, "id": "1f" * 12}}, "another id"),
        ({"hit": {**HIT, "clone": False}}, "by leaving it out"),
        ({"hit": HIT, "again": True}, None),
        ({"hit": HIT, "late": True}, None),
        ({"hit": {**HIT, "clone": True}}, None),
    ],
)
def test_every_row_of_a_list_is_a_hit_of_a_kind_that_is_allowed(
    tmp_path: Path, more: dict[str, Any], words: str | None
) -> None:
    world = matching(tmp_path / "log")
    read = READ | {"confidence": None, "marks": ["retransmitted"], "patch_image": IMAGE}
    shown = world.parsed.authority(world.state.authorities[WANTED].versions[-1]).scope.fields
    read = {name: value for name, value in read.items() if name in read_of(shown)}
    reference = f"{WANTED}@1"
    line = row(read, reference=reference, ref=REF, **more)
    path = written(tmp_path, forged_batch(world, lines=(line,), reference=reference))
    report = verify_folder(folder_of(world), feed_file=path)
    world.close()
    if words is None:
        assert report.ok, report.lines()
    else:
        assert words in only(report, "feed-file")


def read_of(fields: tuple[str, ...]) -> set[str]:
    """Return the members of a read that some fields show."""
    of = {
        "plate": ("plate", "confidence", "marks"),
        "time": ("captured_at",),
        "place": ("source", "camera", "camera_name"),
        "patch-image": ("patch_image",),
    }
    return {member for field in fields for member in of.get(field, ())}


def test_a_batch_released_while_its_authority_was_suspended_is_found(fresh: World, tmp_path: Path) -> None:
    fresh.document(documents.example("suspension"), ("tfl/data-protection",))
    fresh.at_us += 100_000
    data = fresh.decide()
    fresh.close_second()
    words = only(verify_folder(folder_of(fresh), feed_file=written(tmp_path, data)), "feed-file")
    assert "but suspended" in words


def test_a_proof_that_is_not_there_is_a_broken_promise(served: Served, world: World, tmp_path: Path) -> None:
    # The register's time is past the merge delay and the grace of ten seconds.
    path = written(tmp_path, *world.batches[FEED][:2])
    for leaf in world.facts:
        served.lies[f"/log/fact/{leaf}"] = lambda _served, _query: made.problem(404, "not-due")
    words = only(verify_url(served.url, feed_file=path), "proofs")
    assert "promise broken" in words
    assert "batch 1" in words


def test_a_proof_that_is_not_due_yet_is_waited_for(served: Served, world: World, tmp_path: Path) -> None:
    served.due_after = 2
    report = verify_url(served.url, feed_file=written(tmp_path, world.batches[FEED][-1]))
    assert report.ok, report.lines()
    assert report.counts["late_proofs"] == 0


def test_a_batch_older_than_the_feeds_term_is_said_not_to_be_proved(fresh: World, tmp_path: Path) -> None:
    path = written(tmp_path, *fresh.batches[FEED])
    fresh.flush()
    with serve(fresh) as gateway:
        later = rfc3339(fresh.at_us + 29 * 86_400 * SECOND_US)
        gateway.lies["/register.json"] = changed_register(lambda r: r.update(as_of=later))
        for leaf in fresh.facts:
            gateway.lies[f"/log/fact/{leaf}"] = lambda _served, _query: made.problem(404, "not-due")
        report = verify_url(gateway.url, feed_file=path)
        assert any("older than the feed's term" in words for words in report.not_checked)
        assert "proofs" not in [check.name for check in report.checked]


@pytest.mark.parametrize("status", [403, 302])
def test_a_gateway_that_answers_otherwise_is_a_failure(
    served: Served, world: World, tmp_path: Path, status: int
) -> None:
    for leaf in world.facts:
        served.lies[f"/log/fact/{leaf}"] = lambda _served, _query: (status, b"")
    path = written(tmp_path, world.batches[FEED][0])
    assert not verify_url(served.url, feed_file=path).ok


def test_a_proof_of_another_batch_is_a_failure(served: Served, world: World, tmp_path: Path) -> None:
    other = next(iter(world.facts.values()))
    for leaf in world.facts:
        served.lies[f"/log/fact/{leaf}"] = lambda _served, _query: (200, made.msgspec.json.encode(other))
    path = written(tmp_path, *world.batches[FEED][:2])
    assert "batch" in only(verify_url(served.url, feed_file=path), "proofs")


# --- what goes between ----------------------------------------------------------------------------------------


def test_a_redirect_is_not_followed(served: Served) -> None:
    served.lies["/register.json"] = lambda _served, _query: (302, b"")
    assert "redirect" in only(verify_url(served.url), "register")
    assert "/elsewhere" not in served.asked


def test_what_is_too_long_is_not_taken(served: Served) -> None:
    with Remote(served.url) as remote, pytest.raises(InputError, match="longer than"):
        remote.get("/log/tile/entries/000", most=1000)


def test_a_connection_that_breaks_is_tried_again(served: Served) -> None:
    served.refuse = 2
    assert verify_url(served.url).ok


def test_a_gateway_that_cannot_be_reached_is_a_clear_failure() -> None:
    report = verify_url("http://127.0.0.1:9")
    assert "cannot be reached" in only(report, "key")
    assert report.unreached
    assert (
        report.lines()[-1]
        == "NOT verified: nothing that was seen is wrong, and not all could be reached: key."
    )
    assert run("verify", "http://127.0.0.1:9", "--json") == 3


@pytest.mark.parametrize("path", ["/register.json", "/log/checkpoint", "/log/tile/entries/000"])
def test_a_gateway_that_goes_away_is_not_found_false(served: Served, path: str) -> None:
    served.lies[path] = lambda _served, _query: (503, b"")
    report = verify_url(served.url)
    assert not report.ok
    assert report.unreached, report.lines()


def test_a_gateway_that_goes_away_behind_a_fault_does_not_hide_it(
    served: Served, world: World, tmp_path: Path
) -> None:
    path = written(tmp_path, *world.batches[FEED][:2])
    for leaf in world.facts:
        served.lies[f"/log/fact/{leaf}"] = lambda _served, _query: (503, b"")
    assert verify_url(served.url, feed_file=path).unreached
    served.lies["/register.json"] = lambda _served, _query: (200, b"{}")
    assert not verify_url(served.url, feed_file=path).unreached


UNREACHED = (
    "/register.json",
    "/log/key",
    "/log/tile/entries/001.p/{partial}",
    "/log/tile/0/001.p/{partial}",
)


@pytest.mark.parametrize("path", UNREACHED)
def test_what_a_gateway_withholds_hides_no_contradiction(world: World, tmp_path: Path, path: str) -> None:
    """Another checkpoint of the same size is signed: no answer that does not come changes that."""
    forked = tmp_path / "forked"
    entries = [json.loads(entry) for entry in world.entries]
    at = next(n for n, entry in enumerate(entries) if n > 20 and entry["kind"] == "second")
    entries[at]["root"] = "0" * 64
    with made.Ledger.create(forked, made.note_signer(made.LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    note = (forked / "checkpoint").read_bytes()
    where = path.format(partial=len(entries) % 256)
    with serve(world) as gateway:
        gateway.lies[where] = lambda _served, _query: (503, b"")
        honest = verify_url(gateway.url, key=parse_vkey(VKEY))
        assert honest.unreached, honest.lines()
        report = verify_url(gateway.url, key=parse_vkey(VKEY), seen=[SeenCheckpoint(path=forked, note=note)])
        assert not report.unreached, report.lines()
        assert "forks" in failed(report)["kept"]
        if "/tile/" in where:
            other = changed_register(lambda b: b.update(checkpoint=note.decode()))
            gateway.lies["/register.json"] = other
            report = verify_url(gateway.url, key=parse_vkey(VKEY))
            assert not report.unreached, report.lines()


@pytest.mark.parametrize("path", ["/register.json", "/log/key"])
def test_what_a_gateway_withholds_hides_no_false_entry(tmp_path: Path, path: str) -> None:
    world = figures_world(tmp_path / "log", lambda b: b.update(decided=b["decided"] + 10))
    world.written = len(world.entries)
    with serve(world) as gateway:
        gateway.lies[path] = lambda _served, _query: (503, b"")
        report = verify_url(gateway.url, key=parse_vkey(VKEY))
        assert not report.unreached, report.lines()
        assert {"figures"} < failed(report).keys()
        assert run("verify", gateway.url, "--key", written(tmp_path, VKEY.encode())) == 1


def test_openings_that_cannot_be_looked_at_hide_no_false_entry(tmp_path: Path) -> None:
    world = figures_world(tmp_path / "log", lambda b: b.update(decided=b["decided"] + 10))
    report = verify_folder(world.folder, feed_file=tmp_path / "none")
    assert failed(report).keys() == {"figures", "feed-file"}
    assert not report.unreached
    assert run("verify", world.folder, "--feed-file", tmp_path / "none") == 1


@pytest.mark.parametrize("url", ["ftp://example", "", "example.org", "http://exa mple:x/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises((ConfigurationError, Unreachable)):
        Remote(url, attempts=1).get("/", most=1)


def test_a_log_never_goes_back_or_to_the_side(world: World, tmp_path: Path) -> None:
    verifier = parse_vkey(VKEY)
    log = TrustedLog.open(folder_fetch(world.folder), verifier)
    assert log.accept(log.note).size == world.ledger.size
    signer = made.note_signer(made.LOG_KEY, made.ORIGIN)
    for size in (1, 255, 256, 377):
        head = Checkpoint(origin=made.ORIGIN, size=size, root=b"\x01" * 32)
        with pytest.raises(LedgerError, match="forks"):
            log.accept(sign_note(head.to_text(), [signer]))
    elsewhere = Checkpoint(origin="other.example/log", size=1, root=b"\x01" * 32)
    with pytest.raises(LedgerError, match=r"other\.example"):
        log.accept(sign_note(elsewhere.to_text(), [signer]))
    for index in (-1, 377):
        with pytest.raises(LedgerError, match="no entry"):
            log.entry(index)
    assert [log.entry(index) for index in (0, 255, 256, 376)] == [
        world.entries[i] for i in (0, 255, 256, 376)
    ]


# --- the command ----------------------------------------------------------------------------------------------


def test_the_command_says_in_words_and_in_json(
    served: Served, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = tmp_path / "log.vkey"
    key.write_text(VKEY)
    feed = written(tmp_path, world.batches[FEED][0])
    assert run("verify", served.url, "--key", key, "--feed-file", feed) == 0
    out = capsys.readouterr().out
    assert out.startswith("Trusted: the log's key")
    assert out.endswith("Verified.\n")
    assert run("verify", world.folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    served.lies["/log/checkpoint"] = lambda _served, _query: (200, b"x")
    assert run("verify", served.url, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert [check["name"] for check in report["checked"] if not check["ok"]] == ["log"]
    assert run("verify", served.url) == 1
    assert "FAILED" in capsys.readouterr().out


def test_the_command_fails_in_words(tmp_path: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    for words, code in (
        (("verify", tmp_path), 3),
        (("verify", world.folder, "--key", tmp_path / "none"), 2),
        (("verify", world.folder, "--feed-file", tmp_path / "none"), 3),
        (("verify", world.folder, "--seen", tmp_path / "none"), 3),
        (("verify", world.folder, "--openings", tmp_path / "none"), 2),
    ):
        assert run(*words) == code
        assert run(*words, "--json") == code
    captured = capsys.readouterr()
    assert "holds no log" in captured.err
    assert "[no-log]" in captured.err
    assert "[configuration]" in captured.err
    assert "Traceback" not in captured.err


# --- by hand --------------------------------------------------------------------------------------------------


@pytest.mark.needs("bash", "curl", "jq", "openssl", "xxd")
def test_the_commands_of_the_specification_check_a_batch(served: Served, tmp_path: Path) -> None:
    text = (documents.EXAMPLES.parent / "feeds.md").read_text()
    script = "\n".join(block.split("```")[0] for block in text.split("```sh\n")[1:])
    environment = {**os.environ, "URL": served.url, "FEED": FEED, "TOKEN": made.TOKEN}
    words = ["bash", "-c", f"set -euo pipefail\n{script}"]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.decode().splitlines() if "Signature" not in line]
    assert said == [
        "sha256 holds",
        "root holds",
        "promise holds",
        "the fact is under its second",
        "the second is in the log",
        "the checkpoint holds",
    ]


# --- how things stand -----------------------------------------------------------------------------------------


def test_a_change_of_standing_that_does_not_follow_is_found(tmp_path: Path) -> None:
    world = made.standard(tmp_path / "log", seconds=2)
    try:
        change = {"authority": f"{made.FEED}@1", "status": "expired"}
        world.entry(kind="standing", changes=[change])
        world.flush()
        assert "does not follow" in only(verify_folder(world.folder.parent), "documents")
    finally:
        world.close()


@pytest.mark.parametrize("later", [0, 400_000, 5 * SECOND_US])
def test_a_document_just_before_the_end_need_not_be_told_yet(fresh: World, later: int) -> None:
    fresh.live(12)
    fresh.document(documents.example("suspension"), ("tfl/data-protection",))
    if later == 5 * SECOND_US:  # stopped and resumed within the slack
        fresh.live(1)
        fresh.document(documents.example("resumption"), RESUMERS)
    elif later:
        fresh.tell()
        fresh.document(documents.example("resumption"), RESUMERS)
    report = verify_folder(folder_of(fresh))
    assert report.ok, report.lines()


def test_a_change_in_the_second_that_is_open_may_be_told_already(tmp_path: Path) -> None:
    world = World(tmp_path / "log")
    try:
        soon = rfc3339(world.at_us + 12 * SECOND_US + 300_000)
        world.document(
            documents.changed(documents.example("authority"), documents.put("authority.valid_from", soon))
        )
        for _ in range(12):
            world.close_second()
        world.tell()
        assert b'"in-force"' in world.entries[-1]
        report = verify_folder(folder_of(world))
        assert report.ok, report.lines()
    finally:
        world.close()


@pytest.mark.parametrize(("after", "stopped"), [(1, False), (9, False), (9, True)])
def test_what_the_clock_changed_and_nobody_told_is_found_behind_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, stopped: bool
) -> None:
    world = World(tmp_path / "log")
    try:
        soon = rfc3339(world.at_us + 2 * SECOND_US)
        pending = documents.changed(
            documents.example("authority"), documents.put("authority.valid_from", soon)
        )
        world.document(pending)
        world.close_second()
        monkeypatch.setattr(made.World, "tell", lambda self: None)
        for _ in range(13 - after):
            world.close_second()
        if stopped:  # and it did not stand so all the time
            world.document(documents.example("suspension"), ("tfl/data-protection",))
            world.at_us += 100_000
            world.document(documents.example("resumption"), RESUMERS)
        else:
            world.document(documents.example("authority-own-use"), made.OWN_SIGNERS)
        for _ in range(after):
            world.close_second()
        report = verify_folder(folder_of(world))
        if stopped:
            assert report.ok, report.lines()
        else:
            words = f"`{made.FEED}` is in-force, and no entry tells so within 10 s"
            assert only(report, "documents").endswith(f": {words}")
    finally:
        world.close()


def test_a_change_of_standing_that_nobody_tells_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made.World, "tell", lambda self: None)
    world = made.standard(tmp_path / "log", seconds=2)
    try:
        world.live(15)
        world.flush()
        assert "no entry tells so" in only(verify_folder(world.folder.parent), "documents")
    finally:
        world.close()
