"""The parts of a backup by themselves: files and their objects, environments, histories, streams, stores and marks."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import lmdb
import pytest

from tests.running import secret_file
from wicketgate.base.backup_settings import parse_backup
from wicketgate.base.errors import ConfigurationError, InputError, StreamError
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.clients.verify.operations import Operations
from wicketgate.gateway.backup import contents
from wicketgate.gateway.backup.files import (
    BLOCK_BYTES,
    copy_environment,
    copy_files,
    found_below,
    link_history,
    links_below,
)
from wicketgate.gateway.backup.local import only_held, read_last, write_last
from wicketgate.gateway.backup.manifest import BackupManifest, KeptFile, KeptStream
from wicketgate.gateway.backup.messages import StreamFilling, ends_of, read_messages
from wicketgate.gateway.backup.objects import ObjectWriter
from wicketgate.gateway.backup.restored import RestoredMark, clear_mark, read_mark, said_of, write_mark
from wicketgate.gateway.backup.sealing import open_object
from wicketgate.gateway.backup.stores import BackupStore, open_store
from wicketgate.gateway.deployment import ENVIRONMENTS, PARTS
from wicketgate.ledger.sealing import new_identity


@pytest.fixture
def place(tmp_path: Path) -> BackupStore:
    return open_store(str(tmp_path / "store"), None, make=True)


def copied(
    place: BackupStore, folder: Path, before: list[KeptFile], known: dict[str, bytes]
) -> tuple[list[KeptFile], ObjectWriter]:
    objects = ObjectWriter(place, known)
    found = found_below(folder, folder.parent)
    return copy_files(objects, before, found, folder.parent.joinpath, lambda path: ""), objects


def read_back(place: BackupStore, file: KeptFile, keys: dict[str, bytes]) -> bytes:
    found = b""
    for piece in file.pieces:
        sealed = place.get(piece.object)
        assert sealed is not None
        found += open_object(piece.object, keys[piece.object], sealed)[
            piece.offset : piece.offset + piece.size
        ]
    return found


def test_what_did_not_change_is_not_written_again_and_what_is_gone_takes_its_key(
    place: BackupStore, tmp_path: Path
) -> None:
    folder = tmp_path / "vault"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_bytes(name.encode() * 100)
    (folder / "large").write_bytes(os.urandom(9 << 20))
    (folder / "half.new").write_bytes(b"is being written")
    first, objects = copied(place, folder, [], {})
    assert {file.path: read_back(place, file, objects.keys) for file in first} == {
        f"vault/{name}": (folder / name).read_bytes() for name in ("a", "b", "c", "large")
    }
    again, second = copied(place, folder, first, objects.keys)
    assert second.written_bytes == 0
    assert second.keys == objects.keys
    (folder / "b").unlink()
    third_files, third = copied(place, folder, again, second.keys)
    shared = next(file for file in first if file.path == "vault/b").pieces[0].object
    assert third.written_bytes == 200  # its neighbours, under another key
    assert shared not in third.keys
    assert place.end_all_but(third.keys) == 1
    assert place.get(shared) is None
    assert {file.path for file in third_files} == {"vault/a", "vault/c", "vault/large"}
    assert place.names() == third.keys.keys()


def test_of_an_environment_the_blocks_that_changed_are_written(place: BackupStore, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with (
        lmdb.open(str(folder), map_size=1 << 26) as environment,
        environment.begin(write=True) as transaction,
    ):
        for number in range(3_000):
            transaction.put(b"%06d" % number, os.urandom(1_000))
    objects = ObjectWriter(place, {})
    first = copy_environment(objects, None, folder, "index/data.mdb")
    assert first.size > 2 * BLOCK_BYTES
    with (
        lmdb.open(str(folder), map_size=1 << 26) as environment,
        environment.begin(write=True) as transaction,
    ):
        transaction.put(b"000001", b"x")
    again = ObjectWriter(place, objects.keys)
    second = copy_environment(again, first, folder, "index/data.mdb")
    assert 0 < again.written_bytes < first.size
    restored = tmp_path / "restored"
    restored.mkdir()
    (restored / "data.mdb").write_bytes(read_back(place, second, again.keys))
    with lmdb.open(str(restored), map_size=1 << 26) as environment, environment.begin() as transaction:
        assert transaction.get(b"000001") == b"x"
        assert transaction.stat()["entries"] == 3_000


def test_of_a_history_parts_are_linked_and_all_else_is_copied(tmp_path: Path) -> None:
    history, stage = tmp_path / "history", tmp_path / "backups" / "stage"
    for path in (
        "disk/store/a/0f_1_6_2/data.bin",
        "disk/store/a/log.txt",
        "engine/tmp/clear",
        "disk/tmp_insert_1/x",
    ):
        (history / path).parent.mkdir(parents=True, exist_ok=True)
        (history / path).write_bytes(path.encode())
    (history / "engine" / "reads").symlink_to("../disk/store/a")
    found = link_history(history, stage)
    assert found.keys() == {"disk/store/a/0f_1_6_2/data.bin", "disk/store/a/log.txt"}
    part, log = (history / path for path in sorted(found))
    assert (stage / "disk/store/a/0f_1_6_2/data.bin").samefile(part)
    log.write_bytes(b"goes on")
    assert (stage / "disk/store/a/log.txt").read_bytes() == b"disk/store/a/log.txt"
    assert links_below(history, tmp_path) == {"history/engine/reads": "../disk/store/a"}


def test_a_stream_comes_back_with_its_numbers_names_times_and_gaps(tmp_path: Path) -> None:
    async def run() -> None:
        server = NatsServer(tmp_path / "nats", on_failure=lambda error: None)
        await server.start()
        link = await Link.open(server.settings)
        try:
            await link.ensure_stream("FROM", below=True)
            writer = await StreamWriter(link, "FROM").open()
            for number in range(1, 8):
                await writer.submit(
                    b"m%d" % number, f"id-{number}", subject=f"FROM.s{number % 2}", at_us=number
                )
            await writer.close()
            await link.purge_below("FROM", 3)
            for number in (5, 7):
                await link.erase("FROM", number)
            ends = await ends_of(link, "FROM")
            assert (ends.below, ends.first, ends.last, ends.deleted) == (True, 3, 7, [5, 7])
            messages = await read_messages(link, "FROM", 1, ends.last, 1 << 20)
            assert [message.sequence for message in messages] == [3, 4, 6]
            assert await read_messages(link, "FROM", 4, 4, 1 << 20) == messages[1:2]
            assert await read_messages(link, "FROM", 7, 9, 1 << 20) == []
            filling = await StreamFilling(link, KeptStream("TO", True, False, 3, 7, ())).open()
            await filling.take(messages[:1])
            await filling.take(messages[1:])
            await filling.close()
            back = await read_messages(link, "TO", 1, 99, 1 << 20)
            assert back == messages
            assert (await ends_of(link, "TO")).last == 7
            writer = await StreamWriter(link, "TO").open()
            assert await writer.submit(b"next", "id-next", subject="TO.s0") == 8
            await writer.close()
            with pytest.raises(StreamError, match="holds something already"):
                await StreamFilling(link, KeptStream("TO", True, False, 1, 1, ())).open()
            empty = await StreamFilling(link, KeptStream("EMPTY", False, False, 10, 9, ())).open()
            await empty.close()
            writer = await StreamWriter(link, "EMPTY").open()
            assert await writer.submit(b"next", "id-empty") == 10
            await writer.close()
        finally:
            await link.close()
            await server.stop()

    asyncio.run(run())


def test_the_table_has_every_part_of_a_deployment() -> None:
    assert set(contents.ENVIRONMENTS) == set(ENVIRONMENTS)
    assert all(contents.known(name) for name in PARTS)
    assert not contents.known("provider.secret")


def test_the_last_backup_is_kept_apart_by_place_and_forgets_lost_objects(tmp_path: Path) -> None:
    name = "a" * 32
    manifest = BackupManifest(
        origin="o", taken_us=1, position=1, entries=1, directory_form=3, checkpoint=b"", files=[], streams=[]
    )
    assert read_last(tmp_path, "one") is None
    write_last(tmp_path, "one", manifest, {name: bytes(32)})
    assert read_last(tmp_path, "one") == (manifest, {name: bytes(32)})
    assert read_last(tmp_path, "two") is None
    assert only_held(manifest, set()) == manifest
    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600
        path.write_bytes(b"\xff")
    assert read_last(tmp_path, "one") is None


def test_a_store_is_of_one_deployment(place: BackupStore) -> None:
    place.claim("gateway.example/one 0f")
    place.claim("gateway.example/one 0f")
    with pytest.raises(ConfigurationError, match="of another deployment"):
        place.claim("gateway.example/two 0f")
    assert place.names() == set()


def test_recipients_are_age_keys() -> None:
    one = new_identity()[1]
    assert parse_backup({"recipients": [one]}) == (one,)
    for wrong in (
        None,
        {},
        {"recipients": []},
        {"recipients": ["age1x"]},
        {"recipients": [one] * 21},
        {"to": "x"},
    ):
        with pytest.raises(ConfigurationError):
            parse_backup(wrong)


@pytest.mark.parametrize(
    ("where", "text", "words"),
    [
        ("s3://bucket/prefix", None, "needs a file"),
        ("s3://bucket", None, "a store is a folder"),
        ("ftp://bucket/prefix", None, "a store is a folder"),
        ("s3://bucket/prefix", "region = 1", "holds"),
        ("s3://bucket/prefix", 'region = "x"', "needs"),
        (
            "s3://bucket/prefix",
            'region = "x"\naccess_key = "a"\nsecret_key = "b"\nendpoint = "http://s3.example"',
            "https",
        ),
        ("s3://bucket/prefix", "=", "TOML"),
    ],
)
def test_a_store_is_a_folder_or_an_s3_store_that_is_let_in(
    where: str, text: str | None, words: str, tmp_path: Path
) -> None:
    access = None if text is None else secret_file(tmp_path / "access.toml", text)
    with pytest.raises(ConfigurationError, match=words):
        open_store(where, access, make=True)
    with pytest.raises(ConfigurationError, match="no folder"):
        open_store(str(tmp_path / "missing"), None, make=False)


def test_the_start_behind_a_restore_says_so_once(tmp_path: Path) -> None:
    assert said_of(read_mark(tmp_path)) == {}
    write_mark(tmp_path, RestoredMark(1, 1_000_000, 9))
    said = said_of(read_mark(tmp_path))
    assert said == {"restored": "1970-01-01T00:00:01Z"}
    clear_mark(tmp_path)
    assert read_mark(tmp_path) is None
    body = {"kind": "operation", "operation": "start", "at": "1970-01-01T00:00:02Z"}
    Operations("key").take(5, {**body, **said})
    for wrong in ("yesterday", 7, "1970-01-01T00:00:01+00:00"):
        with pytest.raises(Exception, match=r"restored|in words|time"):
            Operations("key").take(5, {**body, "restored": wrong})


def test_a_backup_says_in_the_log_to_whom_its_keys_go() -> None:
    body = {"kind": "operation", "operation": "backup", "at": "1970-01-01T00:00:02Z"}
    Operations("key").take(5, {**body, "recipients": [new_identity()[1]]})
    for wrong in (
        {},
        {"recipients": []},
        {"recipients": "age1"},
        {"recipients": [7]},
        {"recipients": ["a"], "to": "b"},
    ):
        with pytest.raises(InputError):
            Operations("key").take(5, {**body, **wrong})
