"""A log rewritten with its own key: each rewrite verifies by itself, and none beside a checkpoint that was kept."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests import made_gateway as made
from tests.made_gateway import FEED, OTHER_KEY, VKEY, World, serve
from tests.simulator import LOG_KEY
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.cli import main
from wicketgate.clients.verify import Report, verify_folder, verify_url
from wicketgate.clients.verify.kept import KeptCheckpoints, SeenCheckpoint, default_state
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.notes import Checkpoint, parse_vkey, sign_note
from wicketgate.ledger.writer import Ledger

Entries = list[dict[str, Any]]
OWN = "tfl-charging"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An honest log of 600 entries and more: figures, a suspension that was lifted, an authority nobody would miss."""
    made_world = World(tmp_path_factory.mktemp("honest") / "log")
    made_world.at_us += 200_000
    made_world.live(2)
    made_world.document(documents.example("authority"))
    own = documents.changed(documents.example("authority-own-use"), lambda d: d["scope"].pop("hours"))
    made_world.document(own, made.OWN_SIGNERS)
    for _ in range(12):
        made_world.decide(300, released=250, withheld=50)
        made_world.close_second()
    made_world.document(documents.example("suspension"), ("tfl/data-protection",))
    for _ in range(560):
        made_world.close_second()
    made_world.flush()
    yield made_world
    made_world.close()


@pytest.fixture
def note(world: World) -> bytes:
    """The checkpoint that somebody kept."""
    return (world.folder / "checkpoint").read_bytes()


def rewritten(folder: Path, entries: Entries) -> Path:
    """Sign a history with the key of the log."""
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append([canonical(entry) for entry in entries])
    return folder


def kinds(entries: Entries, kind: str) -> list[int]:
    return [number for number, entry in enumerate(entries) if entry["kind"] == kind]


def document_at(entries: Entries, kind: str, name: str = "") -> int:
    for number in kinds(entries, "document"):
        envelope = canonical(entries[number]["envelope"])
        document = made.open_document(envelope)
        if document.kind == kind and name in ("", document.payload[kind].get("name")):
            return number
    raise AssertionError(kind)


def understate(entries: Entries) -> Entries:
    """A hundred released rows become refused ones."""
    figures = next(
        entry for entry in entries if entry["kind"] == "figures" and (entry["released"].get(FEED) or 0) > 500
    )
    figures["released"][FEED] -= 100
    refused = next(one for one in figures["refused"] if one["authority"] == f"{FEED}@1" and one["rows"])
    refused["rows"] += 100
    return entries


def unheard_of(entries: Entries) -> Entries:
    """An authority was never there, nor its figures and standings."""
    del entries[document_at(entries, "authority", OWN)]
    for entry in entries:
        if entry["kind"] in ("figures", "targeting"):
            for table in entry.values():
                if isinstance(table, dict):
                    table.pop(OWN, None)
        if entry["kind"] == "figures":
            entry["refused"] = [one for one in entry["refused"] if one["authority"] != f"{OWN}@1"]
        if entry["kind"] == "standing":
            entry["changes"] = [one for one in entry["changes"] if one.get("authority") != f"{OWN}@1"]
    return [entry for entry in entries if entry["kind"] != "standing" or entry["changes"]]


def cut(entries: Entries) -> Entries:
    return entries[:600]


def false_start(entries: Entries) -> Entries:
    """A second with its facts is said to have been missing."""
    number = kinds(entries, "second")[-20]
    begin_us = parse_rfc3339(entries[number]["at"])
    until = rfc3339(begin_us + SECOND_US)
    entries[number] = {
        "kind": "operation",
        "operation": "start",
        "at": until,
        "missing_from": rfc3339(begin_us),
        "missing_until": until,
    }
    return entries


def back_date(entries: Entries) -> Entries:
    """The suspension took effect some seconds before it did, in the same period of figures.

    In an earlier one the figures of the next would show what left under nothing.
    """
    number = document_at(entries, "suspension")
    act = entries.pop(number)
    seconds = [one for one in kinds(entries, "second") if one < number]
    period_us = 10 * SECOND_US
    began_us = parse_rfc3339(act["at"]) // period_us * period_us
    earlier = next(one for one in seconds if parse_rfc3339(entries[one]["at"]) > began_us)
    act["at"] = entries[earlier]["at"]
    told = [one for one in range(number, number + 4) if entries[one]["kind"] == "standing"]
    changes = [entries.pop(one) for one in told]
    for change in changes:
        change["at"] = act["at"]
    return [*entries[:earlier], act, *changes, *entries[earlier:]]


