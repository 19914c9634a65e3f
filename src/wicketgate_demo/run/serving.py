"""The gateway of a demonstration.

It is made once, started, and started again when somebody kills it to see what happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from wicketgate.base.clock import DAY_US, SystemClock
from wicketgate.base.errors import WicketgateError
from wicketgate.base.settings_template import TEMPLATE
from wicketgate_demo.judge.compare import READS, compare
from wicketgate_demo.run.children import Child, free_port, run_child
from wicketgate_demo.run.folder import Folder, write_whole
from wicketgate_demo.run.linking import set_register, start_register
from wicketgate_demo.run.witnesses import lay_witnesses, start_witnesses
from wicketgate_demo.world import london

PORT = 8080
MQTT_PORT = 1883

_RESTARTS = 20
_RESTART_PAUSE_S = 0.5
_READS_A_CAMERA = 125
_ROLES = "readers = 1\nhistory = true\n"  # so that one command shows every role, on two cores too
_MQTT = '\n[mqtt]\nhost = "127.0.0.1"\nport = {port}\n'
_MQTT_SETTING = re.compile(r'\n\[mqtt\]\nhost = "127\.0\.0\.1"\nport = (\d+)\n')


@dataclass(slots=True)
class Served:
    """The gateway while it runs.

    Attributes
    ----------
    url : str
        Where it answers.
    mqtt : tuple of str and int
        Where its MQTT ingress listens.
    keepers : str
        Where the invented register of keepers answers.
    starts : int
        How often it was started.
    notes : list of str
        What happened to it.
    again : callable, optional
        Called when it was started again.
    failed : asyncio.Event
        Set when it does not stay up.
    """

    folder: Folder
    say: Callable[[str], None]
    url: str = ""
    mqtt: tuple[str, int] = ("127.0.0.1", MQTT_PORT)
    keepers: str = ""
    starts: int = 0
    notes: list[str] = field(default_factory=list)
    gateway: Child | None = None
    again: Callable[[], Awaitable[None]] | None = None
    failed: asyncio.Event = field(default_factory=asyncio.Event)
    watch: asyncio.Task[None] | None = None

    async def stop(self) -> int | None:
        """Stop it as its operator would, and return its exit code.

        It is watched no longer.
        """
        if self.watch is not None:
            self.watch.cancel()
            await asyncio.gather(self.watch, return_exceptions=True)
            self.watch = None
        return await self.gateway.stop() if self.gateway is not None else None


@contextlib.asynccontextmanager
async def serve(served: Served, port: int | None, cameras: int) -> AsyncIterator[None]:
    """Make the deployment if there is none, and keep its gateway up.

    Raises
    ------
    WicketgateError
        Code `not-started`, if it cannot be made or started.
    """
    folder = served.folder
    folder.credentials.unlink(missing_ok=True)  # what it says of the address is not true any more
    if folder.is_made:
        served.say(f"Taking up the demonstration in {folder.path}.")
    else:
        served.say(
            f"Making an invented London in {folder.path}: keys, charter, authorities, a day to compare."
        )
        await _make(folder, MQTT_PORT if port != 0 else 0)
    if not folder.log_key.exists():
        folder.keep_log_key()
    if not folder.exhibit.exists():
        await asyncio.to_thread(_exhibit, folder, cameras)
    served.mqtt = ("127.0.0.1", mqtt_port(folder))
    witnesses = await start_witnesses(folder)
    register, served.keepers = await start_register(folder, port)
    set_register(folder.gateway / "wicketgate.toml", served.keepers)
    port = port if port is not None else free_port(PORT)
    try:
        port = await _start(served, port)
        served.watch = asyncio.create_task(_watch(served, port))
        yield
    finally:
        await served.stop()
        await register.stop()
        for witness in witnesses:
            await witness.stop()


async def _make(folder: Folder, mqtt: int) -> None:
    folder.lay(_minute(SystemClock().now_us()), lay_witnesses)
    settings = folder.path / "settings.toml"
    settings.write_text(TEMPLATE + _ROLES + _MQTT.format(port=free_port(mqtt)))
    log = folder.log("init.log")
    code = await run_child(
        "init",
        folder.gateway,
        "--charter",
        folder.envelope("charter"),
        "--settings",
        settings,
        log=log,
        out=folder.log("init.out"),
    )
    settings.unlink()
    if code != 0:
        raise WicketgateError(f"`wicketgate init` failed: see `{log}`", code="not-started")


def _exhibit(folder: Folder, cameras: int) -> None:
    """Write the exhibit of `/why-not-less`.

    It takes about three seconds for all cameras.
    """
    every = london.cameras(cameras)
    every += [
        c for council in london.COUNCILS for c in london.council_cameras(council, london.COUNCIL_CAMERAS)
    ]
    now_us = SystemClock().now_us()
    result = compare(every, start_us=now_us - now_us % DAY_US, reads=min(READS, _READS_A_CAMERA * len(every)))
    write_whole(folder.exhibit, json.dumps(result, indent=1).encode() + b"\n")


def mqtt_port(folder: Folder) -> int:
    """Return the port of the MQTT ingress.

    Another one goes into the settings where somebody has taken it.
    """
    path = folder.gateway / "wicketgate.toml"
    text = path.read_text()
    found = _MQTT_SETTING.search(text)
    port = int(found[1]) if found else MQTT_PORT
    free = free_port(port)
    if found is None:
        write_whole(path, (text + _MQTT.format(port=free)).encode())
    elif free != port:
        write_whole(path, _MQTT_SETTING.sub(_MQTT.format(port=free), text).encode())
    return free


async def _start(served: Served, port: int) -> int:
    folder = served.folder
    child = Child("serve", folder.gateway, "--port", str(port), log=folder.log("gateway.log"))
    served.gateway = child
    await child.start()
    served.url = (await child.first_line()).split()[-1]
    served.starts += 1
    return int(served.url.rpartition(":")[2])


async def _watch(served: Served, port: int) -> None:
    """Start the gateway again after its end.

    It ended by itself, or somebody killed it to see what happens.
    """
    for _ in range(_RESTARTS):
        assert served.gateway is not None
        code = await served.gateway.wait()
        served.say(f"The gateway ended with code {code}; starting it again.")
        served.notes.append(f"the gateway ended with code {code} and was started again")
        await asyncio.sleep(_RESTART_PAUSE_S)
        try:
            await _start(served, port)
            if served.again is not None:
                with contextlib.suppress(httpx.HTTPError):  # it may be killed at once
                    await served.again()
        except WicketgateError:
            break
    served.failed.set()


def _minute(at_us: int) -> int:
    return at_us - at_us % 60_000_000
