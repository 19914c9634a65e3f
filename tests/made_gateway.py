"""A made deployment for those who check one: a real log, charter, authorities, seconds, feeds and figures, made by
the product's own parts under a clock that is set by hand, and a small web server over it that can lie on demand.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from tests.keys import IN_THE_OPEN, seeded
from tests.simulator import (
    LOG_KEY,
    ORIGIN,
    OWN_SIGNERS,
    START_US,
    VKEY,
    HandClock,
    MemoryProjections,
    MemoryStream,
    MemoryWriter,
    charter,
    document_transaction,
    founding_transaction,
)
from tests.vectors import make_documents as documents
from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate.base.errors import DocumentRefused
from wicketgate.base.signing import PrivateKey, canonical, dump_envelope
from wicketgate.commits.past_figures import PastFigures, read_month
from wicketgate.commits.register import build_register, dump_month, dump_register
from wicketgate.commits.state import State
from wicketgate.commits.stored import StoredPlace
from wicketgate.commits.transactions import (
    CameraSet,
    FeedBatch,
    HitRaised,
    IntakeCounts,
    Outcome,
    Refused,
    Transaction,
)
from wicketgate.commits.writer import Build, Commits
from wicketgate.feeds import batches
from wicketgate.feeds.lines import row_lines
from wicketgate.gateway.deployment import note_signer
from wicketgate.gateway.filing.cameras import cameras_transaction
from wicketgate.gateway.filing.documents import Filing, Taking
from wicketgate.gateway.filing.facts import decision_fact, hit_fact, outcome_fact
from wicketgate.ledger.facts import FactAnswer, Promises, SecondTree, release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.proofs import prove_fact
from wicketgate.ledger.tiles import folder_fetch
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.admission.admit import entry_members
from wicketgate.regime.admitted import Admitted
from wicketgate.regime.documents.document import open_document, sign_document
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed

OTHER_KEY = seeded(b"\x08" * 32)
FEED = "tfl-met-ct"
WANTED = "tfl-met-wanted"
TOKEN = "token-of-the-unit"
SIGNERS = documents.CT_OFFICES
AGAIN = ',"again":true'


def ref_of(name: str, number: int) -> str:
    """Return what an authority's rows call a read."""
    return hashlib.sha256(f"{name}-{number}".encode()).hexdigest()[:24]


