"""A deployment that lived and was stopped, kept in a folder: later code serves it again and must answer the same.

    python -m tests.old_deployment FOLDER [--at-work]

makes such a folder with the code of today: at rest, or stopped at its work. `tests/system/test_old_log.py` and
`tests/system/test_upgrade.py` read those that version 0.3 made. The people, the vehicles and the keys are invented for
them, and nothing else trusts them.
"""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import re
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import history_2007 as history
from tests.history_2007 import (
    CERTIFICATE,
    CERTIFIERS,
    CHARGING,
    LISTED,
    NEIGHBOUR,
    OF_LISTED,
    OF_THIRD_PARTY,
    ON_CRIME,
    OWN_USE,
    SECRETARY,
    THIRD_PARTY,
    TRANSPORT,
)
from tests.matching import plate_image
from tests.running import OVERSEER, batches_of, client, issue
from tests.story import CHARGING_UNIT, CRIME_UNIT, DUTY_DESK, EASTHOLM, MARSHBRIDGE, TFL, UNIT, Replay, until
from wicketgate.base.clock import MINUTE_US, SECOND_US, rfc3339
from wicketgate.base.signing import dump_envelope
from wicketgate.gateway.releasing import Releasing
from wicketgate.ledger.facts import release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.regime.documents.document import sign_document

YEAR = ("2007-07-17T00:00:00Z", "2008-07-17T00:00:00Z")
NEXT_YEAR = ("2007-10-16T00:00:00Z", "2008-10-16T00:00:00Z")
COUNCIL_PAPERS = (("c-2007-002", "marshbridge"), ("c-2007-003", "eastholm"))
COMMANDER, DATA_PROTECTION, JUDGE, COMMISSIONER = (
    "met/national-security",
    "tfl/data-protection",
    "high-court/judge",
    "ico/commissioner",
)
TRIAL, CLOSED = "tfl-trial", "tfl-closed"
CAMERAS, OF_COUNCIL = 12, 6
FEEDS = {CHARGING: CHARGING_UNIT, CERTIFICATE: UNIT, LISTED: DUTY_DESK}
"""The feeds that can be read at the end, and by whom."""
GROWS = {"/register.json": ("as_of", "checkpoint"), "/proofs": ("entry_proof", "checkpoint")}
"""Members of answers that go on with the clock or the log, by the end of the path."""
RUNNING = "c-2007-004"
"""The consultation that still runs, of a deployment that was stopped at its work."""
_PROVED_S = 7.0
"""Until every proof is due."""
AGAIN_US = MINUTE_US
"""How long after it was stopped the deployment is served again."""


# --- the folder ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """A folder as `make` left it.

    gateway.tar.xz  the deployment, stopped      register.json  as it was shown just before
    log.key         the log's key                *.ndjson       the feed of each authority, as its unit received it
    told.json       tokens by name, the overseer's identity, when it was stopped
    answers.json    what was asked once it ran again, and answered
    """

    folder: Path

    @property
    def key(self) -> Path:
        """The log's verifier key, in a file."""
        return self.folder / "log.key"

    def feed(self, name: str) -> Path:
        """Return the file with what a feed delivered."""
        return self.folder / f"{name}.ndjson"

    def told(self) -> dict[str, Any]:
        """Return tokens, identity and time."""
        return dict(json.loads((self.folder / "told.json").read_text()))

    def answers(self) -> list[dict[str, Any]]:
        """Return what was asked and answered, in order."""
        return list(json.loads((self.folder / "answers.json").read_text()))

    def unpack(self, base: Path) -> Path:
        """Lay the deployment down in a folder of its own, with the modes that it had; return it."""
        with tarfile.open(self.folder / "gateway.tar.xz") as archive:
            # Debian 12's Python is older than the filter, and later ones warn without it.
            safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
            archive.extractall(base, **safe)  # noqa: S202 - our own archive
        return base / "gateway"

    def serve(self, base: Path) -> Replay:
        """Return the deployment in `base`, ready to be started a minute after it was stopped."""
        told = self.told()
        replay = Replay(base)
        replay.clock.move(told["stopped_us"] + AGAIN_US)
        replay.tokens |= told["tokens"]
        replay.log_key = self.key
        return replay


