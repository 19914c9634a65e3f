"""A second look reads only what is new, and finds no less: the fold it goes on from is the fold of all entries."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import BuiltinMethodType, FunctionType, MethodType
from typing import Any

import pytest

from tests import made_gateway as made
from tests.logs import flip
from tests.made_gateway import FEED, VKEY, World, changed_register, serve
from tests.simulator import LOG_KEY
from tests.vectors import make_documents as documents
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical, parse_canonical
from wicketgate.cli import main
from wicketgate.clients.verify import Report, verify_folder, verify_url
from wicketgate.clients.verify.entries import EntryFold
from wicketgate.clients.verify.journal import Journal, Verified, load_verified
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.audit import audit
from wicketgate.ledger.merkle import leaf_hashes
from wicketgate.ledger.notes import parse_vkey
from wicketgate.ledger.tiles import Edge, folder_fetch
from wicketgate.ledger.writer import Ledger

KEY = parse_vkey(VKEY)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Authorities, a list, figures of both kinds, an absence, a suspension, in some 900 entries."""
    world = made.standard(tmp_path_factory.mktemp("honest") / "log", seconds=40)
    world.document(documents.example("suspension"), ("tfl/data-protection",))
    for _ in range(700):
        world.close_second()
    world.flush()
    yield world
    world.close()