class World:
    """A gateway's life, made by hand: each transaction is built at the time that is set, and durable at once.

    What closes seconds and figures is the product's own committer, over a stream in memory. Some worlds take what no
    gateway would, and tests change `entries` before they are written to the log.
    """

    def __init__(
        self, folder: Path, *, log_key: PrivateKey = LOG_KEY, founding: dict[str, Any] | None = None
    ) -> None:
        self.folder = folder
        self.key = log_key
        self.random = random.Random(7)
        self.clock = HandClock(START_US)
        self.projections = MemoryProjections()
        self.batches = self.projections.feeds
        self.entries = self.projections.entries
        self.facts: dict[str, FactAnswer] = {}
        self.written = 0
        self.merge_delay_us = 5 * SECOND_US
        """What promises name, whatever the charter says: a gateway may lie."""
        self.image = {"ref": "ab" * 16, "sha256": "cd" * 32, "type": "image/jpeg", "bytes": 7}
        """The image of each row that comes again."""
        self.lives = 0
        self.ledger = Ledger.create(folder, note_signer(log_key, ORIGIN), ORIGIN)
        self._loop = asyncio.new_event_loop()
        self._stream = MemoryStream()
        self._failures: list[BaseException] = []
        self.openings: list[bytes] = []
        self.numbers_again: list[int] = []
        self.sent: dict[tuple[str, int], dict[str, Any]] = {}
        self._begin(State())
        body = founding or charter()
        offices = next(rule["offices"] for rule in body["signatures"] if rule["kind"] == "charter")
        envelope = dump_envelope(sign_document(body, documents.keys_of(offices)))
        self.commit(lambda state, at_us, sequence: founding_transaction(envelope, at_us))
        self.list_cameras(150, 100)

    def _begin(self, state: State) -> None:
        self.lives += 1
        self._writer = MemoryWriter(self._stream)
        self.commits = Commits(
            self._writer,  # type: ignore[arg-type]
            self.clock,
            state,
            Parsed(),
            instance=f"life-{self.lives}",
            seal=self._seal,
            keys=IN_THE_OPEN,
            reveal=self._reveal,
            on_failure=self._failures.append,
        )
        self.parsed = self.commits.parsed
        self._filing = Filing(self.commits, self.projections, self.clock)  # type: ignore[arg-type]

    def close(self) -> None:
        """Let go of the log."""
        self.ledger.close()
        self._loop.close()

    @property
    def at_us(self) -> int:
        """The time."""
        return self.clock.at_us

    @at_us.setter
    def at_us(self, at_us: int) -> None:
        self.clock.at_us = at_us

    @property
    def state(self) -> State:
        """The fold of everything so far."""
        return self.commits.committed

    # --- what takes effect ------------------------------------------------------------------------------------

    def commit(self, build: Build) -> None:
        """Let a transaction take effect, behind the seconds that have passed."""
        self._durably(self.commits.tick)
        self._durably(lambda: self.commits.commit(build))

    def apply(self, **members: Any) -> None:
        """Let a transaction of now take effect."""
        self.commit(lambda state, at_us, sequence: Transaction(at_us=at_us, **members))

    def _durably(self, call: Callable[[], object]) -> None:
        async def done() -> None:
            call()
            self._writer.store(self._writer.under_way)
            self._writer.acknowledge(self._writer.under_way)
            await asyncio.sleep(0)  # whoever waits for the stream is told

        self._loop.run_until_complete(done())
        assert not self._failures, self._failures

    def _reveal(self, sequence: int, transaction: Transaction, places: tuple[StoredPlace, ...]) -> None:
        self.projections.take(sequence, transaction, places)
        second = transaction.second
        if second is not None and second.facts:
            tree = SecondTree(second.facts, second.seed)
            for leaf in map(leaf_hash, second.facts):
                self.facts[leaf.hex()] = prove_fact(second, tree, leaf)

    def _seal(self, openings: bytes) -> bytes:
        self.openings.append(openings)
        return b""

    def list_cameras(self, count: int, boundary: int) -> None:
        """Register so many cameras of `tfl`, the first of which are in the group `ccz-boundary`."""
        cameras = tuple(
            CameraSet(id=f"c{number}", groups=("ccz-boundary",) if number < boundary else ())
            for number in range(count)
        )
        self.commit(lambda state, at_us, sequence: cameras_transaction("tfl", cameras, state.entries, at_us))

    def entry(self, **body: Any) -> None:
        """Commit an entry of any kind."""
        self.apply(first_entry=len(self.entries), entries=(canonical({"at": rfc3339(self.at_us), **body}),))

    def document(self, document: dict[str, Any], offices: tuple[str, ...] = SIGNERS) -> int:
        """Commit a signed document, one that no gateway would take as well; return its entry."""
        envelope = dump_envelope(sign_document(documents.bound(document), documents.keys_of(offices)))
        taking = Taking(envelope, open_document(envelope), self.parsed)
        if "review" in document:
            self.flush()
            taking.past = PastFigures(self.ledger, self.state, 0).read()

        def build(state: State, at_us: int, sequence: int) -> Transaction:
            try:
                return taking.build(state, at_us, sequence)
            except DocumentRefused:
                found = Admitted()
                members = entry_members(open_document(envelope).kind, found)
                return document_transaction(envelope, state.entries, at_us, found, members)

        self.commit(build)
        return len(self.entries) - 1

    def decide(
        self,
        reads: int = 40,
        *,
        released: int | None = None,
        withheld: int = 5,
        feed: str = FEED,
        again: int = 0,
        quarantined: dict[str, int] | None = None,
    ) -> bytes:
        """Decide some reads: `released` rows go to one feed, the rest of the reads are out of its scope.

        Beside them `again` rows go to it with an image that followed its read, and some are quarantined, by code.
        """
        self._durably(self.commits.tick)
        rows = min(reads - withheld if released is None else released, reads)
        refused, out, hits = [], [], []
        facts: tuple[bytes, ...] = ()
        images: dict[str, int] = {}
        for name, named in self.state.authorities.items():
            count = rows if name == feed else (reads - withheld if feed else 0)
            reference = f"{name}@{len(named.versions)}"
            repeated = again if name == feed else 0
            if count or repeated:
                header, data = self.batch(name, reference, count + repeated, again=repeated)
                out.append(
                    FeedBatch(
                        feed=name,
                        number=header["batch"],
                        rows=header["rows"],
                        data=data,
                        again=repeated,
                        images=repeated,
                    )
                )
                images |= {reference: repeated} if repeated else {}
                facts = (*facts, release_fact(header))
                if self.matches(name):
                    hits += self.hits(name, count)
            if reads - count:
                refused.append(Refused(authority=reference, reason="out-of-scope", rows=reads - count))
        held = {"tfl/c1": quarantined} if quarantined else {}
        intake = IntakeCounts(accepted={"tfl/c1": reads}, quarantined=held)
        sequence = self.state.sequence + 1
        facts = (*facts, decision_fact(sequence, reads, withheld, refused, intake, images))
        facts = (*facts, *(hit_fact(hit, sequence) for hit in hits))
        self.apply(
            reads=reads,
            withheld=withheld,
            intake=intake,
            refused=tuple(refused),
            batches=tuple(out),
            hits=tuple(hits),
            facts=facts,
        )
        return b"".join(batch.data for batch in out)

    def matches(self, name: str) -> bool:
        """Say whether the last version of an authority matches."""
        return self.parsed.authority(self.state.authorities[name].versions[-1]).match is not None

    def hits(self, name: str, count: int) -> list[HitRaised]:
        """Return the hits of so many rows; each third is possible alone."""
        first = self.state.feeds[name].rows + 1
        return [
            HitRaised(
                id=ref_of(name, number),
                authority=name,
                version=1,
                seq=number,
                voi=f"v{number}",
                kind="murder",
                priority=2,
                quality="possible" if number % 3 == 0 else "exact",
                raised_us=self.at_us,
                due_us=self.at_us + 3600 * SECOND_US,
                place="tfl/c1",
                taken_us=self.at_us,
                listed="KLM3",
            )
            for number in range(first, first + count)
        ]

    def answer(self, said: Any, count: int) -> None:
        """Record the outcome of so many hits, the oldest first."""
        open_hits = list(self.state.open_hits)[:count]
        outcomes = [
            Outcome(hit=name, outcome=said, reason="", by="officer", at_us=self.at_us) for name in open_hits
        ]
        facts = tuple(outcome_fact(one, self.state.sequence + 1) for one in outcomes)
        self.apply(outcomes=tuple(outcomes), facts=facts)

    def batch(
        self, name: str, reference: str, rows: int, *, signer: PrivateKey | None = None, again: int = 0
    ) -> tuple[dict[str, Any], bytes]:
        """Build the next batch of a feed; its last rows come again."""
        feed = self.state.feeds[name]
        placed = self.parsed.authority(self.state.authorities[name].versions[-1]).log is not None
        numbers = self._numbers(feed.rows + 1, rows, again)
        reads = []
        for row, number in enumerate(numbers):
            read = {
                "plate": f"AB{self.random.randrange(10, 99)}CDE",
                "confidence": 0.9,
                "captured_at": rfc3339(self.at_us - 300_000),
                "source": "tfl",
                "camera": f"c{row}",
                **({"camera_name": f"c{row}"} if placed else {}),
                "lane": 1,
            }
            if row >= rows - again:
                read = self.sent.get((name, number), read) | {"patch_image": self.image}
            else:
                self.sent[name, number] = read
            reads.append(json.dumps(read, separators=(",", ":")))
        lines = row_lines(
            reference=reference,
            first_row=feed.rows + 1,
            reads=reads,
            late=[False] * rows,
            salts=self.random.randbytes(16 * rows),
            more=self._more(name, numbers, again),
        )
        return batches.build(
            reference=reference,
            number=feed.batches + 1,
            commit=self.state.sequence + 1,
            released_us=self.at_us,
            lines=lines,
            promise=lambda header: Promises(ORIGIN, self.at_us, signer or self.key, self.merge_delay_us).make(
                header, self.random.randbytes(16)
            )[0],
        )

    def _numbers(self, first: int, rows: int, again: int) -> list[int]:
        """Return of each row the number of the row in which its read stood first.

        What comes again are the reads of `numbers_again`, as long as there are any, then those of this batch's first
        rows, or of the feed's.
        """
        numbers = list(range(first, first + rows - again))
        for row in range(again):
            known = first + row if rows > again else 1 + row
            numbers.append(self.numbers_again.pop(0) if self.numbers_again else known)
        return numbers

    def _more(self, name: str, numbers: list[int], again: int) -> list[str] | None:
        """Return the further members of rows."""
        authority = self.parsed.authority(self.state.authorities[name].versions[-1])
        if not self.matches(name) and not again and "patch-image" not in authority.scope.fields:
            return None
        more = []
        for row, number in enumerate(numbers):
            ref = ref_of(name, number)
            members = f',"ref":"{ref}"' + (AGAIN if row >= len(numbers) - again else "")
            if self.matches(name):
                hit = {"id": ref, "voi": f"v{number}", "quality": "exact", "kind": "murder", "priority": 2}
                hit["due"] = rfc3339(self.at_us + 3600 * SECOND_US)
                members += f',"hit":{json.dumps(hit, separators=(",", ":"))}'
            more.append(members)
        return more

    # --- what time brings -------------------------------------------------------------------------------------

    def close_second(self) -> None:
        """Let the open second pass, and with it the period that may end; the clock then stands in the next one."""
        self.tell()
        self.at_us = max(self.at_us, self.state.second_us + SECOND_US)
        self._durably(self.commits.tick)
        self.at_us = self.state.second_us + 400_000

    def tell(self) -> None:
        """Tell what stands otherwise than was told."""
        self._durably(self._filing.tell)

    def stop_and_start(self, gap_s: int) -> None:
        """Stop in the open second, be away for so many behind it, and say so."""
        self.tell()
        self.at_us = self.state.second_us + (1 + gap_s) * SECOND_US + 100_000
        self._begin(self.state)
        self._durably(lambda: self.commits.start({}))

    def live(self, seconds: int, *, every: int = 3) -> None:
        """Let seconds pass; in every third reads are decided."""
        for second in range(seconds):
            if second % every == 0 and self.state.authorities:
                self.decide()
            self.close_second()

    def flush(self) -> None:
        """Write the entries to the log."""
        if self.written < len(self.entries):
            self.ledger.append(self.entries[self.written :])
            self.written = len(self.entries)

    def register(self) -> dict[str, Any]:
        """Return the register as the gateway builds it."""
        register = build_register(
            RegimeAt(self.state.regime, self.parsed, self.at_us),
            self.state,
            checkpoint=self.ledger.checkpoint,
            log_key=VKEY,
        )
        value: dict[str, Any] = json.loads(dump_register(register))
        return value

    def feed_file(self, path: Path, name: str = FEED) -> Path:
        """Write everything that a feed holds."""
        path.write_bytes(b"".join(self.batches[name]))
        return path


