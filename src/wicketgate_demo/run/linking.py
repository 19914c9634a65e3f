"""Links to keepers in a demonstration: the register beside the gateway, links for two causes, and refusals by code.

Its vehicles are invented, and so are their keepers.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import secrets
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.base.settings import read_secret
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hashes, root
from wicketgate_demo.register.entries import write_entries
from wicketgate_demo.register.invented import register_entries
from wicketgate_demo.run.children import Child, free_port
from wicketgate_demo.run.enrolment import Groups, bearer, need
from wicketgate_demo.run.folder import Folder, write_whole
from wicketgate_demo.world import london
from wicketgate_demo.world.places import MAIN_ROADS
from wicketgate_demo.world.wanted import wanted_vehicles

PORT: Final = 8090
PROGRAM: Final = (sys.executable, "-P", "-m", "wicketgate_demo.register")
NOTHING: Final[Mapping[str, Any]] = {"answered": {}, "refused": {}}
_SETTING: Final = re.compile(r'\n\[registers\.dvla\]\nurl = "[^"]*"\n')
_TABLE: Final = '\n[registers.dvla]\nurl = "{url}"\n'
_REST: Final = 'key_file = "../register/key"\nenquirer = "met"\nzone = "Europe/London"\n'
_PATIENCE_S: Final = 20.0
_PAUSE_S: Final = 0.2
_FRESH_S: Final = london.LINKED_AFTER_S + 1.0


async def start_register(folder: Folder, port: int | None) -> tuple[Child, str]:
    """Start the invented register; return it and where it answers."""
    own = folder.register
    own.mkdir(mode=0o700, exist_ok=True)
    write_whole(own / "entries.ndjson", write_entries(register_entries()), mode=0o600)
    if not (own / "key").exists():
        write_whole(own / "key", secrets.token_urlsafe(32).encode(), mode=0o600)
    free = str(free_port(PORT if port != 0 else 0))
    words = (own / "entries.ndjson", own / "key", free)
    child = Child(*words, log=folder.log("register.log"), program=PROGRAM)
    await child.start()
    return child, (await child.first_line()).split()[-1]


def set_register(path: Path, url: str) -> None:
    """Write into a deployment's settings where the register answers now."""
    text = path.read_text()
    table = _TABLE.format(url=url)
    found = _SETTING.search(text)
    write_whole(path, (_SETTING.sub(table, text) if found else text + table + _REST).encode())


async def link_keepers(
    folder: Folder, client: httpx.AsyncClient, cameras: Groups, people: Mapping[str, Any]
) -> dict[str, Any]:
    """Link the keepers of two rows, one for each cause, and be refused by each code that can be shown here.

    Returns
    -------
    dict
        `answered` by cause, and `refused` by code. Both are empty in a demonstration of an earlier version.
    """
    register = need(await client.get("/register.json"), 200)
    let = [one for one in register["authorities"] if one["name"] == london.LINKED]
    if "asker" not in people or not let or "keeper" not in let[-1]["document"]:
        return dict(NOTHING)
    asker = bearer(people["asker"]["token"])
    answered, refused = Counter[str](), Counter[str]()

    async def link(shown: Mapping[str, Any], cause: str) -> None:
        body = {"authority": london.LINKED, "cause": cause, "case": "D-2026-0018", **shown}
        answer = await client.post("/v1/keepers", json=body, headers=asker, timeout=60)
        if answer.status_code == 200:
            answered[cause] += 1
        else:
            refused[str(answer.json().get("code"))] += 1

    rows = await _rows(folder, client, cameras)
    if len(rows) < 3:
        return dict(NOTHING)
    one, two, clone = rows
    stolen, other = london.LINK_CAUSES
    await link(one, stolen)  # the read is too young still
    await link(one, "curiosity")
    await link({**one, "row": one["row"].replace('"salt":"', '"salt":"0', 1)}, stolen)
    await asyncio.sleep(_FRESH_S)
    await link(one, stolen)
    await link(one, stolen)  # a row has one link for one cause
    await link(two, other)
    await link(clone, stolen)  # the camera saw another colour than the register has
    return {"answered": dict(sorted(answered.items())), "refused": dict(sorted(refused.items()))}


async def _rows(folder: Folder, client: httpx.AsyncClient, cameras: Groups) -> list[Mapping[str, Any]]:
    """Post three reads of listed vehicles, the last of another colour, and return their rows as they are shown."""
    source = london.PAPERS[london.LINKED].sources[0]
    camera = next(one for one, groups in cameras[source].items() if MAIN_ROADS in groups)
    vehicles = [one.vehicle for one in wanted_vehicles() if one.kind == "stolen" and not one.drives][:3]
    now = rfc3339(SystemClock().now_us())
    reads = [
        {
            "id": f"linked-{now}-{number}",
            "camera": camera,
            "captured_at": now,
            "plate": one.plate,
            "confidence": 0.97,
            "vehicle": {"make": one.make, "colour": one.colour if number < 2 else "orange"},
        }
        for number, one in enumerate(vehicles)
    ]
    reader = bearer(read_secret(folder.token(london.DUTY_DESK)))
    feeds = need(await client.get("/v1/feeds", headers=reader), 200)["feeds"]
    after = next((one["batches"] for one in feeds if one["authority"] == london.LINKED), 0)
    token = bearer(read_secret(folder.token(f"source:{source}")))
    need(await client.post("/v1/reads", json=reads, headers=token), 200)
    ends = asyncio.get_running_loop().time() + _PATIENCE_S
    wanted = {one["plate"]: place for place, one in enumerate(reads)}
    found: dict[int, Mapping[str, Any]] = {}
    while len(found) < len(reads) and asyncio.get_running_loop().time() < ends:
        answer = await client.get(
            f"/v1/feeds/{london.LINKED}", params={"after": after, "limit": 1000}, headers=reader
        )
        for batch in read_batches(io.BytesIO(answer.content)):
            for index, line in enumerate(batch.lines):
                read = json.loads(line).get("read", {})
                if read.get("plate") in wanted and read.get("captured_at") == now:
                    found[wanted[read["plate"]]] = _shown(batch, index)
        await asyncio.sleep(_PAUSE_S)
    return [found[place] for place in sorted(found)]


def _shown(batch: Batch, index: int) -> Mapping[str, Any]:
    leaves = leaf_hashes(batch.lines)
    path = [root(leaves[start:end]).hex() for start, end in inclusion_ranges(index, len(leaves))]
    return {"header": dict(batch.header), "row": batch.lines[index].decode(), "path": path}
