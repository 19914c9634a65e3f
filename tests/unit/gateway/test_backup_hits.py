"""What a restore brings back beside reads: lists in force, open hits with their plates, images; and what it ends."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from tests.matching import UNIT, WANTED, Desk, MovableClock, make, plate_image, vehicle
from tests.running import secret_file
from wicketgate.base.clock import DAY_US
from wicketgate.base.settings import load_settings
from wicketgate.gateway.node import Gateway
from wicketgate.ledger.sealing import new_identity


async def command(*arguments: str) -> None:
    """Run a command of the product in another process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "wicketgate", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def go_on(folder: Path, tokens: dict[str, str], ahead_us: int = 0) -> Desk:
    """Start what was restored."""
    clock = MovableClock()
    clock.shift_us += ahead_us
    desk = Desk(await Gateway.start(load_settings(folder), clock, accept_clock="restored"), clock)
    desk.tokens = tokens
    return desk


def restored(folder: Path) -> list[str]:
    """Lay the log's key where a restore finds it, and return the command."""
    former, base = folder.with_name("former"), folder.parent
    if former.exists():
        shutil.rmtree(folder)
    else:
        folder.rename(former)
    (folder / "keys").mkdir(mode=0o700, parents=True)
    shutil.copy2(former / "keys" / "log.pem", folder / "keys" / "log.pem")
    said = ["restore", str(base / "objects"), str(folder), "--keys", str(base / "the-keys")]
    return [*said, "--identity", str(base / "identity"), "--seen", str(base / "seen")]


def test_lists_hits_and_images_come_back_and_what_is_past_its_term_does_not(tmp_path: Path) -> None:
    folder = make(tmp_path / "gateway")
    identity, recipient = new_identity()
    secret_file(tmp_path / "identity", identity)
    with (folder / "wicketgate.toml").open("a") as settings:
        settings.write(f'\n[backup]\nrecipients = ["{recipient}"]\n')

    async def run() -> None:
        desk = await Desk.start(folder)
        await desk.list_vehicles(vehicle("AB12CDE"), vehicle("XY34ZZZ"))
        await desk.read("AB12CDE", patch=plate_image("AB12CDE"))
        hit = (await desk.hits(1))[0]
        (tmp_path / "seen").write_bytes((await desk.call(None, "GET", "/log/checkpoint")).content)
        await command(
            "backup", str(folder), "--to", str(tmp_path / "objects"), "--keys", str(tmp_path / "the-keys")
        )
        assert not any(
            b"AB12CDE" in path.read_bytes() for path in (tmp_path / "objects").rglob("*") if path.is_file()
        )
        assert not list((folder / "backups").glob("stage*"))
        await desk.stop()
        await command(*restored(folder))
        desk = await go_on(folder, desk.tokens)
        back = (await desk.hits(1))[0]
        assert (back["id"], back["read"]["plate"]) == (hit["id"], "AB12CDE")
        image = await desk.call(
            UNIT, "GET", f"/v1/feeds/{WANTED}/images/{back['read']['patch_image']['ref']}"
        )
        assert image.content == plate_image("AB12CDE")
        await desk.read("XY34ZZZ", id="after")  # the list is in force
        await desk.hits(2)
        await desk.stop()
        # Long after: what has ended by then is gone before anything is served.
        await command(*restored(folder))
        desk = await go_on(folder, desk.tokens, ahead_us=400 * DAY_US)
        assert not list((folder / "images").glob("tfl/*/*"))
        assert not list((folder / "content-keys" / "images" / "tfl").glob("*.key"))
        await desk.stop()

    asyncio.run(run())