def standard(folder: Path, seconds: int = 30) -> World:
    """Return a world with two authorities, cameras, feeds, figures, a gap and a review, all of it right."""
    world = World(folder)
    world.at_us += 200_000
    world.live(2)
    world.document(documents.example("authority"))
    own = documents.changed(documents.example("authority-own-use"), lambda d: d["scope"].pop("hours"))
    world.document(own, OWN_SIGNERS)
    world.live(seconds)
    world.stop_and_start(7)
    world.live(5)
    world.flush()
    return world


def matching(folder: Path) -> World:
    """Return a world with an authority of mode match beside one of mode bulk, and hits that ended."""
    world = World(folder)
    world.at_us += 200_000
    world.document(documents.example("authority"))
    world.document(documents.example("authority-match"), documents.MATCH_OFFICES)
    for _ in range(3):
        world.decide(100, released=40, withheld=0, feed=WANTED)
        world.answer("confirmed", 12)
        for _ in range(7):
            world.close_second()
        world.answer("misread", 15)
        for _ in range(4):
            world.close_second()
    world.flush()
    return world


def consulted(folder: Path) -> World:
    """Return a world with two consultations, one of them approved and quashed, and acts of most kinds."""
    world = World(folder, founding=documents.changed(charter(), documents.put("consulting.shortest", "PT2S")))
    put = documents.put
    world.document(documents.example("authority"))
    own = documents.changed(documents.example("authority-own-use"), lambda d: d["scope"].pop("hours"))
    world.document(own, OWN_SIGNERS)
    for name in ("c-2026-002", "c-2026-003"):
        proposal = documents.changed(
            documents.example("consultation"),
            put("consultation.id", name),
            put("consultation.opens_at", rfc3339(world.at_us + SECOND_US)),
            put("consultation.closes_at", rfc3339(world.at_us + 5 * SECOND_US)),
        )
        world.document(proposal, ("tfl/data-protection",))
    world.live(2)
    world.document(documents.example("objection"), ("dft/minister",))
    world.live(10)
    world.document(documents.example("decision"), documents.DECIDERS)
    review = documents.changed(documents.example("review"), put("review.reviewed_at", rfc3339(world.at_us)))
    world.document(review, ("home-office/secretary-of-state",))
    world.live(1)
    world.document(documents.changed(documents.example("authority"), put("authority.version", 2)))
    world.document(documents.example("challenge"), ("high-court/judge",))
    world.live(1)
    order = documents.changed(documents.example("quashed"), put("quashed.consultation", "c-2026-002"))
    world.document(order, ("high-court/judge",))
    prayer = {"id": "prayer", "authority": "tfl-charging", "at": rfc3339(world.at_us), "reason": "Too wide."}
    prayer |= {"organisation": "parliament", "annul": True}
    world.document({"objection": prayer}, ("parliament/clerk",))
    stop = documents.changed(documents.example("suspension"), put("suspension.authority", "tfl-charging"))
    world.document(stop, ("tfl/data-protection",))
    world.live(2)
    world.flush()
    return world