def state_of(value: object) -> object:
    """Return all that an object holds, but for the functions it was given."""
    if isinstance(value, MethodType | FunctionType | BuiltinMethodType):
        return None
    if isinstance(value, dict):
        return {repr(state_of(key)): state_of(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [state_of(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted(repr(state_of(one)) for one in value)
    if isinstance(value, str | bytes | int | float | None):
        return value
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names += [*getattr(value, "__dict__", {}), *getattr(type(value), "__struct_fields__", ())]
    return type(value).__name__, {name: state_of(getattr(value, name)) for name in sorted(set(names))}


def folded(entries: list[bytes]) -> EntryFold:
    fold = EntryFold(VKEY)
    for index, entry in enumerate(entries):
        fold.take(index, entry)
    return fold


def kept_of(entries: list[bytes], fold: EntryFold | None = None) -> bytes:
    """Return what is kept of so many entries, which come to a fold."""
    edge, journal = Edge(), Journal()
    for _ in edge.extend(leaf_hashes(entries)):
        pass
    for entry in entries:
        journal.take(entry)
    figures = None if fold is None else fold.figures_kept()
    return Verified(edge=edge, journal=journal, figures=figures).dump(VKEY)


def test_whatever_was_kept_the_fold_goes_on_as_that_of_all_entries(world: World) -> None:
    """Cut anywhere near what is no second, and through the runs of seconds between."""
    entries = world.entries
    odd = [n for n, entry in enumerate(entries) if b'"kind":"second"' not in entry]
    cuts = sorted({min(max(n + by, 1), len(entries)) for n in odd for by in (0, 1, 2)} | {len(entries)})
    wanted, got = folded(entries), []
    assert wanted.is_good
    # The parsed documents are a memory of what was looked at, and not of what the entries say.
    said = {**state_of(wanted)[1], "parsed": None}  # type: ignore[index]
    fold = EntryFold(VKEY)
    for index, entry in enumerate(entries):
        if index in cuts:
            kept = load_verified(kept_of(entries[:index], fold), VKEY)
            again = kept.journal.fold(VKEY, kept.figures)
            assert {**state_of(again)[1], "parsed": None} == {**state_of(fold)[1], "parsed": None}  # type: ignore[index]
            got.append(index)
        fold.take(index, entry)
    assert {**state_of(fold)[1], "parsed": None} == said  # type: ignore[index]
    assert len(got) > 50
    for cut in cuts[::40]:
        kept = load_verified(kept_of(entries[:cut], folded(entries[:cut])), VKEY)
        again = kept.journal.fold(VKEY, kept.figures)
        for index in range(cut, len(entries)):
            again.take(index, entries[index])
        assert again.checks(made.ORIGIN) == wanted.checks(made.ORIGIN)


def test_a_second_look_reads_what_is_new(world: World, tmp_path: Path) -> None:
    kept, folder = KeptCheckpoints(tmp_path / "state"), tmp_path / "log"
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append(world.entries[:700])
        whole = verify_folder(folder, kept=kept)
        assert whole.ok, whole.lines()
        for size in (701, 767, 768, 769, len(world.entries), len(world.entries)):
            ledger.append(world.entries[ledger.size : size])
            report = verify_folder(folder, kept=kept)
            assert report.ok, report.lines()
            assert any("chosen by chance, were read again" in words for words in report.not_checked)
            assert report.counts["entries"] == size
            all_of_it = verify_folder(folder, kept=kept, whole=True)
            assert not any("chosen by chance" in words for words in all_of_it.not_checked)
            alike = ("documents", "seconds", "figures")
            assert [one for one in report.checked if one.name in alike] == [
                one for one in all_of_it.checked if one.name in alike
            ]
    data, asked = kept.verified(KEY), []
    assert data is not None

    def fetch(path: str) -> bytes:
        asked.append(path)
        return folder_fetch(folder)(path)

    again = audit(fetch, KEY, begun=load_verified(data, VKEY).edge)
    assert again.bundles <= 1
    assert len(asked) <= 5  # the checkpoint, the last bundle, and the tiles of the right edge


def failed(report: Report) -> list[str]:
    return [check.name for check in report.checked if not check.ok]


def test_a_history_rewritten_and_gone_on_is_refused(world: World, tmp_path: Path) -> None:
    """Signed with the log's key, longer than what was seen, and without a fault of its own."""
    kept, shown = KeptCheckpoints(tmp_path / "state"), tmp_path / "shown"
    for folder, entries in (
        (shown, world.entries[:-100]),
        (tmp_path / "other", [*world.entries[:-300], *other_facts(world.entries[-300:])]),
    ):
        with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
            ledger.append(entries)
    assert verify_folder(shown, kept=kept).ok
    assert verify_folder(tmp_path / "other").ok
    assert failed(verify_folder(tmp_path / "other", kept=kept)) == ["kept"]


def other_facts(entries: list[bytes]) -> list[bytes]:
    bodies = [parse_canonical(entry) for entry in entries]
    second = next(body for body in bodies if body["kind"] == "second")
    second["root"] = "5a" * 32
    return [canonical(body) for body in bodies]


def test_new_figures_that_do_not_follow_from_the_old_are_refused(world: World, tmp_path: Path) -> None:
    kept, folder = KeptCheckpoints(tmp_path / "state"), tmp_path / "log"
    figures = next(n for n in range(len(world.entries) - 1, 0, -1) if b'"kind":"figures"' in world.entries[n])
    body = parse_canonical(world.entries[figures])
    body["decided"] = 10**9  # more than were ever taken, most of which is long before
    false = [*world.entries[:figures], canonical(body), *world.entries[figures + 1 :]]
    with Ledger.create(folder, note_signer(LOG_KEY, made.ORIGIN), made.ORIGIN) as ledger:
        ledger.append(false[:figures])
        assert verify_folder(folder, kept=kept).ok
        ledger.append(false[figures:])
    report = verify_folder(folder, kept=kept)
    assert any("chosen by chance" in words for words in report.not_checked)
    assert failed(report) == ["figures"]
    # What was found stays found: a log with a fault is not gone on from.
    assert failed(verify_folder(folder, kept=kept)) == ["figures"]


@pytest.mark.parametrize(
    "change",
    [
        lambda register: register["figures"][1].__setitem__("decided", 123_456),
        lambda register: register["figures"][0]["released"].__setitem__(FEED, 99_999),
        lambda register: register["authorities"].pop(0),
        lambda register: register["authorities"][0].__setitem__("status", "revoked"),
        lambda register: register["charter"]["document"]["charter"].__setitem__("name", "Another"),
    ],
    ids=["figures", "released", "authority", "status", "charter"],
)
def test_a_register_that_says_otherwise_is_refused_at_a_second_look(
    world: World, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    kept = KeptCheckpoints(tmp_path / "state")
    with serve(world) as gateway:
        first = verify_url(gateway.url, kept=kept)
        gateway.asked.clear()
        honest = verify_url(gateway.url, kept=kept)
        assert honest.ok, honest.lines()
        assert failed(first) == failed(honest)
        gateway.lies["/register.json"] = changed_register(change)
        report = verify_url(gateway.url, kept=kept)
    assert failed(report) == ["register"]
    assert any("chosen by chance" in words for words in report.not_checked)


def test_an_old_entry_that_is_shown_otherwise_is_found(world: World, tmp_path: Path) -> None:
    """Each of few bundles is read again; of many, eight."""
    kept, folder = KeptCheckpoints(tmp_path / "state"), tmp_path / "log"
    shutil.copytree(world.folder, folder)
    assert verify_folder(folder, kept=kept).ok
    flip(folder / "tile" / "entries" / "001", 700)
    report = verify_folder(folder, kept=kept)
    assert failed(report) == ["log"]
    assert "is not what was logged" in "\n".join(report.lines())
    flip(folder / "tile" / "entries" / "001", 700)
    flip(folder / "tile" / "0" / "001", 70)
    assert failed(verify_folder(folder, kept=kept)) == ["log"]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "of a log that is longer", "of another log"])
def test_what_cannot_be_used_makes_all_of_the_log_be_read(world: World, tmp_path: Path, damage: str) -> None:
    kept = KeptCheckpoints(tmp_path / "state")
    assert verify_folder(world.folder, kept=kept).ok
    path = next((tmp_path / "state").glob("*.verified"))
    data = path.read_bytes()
    made_of = {
        "cut": data[:-1],
        "flipped": data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
        "empty": b"",
        "of a log that is longer": kept_of([*world.entries, world.entries[-1]]),
        "of another log": kept_of(world.entries[:300]).replace(b"wicketgate", b"wicketfate"),
    }
    path.write_bytes(made_of[damage])
    report = verify_folder(world.folder, kept=kept)
    assert report.ok, report.lines()
    assert not any("chosen by chance" in words for words in report.not_checked)
    assert path.read_bytes() == data  # and is kept anew


def test_without_its_checkpoint_nothing_is_gone_on_from(world: World, tmp_path: Path) -> None:
    kept = KeptCheckpoints(tmp_path / "state")
    assert verify_folder(world.folder, kept=kept).ok
    kept.path_of(KEY).unlink()
    report = verify_folder(world.folder, kept=kept)
    assert any("NOTHING WAS KEPT OF IT" in words for words in report.not_checked)
    assert not any("chosen by chance" in words for words in report.not_checked)


def test_what_is_kept_is_read_as_it_was_written(world: World) -> None:
    data = kept_of(world.entries)
    assert load_verified(data, VKEY).dump(VKEY) == data
    with pytest.raises(InputError, match="of another log"):
        load_verified(data, VKEY.replace("+", "++", 1))


def test_the_command_reads_all_again_when_it_is_told_to(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["verify", str(world.folder), "--state", str(tmp_path / "state")]
    said = []
    for more in ([], [], ["--whole"]):
        assert main([*words, *more]) == 0
        said.append("chosen by chance" in capsys.readouterr().out)
    assert said == [False, True, False]
