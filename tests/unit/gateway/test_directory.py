"""A deployment's parts that are emptied, older, foreign, of another key or damaged: rebuilt, or refused by name."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import pytest
from msgspec.structs import replace as replace_in

from tests.matching import WANTED, Desk, vehicle
from tests.unit.gateway.test_node import CLOCK, equip, made, post, start
from wicketgate.base.clock import MINUTE_US
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.forms import split_form, with_form
from wicketgate.base.hour_keys import KeyRing
from wicketgate.base.parts import STAMP_FILE
from wicketgate.base.settings import load_settings
from wicketgate.commits.state import load_state
from wicketgate.commits.stored import KINDS
from wicketgate.gateway.forms import FILE as FORM_FILE
from wicketgate.gateway.forms import FORM, PART_FORMS
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.upgrading import upgrade

LMDB = ("index", "proofs", "hits", "feeds")
FOLDERS = ("vault", "images", "snapshots", "content-keys")

pytestmark = pytest.mark.usefixtures("swept")


async def until(condition: Callable[[], object]) -> None:
    ends = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends, "it does not come about"
        await asyncio.sleep(0.02)


async def live(folder: Path, *numbers: int, purged: bool) -> None:
    """Run a gateway for a moment; with `purged`, until the streams have let go of what came before."""
    gateway = await start(folder)
    try:
        if not gateway.commits.committed.cameras:
            await equip(gateway)
        answer = await post(gateway, *numbers)
        assert answer.accepted == len(numbers), "a read was known already"
        if purged:
            await until(lambda: gateway.seen.position >= gateway.commits.committed.sequence - 1)
            gateway.intake.past_term(CLOCK.now_us() + 11 * MINUTE_US)
            await gateway.housekeeping.purge()
            await asyncio.sleep(1.1)
            await gateway.projections.settle()
            await gateway.housekeeping.purge()
            assert (await gateway.link.info("COMMITS")).state.first_seq > 1, "nothing was let go of"
    finally:
        await gateway.stop()


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment that was made, and not used."""
    folder = tmp_path_factory.mktemp("founded") / "d"
    asyncio.run(made(folder))
    return folder