def drop_suspension(entries: Entries) -> Entries:
    number = document_at(entries, "suspension")
    del entries[number]
    return [
        entry
        for entry in entries
        if entry["kind"] != "standing" or all(one["status"] != "suspended" for one in entry["changes"])
    ]


def other_facts(entries: Entries) -> Entries:
    entries[kinds(entries, "second")[-30]]["root"] = "5a" * 32
    return entries


REWRITES: list[Callable[[Entries], Entries]] = [
    understate, unheard_of, cut, false_start, back_date, drop_suspension, other_facts,
]  # fmt: skip


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checked if not check.ok]


@pytest.mark.parametrize("rewrite", REWRITES, ids=lambda one: one.__name__)
def test_a_rewrite_verifies_alone_and_fails_beside_a_kept_checkpoint(
    rewrite: Callable[[Entries], Entries], world: World, note: bytes, tmp_path: Path
) -> None:
    entries = [parse_canonical(entry) for entry in world.entries]
    folder = rewritten(tmp_path / "log", rewrite(entries))
    alone = verify_folder(folder)
    assert alone.ok, alone.lines()  # which is why checkpoints are kept
    assert any("NOTHING WAS KEPT OF IT" in words for words in alone.not_checked)

    beside = verify_folder(folder, seen=[SeenCheckpoint(path=tmp_path, note=note)])
    assert failed(beside) == ["kept"]
    assert beside.lines()[-1] == "Verification FAILED: kept."

    kept = KeptCheckpoints(tmp_path / "state")
    assert verify_folder(world.folder, kept=kept).ok
    again = verify_folder(folder, kept=kept)
    assert failed(again) == ["kept"]
    evidence = list((tmp_path / "state").glob("*.contradicts"))
    assert [one.read_bytes() for one in evidence] == [(folder / "checkpoint").read_bytes()]
    assert kept.last(parse_vkey(VKEY)).note == note  # type: ignore[union-attr]  # and is not forgotten for it


def test_a_gateway_whose_log_was_rewritten_is_found_too(world: World, note: bytes, tmp_path: Path) -> None:
    """Over the network, by the command, with what it kept by itself and with what others kept."""
    other = made.standard(tmp_path / "log", seconds=60)
    with serve(other) as gateway:
        first = verify_url(gateway.url, kept=KeptCheckpoints(tmp_path / "state"))
        assert first.ok, first.lines()
        assert failed(verify_url(gateway.url, seen=[SeenCheckpoint(path=tmp_path, note=note)])) == ["kept"]
        (tmp_path / "theirs").write_bytes(note)
        assert run("verify", gateway.url) == 0
        assert run("verify", gateway.url) == 0
        assert run("verify", gateway.url, "--seen", tmp_path / "theirs") == 1
        assert run("verify", "--seen", tmp_path / "theirs", gateway.url) == 1
    other.close()
    assert run("verify", world.folder) == 1  # of the same origin and key, and another history
    assert run("verify", world.folder, "--state", tmp_path / "elsewhere") == 0


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def test_the_words_say_against_what_it_was_checked(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("verify", world.folder, "--state", tmp_path / "state")
    assert run(*words) == 0
    first = capsys.readouterr().out
    assert "NOTHING WAS KEPT OF IT, this is the first look from here" in first
    assert f"Kept: the checkpoint of {world.ledger.size} entries in {tmp_path / 'state'}" in first
    assert run(*words) == 0
    second = capsys.readouterr().out
    assert "NOTHING WAS KEPT" not in second
    assert f"ok     kept: its {world.ledger.size} entries go on from what was seen before" in second
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "state").iterdir()} == {0o600}


def test_what_was_kept_is_never_taken_for_a_first_look(world: World, tmp_path: Path) -> None:
    kept = KeptCheckpoints(tmp_path / "state")
    assert verify_folder(world.folder, kept=kept).ok
    path = kept.path_of(parse_vkey(VKEY))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ConfigurationError, match="is not the checkpoint that was kept"):
        verify_folder(world.folder, kept=kept)