def pack(deployment: Path, archive: Path) -> None:
    """Write a stopped deployment into an archive: paths, modes and bytes, of nobody and of no time."""

    def plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
        item.uid = item.gid = item.mtime = 0
        item.uname = item.gname = ""
        return item

    with tarfile.open(archive, "w:xz", preset=9) as packed:
        packed.add(deployment, "gateway", filter=plain)


# --- asking -------------------------------------------------------------------------------------------------


def asked(who: str | None, path: str, body: bytes | None = None, media_type: str = "") -> dict[str, Any]:
    """Return a question as `answers.json` keeps it: a GET, or a POST of a body."""
    if body is None:
        return {"as": who, "method": "GET", "path": path}
    return {"as": who, "method": "POST", "path": path, "type": media_type, "body": body.decode()}


def ask(replay: Replay, question: Mapping[str, Any]) -> dict[str, Any]:
    """Put a question to a running gateway; return it with the answer."""
    headers = {"Content-Type": question["type"]} if "type" in question else {}
    with client(replay, question["as"]) as caller:
        answer = caller.request(
            question["method"], question["path"], content=question.get("body"), headers=headers
        )
    return {**question, "answer": kept(question["path"], answer)}


def kept(path: str, answer: httpx.Response) -> dict[str, Any]:
    """Return an answer as `answers.json` keeps it: what goes on by itself is left out, all else is as it came."""
    body = answer.content
    for end, members in GROWS.items():
        if path.partition("?")[0].endswith(end) and answer.status_code == 200:
            for member in members:
                body, found = re.subn(rb'"%s":("[^"]*"|\[[^]]*\]),?' % member.encode(), b"", body)
                assert found == 1, (path, member)
    headers = {name: answer.headers.get(name) for name in ("content-type", "cache-control")}
    try:
        return {"status": answer.status_code, **headers, "text": body.decode()}
    except UnicodeDecodeError:
        return {"status": answer.status_code, **headers, "base64": base64.b64encode(body).decode()}


def questions(replay: Replay, refused: Sequence[bytes], posted: bytes) -> Iterator[dict[str, Any]]:
    """Yield what is asked of the gateway that runs again: what it shows, what it refuses, what it knows again."""
    ids = [one["id"] for one in replay.register()["consultations"]]
    yield from (asked(None, path) for path in ("/register.json", "/log/key", "/healthz"))
    yield from (asked(None, f"/log/tile/{level}/000") for level in ("0", "entries"))
    yield from (asked(None, f"/consultations/{one}/responses") for one in ids)
    yield from (asked(OVERSEER, f"/v1/consultations/{one}/responses") for one in ids)
    for source in (TFL, MARSHBRIDGE, EASTHOLM):
        yield from (asked(source, path) for path in ("/v1/cameras", "/v1/quarantine"))
    for unit in (UNIT, CRIME_UNIT, DUTY_DESK, CHARGING_UNIT):
        yield from (asked(unit, path) for path in ("/v1/feeds", "/v1/disclosures", "/v1/receipts"))
    yield from (asked(OVERSEER, path) for path in ("/v1/disclosures", "/v1/receipts"))
    for name, unit in FEEDS.items():
        yield asked(unit, f"/v1/feeds/{name}?after=0&limit=1000")
        yield asked(unit, f"/v1/feeds/{name}?after=1&limit=1")
        batches = batches_of(replay.feed(name, unit).content)
        for batch in batches[-3:]:
            yield asked(unit, f"/v1/feeds/{name}/proofs?batch={batch.number}")
            yield asked(None, f"/log/fact/{leaf_hash(release_fact(batch.header)).hex()}")
        for row in replay.rows(name, unit):
            for member in ("patch_image", "overview_image"):
                if member in row["read"]:
                    yield asked(unit, f"/v1/feeds/{name}/images/{row['read'][member]['ref']}")
    for name in (TRIAL, CLOSED, THIRD_PARTY, "nobody"):
        yield asked(UNIT if name == THIRD_PARTY else CHARGING_UNIT, f"/v1/feeds/{name}")
    yield asked(DUTY_DESK, f"/v1/hotlists/{LISTED}")
    yield from (asked(DUTY_DESK, f"/v1/hits{query}") for query in ("", "?state=recent", "?state=nothing"))
    yield from (asked(DUTY_DESK, f"/v1/hits/{row['hit']['id']}") for row in replay.rows(LISTED, DUTY_DESK))
    yield asked(OVERSEER, "/v1/openings?after=0&limit=10")
    yield from (asked(who, "/v1/feeds") for who in (None, TFL))
    yield asked(UNIT, f"/v1/feeds/{LISTED}")
    yield from (asked(OVERSEER, "/v1/why", body, "application/json") for body in whys())
    yield from (asked(TFL, "/v1/documents", envelope, "application/json") for envelope in refused)
    yield asked(TFL, "/v1/reads", posted, "application/json")
    changed = [{**one, "plate": "AB12CDE"} for one in json.loads(posted)]
    yield asked(TFL, "/v1/reads", json.dumps(changed).encode(), "application/json")


