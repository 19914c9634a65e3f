"""Small, full and read-only disks, and modes of files, with the real gateway."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.harness import WICKETGATE, Running, make
from tests.running import (
    SOURCE,
    act,
    bearer,
    get,
    log_of,
    plates,
    post,
    read,
    request,
    running_with,
    submit,
    until,
)
from wicketgate_demo.world import london

NEEDS_MOUNTS = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None, reason="mounting takes root and `unshare`"
)
_FILLING = """
import asyncio, os, sys
from pathlib import Path
from wicketgate.base.streams.link import Link
from wicketgate.base.streams.server import NatsServer

async def main():
    for written in range(2):
        server = NatsServer(Path(sys.argv[1]) / "nats")
        await server.start()
        link = await Link.open(server.settings)
        await link.ensure_stream("KEPT")
        if not written:
            for n in range(52):
                await link.jetstream.publish("KEPT", os.urandom(1 << 20), timeout=10)
        else:
            await link.jetstream.publish("KEPT", b"one more", timeout=10)
        disk = os.statvfs(sys.argv[1])
        print(round(100 * (1 - disk.f_bfree / disk.f_blocks)), (await link.info("KEPT")).state.messages, flush=True)
        await link.close()
        await server.stop()

asyncio.run(main())
"""


def mounted(script: str, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a shell script with mounts of its own, then the command."""
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{script} && exec "$@"', "sh", *map(str, command)],
        capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@NEEDS_MOUNTS
def test_streams_start_again_on_a_disk_that_is_four_fifths_full(tmp_path: Path) -> None:
    done = mounted(f"mount -t tmpfs -o size=64m tmpfs '{tmp_path}'", sys.executable, "-c", _FILLING, tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    (before, held), (after, more) = (map(int, line.split()) for line in done.stdout.splitlines())
    assert min(before, after) >= 80
    assert (held, more) == (52, 53)


def metric(running: Running, name: str) -> float:
    text = get(f"{running.url}/metrics", headers=bearer(running, "admin")).text
    found = re.search(rf"^{name} (\S+)$", text, re.M)
    assert found is not None, name
    return float(found[1])


def test_below_the_mark_reads_are_refused_and_seconds_go_on(tmp_path: Path) -> None:
    more = f"disk_stop_bytes = {2**60}\n"
    with running_with(tmp_path, f"port = 0\n{more}") as running:
        answer = request(
            "POST",
            f"{running.url}/v1/reads",
            json=[read(plates(1, seed=1)[0])],
            headers=bearer(running, SOURCE),
        )
        assert (answer.status_code, answer.json()["code"]) == (507, "stream-full")
        assert answer.headers["Retry-After"]
        assert metric(running, "wicketgate_disk_full") == metric(running, "wicketgate_disk_low") == 1
        assert metric(running, "wicketgate_disk_free_bytes") > 0
        _, before = log_of(running.url)
        until(lambda: log_of(running.url)[1].size >= before.size + 2)
        revocation = act("revocation", london.CHARGING, "r-full")
        assert submit(running, revocation, *london.SIGNERS[london.CHARGING]).status_code == 201
        assert "no reads are taken any more" in running.log.read_text()
        running.stop()
        (running.folder / "wicketgate.toml").write_text("port = 0\n")
        running.start()
        assert post(running, read(plates(1, seed=1)[0]))["accepted"] == 1
        assert metric(running, "wicketgate_disk_full") == 0


@pytest.mark.slow
def test_whatever_the_umask_nobody_else_reads_what_is_private(tmp_path: Path) -> None:
    former = os.umask(0)
    try:
        with running_with(tmp_path, "port = 0\n") as running:
            post(running, [read(plate) for plate in plates(3, seed=2)])
            time.sleep(3)
            open_to_others, public = [], []
            for path in (running.folder, *running.folder.rglob("*")):
                try:
                    mode = stat.S_IMODE(path.lstat().st_mode)
                except FileNotFoundError:
                    continue
                within = path.relative_to(running.folder)
                if within.parts[:1] in ((), ("log",), ("wicketgate.toml",)):
                    public.append(within)
                    assert not mode & 0o022, (within, oct(mode))
                    assert mode & 0o044 == 0o044 or within.parts[1:2] == (".writing",), (within, oct(mode))
                elif mode & 0o077:
                    open_to_others.append((str(within), oct(mode)))
            assert not open_to_others
            assert len(public) > 5
    finally:
        os.umask(former)


@NEEDS_MOUNTS
@pytest.mark.parametrize("part", [".", "hits", "nats", "log"])
def test_a_read_only_folder_is_an_error_that_names_it(tmp_path: Path, part: str) -> None:
    running = make(tmp_path)
    folder = running.folder if part == "." else running.folder / part
    done = mounted(
        f"mount --bind '{folder}' '{folder}' && mount -o remount,bind,ro '{folder}'",
        *WICKETGATE, "serve", running.folder, "--port", "0",
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert str(folder) in done.stderr
    assert "cannot be" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("part", ["index", "proofs", "hits"])
def test_a_damaged_part_ends_the_command_with_its_name(tmp_path: Path, part: str) -> None:
    running = make(tmp_path)
    os.truncate(running.folder / part / "data.mdb", 8192)
    done = subprocess.run(
        [*WICKETGATE, "serve", str(running.folder), "--port", "0"],
        capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, f"`{part}/data.mdb` is not whole" in done.stderr) == (2, True), done.stderr
    assert done.stderr.count("\n") == 1