def test_a_place_where_nothing_can_be_kept_is_said_loudly(world: World) -> None:
    report = verify_folder(world.folder, kept=KeptCheckpoints(Path("/proc/wicketgate/state")))
    assert report.ok
    assert any("NOTHING IS KEPT FOR THE NEXT LOOK" in words for words in report.not_checked)


def file_in_place(folder: Path) -> Path:
    (folder / "state").write_text("")
    return folder / "state"


def file_above(folder: Path) -> Path:
    return file_in_place(folder) / "deeper" / "still"


def folder_linked_nowhere(folder: Path) -> Path:
    (folder / "state").symlink_to(folder / "gone")
    return folder / "state"


def note_linked_nowhere(folder: Path) -> Path:
    (folder / "state").mkdir()
    KeptCheckpoints(folder / "state").path_of(parse_vkey(VKEY)).symlink_to(folder / "gone")
    return folder / "state"


@pytest.mark.parametrize("place", [file_in_place, file_above, folder_linked_nowhere, note_linked_nowhere])
def test_something_else_in_its_place_is_no_first_look(
    world: World, tmp_path: Path, place: Callable[[Path], Path]
) -> None:
    """Each was taken for a first look, and the exit code was 0."""
    state = place(tmp_path)
    with pytest.raises(ConfigurationError, match=r"is no folder|leads nowhere"):
        verify_folder(world.folder, kept=KeptCheckpoints(state))
    assert run("verify", world.folder, "--state", state) == 2


def test_another_key_for_an_origin_is_told(world: World, tmp_path: Path) -> None:
    kept = KeptCheckpoints(tmp_path / "state")
    other = World(tmp_path / "log", log_key=documents.key_of("another log"))
    other.live(2)
    other.flush()
    kept.keep(note_signer(other.key, made.ORIGIN).verifier, (other.folder / "checkpoint").read_bytes())
    report = verify_folder(world.folder, kept=kept)
    assert any("OF 1 OTHER KEYS FOR THIS ORIGIN" in words for words in report.not_checked)
    other.close()


@pytest.mark.parametrize(
    ("environment", "path"),
    [
        ({"HOME": "/people/a"}, "/people/a/.local/state/wicketgate"),
        ({"HOME": "/people/a", "XDG_STATE_HOME": "/s"}, "/s/wicketgate"),
        ({"HOME": "/people/a", "XDG_STATE_HOME": "relative"}, "/people/a/.local/state/wicketgate"),
        ({}, None),
    ],
)
def test_where_it_is_kept(environment: dict[str, str], path: str | None) -> None:
    assert default_state(environment) == (None if path is None else Path(path))


@pytest.mark.parametrize("signed", [True, False])
def test_a_file_that_is_no_checkpoint_of_this_key_accuses_nobody(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], signed: bool
) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_bytes(b"")
    if signed:
        with Ledger.create(tmp_path / "log", note_signer(OTHER_KEY, made.ORIGIN), made.ORIGIN) as ledger:
            ledger.append(world.entries[:10])
        theirs.write_bytes((tmp_path / "log" / "checkpoint").read_bytes())
    assert run("verify", world.folder, "--seen", theirs, "--state", tmp_path / "state") == 2
    said = capsys.readouterr()
    assert f"`{theirs}` is no checkpoint under the key {VKEY}" in said.err
    assert "rewrote" not in said.out + said.err
    with serve(world) as gateway:
        assert run("verify", gateway.url, "--seen", theirs, "--state", tmp_path / "state") == 2
        token = tmp_path / "token"
        token.write_text(made.TOKEN)
        token.chmod(0o600)
        words = (made.FEED, "--token-file", token, "--out", tmp_path / "out", "--seen", theirs)
        assert run("receive", gateway.url, *words, "--state", tmp_path / "state") == 2
    assert f"`{theirs}` is no checkpoint" in capsys.readouterr().err


# --- what one run was shown -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made_world = made.standard(tmp_path_factory.mktemp("small") / "log", seconds=20)
    yield made_world
    made_world.close()


def forged_at(world: World, *numbers: int, size: int = 0) -> Callable[[Any, Any], tuple[int, bytes]]:
    """Return a lie: the checkpoints that are asked for at some times are signed, and of another history."""
    head = Checkpoint(origin=made.ORIGIN, size=size or world.ledger.size, root=b"\x42" * 32)
    forged = sign_note(head.to_text(), [note_signer(LOG_KEY, made.ORIGIN)])
    asked: list[int] = []

    def lie(_served: Any, _query: Any) -> tuple[int, bytes]:
        asked.append(len(asked) + 1)
        return 200, forged if asked[-1] in numbers else world.ledger.checkpoint

    return lie