def whys() -> Iterator[bytes]:
    """Yield questions why a read went or did not, as of past moments."""
    read = {"source": "tfl", "camera": "ccz-0001", "captured_at": "2007-10-16T09:00:30Z"}
    for name in (CERTIFICATE, CHARGING, TRIAL, CLOSED, LISTED, "nobody"):
        for moment in ("2007-07-17T10:00:00Z", "2007-10-17T09:00:00Z"):
            yield json.dumps({"read": read, "authority": name, "as_of": moment}).encode()
    yield json.dumps({"read": read, "recipient": "met/national-security-units", "as_of_entry": 200}).encode()


# --- what happened ------------------------------------------------------------------------------------------


def act(kind: str, name: str, act_id: str, at_us: int, **more: Any) -> dict[str, Any]:
    """Return an act about an authority."""
    return {kind: {"id": act_id, "authority": name, "at": rfc3339(at_us), **more}}


def own_use(name: str) -> dict[str, Any]:
    """Return an authority of the road authority's own charging unit, pictures included."""
    document = history.charging_authority()
    document["authority"] |= {"name": name, "title": f"Reads for the congestion charge: {name}"}
    document["scope"]["fields"].append("overview-image")
    return document


def all_crime() -> dict[str, Any]:
    """Return the draft that is rejected."""
    return history.all_crime("2007-11-01T00:00:00Z", "2008-11-01T00:00:00Z")


def council_draft(council: str, consulted: str | None = None) -> dict[str, Any]:
    """Return a council's authority, as it is consulted on or, with the consultation named, as it is submitted."""
    drafts = {"marshbridge": history.third_party_certificate, "eastholm": history.listed_vehicles}
    document: dict[str, Any] = drafts[council](*NEXT_YEAR)
    if consulted is not None:
        document["authority"]["consultation"] = consulted
    return document


def redacted_certificate() -> dict[str, Any]:
    """Return the certificate with its necessity withheld for a year."""
    document = history.certificate(1, *YEAR)
    del document["authority"]["necessity"]
    document["redactions"] = [
        {
            "member": "authority.necessity",
            "commitment": "0f343b0931126a20f133d67c2b018a3b5f4a7d0f0f1bd7a3a6d1bc5f5b1f0c1e",
            "reason": "It tells of methods.",
            "until": YEAR[1],
        }
    ]
    return document


def it_begins(replay: Replay) -> None:
    """Play July 2007: cameras, the first authorities, three proposals, an objection, responses."""
    replay.enrol()
    issue(replay, OVERSEER)
    replay.register_cameras(TFL, history.road_cameras(CAMERAS))
    replay.register_cameras(MARSHBRIDGE, history.third_party_cameras("marshbridge", OF_COUNCIL))
    replay.register_cameras(EASTHOLM, history.third_party_cameras("eastholm", OF_COUNCIL))
    for name in (CHARGING, TRIAL, CLOSED):
        replay.take(own_use(name), *OWN_USE)
    replay.take(redacted_certificate(), *CERTIFIERS)
    replay.arrived(replay.pass_by("ccz-0001", 12))
    said: dict[str, Any] = {"title": "All crime", "assessment": "Whoever drives into the zone is read."}
    replay.take(history.consultation("c-2007-001", replay.now_us, all_crime(), **said), SECRETARY)
    replay.take(history.objection("o-dft-1", "c-2007-001", replay.now_us), TRANSPORT)
    for text, more in (("It was for the charge.", {"name": "A driver"}), ("Not this.", {"publish": False})):
        assert replay.respond("c-2007-001", text, **more).status_code == 201
    for number, council in COUNCIL_PAPERS:
        said = {"title": f"Cameras of {council}", "assessment": "Who drives there is read."}
        document = history.consultation(number, replay.now_us, council_draft(council), **said)
        replay.take(document, f"{council}/data-protection")


