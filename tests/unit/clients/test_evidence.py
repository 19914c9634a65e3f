"""Evidence packs: a true one holds, on any day and without a net; whatever is changed in one is found and named."""

from __future__ import annotations

import io
import json
import random
import re
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.made_gateway import OTHER_KEY
from tests.packs import IMAGE, PackedAnswer, PackedCustody, PackedWorld, forged
from tests.simulator import ORIGIN, VKEY
from wicketgate.base.errors import InputError, VerificationError
from wicketgate.clients.evidence.archive import read_archive, write_archive
from wicketgate.clients.evidence.checking import check_pack, make_pack
from wicketgate.clients.evidence.members import GUIDE, KEY, MANIFEST, PAGE, QUESTION, ROWS, RUN, SUMS
from wicketgate.clients.verify.report import Report
from wicketgate.gateway.deployment import note_signer
from wicketgate.ledger.notes import parse_vkey

OLD = Path(__file__).parents[2] / "fixtures" / "evidence"
GIVEN = parse_vkey(VKEY)
AUTHORITY, CHARTER, ROW, FACT = (
    "documents/0000000003.json",
    "documents/0000000000.json",
    "rows/0001.json",
    "facts/0001.json",
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackedWorld]:
    made = PackedWorld(tmp_path_factory.mktemp("log"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def pack(world: PackedWorld) -> bytes:
    return world.pack()


def failed(report: Report) -> dict[str, str]:
    return {check.name: "\n".join((check.words, *check.faults)) for check in report.checked if not check.ok}


# --- a true one -------------------------------------------------------------------------------------------


def test_a_true_pack_holds(pack: bytes) -> None:
    report = check_pack(pack, GIVEN)
    assert failed(report) == {}
    assert report.ok
    assert [check.name for check in report.checked] == [
        "archive",
        "key",
        "checkpoint",
        "documents",
        "rows",
        "images",
        "facts",
        "page",
    ]
    assert report.counts["documents"] == 3
    assert report.counts["rows"] == 2
    assert report.counts["images"] == 1
    assert report.counts["facts"] == 5


def test_without_a_key_it_says_loudly_which_one_was_taken(pack: bytes) -> None:
    report = check_pack(pack)
    assert report.ok
    assert VKEY in report.trusted
    assert "WHICH THE PACK ITSELF NAMES" in report.trusted


def test_another_key_than_the_one_given_is_refused(pack: bytes) -> None:
    report = check_pack(pack, note_signer(OTHER_KEY, ORIGIN).verifier)
    assert "another key than the one given" in failed(report)["key"]


def test_no_net_and_no_clock_is_asked(pack: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a pack is checked by its bytes alone")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)
    for name in ("time", "time_ns", "monotonic"):
        monkeypatch.setattr(time, name, refuse)
    report = check_pack(pack, GIVEN)
    monkeypatch.undo()
    assert report.ok


def test_the_same_members_make_the_same_bytes(world: PackedWorld, pack: bytes) -> None:
    assert world.pack() == pack


def test_any_tool_reads_the_archive(pack: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(pack)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == read_archive(pack).members


def test_the_sums_are_those_of_the_files(pack: bytes, tmp_path: Path) -> None:
    import hashlib

    members = read_archive(pack).members
    for line in members[SUMS].decode().splitlines():
        digest, _, name = line.partition("  ")
        assert hashlib.sha256(members[name]).hexdigest() == digest
    assert len(members[SUMS].splitlines()) == len(members) - 1


def test_the_page_loads_nothing_and_runs_nothing(pack: bytes) -> None:
    page = read_archive(pack).members[PAGE].decode()
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count("<img") == 1
    assert 'src="images/' in page


# --- one byte ---------------------------------------------------------------------------------------------


def regions(data: bytes) -> list[tuple[str, int, int]]:
    """Return each member's name with the offsets of its bytes, and `` with those of the directory."""
    found = []
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            begin = info.header_offset + 30 + len(info.filename)
            found.append((info.filename, begin, begin + info.file_size))
        found.append(("", archive.start_dir, len(data)))
    return found


def assert_named(data: bytes, at: int, name: str) -> None:
    words = failed(check_pack(data, GIVEN))
    assert words, (at, name)
    if name:
        assert f"`{name}`" in words["archive"], (at, name, words["archive"])


def changed_at(data: bytes, at: int, other: int) -> bytes:
    return data[:at] + bytes([data[at] ^ (1 + other % 255)]) + data[at + 1 :]


def test_a_changed_byte_in_each_member_is_found_and_named(pack: bytes) -> None:
    chance = random.Random(48)
    for name, begin, end in regions(pack):
        for at in (begin, end - 1, chance.randrange(begin, end)):
            assert_named(changed_at(pack, at, chance.randrange(255)), at, name)


def test_a_changed_byte_of_the_headers_is_found(pack: bytes) -> None:
    chance = random.Random(49)
    before = 0
    for name, begin, end in regions(pack)[:-1]:
        at = chance.randrange(before, begin)
        assert_named(changed_at(pack, at, chance.randrange(255)), at, name)
        before = end
    directory = regions(pack)[-1]
    for at in chance.sample(range(directory[1], directory[2]), 40):
        report = check_pack(changed_at(pack, at, chance.randrange(255)), GIVEN)
        assert "directory" in failed(report)["archive"]


@pytest.mark.slow
def test_every_changed_byte_is_found_and_named(pack: bytes) -> None:
    chance = random.Random(50)
    before = 0
    for name, begin, end in regions(pack):
        for at in range(before, end):
            data = changed_at(pack, at, chance.randrange(255))
            if at % 97 == 0:
                assert_named(data, at, name if at >= begin else "")
            # What the archive finds is a fault of the report, whatever else is (`check_pack`).
            faults = read_archive(data).faults
            assert any(f"`{name}`" in fault for fault in faults) if name else faults, (at, name, faults)
        before = end


# --- what whoever forges can do ---------------------------------------------------------------------------


def edit(name: str, change: Callable[[Any], object]) -> Callable[[dict[str, bytes]], object]:
    def done(members: dict[str, bytes]) -> None:
        from wicketgate.base.signing import canonical

        body = json.loads(members[name])
        change(body)
        members[name] = canonical(body)

    return done


def replaced(name: str, old: bytes, new: bytes) -> Callable[[dict[str, bytes]], object]:
    def done(members: dict[str, bytes]) -> None:
        assert old in members[name]
        members[name] = members[name].replace(old, new)

    return done


def without(name: str) -> Callable[[dict[str, bytes]], object]:
    return lambda members: members.pop(name)


FORGERIES: dict[str, tuple[Callable[[dict[str, bytes]], object], str, str]] = {
    "another plate in the row": (
        replaced(ROW, b'\\"plate\\":\\"AB', b'\\"plate\\":\\"AC'),
        "rows",
        "not in its batch",
    ),
    "another time of release": (
        edit(ROW, lambda b: b["header"].update(released_at="2026-07-04T12:00:01.5Z")),
        "rows",
        ROW,
    ),
    "another place in the batch": (edit(ROW, lambda b: b.update(index=1)), "rows", "not in its batch"),
    "another second": (edit(ROW, lambda b: b["second"].update(entry=b["second"]["entry"] + 1)), "rows", ROW),
    "a row's promise by another key": (
        edit(ROW, lambda b: b["header"]["promise"].update(signature="A" * 86 + "==")),
        "rows",
        "not signed by the log's key",
    ),
    "a member more in the header": (edit(ROW, lambda b: b["header"].update(sha256="0" * 64)), "rows", ROW),
    "another outcome": (
        lambda members: [
            members.__setitem__(name, data.replace(b"confirmed", b"misread"))
            for name, data in members.items()
            if name.startswith("facts/") and b"confirmed" in data
        ],
        "facts",
        "is of something else",
    ),
    "a fact left out that the pack was asked for": (
        lambda members: [
            members.pop(name)
            for name, data in list(members.items())
            if b"evidence" in data and name.startswith("facts")
        ],
        "facts",
        "asked for",
    ),
    "an authority with other fields": (
        replaced(AUTHORITY, b"up to 5,000 listed", b"up to 9,000 listed"),
        "documents",
        "not under the checkpoint",
    ),
    "no charter": (without(CHARTER), "documents", "first document is the charter"),
    "no authority": (without(AUTHORITY), "documents", "no authority"),
    "another image": (
        lambda members: members.update({n: b"\xff\xd8 other" for n in members if n.startswith("images/")}),
        "images",
        "not the image",
    ),
    "an image more": (
        lambda members: members.update({f"images/{'ab' * 32}.jpg": IMAGE}),
        "images",
        "no row names it",
    ),
    "no image": (
        lambda members: [members.pop(n) for n in list(members) if n.startswith("images/")],
        "images",
        "missing",
    ),
    "another word on the page": (replaced(PAGE, b"What was read", b"What was seen"), "page", PAGE),
    "another key in the guide": (replaced(GUIDE, VKEY.encode()[:12], b"another-name"), "page", GUIDE),
    "a file more": (lambda members: members.update({"note.txt": b"believe me"}), "archive", "no pack has"),
    "another log's checkpoint": (
        lambda members: members.update(
            {"checkpoint.txt": members["checkpoint.txt"].replace(b"/wicketgate\n", b"/other\n", 1)}
        ),
        "key",
        "checkpoint.txt",
    ),
    "a checkpoint of more entries": (
        lambda members: members.update(
            {"checkpoint.txt": re.sub(rb"\n[0-9]+\n", b"\n9\n", members["checkpoint.txt"], count=1)}
        ),
        "key",
        "not over this text",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_pack_whose_sums_agree_is_found(pack: bytes, name: str) -> None:
    change, check, words = FORGERIES[name]
    found = failed(check_pack(forged(pack, change), GIVEN))
    assert words in found.get(check, ""), found


def test_what_does_not_hold_is_never_made_into_a_pack(world: PackedWorld) -> None:
    members = world.members()
    edit(ROW, lambda body: body.update(index=2))(members)
    with pytest.raises(VerificationError, match="does not hold: rows"):
        make_pack(members, world.about())


def test_a_row_of_another_hit_is_no_evidence_of_this_one(world: PackedWorld) -> None:
    about = {**world.about(), "of": "hit/" + "0" * 24}
    with pytest.raises(VerificationError, match="not one of"):
        make_pack(world.members(), about)


def test_a_later_form_is_refused_in_words(pack: bytes) -> None:
    members = dict(read_archive(pack).members)
    members[MANIFEST] = members[MANIFEST].replace(b'"form":1', b'"form":3')
    with pytest.raises(InputError, match="of form 3; this version reads up to form 2"):
        check_pack(write_archive(members), GIVEN)


# --- an answer --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PackedAnswer]:
    made = PackedAnswer(tmp_path_factory.mktemp("log"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def answered(answer: PackedAnswer) -> bytes:
    return answer.pack()


def test_the_pack_of_an_answer_holds(answered: bytes) -> None:
    report = check_pack(answered, GIVEN)
    assert failed(report) == {}
    assert report.counts["rows"] == 3
    assert report.counts["facts"] == 5
    page = read_archive(answered).members[PAGE].decode()
    assert "The van was seen leaving the yard." in page
    assert page.count("AB12CDE") == 4  # the question, and each row


def test_a_changed_byte_of_an_answer_is_found_and_named(answered: bytes) -> None:
    chance = random.Random(52)
    for name, begin, end in regions(answered):
        at = chance.randrange(begin, end)
        assert_named(changed_at(answered, at, chance.randrange(255)), at, name)


OF_ANSWERS: dict[str, tuple[Callable[[dict[str, bytes]], object], str, str]] = {
    "another plate": (replaced(ROWS, b"AB12CDE", b"AB12CDF"), "answer", "do not hash to the root"),
    "a row less": (
        lambda members: members.update({ROWS: members[ROWS].rpartition(b'{"seq":3')[0]}),
        "answer",
        "has not the 3 rows",
    ),
    "a row erased that was not": (
        lambda members: members.update(
            {ROWS: members[ROWS].rpartition(b'{"seq":3')[0] + b'{"seq":3,"erased":"%b"}\n' % (b"ab" * 32)}
        ),
        "answer",
        "do not hash to the root",
    ),
    "another question": (replaced(QUESTION, b"AB12CDE", b"AB12CDF"), "facts", "commits to another one"),
    "another reason": (replaced(QUESTION, b"the yard", b"the park"), "facts", "commits to another one"),
    "another time of the run": (
        edit(RUN, lambda body: body["header"].update(until="2027-07-08T12:00:00Z")),
        "answer",
        "not signed by the log's key",
    ),
    "no run": (without(RUN), "answer", "is missing"),
    "no rows": (without(ROWS), "answer", "is missing"),
}


@pytest.mark.parametrize("name", OF_ANSWERS)
def test_a_forged_answer_whose_sums_agree_is_found(answered: bytes, name: str) -> None:
    change, check, words = OF_ANSWERS[name]
    found = failed(check_pack(forged(answered, change), GIVEN))
    assert words in found.get(check, ""), found


# --- an answer out of a custody ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bytes]:
    made = PackedCustody(tmp_path_factory.mktemp("log"))
    yield made.pack()
    made.close()


def test_the_pack_of_an_answer_out_of_a_custody_holds_with_each_rows_release(kept: bytes) -> None:
    report = check_pack(kept, GIVEN)
    assert failed(report) == {}
    assert report.counts["rows"] == 3
    members = read_archive(kept).members
    assert [name for name in sorted(members) if name.startswith("rows/")] == [
        *("rows/0001.json", "rows/0002.json", "rows/0003.json"),
    ]
    page = members[PAGE].decode()
    assert "out of the recipient's own custody" in page
    assert "A row was found to be wrong" in page
    for number in (2, 4, 5):
        assert f"<td>{number}</td>" in page, "rows have the numbers of their feed"


OF_CUSTODIES: dict[str, tuple[Callable[[dict[str, bytes]], object], str, str]] = {
    "a row whose release is not proved": (
        without("rows/0002.json"),
        "answer",
        "release of one is not proved",
    ),
    "the release of another row": (
        lambda members: members.update({"rows/0001.json": members["rows/0002.json"]}),
        "answer",
        "proves the release of another row",
    ),
    "a row that nobody released": (replaced(ROWS, b"CDE", b"CDF"), "answer", "do not hash to the root"),
    "a release at another time": (
        edit("rows/0003.json", lambda body: body["header"].update(released_at="2026-07-08T12:00:00Z")),
        "answer",
        "rows/0003.json",
    ),
    "the first form": (
        lambda members: members.update({MANIFEST: members[MANIFEST].replace(b'"form":2', b'"form":1')}),
        "answer",
        "no rows of feeds",
    ),
}


@pytest.mark.parametrize("name", OF_CUSTODIES)
def test_a_forged_answer_out_of_a_custody_is_found(kept: bytes, name: str) -> None:
    change, check, words = OF_CUSTODIES[name]
    data = forged(kept, change)
    if name == "the first form":
        members = dict(read_archive(kept).members)
        change(members)
        data = write_archive(members)
    found = failed(check_pack(data, GIVEN))
    assert words in found.get(check, ""), found


# --- old packs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(path.name for path in OLD.glob("*.zip")))
def test_an_old_pack_holds_years_later(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 4_000_000_000.0)
    monkeypatch.setattr(time, "time_ns", lambda: 4_000_000_000 * 10**9)
    key = parse_vkey((OLD / "log.key").read_text().strip())
    report = check_pack((OLD / name).read_bytes(), key)
    assert failed(report) == {}
    assert report.ok


def test_there_are_old_packs() -> None:
    assert {path.name for path in OLD.iterdir()} == {"hit-1.zip", "answer-1.zip", "answer-2.zip", "log.key"}


# --- hostile archives -------------------------------------------------------------------------------------


def zipped(names: list[str], method: int = zipfile.ZIP_STORED, data: bytes = b"x", **more: Any) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name in names:
            archive.NameToInfo.clear()  # a name may stand there twice
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
        archive.comment = more.get("comment", b"")
    return out.getvalue()


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda pack: b"",
    "no zip": lambda pack: b"PK" + b"\x00" * 500,
    "the end alone": lambda pack: pack[-22:],
    "cut": lambda pack: pack[: len(pack) // 2],
    "cut at its front": lambda pack: pack[100:],
    "a path upwards": lambda pack: zipped(["../key.txt", MANIFEST, SUMS]),
    "an absolute path": lambda pack: zipped(["/etc/passwd", MANIFEST, SUMS]),
    "a drive": lambda pack: zipped(["c:key.txt", MANIFEST, SUMS]),
    "a backslash": lambda pack: zipped(["a\\b.txt", MANIFEST, SUMS]),
    "folders in folders": lambda pack: zipped(["a/b/c.txt", MANIFEST, SUMS]),
    "a name twice": lambda pack: zipped([MANIFEST, MANIFEST, SUMS]),
    "names out of order": lambda pack: zipped([SUMS, MANIFEST]),
    "a bomb": lambda pack: zipped([MANIFEST, SUMS], zipfile.ZIP_DEFLATED, b"\x00" * 10_000_000),
    "a comment": lambda pack: zipped([MANIFEST, SUMS], comment=b"more"),
    "bytes before": lambda pack: b"#!/bin/sh\n" + pack,
    "bytes behind": lambda pack: pack + b"\x00",
    "no members": lambda pack: zipped([]),
    "no manifest": lambda pack: write_archive({KEY: b"x", SUMS: b""}),
    "too many": lambda pack: zipped([f"a{number:05d}" for number in range(5000)]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(pack: bytes, name: str) -> None:
    with pytest.raises(InputError, match="no evidence pack"):
        check_pack(HOSTILE[name](pack), GIVEN)


@pytest.mark.parametrize("name", ["../a", "/a", "a/b/c", ".a", "A", "a b", "a..b", "a\n", "", "a/", "ä"])
def test_no_archive_is_written_with_such_a_name(name: str) -> None:
    with pytest.raises(InputError):
        write_archive({name: b""})


def test_a_small_pack_is_cut_anywhere(pack: bytes) -> None:
    chance = random.Random(51)
    for at in chance.sample(range(len(pack)), 60):
        with pytest.raises(InputError):
            check_pack(pack[:at], GIVEN)
