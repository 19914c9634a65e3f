"""The proposals of an invented London's officers.

While the demonstration runs they propose, object, decide and suspend.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final

import httpx

from wicketgate.base.clock import DAY_US, SECOND_US, SystemClock, parse_rfc3339, rfc3339
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import PrivateKey, dump_envelope
from wicketgate.regime.documents.binding import bind
from wicketgate.regime.documents.document import kind_of, sign_document
from wicketgate_demo.judge.evidence import Attempt
from wicketgate_demo.run.enrolment import bearer, need
from wicketgate_demo.run.folder import Folder
from wicketgate_demo.world import london

EVENTS: Final = "tfl-met-events"
"""An authority that the overseer suspended."""
HELD: Final = "c-voi"
"""A consultation that closes while the demonstration runs, and is decided."""
RUNNING: Final = "c-crime"
"""A consultation that stays open: the proposal that a department objects to."""
_HELD_FOR_US: Final = 12 * SECOND_US
_OPEN_FOR_US: Final = 28 * DAY_US

_DEPUTIES: Final = ("tfl/data-protection", "dft/minister")


def events_authority(at_us: int) -> dict[str, Any]:
    """Return the suspended authority: listed vehicles near a public event."""
    document = london.PAPERS[london.OF_INTEREST].draft(at_us)
    document["authority"] |= {
        "name": EVENTS,
        "title": "Listed vehicles near public events",
        "unit": "events",
        "necessity": "Vehicles that were used to disrupt public events must be found before the next one.",
    }
    document["scope"] |= {"groups": [london.ZONE], "fields": ["plate", "time", "place"]}
    document["match"] |= {"kinds": ["wanted"], "max_entries": 500}
    return document


def crime_proposal(at_us: int) -> dict[str, Any]:
    """Return the proposed authority: every read, for crime of any kind."""
    document = london.counter_terrorism_authority(at_us)
    document["authority"] |= {
        "name": "tfl-met-crime",
        "title": "Congestion-charge cameras for crime of any kind",
        "unit": "duty-desk",
        "purpose": "policing/crime",
        "instrument": {
            "kind": "ministerial-certificate",
            "citation": "Data Protection Act 2018 s.79 (proposed)",
        },
        "valid_from": rfc3339(at_us + _OPEN_FOR_US),
        "necessity": "The reads are there, and crimes have been solved with such reads.",
        "proportionality": "Every vehicle that enters the zone would be known to the police.",
        "why_not_match": "A vehicle is often connected with a crime only afterwards.",
        "why_not_search": "Searches at the road authority would take longer.",
    }
    document["scope"]["groups"] = [london.BOUNDARY, london.ZONE]
    return document


def _consultation(
    id_: str, title: str, assessment: str, draft: Mapping[str, Any], at_us: int, open_us: int
) -> dict[str, Any]:
    return {
        "consultation": {
            "id": id_,
            "title": title,
            "at": rfc3339(at_us),
            "opens_at": rfc3339(at_us),
            "closes_at": rfc3339(at_us + open_us),
            "assessment": assessment,
        },
        "draft": copy.deepcopy(dict(draft)),
    }


class Officers:
    """The officers with proposals and decisions.

    They have their keys, over a gateway that answers.
    """

    def __init__(self, folder: Folder, client: httpx.AsyncClient) -> None:
        self._folder = folder
        self._client = client
        self._headers = bearer(read_secret(folder.token("source:tfl")))

    async def publish(self) -> None:
        """Submit the documents not there yet.

        They are a suspended authority, a consultation that ends soon, and one that does not.
        """
        register = need(await self._client.get("/register.json"), 200)
        known = {version["name"] for version in register["authorities"]}
        acts = {act["id"] for version in register["authorities"] for act in version["acts"]}
        held = {one["id"]: one for one in register["consultations"]}
        now_us = SystemClock().now_us()
        if EVENTS not in known:
            await self._submit(events_authority(now_us), london.SIGNERS[london.OF_INTEREST])
        if "suspension-events" not in acts:
            suspension = {
                "suspension": {
                    "id": "suspension-events",
                    "authority": EVENTS,
                    "at": rfc3339(now_us),
                    "reason": "Nobody could say which events are meant. Suspended until the Commissioner is told.",
                }
            }
            await self._submit(suspension, (london.OVERSEER,))
        if HELD not in held:
            draft = london.PAPERS[london.OF_INTEREST].draft(now_us)
            paper = _consultation(
                HELD,
                "Listed vehicles at the congestion-charge cameras",
                "Reads of listed vehicles would leave, and of plates that look like a listed one. Who drives such a "
                "vehicle may be innocent.",
                draft,
                now_us,
                _HELD_FOR_US,
            )
            await self._submit(paper, ("tfl/data-protection",))
        if RUNNING not in held:
            paper = _consultation(
                RUNNING,
                "Congestion-charge cameras for crime of any kind",
                "Every read of some 1,500 cameras would leave, of people who are suspected of nothing.",
                crime_proposal(now_us),
                now_us,
                _OPEN_FOR_US,
            )
            await self._submit(paper, ("home-office/secretary-of-state",))
        if not held.get(RUNNING, {}).get("objections"):
            objection = {
                "objection": {
                    "id": "o-dft",
                    "consultation": RUNNING,
                    "at": rfc3339(now_us),
                    "organisation": "dft",
                    "reason": "Drivers were told that the cameras are for the charge. This would end their trust.",
                }
            }
            await self._submit(objection, ("dft/minister",))

    async def decide(self) -> None:
        """Decide on the short consultation once it has closed.

        What is decided already stays so.
        """
        register = need(await self._client.get("/register.json"), 200)
        held = next(one for one in register["consultations"] if one["id"] == HELD)
        if held["decision"] is not None:
            return
        closes_us = parse_rfc3339(held["closes_at"])
        await asyncio.sleep(max(0, closes_us - SystemClock().now_us()) / 1e6 + 1)
        valid_until_us = parse_rfc3339(held["document"]["draft"]["authority"]["valid_until"])
        now_us = SystemClock().now_us()
        decision = {
            "decision": {
                "id": "d-voi",
                "consultation": HELD,
                "at": rfc3339(now_us),
                "outcome": "approved",
                "reasons": "Nobody objected. Matching lets nothing leave but what is listed, and what looks like it.",
                "covered_until": rfc3339(max(now_us, valid_until_us) + DAY_US),
            }
        }
        await self._submit(decision, _DEPUTIES)

    async def attempt_to_widen(self) -> list[Attempt]:
        """Try to widen with every signature needed, and return the outcome."""
        now_us = SystemClock().now_us()
        register = need(await self._client.get("/register.json"), 200)
        version = max(
            one["version"] for one in register["authorities"] if one["name"] == london.COUNTER_TERRORISM
        )
        vehicles = london.counter_terrorism_authority(now_us)
        vehicles["authority"]["version"] = version + 1
        vehicles["scope"]["fields"].append("vehicle")
        crime = crime_proposal(now_us)
        crime["authority"]["valid_from"] = rfc3339(now_us)
        named = copy.deepcopy(crime)
        named["authority"]["consultation"] = RUNNING
        offices = (
            "home-office/secretary-of-state",
            "tfl/commissioner",
            "tfl/data-protection",
            "met/intelligence",
        )
        tries = (
            (
                "make and colour by the certificate",
                vehicles,
                london.SIGNERS[london.COUNTER_TERRORISM],
                "widening",
            ),
            ("reads for crime", crime, offices, "widening"),
            ("reads for crime, while the public is asked", named, offices, "consultation-open"),
        )
        made = []
        for what, document, signers, code in tries:
            answer = await self._post(document, signers)
            body = answer.json()
            made.append(
                Attempt(
                    what=what,
                    wanted=code,
                    status=answer.status_code,
                    code=str(body.get("code", "")),
                    powers=len(body.get("powers", ())),
                )
            )
        return made

    async def _submit(self, document: Mapping[str, Any], offices: Sequence[str]) -> None:
        need(await self._post(document, offices), 201)

    async def _post(self, document: Mapping[str, Any], offices: Sequence[str]) -> httpx.Response:
        keys = [PrivateKey.load(self._folder.office_key(office)) for office in offices]
        envelope = dump_envelope(sign_document(bind(document, london.ORIGIN), keys))
        if kind_of(document) in ("consultation", "objection", "decision"):
            table = document[kind_of(document)]
            self._folder.envelope(str(table["id"])).write_bytes(envelope + b"\n")
        return await self._client.post("/v1/documents", content=envelope, headers=self._headers)
