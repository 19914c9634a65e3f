"""A whole gateway in this process whose units may link keepers, and a real register of invented ones beside it."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.matching import CAMERAS, CHARGING, SOURCE, UNIT, WANTED, Desk, MovableClock
from tests.searching import ADA, AskDesk, charter
from tests.simulator import OWN_SIGNERS
from tests.vectors import make_documents as documents
from wicketgate.base.settings import load_settings
from wicketgate.base.signing import dump_envelope
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.http.app import build_app
from wicketgate.ledger.merkle import inclusion_ranges, leaf_hashes, root
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.documents.document import sign_document
from wicketgate_demo.register.entries import RegisterEntry, RegisterHolding, write_entries

OWN = "tfl-charging"
CAUSES = [
    {"id": "unpaid-charge", "title": "A charge that was not paid"},
    {"id": "stolen", "title": "A stolen vehicle"},
    {"id": "unlisted", "title": "A cause that no authority names"},
]
KEEPER = {"causes": ["unpaid-charge", "stolen"], "registers": ["dvla"], "per_day": 20, "not_before": "PT0S"}
KEY = "an-invented-key-of-the-register"
NAMES = ("Invented Keeper One", "Invented Keeper Two")
ADDRESS = ("1 Invented Street", "Nowhere", "ZZ1 1ZZ")


def entry(
    plate: str, *, manner: str = "", colour: str = "Blue", make: str = "Ford", **more: Any
) -> RegisterEntry:
    """Return a plate whose keeper changed in 2020, in an invented register."""
    holdings = tuple(
        RegisterHolding(since=since, make=make, model="Fiesta", colour=colour, keeper=name, address=ADDRESS)
        for since, name in zip(("2001-01-01", "2020-01-01"), NAMES, strict=True)
    )
    return RegisterEntry(plate=plate, holdings=more.get("holdings", holdings), manner=manner)  # type: ignore[arg-type]


@contextmanager
def register(folder: Path, entries: Iterable[RegisterEntry]) -> Iterator[str]:
    """Serve an invented register as a process of its own; yield its URL."""
    folder.mkdir(exist_ok=True)
    (folder / "entries.ndjson").write_bytes(write_entries(entries))
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(0o600)
    words = [sys.executable, "-m", "wicketgate_demo.register", folder / "entries.ndjson", folder / "key"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            yield child.stdout.readline().split()[-1]
        finally:
            child.terminate()


def enquiries(url: str) -> dict[str, Any]:
    """Return what a register was asked."""
    return dict(httpx.get(f"{url}/enquiries", headers={"x-api-key": KEY}).json())


def make(folder: Path, url: str, **more: Any) -> Path:
    """Make a deployment that can ask a register, not started."""
    folder.parent.mkdir(exist_ok=True)

    async def found() -> None:
        deployment = Deployment(folder)
        lines = "".join(f"{name} = {json.dumps(value)}\n" for name, value in more.items())
        settings = f'[registers.dvla]\nurl = "{url}"\nkey_file = "register.key"\nenquirer = "tfl"\n{lines}'
        key = deployment.lay(settings.encode())
        (folder / "register.key").write_text(KEY)
        (folder / "register.key").chmod(0o600)
        Ledger.create(deployment.log, note_signer(key, documents.LOG), documents.LOG).close()
        document = charter(documents.put("causes", CAUSES))
        envelope = dump_envelope(sign_document(document, documents.keys_of(documents.ROOTS)))
        await Gateway.found(load_settings(folder), envelope, MovableClock())

    asyncio.run(found())
    return folder


def linked(example: str, name: str, offices: tuple[str, ...], *changes: Any, **keeper: Any) -> bytes:
    """Return an example authority under a name with links, signed."""
    document = documents.changed(
        documents.example(example),
        documents.put("authority.name", name),
        documents.put("keeper", {**KEEPER, **keeper}),
        *changes,
    )
    return dump_envelope(sign_document(document, documents.keys_of(offices)))


class LinkDesk(AskDesk):
    """A running gateway with a list of vehicles of interest and a source's own feed, both with links, and people."""

    @classmethod
    async def open(cls, folder: Path, **keeper: Any) -> LinkDesk:
        """Start it for the first time."""
        clock = MovableClock()
        desk = cls(await Gateway.start(load_settings(folder), clock), clock)
        desk.app = build_app(desk.gateway)
        desk.sessions = desk.app._sessions  # type: ignore[attr-defined]
        gateway = desk.gateway
        await gateway.camera_lists.register_cameras("tfl", CAMERAS)
        fields = ["plate", "time", "place", "vehicle", "patch-image"]
        await gateway.filing.submit(
            linked(
                "authority-match",
                WANTED,
                documents.MATCH_OFFICES,
                documents.put("scope.fields", fields),
                **keeper,
            )
        )
        await gateway.filing.submit(
            linked(
                "authority-own-use",
                OWN,
                OWN_SIGNERS,
                documents.put("scope.fields", fields),
                documents.put("scope.hours", None),
                **keeper,
            )
        )
        for name in (UNIT, CHARGING, SOURCE, "overseer:ico/commissioner"):
            desk.tokens[name] = await gateway.tokens.issue_token(name)
        for organisation in ("met", "tfl", "ico"):
            await desk.name(organisation)
        return desk

    @classmethod
    async def start_again(cls, folder: Path, clock: MovableClock) -> LinkDesk:
        """Start it as it was left."""
        desk = cls(await Gateway.start(load_settings(folder), clock), clock)
        desk.app = build_app(desk.gateway)
        desk.sessions = desk.app._sessions  # type: ignore[attr-defined]
        return desk

    async def batches(self, feed: str, token: str) -> list[Batch]:
        """Return every batch of a feed."""
        answer = await self.call(token, "GET", f"/v1/feeds/{feed}?after=0&limit=1000")
        assert answer.status_code == 200, answer.text
        return list(read_batches(io.BytesIO(answer.content)))

    async def shown(self, plate: str, feed: str = WANTED, token: str = UNIT) -> dict[str, Any]:
        """Return what a unit shows of its last row with a plate."""
        found: dict[str, Any] = {}
        for batch in await self.batches(feed, token):
            for index, line in enumerate(batch.lines):
                if f'"plate":"{plate}"'.encode() in line:
                    found = shown(batch, index)
        assert found
        return found

    async def link(self, who: Any = ADA, *, token: str = "", **said: Any) -> httpx.Response:
        """Ask for a keeper, as somebody or with a token."""
        body = {"authority": WANTED, "cause": "stolen", "case": "C-7", **said}
        if token:
            return await self.call(token, "POST", "/v1/keepers", json=body)
        return await self.as_(who, "POST", "/v1/keepers", json=body)


def shown(batch: Batch, index: int) -> dict[str, Any]:
    """Return a row as it is shown: the header, the line and its path to the root."""
    leaves = leaf_hashes(batch.lines)
    path = [root(leaves[start:end]).hex() for start, end in inclusion_ranges(index, len(leaves))]
    return {"header": dict(batch.header), "row": batch.lines[index].decode(), "path": path}


__all__ = ["Desk", "LinkDesk", "make", "register"]