def it_is_decided_and_reviewed(replay: Replay) -> None:
    """Play October 2007: the review, the decisions, the authorities that rest on them."""
    replay.take(history.review("review-2007-10", replay.now_us, "Necessary still."), SECRETARY)
    rejected = history.decision(
        "d-2007-001", "c-2007-001", replay.now_us, "Out of proportion.", answers={"o-dft-1": "It is upheld."}
    )
    replay.take(rejected, DATA_PROTECTION, TRANSPORT)
    for number, council in COUNCIL_PAPERS:
        decided = history.decision(
            number.replace("c-", "d-"),
            number,
            replay.now_us,
            "A council answers for its own cameras.",
            covered_until="2009-10-01T00:00:00Z",
        )
        replay.take(decided, f"{council}/data-protection", TRANSPORT)
        signers = OF_THIRD_PARTY if council == "marshbridge" else OF_LISTED
        replay.take(council_draft(council, number), *signers)
    replay.arrived(replay.pass_by("mb-002", 3, source=MARSHBRIDGE), THIRD_PARTY)


def listed_vehicles_hit(replay: Replay) -> None:
    """Let listed vehicles pass: hits that are confirmed, acted on, not acted on, misread, and that wait."""
    stolen = replay.unseen(6)
    entries = [
        {"plate": plate, "kind": history.STOLEN, "priority": 1 + n % 3, "reason": f"taken, case {n}"}
        for n, plate in enumerate(stolen)
    ]
    ndjson = {"Content-Type": "application/x-ndjson"}
    with client(replay, DUTY_DESK) as desk:
        whole = "\n".join(map(json.dumps, entries[:5]))
        assert desk.put(f"/v1/hotlists/{LISTED}", content=whole, headers=ndjson).status_code == 200
        more = json.dumps(entries[5])
        assert desk.patch(f"/v1/hotlists/{LISTED}", content=more, headers=ndjson).status_code == 200
        replay.see("eh-002", stolen, source=EASTHOLM)
        replay.pass_by("eh-003", source=EASTHOLM)
        hits = [row["hit"]["id"] for row in replay.arrived(stolen, LISTED, DUTY_DESK)]
        said = (("confirmed", "acted"), ("not-acted",), ("misread",), ("confirmed",))
        for hit, outcomes in zip(hits, said, strict=False):
            until(lambda hit=hit: desk.get(f"/v1/hits/{hit}").status_code == 200)
            for outcome in outcomes:
                body = {"outcome": outcome, "reason": "compared with its image"}
                assert desk.post(f"/v1/hits/{hit}/outcome", json=body).status_code in (200, 201)
    assert replay.disclose(LISTED, NEIGHBOUR, 4, DUTY_DESK).status_code == 201
    assert replay.disclose(LISTED, "dvla", 1, DUTY_DESK).status_code == 422