@pytest.fixture(scope="module")
def used(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, after reads that the streams still hold."""
    folder = tmp_path_factory.mktemp("used") / "d"
    shutil.copytree(founded, folder)
    asyncio.run(live(folder, 1, 2, purged=False))
    return folder


@pytest.fixture(scope="module")
def later(used: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, after more reads, when the streams have let go of everything."""
    folder = tmp_path_factory.mktemp("later") / "d"
    shutil.copytree(used, folder)
    asyncio.run(live(folder, 3, 4, purged=True))
    return folder


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another deployment, after a read."""
    folder = tmp_path_factory.mktemp("other") / "d"

    async def lived() -> None:
        await made(folder)
        await live(folder, 1, purged=False)

    asyncio.run(lived())
    return folder


@pytest.fixture
def copy(later: Path, tmp_path: Path) -> Path:
    return shutil.copytree(later, tmp_path / "d")


def empty(folder: Path, part: str) -> None:
    """Leave of a part what a new deployment has of it."""
    shutil.rmtree(folder / part)
    (folder / part).mkdir()
    if part in LMDB:
        lmdb.open(str(folder / part)).close()


def replace(folder: Path, part: str, other: Path) -> None:
    shutil.rmtree(folder / part)
    shutil.copytree(other / part, folder / part)


async def refused(folder: Path) -> str:
    """Return why a start is refused, once that is so a second time too."""
    with pytest.raises(ConfigurationError) as first:
        await start(folder)
    with pytest.raises(ConfigurationError) as second:
        await start(folder)
    assert str(first.value) == str(second.value)
    return str(first.value)


async def test_a_whole_directory_goes_on(copy: Path) -> None:
    await live(copy, 5, purged=False)
    gateway = await start(copy)
    try:
        assert (await post(gateway, 1, 2, 3, 4, 5)).repeated == 5
    finally:
        await gateway.stop()


@pytest.mark.parametrize("part", LMDB + FOLDERS)
async def test_an_emptied_part_is_refused_by_name(copy: Path, part: str) -> None:
    empty(copy, part)
    why = await refused(copy)
    assert f"`{part}/`" in why
    assert "restore" in why


@pytest.mark.parametrize("part", ["index", "proofs", "hits", *FOLDERS])
async def test_an_older_part_is_refused_by_name(copy: Path, used: Path, part: str) -> None:
    replace(copy, part, used)
    why = await refused(copy)
    assert f"`{part}/`" in why
    assert "older" in why


async def fed(folder: Path) -> dict[str, list[bytes]]:
    """Return what each feed of a deployment gives."""
    gateway = await start(folder)
    try:
        feeds = gateway.projections.feeds
        return {name: list(await feed.batches(0, 1000, 10**9)) for name, feed in feeds.items()}
    finally:
        await gateway.stop()


async def test_an_older_index_of_the_feeds_is_brought_up_from_commits(copy: Path, used: Path) -> None:
    whole = await fed(copy)
    assert sum(map(len, whole.values())) >= 2
    replace(copy, "feeds", used)
    assert await fed(copy) == whole


@pytest.mark.parametrize("part", [*LMDB, *FOLDERS, "nats"])
async def test_a_part_of_another_deployment_is_refused_by_name(copy: Path, other: Path, part: str) -> None:
    replace(copy, part, other)
    why = await refused(copy)
    assert "another deployment" in why
    assert f"`{part}/`" in why


@pytest.mark.parametrize("part", ["index", "proofs"])
async def test_a_part_that_does_not_say_whose_it_is_is_refused(copy: Path, part: str) -> None:
    with lmdb.open(str(copy / part), max_dbs=4) as environment, environment.begin(write=True) as transaction:
        assert transaction.delete(b"wicketgate stamp")
    assert f"`{part}/` does not say whose it is" in await refused(copy)


async def test_another_secret_of_the_index_is_refused(copy: Path) -> None:
    (copy / "keys" / "index.key").write_text("ab" * 32 + "\n")
    why = await refused(copy)
    assert "`index/`" in why
    assert "other keys" in why


async def test_a_part_of_a_later_version_is_refused(copy: Path) -> None:
    stamp = json.loads((copy / "vault" / STAMP_FILE).read_bytes())
    (copy / "vault" / STAMP_FILE).write_text(json.dumps({**stamp, "form": 2}))
    assert "later version" in await refused(copy)


async def test_older_streams_are_refused(copy: Path, used: Path) -> None:
    replace(copy, "nats", used)
    assert "older `nats`" in await refused(copy)


async def test_an_older_log_is_refused(copy: Path, founded: Path) -> None:
    replace(copy, "log", founded)
    assert "`log/` is older than the rest" in await refused(copy)


@pytest.mark.parametrize("stream", ["OPENINGS"])
async def test_a_stream_that_was_emptied_is_refused(copy: Path, stream: str) -> None:
    found = [path for path in (copy / "nats").rglob(stream) if path.is_dir()]
    assert found, f"there is no {stream}"
    for path in found:
        shutil.rmtree(path)
    assert "was emptied" in await refused(copy)


# --- what the streams still hold ------------------------------------------------------------------------------


async def test_keys_that_are_gone_are_made_by_nothing(used: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(used, tmp_path / "d"))
    empty(copy, "content-keys")
    assert "`content-keys/` is missing, or was emptied" in await refused(copy)


async def test_keys_of_open_hits_that_are_gone_are_missed_by_name(template: Path, tmp_path: Path) -> None:
    """Without them the hits were gone from the queue, and nothing said so."""
    folder = Path(shutil.copytree(template, tmp_path / "d"))
    desk = await Desk.start(folder)
    try:
        await desk.list_vehicles(vehicle("AB12CDE"))
        await desk.read("AB12CDE")
        await desk.hits(1)
    finally:
        await desk.stop()
    shutil.copytree(folder / "content-keys" / "hits", tmp_path / "kept")
    empty(folder, "content-keys/hits")
    assert "`content-keys/hits/` lacks the keys of 1 open hits" in await refused(folder)
    shutil.rmtree(folder / "content-keys" / "hits")
    shutil.copytree(tmp_path / "kept", folder / "content-keys" / "hits")
    gateway = await Gateway.start(load_settings(folder), desk.clock)
    try:
        assert len(gateway.hits.queue(WANTED)) == 1
    finally:
        await gateway.stop()


@pytest.mark.parametrize("part", [*LMDB, *(part for part in FOLDERS if part != "content-keys")])
async def test_a_part_is_made_anew_from_streams_that_hold_everything(
    used: Path, tmp_path: Path, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    copy = Path(shutil.copytree(used, tmp_path / "d"))
    empty(copy, part)
    gateway = await start(copy)
    try:
        assert f"`{part}/` was missing" in caplog.text
        assert (await post(gateway, 1, 2)).repeated == 2
        await until(lambda: gateway.projections.position >= gateway.commits.committed.sequence - 1)
    finally:
        await gateway.stop()
    assert "was missing" not in await told(copy, caplog)


async def told(folder: Path, caplog: pytest.LogCaptureFixture) -> str:
    caplog.clear()
    await (await start(folder)).stop()
    return caplog.text


async def test_an_older_index_is_brought_up_where_the_streams_reach_back(
    used: Path, founded: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(used, tmp_path / "d"))
    replace(copy, "index", founded)
    gateway = await start(copy)
    try:
        assert (await post(gateway, 1, 2)).repeated == 2
    finally:
        await gateway.stop()


# --- what an earlier version left -----------------------------------------------------------------------------


def as_of_0_3(folder: Path) -> None:
    """Take away what says whose the parts are, and of which form."""
    (folder / "form").unlink()
    keys = KeyRing(folder / "content-keys", KINDS).of("snapshots")
    for path in (folder / "snapshots").glob("*.snapshot"):
        form, sealed = split_form(path.read_bytes()[32:])
        packed = keys.open(bytes(sealed))
        assert packed is not None
        state = msgspec.msgpack.encode(replace_in(load_state(with_form(form, packed)), directory_form=1))
        path.write_bytes(hashlib.sha256(state).digest() + state)
    for part in LMDB:
        with (
            lmdb.open(str(folder / part), max_dbs=4) as environment,
            environment.begin(write=True) as transaction,
        ):
            transaction.delete(b"wicketgate stamp")
    for part in FOLDERS:
        (folder / part / STAMP_FILE).unlink()


def entries_of(gateway: Gateway, operation: str) -> list[dict[str, Any]]:
    entries = [json.loads(gateway.ledger.entry(n)) for n in range(gateway.ledger.size)]
    return [entry for entry in entries if entry.get("operation") == operation]


async def upgraded(folder: Path) -> list[str]:
    """Upgrade a deployment; return what was said."""
    said: list[str] = []
    await upgrade(load_settings(folder), said.append)
    return said


async def test_parts_of_an_earlier_version_are_taken_by_an_upgrade_alone(copy: Path) -> None:
    as_of_0_3(copy)
    why = await refused(copy)
    assert "is of form 1" in why
    assert f"runs form {FORM}" in why
    assert f"`wicketgate upgrade {copy}`" in why
    assert [line.partition(" ")[2] for line in await upgraded(copy)] == [
        "snapshots",
        "parts",
        "commit",
        "form",
    ]
    gateway = await start(copy)
    try:
        assert (await post(gateway, 1, 2)).repeated == 2
        [entry] = entries_of(gateway, "upgraded")
        assert (entry["from"], entry["to"], entry["forms"]) == (1, FORM, dict(PART_FORMS))
    finally:
        await gateway.stop()
    empty(copy, "hits")
    assert "`hits/`" in await refused(copy)


async def test_an_upgrade_takes_nothing_that_is_older_or_emptied(later: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(later, tmp_path / "d"))
    gateway = await start(copy)
    await gateway.link.ensure_stream("READS")  # as that version kept what it took
    for number in range(3):
        await gateway.link.jetstream.publish("READS", b"%d" % number)
    await gateway.link.purge_below("READS", 3)
    await gateway.stop()
    as_of_0_3(copy)
    empty(copy, "index")
    with pytest.raises(ConfigurationError, match="`index/`"):
        await upgraded(copy)


async def test_an_upgrade_that_is_cut_off_takes_the_rest_the_next_time(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_of_0_3(copy)
    with monkeypatch.context() as patched:

        def fail(*_: object, **__: object) -> None:
            raise ConfigurationError("cut off")

        patched.setattr("wicketgate.gateway.node.Images.__init__", fail)
        with pytest.raises(ConfigurationError, match="cut off"):
            await upgraded(copy)
    assert "has not ended" in await refused(copy)
    await upgraded(copy)
    await live(copy, 5, purged=False)


async def test_the_form_and_the_commits_agree(copy: Path, tmp_path: Path) -> None:
    former = Path(shutil.copytree(copy, tmp_path / "former"))
    as_of_0_3(former)
    replace(copy, "nats", former)
    for path in (former / "snapshots").glob("*.snapshot"):
        shutil.copyfile(path, copy / "snapshots" / path.name)
    why = await refused(copy)
    assert why.startswith(f"`form` says {FORM} and COMMITS 1")


async def test_a_directory_that_lost_its_form_is_not_taken_for_an_older_one(copy: Path) -> None:
    (copy / "form").unlink()
    assert "is missing" in await refused(copy)
    with pytest.raises(ConfigurationError, match="is missing"):
        await upgraded(copy)


@pytest.mark.parametrize("part", LMDB)
async def test_a_part_of_a_later_form_is_refused_by_name(copy: Path, part: str) -> None:
    with (
        lmdb.open(str(copy / part), max_dbs=4) as environment,
        environment.begin(write=True) as transaction,
    ):
        stamp = json.loads(transaction.get(b"wicketgate stamp"))
        transaction.put(b"wicketgate stamp", json.dumps({**stamp, "form": 9}).encode())
    why = await refused(copy)
    assert f"`{part}/` is of form 9" in why
    assert f"reads up to form {PART_FORMS.get(part, 1)}" in why


@pytest.mark.parametrize("part", ["vault", "snapshots"])
async def test_a_folder_of_a_later_form_is_refused_by_name(copy: Path, part: str) -> None:
    stamp = copy / part / STAMP_FILE
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "form": 9}))
    why = await refused(copy)
    assert f"`{part}/` is of form 9" in why
    assert "reads up to form 1" in why


# --- what is damaged ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("part", LMDB)
@pytest.mark.parametrize("left", ["half", "two pages", "nothing"])
async def test_an_environment_that_was_cut_is_refused_by_name(copy: Path, part: str, left: str) -> None:
    data = copy / part / "data.mdb"
    size = {"half": data.stat().st_size // 2, "two pages": 8192, "nothing": 0}[left]
    with data.open("r+b") as file:
        file.truncate(size)
    why = await refused(copy)
    assert f"`{part}/data.mdb` is not whole" in why


@pytest.mark.parametrize("part", LMDB)
@pytest.mark.parametrize("where", ["at its begin", "behind"])
async def test_an_environment_with_other_bytes_is_refused_by_name(copy: Path, part: str, where: str) -> None:
    data = copy / part / "data.mdb"
    size = data.stat().st_size
    with data.open("r+b") as file:
        file.seek(0 if where == "at its begin" else 8192)
        file.write(b"\xa5" * (8192 if where == "at its begin" else size - 8192))
    assert f"`{part}/data.mdb` is not whole" in await refused(copy)


NAMES = {"feeds": b"places", "hits": b"order", "index": b"named", "proofs": b"answers"}
"""A database of each environment."""


@pytest.mark.parametrize("part", LMDB)
async def test_an_environment_with_one_changed_name_is_refused_by_name(copy: Path, part: str) -> None:
    data = copy / part / "data.mdb"
    held = data.read_bytes()
    assert NAMES[part] in held
    data.write_bytes(held.replace(NAMES[part], b"x" + NAMES[part][1:]))
    assert f"`{part}/data.mdb` is not whole" in await refused(copy)


@pytest.mark.parametrize("held", [b"\xff\xfe\x00", b'{"origin":"\xc3\x28"}', b"{", b"[" * 9999, b""])
@pytest.mark.parametrize("part", FOLDERS)
async def test_a_stamp_with_other_bytes_is_refused_by_name(copy: Path, part: str, held: bytes) -> None:
    (copy / part / STAMP_FILE).write_bytes(held)
    assert f"the stamp of `{part}/` cannot be read" in await refused(copy)


@pytest.mark.parametrize("held", [b"\xff\xfe\x00", b'{"form":2,"x":"\xc3\x28"}', b""])
async def test_a_form_with_other_bytes_is_refused_by_name(copy: Path, held: bytes) -> None:
    (copy / FORM_FILE).write_bytes(held)
    assert FORM_FILE in await refused(copy)


async def test_a_part_that_others_may_enter_is_closed_to_them(copy: Path) -> None:
    for part in (*LMDB, *FOLDERS, "nats"):
        (copy / part).chmod(0o777)
    (copy / "hits" / "data.mdb").chmod(0o666)
    await live(copy, 5, purged=False)
    for part in (*LMDB, *FOLDERS, "nats"):
        assert (copy / part).stat().st_mode & 0o777 == 0o700
    assert (copy / "hits" / "data.mdb").stat().st_mode & 0o777 == 0o600