Lie = Callable[["Served", dict[str, list[str]]], tuple[int, bytes]]


@dataclass
class Served:
    """A world behind a web server.

    `lies` answers a path by itself; `refuse` is how many requests are dropped before they are answered.
    """

    world: World
    url: str = ""
    lies: dict[str, Lie] = field(default_factory=dict)
    refuse: int = 0
    due_after: int = 0
    stopped: str = ""
    first_held: int = 1
    asked: list[str] = field(default_factory=list)
    answer: dict[str, bytes] = field(default_factory=dict)

    def respond(self, path: str, query: dict[str, list[str]], token: str) -> tuple[int, bytes]:
        """Return status and body."""
        if path in self.lies:
            return self.lies[path](self, query)
        world = self.world
        if path == "/log/key":
            return 200, f"{VKEY}\n".encode()
        if path == "/register.json":
            return 200, json.dumps(world.register()).encode()
        if path.startswith("/figures/"):
            return self._month(path.removeprefix("/figures/").removesuffix(".json"))
        if path.startswith("/log/fact/"):
            answer = world.facts.get(path.removeprefix("/log/fact/"))
            if answer is None or self._not_due():
                return problem(404, "not-due")
            return 200, msgspec.json.encode(answer)
        if path.startswith("/log/"):
            try:
                return 200, folder_fetch(world.folder)(path.removeprefix("/log/"))
            except FileNotFoundError:
                return problem(404, "not-found")
        if path.startswith("/v1/feeds/"):
            return self._feed(path.removeprefix("/v1/feeds/"), query, token)
        return problem(404, "not-found")

    def _month(self, name: str) -> tuple[int, bytes]:
        world = self.world
        month = next((one for one in world.state.months if one.month == name), None)
        if month is None:
            return problem(404, "not-found")
        return 200, dump_month(month, read_month(world.ledger, month), ORIGIN)

    def _not_due(self) -> bool:
        self.due_after -= 1
        return self.due_after >= 0

    def _feed(self, rest: str, query: dict[str, list[str]], token: str) -> tuple[int, bytes]:
        name, _, what = rest.partition("/")
        if token != f"Bearer {TOKEN}":
            return problem(401, "unknown-token")
        if name not in self.world.state.feeds:
            return problem(403, "not-entitled")
        if self.stopped:
            return problem(403, self.stopped)
        held = self.world.batches.get(name, [])
        if what == "proofs":
            number = int(query["batch"][0])
            if self._not_due():
                return problem(404, "not-due")
            return self._proof(held[number - 1])
        after, limit = int(query["after"][0]), int(query["limit"][0])
        if after + 1 < self.first_held:
            return problem(410, "cursor-past-term")
        return 200, b"".join(held[after : after + min(limit, 4)])

    def _proof(self, data: bytes) -> tuple[int, bytes]:
        header = json.loads(data.split(b"\n", 1)[0])
        answer = self.world.facts.get(leaf_hash(release_fact(header)).hex())
        if answer is None or answer.entry >= self.world.ledger.size:
            return problem(404, "not-due")
        proof = self.world.ledger.inclusion(answer.entry)
        body = msgspec.to_builtins(answer) | {
            "checkpoint": self.world.ledger.checkpoint.decode(),
            "entry_proof": [node.hex() for node in proof],
        }
        return 200, json.dumps(body).encode()


def problem(status: int, code: str) -> tuple[int, bytes]:
    """Return a problem as the gateway answers it."""
    return status, json.dumps({"type": "about:blank", "status": status, "code": code}).encode()


@contextmanager
def serve(world: World) -> Iterator[Served]:
    """Serve a world over real sockets."""
    served = Served(world)
    gate = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # head and body in one segment

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            with gate:
                served.asked.append(parts.path)
                if served.refuse > 0:
                    served.refuse -= 1
                    self.close_connection = True
                    return
                token = self.headers.get("Authorization", "")
                code, body = served.respond(parts.path, parse_qs(parts.query), token)
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            if 300 <= code < 400:
                self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def changed_register(change: Callable[[dict[str, Any]], object]) -> Lie:
    """Return a lie about the register."""

    def lie(served: Served, query: dict[str, list[str]]) -> tuple[int, bytes]:
        register = copy.deepcopy(served.world.register())
        change(register)
        return 200, json.dumps(register).encode()

    return lie


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for another thread."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