def some_are_ended(replay: Replay) -> None:
    """Suspend, resume, challenge, quash, revoke; amend the charter; withdraw a token."""
    pause = act("suspension", CHARGING, "pause-1", replay.now_us, reason="A count was wrong.")
    replay.take(pause, COMMISSIONER)
    lift = act("resumption", CHARGING, "go-1", replay.now_us, reason="It is right now.", suspension="pause-1")
    replay.take(lift, DATA_PROTECTION, COMMISSIONER)
    replay.take(act("suspension", TRIAL, "pause-2", replay.now_us, reason="It is looked into."), COMMISSIONER)
    court = {"court": "High Court (invented)"}
    claim = {**court, "claim": "Not every read is needed.", "stay": False}
    replay.take(act("challenge", CERTIFICATE, "co-1", replay.now_us, **claim), JUDGE)
    order = {**court, "reason": "No reasons were given."}
    replay.take(act("quashed", CLOSED, "co-2", replay.now_us, **order), JUDGE)
    replay.take(act("revocation", THIRD_PARTY, "end-1", replay.now_us, reason="It is not needed."), SECRETARY)
    charter = copy.deepcopy(replay.register()["charter"]["document"])
    charter["charter"]["version"] += 1
    charter["limits"]["too_old"] = "P6D"
    replay.take(charter, "tfl/commissioner", SECRETARY, COMMISSIONER)
    with client(replay, "admin") as admin:
        assert admin.post("/v1/tokens/withdraw", json={"name": CRIME_UNIT}).status_code == 200
    issue(replay, CRIME_UNIT)


def odd_reads_are_posted(replay: Replay) -> None:
    """Post what is quarantined, and a read with images."""
    at = rfc3339(replay.now_us)
    good = {"camera": "ccz-0002", "captured_at": at, "plate": "AB12CDE", "confidence": 0.9}
    odd = [{**good, "camera": "ccz-9999"}, {**good, "plate": "?!"}, {**good, "confidence": 7}]
    with client(replay, TFL) as source:
        answer = source.post("/v1/reads", json=odd)
        assert len(answer.json()["quarantined"]) == len(odd), answer.text
        pictured = {**good, "id": "pictured-1", "image": {"overview": "scene"}}
        files = {
            "reads": ("reads", json.dumps(pictured), "application/json"),
            "scene": ("scene.png", plate_image("AB12CDE"), "image/png"),
        }
        assert source.post("/v1/reads", files=files).json()["accepted"] == 1
    [row] = replay.arrived(["AB12CDE"], CHARGING, CHARGING_UNIT)
    assert "overview_image" in row["read"]


def refused_papers(replay: Replay) -> list[bytes]:
    """Return documents, signed, that the gateway refuses whenever it is asked."""

    def signed(document: Mapping[str, Any], *offices: str) -> bytes:
        return dump_envelope(sign_document(document, [replay.offices.keys[one] for one in offices]))

    at_us = replay.now_us
    again = act("revocation", THIRD_PARTY, "end-2", at_us, reason="It is not needed.")
    return [
        signed(all_crime(), *ON_CRIME),
        signed(history.wider_certificate(2, *NEXT_YEAR), *CERTIFIERS),
        signed(history.certificate(3, *NEXT_YEAR), *CERTIFIERS),
        signed(history.certificate(2, *NEXT_YEAR), COMMANDER),
        signed(again, SECRETARY),
        signed(history.review("review-2007-10", at_us, "Once more."), SECRETARY),
    ]


# --- making -------------------------------------------------------------------------------------------------


def make(folder: Path) -> None:
    """Make the folder: play what happened, keep the stopped deployment, serve a copy of it, keep the answers.

    Two copies are served, and what they answer must be the same.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        replay = lived(base / "first")
        with replay.scene("2007-10-17T09:00:00Z"):
            posted = last_reads(replay)
            time.sleep(_PROVED_S)
            show(replay, folder)
            refused = refused_papers(replay)
        keep(replay, folder)
        found = [
            answered(Kept(folder), base / place, refused, json.dumps(posted).encode())
            for place in ("second", "third")
        ]
        varied = [one["path"] for one, other in zip(*found, strict=True) if one != other]
        assert not varied, varied
        (folder / "answers.json").write_text(json.dumps(found[0], indent=0, ensure_ascii=False) + "\n")


def make_at_work(folder: Path) -> None:
    """Make the folder of a deployment that was stopped at its work.

    A consultation runs, hits wait, and reads that were acknowledged are not decided yet. The answers are those of the
    gateway just before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        replay = lived(Path(name) / "first")
        with replay.scene("2007-10-17T09:00:00Z"):
            posted = last_reads(replay)
            is_consulted_on(replay)
            time.sleep(_PROVED_S)
            show(replay, folder)
            asked_now = [
                one
                for one in questions(replay, (), json.dumps(posted).encode())
                if one["path"] != "/v1/reads"
            ]
            found = [ask(replay, question) for question in asked_now]
            (folder / "answers.json").write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n")
        with undecided(), replay.scene("2007-10-17T09:10:00Z"):
            waiting = replay.pass_by("ccz-0004", 5)
        keep(replay, folder, undecided=waiting)


