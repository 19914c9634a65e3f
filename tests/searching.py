"""A whole gateway in this process that keeps a history, with people who ask it and people who approve."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.matching import CAMERAS, SOURCE, Desk, MovableClock
from tests.matching import until as until_async
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.people import CommitmentOpened
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.node import Gateway
from wicketgate.gateway.people import SignedInAs
from wicketgate.http.app import build_app
from wicketgate.http.sessions import Sessions
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.documents.people import Workplace, commit_to

ASKED = "tfl-met-questions"
UNIT = "met/serious-crime"
OVERSEER = "ico/commissioner"
SECOND = "tfl/data-protection"
SALT = b"q" * 32


@dataclass(frozen=True)
class Named:
    """Somebody with roles at a place."""

    name: str
    organisation: str
    roles: tuple[str, ...]
    unit: str | None = None
    office: str | None = None

    @property
    def place(self) -> Workplace:
        return Workplace(organisation=self.organisation, unit=self.unit, office=self.office)

    @property
    def value(self) -> dict[str, str]:
        return {"name": self.name, "subject": self.name}

    @property
    def by(self) -> str:
        """What facts say of them."""
        return f"person:{commit_to(SALT, self.value)}"


ADA = Named("Ada Asker", "met", ("asker",), unit="serious-crime")
BEN = Named("Ben Both", "met", ("asker", "approver"), unit="serious-crime")
CAT = Named("Cat Approver", "met", ("approver",), unit="serious-crime")
OLA = Named("Ola Office", "met", ("approver",), office="serious-crime")
SID = Named("Sid Second", "tfl", ("approver",), office="data-protection")
SOL = Named("Sol Source", "tfl", ("source-officer",))
OVA = Named("Ova Overseer", "ico", ("overseer", "approver"), office="commissioner")
EVERYBODY = (ADA, BEN, CAT, OLA, SID, SOL, OVA)


def charter(*changes: Any) -> dict[str, Any]:
    """Return the example charter, under which questions may be asked; emergencies too."""
    found = documents.changed(
        documents.example("charter"),
        documents.put("signatures.8.modes", ["match", "search"]),
        documents.put("consultations.2.modes", ["match", "search"]),
        documents.put(
            "searching",
            {
                "second": ["{controller}/data-protection"],
                "emergency": {"within": "P1D", "overseer": OVERSEER},
            },
        ),
        *changes,
    )
    next(rule for rule in found["signatures"] if rule["kind"] == "people").pop("organisations")
    return found


def questions(**puts: Any) -> dict[str, Any]:
    """Return the example authority of mode search without tiers, with members changed (`__` stands for a dot)."""
    document = documents.example("authority-search")
    document["search"].pop("tiers")
    document["search"]["questions"] = [
        "plate",
        "lookalikes",
        "pattern",
        "place",
        "plates",
        "scenes",
        "vehicle",
    ]
    changes = [documents.put(path.replace("__", "."), value) for path, value in puts.items()]
    return documents.changed(document, *changes)


def signed(document: dict[str, Any], offices: tuple[str, ...] = documents.MATCH_OFFICES) -> bytes:
    return dump_envelope(sign_document(document, documents.keys_of(offices)))


def make(folder: Path, *changes: Any, settings: bytes = b"history = true\n") -> Path:
    """Make a deployment that keeps a history, not started."""

    async def found() -> None:
        deployment = Deployment(folder)
        key = deployment.lay(settings)
        Ledger.create(deployment.log, note_signer(key, documents.LOG), documents.LOG).close()
        envelope = dump_envelope(sign_document(charter(*changes), documents.keys_of(documents.ROOTS)))
        await Gateway.found(load_settings(folder), envelope, MovableClock())

    asyncio.run(found())
    return folder


class AskDesk(Desk):
    """A running gateway with a history, cameras, one authority of mode search, and people by name."""

    sessions: Sessions

    @classmethod
    async def begin(cls, folder: Path, clock: MovableClock | None = None, **puts: Any) -> AskDesk:
        """Start it for the first time."""
        desk = await cls.again(folder, clock)
        gateway = desk.gateway
        await gateway.camera_lists.register_cameras("tfl", CAMERAS)
        await gateway.filing.submit(signed(questions(**puts)))
        desk.tokens[SOURCE] = await gateway.tokens.issue_token(SOURCE)
        for organisation in ("met", "tfl", "ico"):
            await desk.name(organisation)
        return desk

    @classmethod
    async def again(cls, folder: Path, clock: MovableClock | None = None) -> AskDesk:
        """Start it as it was left."""
        clock = clock or MovableClock()
        desk = cls(await Gateway.start(load_settings(folder), clock), clock)
        desk.app = build_app(desk.gateway)
        desk.sessions = desk.app._sessions  # type: ignore[attr-defined]
        await desk.caught_up()
        return desk

    async def caught_up(self) -> None:
        """Wait until the history has begun, and has what was taken: its process takes seconds to start."""

        async def look() -> bool | None:
            history = self.gateway.history
            assert history is not None
            wanted = self.gateway.commits.committed.sequence
            return (history.child is not None and history.complete >= wanted) or None

        await until_async(look, 180.0)

    async def name(self, organisation: str) -> None:
        some = [one for one in EVERYBODY if one.organisation == organisation]
        persons = [
            {
                "person": commit_to(SALT, one.value),
                "provider": "identity",
                "roles": list(one.roles),
                **({"unit": one.unit} if one.unit else {}),
                **({"office": one.office} if one.office else {}),
            }
            for one in some
        ]
        provider = {"id": "identity", "issuer": f"https://{organisation}.example", "client": "wicketgate"}
        document = documents.bound(
            {
                "people": {
                    "organisation": organisation,
                    "version": 1,
                    "valid_from": rfc3339(self.clock.now_us() - DAY_US),
                    "valid_until": rfc3339(self.clock.now_us() + 60 * DAY_US),
                    "presence": "PT5M",
                },
                "providers": [provider],
                "persons": persons,
            }
        )
        await self.gateway.filing.submit(signed(document, ("met/national-security",)))
        openings = tuple(
            CommitmentOpened(commitment=commit_to(SALT, one.value), salt=SALT, value=one.value)
            for one in some
        )
        await PeopleFiling(self.gateway.commits).open(organisation, openings, "admin")

    def token(self, who: Named, *, present: bool = True) -> str:
        """Return the token of a session of somebody."""
        now_us = self.clock.now_us()
        claims = {"sub": who.name, "auth_time": now_us // SECOND_US}
        proved = SignedInAs(
            who.organisation,
            provider="identity",
            issuer=f"https://{who.organisation}.example",
            client="wicketgate",
            claims=claims,
        )
        return self.sessions.open_as(proved, who.place, now_us if present else 0)[0]

    async def as_(
        self, who: Named, method: str, path: str, *, present: bool = True, **more: Any
    ) -> httpx.Response:
        """Ask something as somebody."""
        headers = {"Authorization": f"Bearer {self.token(who, present=present)}", **more.pop("headers", {})}
        return await self.call(None, method, path, headers=headers, **more)

    async def ask(
        self,
        who: Named = ADA,
        *,
        authority: str = ASKED,
        emergency: str = "",
        reason: str | None = None,
        **question: Any,
    ) -> dict[str, Any]:
        """Put a question about the last day; return what is answered."""
        now_us = self.clock.now_us()
        span = {"from": rfc3339(now_us - DAY_US), "to": rfc3339(now_us + 60 * SECOND_US)}
        question = question if "scenes" in question else {**span, **question}
        body = {
            "authority": authority,
            "offence": "CLD-101",
            "case": "C-2026-7",
            "reason": "The van was seen leaving the yard where it was burnt." if reason is None else reason,
            "question": question,
            **({"emergency": {"reason": emergency}} if emergency else {}),
        }
        answer = await self.as_(who, "POST", "/v1/searches", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def rows(self, id_: str, who: Named = ADA, **query: Any) -> list[dict[str, Any]]:
        """Return the rows of an answer's page."""
        answer = await self.as_(who, "GET", f"/v1/searches/{id_}/rows", params=query)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.content.splitlines()]

    async def approve(self, id_: str, who: Named, vehicles: int | None = None) -> httpx.Response:
        return await self.as_(who, "POST", f"/v1/searches/{id_}/approve", json={"vehicles": vehicles})

    async def facts(self) -> list[dict[str, Any]]:
        """Return the facts of the second that is open."""
        return [json.loads(one) for one in self.gateway.commits.committed.facts]


async def eventually(condition: Any, patience_s: float = 20.0) -> Any:
    return await until_async(condition, patience_s)