@pytest.mark.parametrize(("numbers", "size"), [((1,), 0), ((2,), 0), ((1,), 20), ((1, 2), 0)])
def test_a_fork_that_one_run_was_shown_is_found_and_kept(
    small: World, tmp_path: Path, numbers: tuple[int, ...], size: int
) -> None:
    """An attacker showed a forged checkpoint to the first question and the true one later: `Verified`."""
    with serve(small) as gateway:
        gateway.lies["/log/checkpoint"] = forged_at(small, *numbers, size=size)
        report = verify_url(gateway.url, kept=KeptCheckpoints(tmp_path / "state"))
    assert not report.ok, report.lines()
    assert not report.unreached
    shown = {one.read_bytes() for one in (tmp_path / "state").glob("*.contradicts")}
    assert len(shown) == 2
    assert failed(report) == ["kept"]
    assert small.ledger.checkpoint in shown


def test_a_fork_that_is_shown_behind_the_audit_is_found_and_kept(small: World, tmp_path: Path) -> None:
    """A feed file's proof names an entry that the log has not yet: its checkpoint is asked for again."""
    path = small.feed_file(tmp_path / "feed.ndjson")
    with serve(small) as gateway:
        gateway.lies["/log/checkpoint"] = forged_at(small, 3)
        for leaf in small.facts:
            gateway.lies[f"/log/fact/{leaf}"] = lambda served, _query, leaf=leaf: (
                200,
                msgspec.json.encode(msgspec.structs.replace(small.facts[leaf], entry=small.ledger.size)),
            )
        report = verify_url(gateway.url, feed_file=path, kept=KeptCheckpoints(tmp_path / "state"))
    assert "kept" in failed(report)
    assert len(list((tmp_path / "state").glob("*.contradicts"))) == 2


def test_an_honest_log_that_grows_meanwhile_is_no_fork(small: World, tmp_path: Path) -> None:
    entries = small.entries[:-30]
    note = {}
    with Ledger.create(tmp_path / "log", note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append(entries)
        note["old"] = ledger.checkpoint
    asked: list[int] = []

    def lie(_served: Any, _query: Any) -> tuple[int, bytes]:
        asked.append(1)
        return 200, note["old"] if len(asked) in (1, 3) else small.ledger.checkpoint

    with serve(small) as gateway:
        gateway.lies["/log/checkpoint"] = lie
        report = verify_url(gateway.url)
    assert report.ok, report.lines()


@pytest.mark.parametrize("part", ["/log/tile/entries/002.p/{}", "/log/tile/0/002.p/{}", "/log/tile/0/000"])
def test_a_rewritten_log_that_withholds_a_file_is_called_rewritten(
    world: World, note: bytes, tmp_path: Path, part: str
) -> None:
    """It answered 503 for one file, and `verify` said that nothing was wrong, for ever."""
    entries = other_facts([parse_canonical(entry) for entry in world.entries])
    last = parse_rfc3339(entries[kinds(entries, "second")[-1]]["at"])
    entries += [
        {"kind": "second", "at": rfc3339(last + n * SECOND_US), "root": "11" * 32} for n in range(1, 6)
    ]
    folder = rewritten(tmp_path / "log", entries)
    missing = part.format(len(entries) % 256)
    withheld = missing.removeprefix("/log/")

    with serve(world) as gateway:
        for file in folder.rglob("*"):
            if file.is_file() and ".writing" not in file.parts:
                path = file.relative_to(folder).as_posix()
                answer = (503, b"") if path == withheld else (200, file.read_bytes())
                gateway.lies[f"/log/{path}"] = lambda _served, _query, answer=answer: answer
        gateway.lies["/register.json"] = lambda _served, _query: (503, b"")
        assert missing in gateway.lies
        report = verify_url(gateway.url, seen=[SeenCheckpoint(path=tmp_path, note=note)])
        alone = verify_url(gateway.url)
    assert "kept" in failed(report), report.lines()
    assert not report.unreached
    assert alone.unreached  # nothing is known of it, and nobody is accused
