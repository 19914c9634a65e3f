"""The witnesses of a demonstration: three processes of their own, of which two must cosign the log."""

from __future__ import annotations

import contextlib
import secrets
from pathlib import Path
from typing import Any, Final

import httpx

from wicketgate.base.errors import WicketgateError
from wicketgate.clients.witness.place import WitnessPlace
from wicketgate.ledger.notes import parse_vkey
from wicketgate_demo.run.children import Child, free_port
from wicketgate_demo.run.folder import Folder

NEEDED: Final = 2
_WHO: Final = {
    "university": "Computer Laboratory of an invented university",
    "newspaper": "An invented newspaper",
    "ombudsman": "An invented ombudsman’s office",
}
_PORTS: Final = range(20_000, 30_000)
"""Drawn from: the charter names them for good, so two demonstrations beside each other must not choose the same."""
_PORT: Final = "port"


def lay_witnesses(folder: Path) -> dict[str, Any]:
    """Make the witnesses' folders with their keys, and return the charter's clause on them.

    Parameters
    ----------
    folder : Path
        Above theirs. Each keeps its port: the charter names its address.
    """
    named = []
    for name, title in _WHO.items():
        place = WitnessPlace(folder / name, f"witness.example/{name}")
        keys = [one.vkey for one in place.cosigners]
        place.close()
        port = free_port(secrets.choice(_PORTS))
        (folder / name / _PORT).write_text(f"{port}\n")
        named.append({"id": name, "title": title, "url": f"http://127.0.0.1:{port}", "keys": keys})
    return {
        "needed": NEEDED,
        "bulk_after": "PT1M",
        "search_after": "PT2M",
        "match_after": "PT3M",
        "named": named,
    }


async def start_witnesses(folder: Folder) -> list[Child]:
    """Start the witnesses of a demonstration, and let each know its log; one that does not start is missing."""
    started = []
    vkey = parse_vkey(folder.log_key.read_text().strip()).vkey
    for name in _WHO:
        place = folder.witnesses / name
        if not (place / _PORT).exists():
            continue  # of a demonstration that was made before there were any
        port = (place / _PORT).read_text().strip()
        child = Child("witness", place, "--log", vkey, "--port", port, log=folder.log(f"witness-{name}.log"))
        await child.start()
        started.append(child)
        with contextlib.suppress(WicketgateError):  # its port was taken meanwhile: the others are enough
            await child.first_line()
    return started


def witness_urls(folder: Folder) -> list[str]:
    """Return the addresses of the witnesses."""
    return [
        f"http://127.0.0.1:{(folder.witnesses / name / _PORT).read_text().strip()}"
        for name in _WHO
        if (folder.witnesses / name / _PORT).exists()
    ]


async def counted_witnesses(client: httpx.AsyncClient) -> dict[str, int]:
    """Return how many witnesses cosign the log, and how many must."""
    seen = (await client.get("/witnesses.json")).raise_for_status().json()
    cosigning = [one for one in seen["witnesses"] if one["is_well"] and one["size"]]
    return {"cosigned": len(cosigning), "needed": seen["needed"]}
