"""No look without its fact: every operation that shows something private, asked as a machine and as a person."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.types import ASGIApp, Message

from tests.matching import SOURCE, UNIT, WANTED, Desk, plate_image, vehicle
from tests.unit.gateway.test_people import DESK, OPENINGS, SIGNER, by_provider, opening, people
from tests.unit.gateway.test_responses import NAME, found, proposal
from tests.vectors.make_documents import keys_of, put
from wicketgate.base.clock import MINUTE_US
from wicketgate.base.signing import dump_envelope
from wicketgate.commits.transactions import Transaction
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.http.api.images import FeedImages
from wicketgate.http.app import routes
from wicketgate.http.faults import FAULTS
from wicketgate.http.gatekeeper import Gatekeeper
from wicketgate.http.openapi.document import OPERATIONS
from wicketgate.http.people.desk import OfficersDesk
from wicketgate.http.site.description import description_of
from wicketgate.http.site.public import Public
from wicketgate.pages.duty import Session
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.documents.people import Workplace, commit_to

PLATE = "AB12CDE"
SOURCE_ROOM = Workplace(organisation="tfl")
PROTECTION = Workplace(organisation="tfl", office="data-protection")
OF_THE_SOURCE = (
    (bytes([21]) * 32, {"name": "Sol Officer", "subject": "s-21"}, {"roles": ["source-officer"]}),
    (
        bytes([22]) * 32,
        {"name": "Dee Pio", "subject": "s-22"},
        {"roles": ["data-protection-officer", "approver"], "office": "data-protection"},
    ),
)
"""People of the source: the salt and the value of the commitment to each, and what they are where."""
OVERSEER = "overseer:ico/commissioner"
NOTHING_PRIVATE = {
    "postReads": "takes, and shows what was taken to whoever sent it",
    "putImage": "takes, and shows nothing",
    "pushPayload": "takes, and shows nothing",
    "probePush": "takes, and shows nothing",
    "putCameras": "takes, and shows nothing",
    "getCameras": "the source's own cameras, and counts",
    "listFeeds": "names of feeds, and how many batches they have",
    "getProof": "how many rows a batch has, and where its fact stands in the log",
    "putHotlist": "takes, and shows counts",
    "changeHotlist": "takes, and shows counts",
    "postDisclosure": "takes, and shows the number of what was taken",
    "postReceipt": "takes, and shows the number of what was taken",
    "submitDocument": "signed documents are public",
    "getTokens": "names that the charter has, and numbers",
    "issueToken": "a token to whoever made it, which is an entry of the log",
    "withdrawTokens": "takes, and shows nothing",
    "getMetrics": "counts",
    "signOut": "ends a session",
    "showMe": "a person's own name, roles and passkeys",
    "workAt": "a person's own session",
    "withdrawOwnPasskey": "a person's own passkey",
    "showPresence": "a person's own session",
    "beginPresence": "a person's own session",
    "provePresence": "a person's own session",
    "provePresenceWith": "a person's own session",
    "showDevice": "a person's own session",
    "answerDevice": "a person's own session",
    "showAlerts": "a place's own rules, and how often its targets failed",
    "changeAlerts": "takes; its taking is a fact",
    "testAlerts": "takes, and shows the same",
    "getAlerts": "a place's own rules, and how often its targets failed",
    "putAlerts": "takes; its taking is a fact",
    "testAlert": "takes, and shows an id",
    "openPeople": "takes, and shows a count; its taking is a fact",
    "listPasskeys": "ids of passkeys and commitments, which stand in a public document",
    "withdrawPasskey": "takes, and shows nothing",
    "showSuspend": "a public authority, and a form",
    "draftSuspension": "what one wrote oneself, as a document",
    "showApprovals": "questions without what they ask, which is a look where there are any: test_asking.py",
    "showApproval": "what somebody asks, whose look is recorded: test_asking.py",
    "approveQuestion": "takes; its taking is a fact",
    "refuseQuestion": "takes; its taking is a fact",
    "letEmergency": "takes; its taking is a fact",
    "showEmergencies": "who asked, and why, of which a look is recorded: test_asking.py",
    "showQuestions": "one's own questions, without what they asked",
    "showQuestion": "what one asked oneself",
    "showAskForm": "a form, and what one wrote oneself",
    "writeQuestion": "what one wrote oneself, in memory alone",
    "checkQuestion": "what one wrote oneself, and how broad it is",
    "sendQuestion": "takes; its taking is a fact",
    "showAnswer": "a page of an answer, of which it is recorded: test_asking.py",
    "downloadAnswer": "the same as a file: test_asking.py",
    "showAnswerImage": "an image, of which it is recorded as of any",
    "sayErratum": "takes, and shows what was taken to whoever sent it",
    "listErrata": "numbers of rows, and the grounds on which they were wrong",
    "takeErrata": "takes, and shows what was taken",
    "postCustodyCheckpoint": "takes, and shows a number",
    "getCustodyCheckpoint": "hashes and a number that the unit itself gave",
    "listCustodySearches": "questions that a machine of the unit counts and runs: its taking of each is a fact",
    "postCustodyCount": "takes; its taking is a fact",
    "postCustodyRun": "takes; its taking is a fact",
    "postCustodyLook": "takes a look, which is the fact",
    "askPast": "takes, and shows numbers; its taking is a fact",
    "previewSearch": "numbers of cameras, and offices",
    "listSearches": "one's own questions, without what they asked",
    "getSearch": "one's own question, without what it asked",
    "getQuestion": "what somebody asked, of which it is recorded: unit/gateway/test_searches.py",
    "getAnswerRows": "one's own answer, of which each page is recorded: unit/gateway/test_searches.py",
    "getAnswerImage": "an image of one's own answer, of which it is recorded: unit/gateway/test_searches.py",
    "getSearchProof": "where the fact of one's own question stands in the log",
    "listApprovals": "questions, without what they asked",
    "approveSearch": "takes, and shows numbers; its taking is a fact",
    "refuseSearch": "takes, and shows numbers; its taking is a fact",
    "linkKeeper": "a name that a register answers, behind the fact of its asking: test_keepers_api.py",
    "listLinks": "who linked what for which cause; of an overseer's it is recorded: test_keepers_api.py",
    "listSourceSearches": "who asked about the source's own cameras, and numbers",
    "listEmergencies": "names of units",
    "letEmergencies": "takes; its taking is a fact",
    "handOver": "takes, and shows nothing; its taking is a fact",
    "getHitEvidence": "what one may see of a hit, of which it is recorded: system/test_evidence.py",
    "getSearchEvidence": "what one asked and was answered, of which it is recorded: gateway/evidence.py",
    "showLists": "names of lists and how many entries they have",
    "uploadList": "takes, and sends on to what is recorded",
    "confirmList": "takes, and shows counts; its taking is a fact",
    "showListChange": "what one handed in, beside a list of which it is recorded: test_shift.py",
    "followQueue": "that something changed, and a hash of it",
}
"""Operations that need somebody to be known and show nothing private: why."""


@dataclass(frozen=True)
class Shown:
    """What an operation shows, and the fact of it.

    Attributes
    ----------
    machine : str
        Whose token shows it; empty where tokens show nothing.
    person : bool
        Whether a person's session shows it.
    fact : mapping
        Members of its fact; `by` besides.
    place : Workplace
        Where the person works who is shown it.
    """

    at: str
    fact: Mapping[str, Any]
    machine: str = ""
    person: bool = False
    json: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    by: str = "by"
    place: Workplace = DESK


def look(what: str, of: str, **more: Any) -> dict[str, Any]:
    return {"kind": "look", "what": what, "of": of, **more}


def shown(hit: str, other: str, ref: str) -> dict[str, Shown]:
    """Return every operation that shows something private, by its id."""
    unit = UNIT.partition(":")[2]
    image = {"kind": "image-read", "authority": WANTED}
    rows = look("rows", WANTED)
    return {
        "getQuarantine": Shown("GET /v1/quarantine", look("quarantine", "tfl"), machine=SOURCE),
        "getFeed": Shown(f"GET /v1/feeds/{WANTED}", rows, machine=UNIT, person=True),
        "followFeed": Shown(f"GET /v1/feeds/{WANTED}/events", rows, machine=UNIT, person=True),
        "getImage": Shown(f"GET /v1/feeds/{WANTED}/images/{ref}", image, machine=UNIT, person=True),
        "getImages": Shown(
            f"POST /v1/feeds/{WANTED}/images",
            {"kind": "images-read", "authority": WANTED},
            machine=UNIT,
            json={"refs": [ref]},
        ),
        "getHotlist": Shown(f"GET /v1/hotlists/{WANTED}", look("hotlist", WANTED), machine=UNIT, person=True),
        "listHits": Shown("GET /v1/hits", look("hits", unit), machine=UNIT, person=True),
        "getHit": Shown(f"GET /v1/hits/{hit}", look("hit", hit), machine=UNIT, person=True),
        "recordOutcome": Shown(
            f"POST /v1/hits/{hit}/outcome",
            {"kind": "outcome", "hit": hit},
            person=True,
            json={"outcome": "misread"},
        ),
        "listDisclosures": Shown("GET /v1/disclosures", look("disclosures", unit), machine=UNIT),
        "listReceipts": Shown("GET /v1/receipts", look("receipts", unit), machine=UNIT),
        "askWhy": Shown(
            "POST /v1/why",
            {"kind": "why"},
            machine=OVERSEER,
            json={
                "read": {"source": "tfl", "camera": "c0", "captured_at": "2026-07-08T12:00:00Z"},
                "authority": WANTED,
            },
        ),
        "getOpenings": Shown("GET /v1/openings", look("openings", "log"), machine=OVERSEER),
        "getAllResponses": Shown(
            f"GET /v1/consultations/{NAME}/responses",
            look("responses", NAME, **{"from": 1, "to": 1}),
            machine=OVERSEER,
        ),
        "showQueue": Shown("GET /duty", look("hits", unit), person=True),
        "showSourceQuestions": Shown(
            "GET /source/questions", look("searches", "tfl"), person=True, place=SOURCE_ROOM
        ),
        "showSource": Shown("GET /source", look("cameras", "tfl"), person=True, place=SOURCE_ROOM),
        "getCameraTable": Shown(
            "GET /source/cameras.csv", look("cameras", "tfl"), person=True, place=SOURCE_ROOM
        ),
        "showProtection": Shown(
            "GET /protection", look("deadlines", str(PROTECTION)), person=True, place=PROTECTION
        ),
        "showHandover": Shown("GET /duty/handover", look("hits", unit), person=True),
        "showList": Shown(f"GET /duty/lists/{WANTED}", look("hotlist", WANTED), person=True),
        "showQueuePart": Shown("GET /duty/queue", look("hits", unit), person=True),
        "showHit": Shown(f"GET /duty/hits/{other}", look("hit", other), person=True),
        "sayOutcome": Shown(
            f"POST /duty/hits/{other}/outcome",
            {"kind": "outcome", "hit": other},
            person=True,
            form={"outcome": "misread", "reason": ""},
        ),
        "showImage": Shown(f"GET /duty/images/{WANTED}/{ref}", image, person=True),
    }


@dataclass
class Answered:
    """How an answer began, and how many facts stood in the commits then."""

    status: int
    body: bytes
    facts: int


class Walk:
    """A gateway whose people are named, with a thing to see of each kind."""

    def __init__(self, desk: Desk) -> None:
        gateway = self.gateway = desk.gateway
        self.desk = desk
        self.facts: list[dict[str, Any]] = []
        gateway.commits.followers.append(self._follow)
        public = Public(gateway, None, description=description_of(None))
        images = FeedImages(gateway.images, gateway.facts, gateway.entitlement, gateway.hits)
        officers = OfficersDesk(gateway, images, public, None)
        self.sessions = officers.sessions
        app = Starlette(routes=routes(gateway, public, officers), exception_handlers=FAULTS)
        self.app: ASGIApp = Gatekeeper(
            app, lambda: gateway.commits.committed.tokens, sessions=officers.sessions
        )

    def _follow(self, transaction: Transaction) -> None:
        self.facts += [json.loads(fact) for fact in transaction.facts]

    async def name_people(self, version: int = 1, *, nobody: bool = False) -> None:
        changes = [put("people.version", version)]
        if nobody:
            changes += [put("persons", None), put("grants", None)]
        signed = sign_document(people(*changes), keys_of(SIGNER))
        await self.gateway.filing.submit(dump_envelope(signed))
        if not nobody:
            await PeopleFiling(self.gateway.commits).open("met", OPENINGS, "admin")

    async def name_people_of_the_source(self) -> None:
        """Name an officer of the source, and one of its data protection, who approves too."""
        persons = [
            {"person": commit_to(salt, value), "provider": "met-identity", **given}
            for salt, value, given in OF_THE_SOURCE
        ]
        document = people(put("people.organisation", "tfl"), put("grants", None), put("persons", persons))
        signed = sign_document(document, keys_of(["tfl/data-protection"]))
        await self.gateway.filing.submit(dump_envelope(signed))
        openings = [opening(salt, value) for salt, value, _ in OF_THE_SOURCE]
        await PeopleFiling(self.gateway.commits).open("tfl", openings, "admin")

    def sign_in(self, place: Workplace = DESK) -> tuple[str, Session]:
        if place.organisation == "met":
            return self.sessions.open_as(by_provider(sub="s-1", name="Ada"), place, 0)
        subject = OF_THE_SOURCE[place == PROTECTION][1]["subject"]
        proved = replace(by_provider(sub=subject), organisation="tfl")
        return self.sessions.open_as(proved, place, 0)

    async def ask(self, at: str, headers: Mapping[str, str], body: bytes = b"") -> Answered:
        """Ask, and return once the answer begins to show something, or has ended."""
        method, _, target = at.partition(" ")
        path, _, query = target.partition("?")
        sent = {"host": "gateway.example", "content-length": str(len(body)), **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("gateway.example", 80),
        }
        began = asyncio.Event()
        found = Answered(0, b"", 0)
        asked = False

        async def receive() -> Message:
            nonlocal asked
            if asked:
                await asyncio.Event().wait()
            asked = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                found.status = message["status"]
            elif message.get("body") and not began.is_set():
                found.body, found.facts = message["body"], len(self.facts)
                began.set()

        asking = asyncio.create_task(self.app(scope, receive, send))
        waiting = asyncio.create_task(began.wait())
        await asyncio.wait({asking, waiting}, return_when=asyncio.FIRST_COMPLETED, timeout=20)
        for task in (asking, waiting):
            task.cancel()
        await asyncio.gather(asking, waiting, return_exceptions=True)
        return found


def _let_the_source_name_people(charter: dict[str, Any]) -> None:
    charter["signatures"].append(
        {"kind": "people", "organisations": ["tfl"], "offices": ["{organisation}/data-protection"]}
    )


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return found(tmp_path_factory.mktemp("looks") / "d", _let_the_source_name_people)


@pytest.fixture
async def walk(template: Path, tmp_path: Path, swept: None) -> AsyncIterator[Walk]:
    desk = await Desk.start(Path(shutil.copytree(template, tmp_path / "d")))
    desk.tokens[OVERSEER] = await desk.gateway.tokens.issue_token(OVERSEER)
    walk = Walk(desk)
    await walk.name_people()
    await walk.name_people_of_the_source()
    yield walk
    await desk.stop()


async def _fill(walk: Walk) -> dict[str, Shown]:
    """Let there be something of each kind to see."""
    desk = walk.desk
    await desk.gateway.filing.submit(proposal(desk.clock))
    said = await desk.call(None, "POST", f"/consultations/{NAME}/responses", json={"text": "No."})
    assert said.status_code == 201, said.text
    await desk.list_vehicles(vehicle(PLATE), vehicle("KK55KKK"))
    await desk.read(PLATE, patch=plate_image(PLATE))
    await desk.read("KK55KKK")
    hits = {one["read"]["plate"]: one for one in await desk.hits(2)}
    lost = {"id": "lost", "camera": "nowhere", "captured_at": "2026-07-08T12:00:00Z", "plate": PLATE}
    await desk.call(SOURCE, "POST", "/v1/reads", json={**lost, "confidence": 0.9})
    disclosed = {"authority": WANTED, "to": "a court", "law": "an order", "rows": 1}
    answer = await desk.call(UNIT, "POST", "/v1/disclosures", json=disclosed)
    assert answer.json()["code"] == "onward-not-allowed"  # and the attempt is recorded
    ref = hits[PLATE]["read"]["patch_image"]["ref"]
    desk.tokens[UNIT] = await desk.gateway.tokens.issue_token(UNIT)  # which has been shown nothing yet
    return shown(hits[PLATE]["id"], hits["KK55KKK"]["id"], ref)


async def _see(walk: Walk, one: Shown, *, person: bool) -> None:
    """Ask for it, and demand that its fact stood in the commits before the answer began."""
    walk.desk.clock.shift_us += MINUTE_US  # what a machine reads is told of once a minute
    headers = {"accept": "*/*"}
    body = b""
    if person:
        session_id, session = walk.sign_in(one.place)
        by = f"person:{session.person}"
        if not one.at.split()[1].startswith("/v1/"):
            headers |= {"cookie": f"wicketgate-duty={session_id}", "sec-fetch-site": "same-origin"}
            form = {**one.form, "form_key": session.form_key}
            if one.form:
                body, headers["content-type"] = (
                    urlencode(form).encode(),
                    "application/x-www-form-urlencoded",
                )
        else:
            headers["authorization"] = f"Bearer {session_id}"
    else:
        by = one.machine
        headers["authorization"] = f"Bearer {walk.desk.tokens[one.machine]}"
    if one.json is not None:
        body, headers["content-type"] = json.dumps(one.json).encode(), "application/json"
    before = len(walk.facts)
    answered = await walk.ask(one.at, headers, body)
    assert answered.status in {200, 201}, (one.at, person, answered)
    assert answered.body, (one.at, person)
    stood = walk.facts[before : answered.facts]
    like = [fact for fact in stood if one.fact.items() <= fact.items()]
    assert like, (one.at, person, stood)
    assert like[0].get("by") in {by, by.partition(":")[2]}, (one.at, like)


def test_every_operation_that_somebody_must_be_known_for_is_walked_or_has_its_reason() -> None:
    protected = {one.id for one in OPERATIONS if one.who}
    walked = set(shown("h", "o", "r"))
    assert not walked & NOTHING_PRIVATE.keys()
    assert protected == walked | NOTHING_PRIVATE.keys()


async def test_the_look_at_a_hit_names_the_other_hits_on_its_page(walk: Walk) -> None:
    await _fill(walk)
    walk.desk.clock.shift_us += MINUTE_US
    await walk.desk.read(PLATE)
    hits = [one for one in await walk.desk.hits(3) if one["read"]["plate"] == PLATE]
    one, other = (hit["id"] for hit in hits)
    session_id, session = walk.sign_in()
    headers = {"accept": "text/html", "cookie": f"wicketgate-duty={session_id}"}
    before = len(walk.facts)
    answered = await walk.ask(f"GET /duty/hits/{one}", headers)
    [fact] = [fact for fact in walk.facts[before:] if fact.get("what") == "hit"]
    assert fact["by"] == f"person:{session.person}"
    assert (fact["of"], fact["items"]) == (one, [other])
    assert other.encode() in answered.body


async def test_no_look_is_without_its_fact(walk: Walk) -> None:
    for one in (await _fill(walk)).values():
        if one.machine:
            await _see(walk, one, person=False)
        if one.person:
            await _see(walk, one, person=True)


@pytest.mark.parametrize("path", ["?after=9&wait=20", "/events?after=9"])
async def test_a_withdrawn_persons_wait_ends_within_a_second(walk: Walk, path: str) -> None:
    session_id, _ = walk.sign_in()
    headers = {"authorization": f"Bearer {session_id}"}
    waiting = asyncio.create_task(walk.ask(f"GET /v1/feeds/{WANTED}{path}", headers))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await walk.name_people(2, nobody=True)
    began = time.monotonic()
    answered = await waiting
    assert time.monotonic() - began < 1
    if "events" in path:
        assert b'"code":"unauthorised"' in answered.body
    else:
        assert (answered.status, json.loads(answered.body)["code"]) == (401, "unauthorised")


async def test_the_same_openings_again_commit_nothing(walk: Walk) -> None:
    before = len(walk.facts)
    await PeopleFiling(walk.gateway.commits).open("met", OPENINGS, "admin")
    assert len(walk.facts) == before
    assert not [one for one in walk.facts[before:] if one["kind"] == "people-opened"]