@contextmanager
def undecided() -> Iterator[None]:
    """Let gateways of the earlier version take reads and decide none, and this one leave them so."""
    of: Any
    try:
        from wicketgate.gateway.former_reads import FormerReads

        of, name = FormerReads, "decide"
    except ImportError:  # the fixture's own version
        of, name = Releasing, "run"

    async def wait(*_: object) -> None:
        if name == "run":
            await asyncio.Event().wait()

    usual = getattr(of, name)
    setattr(of, name, wait)
    try:
        yield
    finally:
        setattr(of, name, usual)


def lived(base: Path) -> Replay:
    """Return a deployment with its past."""
    base.mkdir()
    replay = Replay(base)
    replay.lay()
    with replay.scene("2007-07-17T10:00:00Z"):
        it_begins(replay)
    with replay.scene("2007-10-16T09:00:00Z"):
        it_is_decided_and_reviewed(replay)
        listed_vehicles_hit(replay)
        # Whoever waits a little has a log with whole tiles: an entry a second.
        replay.clock.move(replay.now_us + 5 * MINUTE_US)
        some_are_ended(replay)
        odd_reads_are_posted(replay)
        replay.attest(CERTIFICATE, "2007-09-30T00:00:00Z")
    return replay


def last_reads(replay: Replay) -> list[dict[str, Any]]:
    """Post the last reads, with ids, and return them once they have arrived."""
    posted = [
        {"camera": "ccz-0003", "captured_at": rfc3339(replay.now_us), "plate": plate, "confidence": 0.9}
        | {"id": f"last-{n}"}
        for n, plate in enumerate(replay.unseen(4))
    ]
    with client(replay, TFL) as source:
        assert source.post("/v1/reads", json=posted).json()["accepted"] == len(posted)
    replay.arrived([one["plate"] for one in posted])
    return posted


def is_consulted_on(replay: Replay) -> None:
    """Open a consultation that still runs, with an objection and responses."""
    said: dict[str, Any] = {
        "title": "All crime, again",
        "assessment": "Whoever drives into the zone is read.",
    }
    replay.take(history.consultation(RUNNING, replay.now_us, all_crime(), **said), SECRETARY)
    replay.take(history.objection("o-dft-4", RUNNING, replay.now_us), TRANSPORT)
    for text, more in (("Not again.", {"name": "A driver"}), ("Keep me out.", {"publish": False})):
        assert replay.respond(RUNNING, text, **more).status_code == 201


def show(replay: Replay, folder: Path) -> None:
    """Keep the feeds and the register as they are shown now."""
    for feed, unit in FEEDS.items():
        Kept(folder).feed(feed).write_bytes(replay.feed(feed, unit).content)
    with client(replay) as anyone:
        (folder / "register.json").write_bytes(anyone.get("/register.json").content)


def keep(replay: Replay, folder: Path, **more: Any) -> None:
    """Keep the stopped deployment, and what must be told of it."""
    told = {
        "stopped_us": replay.now_us // SECOND_US * SECOND_US,
        "identity": replay.offices.identity,
        "tokens": replay.tokens,
        **more,
    }
    (folder / "told.json").write_text(json.dumps(told, indent=1) + "\n")
    shutil.copyfile(replay.log_key, folder / "log.key")
    pack(replay.folder, folder / "gateway.tar.xz")


def answered(kept_in: Kept, base: Path, refused: Sequence[bytes], posted: bytes) -> list[dict[str, Any]]:
    """Serve a copy of the deployment; return every question with its answer."""
    kept_in.unpack(base)
    replay = kept_in.serve(base)
    replay.start()
    try:
        time.sleep(2)
        return [ask(replay, question) for question in questions(replay, refused, posted)]
    finally:
        replay.stop()


if __name__ == "__main__":
    (make_at_work if "--at-work" in sys.argv[2:] else make)(Path(sys.argv[1]))
