"""The replay of London, 2007 and after: a real gateway behind a real socket, under a clock that is moved by hand.

A gateway refuses to be carried over more than an hour, so each scene stops it, moves the clock, and starts it again in
the same folder; the log then says which seconds are missing.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from bench.harness import Running
from tests import history_2007 as history
from tests.matching import plate_image
from tests.running import batches_of, client, get, plates, request, rows_of, submit
from wicketgate.base.clock import SystemClock, parse_rfc3339, rfc3339
from wicketgate.base.settings import load_settings
from wicketgate.feeds.batches import Batch
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.http.app import build_app
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.documents.binding import bind
from wicketgate_demo.world import charter as invented

UNIT = "recipient:met/national-security-units"
CRIME_UNIT = "recipient:met/crime-units"
DUTY_DESK = "recipient:met/duty-desk"
CHARGING_UNIT = "recipient:tfl/charging"
TFL, MARSHBRIDGE, EASTHOLM = "source:tfl", "source:marshbridge", "source:eastholm"
TOKENS = (UNIT, CRIME_UNIT, DUTY_DESK, CHARGING_UNIT, TFL, MARSHBRIDGE, EASTHOLM)
_PATIENCE_S = 30.0
_T = TypeVar("_T")


class MovedClock(SystemClock):
    """The machine's clock, moved to where the story is; between moves it runs on."""

    def __init__(self, at_us: int) -> None:
        self._shift_us = at_us - super().now_us()

    def now_us(self) -> int:
        """Return the time of the story."""
        return super().now_us() + self._shift_us

    def move(self, at_us: int) -> None:
        """Go on to a later time."""
        assert at_us >= self.now_us(), "the story goes on, and never back"
        self._shift_us += at_us - self.now_us()


class Replay(Running):
    """The gateway of the story; `Running` that lives in this process, because its clock does."""

    def __init__(self, base: Path) -> None:
        super().__init__(base, invented.appoint(), parse_rfc3339(history.BEGINS))
        self.clock = MovedClock(self.at_us)
        self.log_key = base / "log.key"
        self._plates = iter(plates(20_000, 2007))
        self._thread = ThreadPoolExecutor(1, "gateway")
        self._life: Future[None] | None = None
        self._stop: Callable[[], object] = lambda: None
        self._batches: dict[tuple[str, str], list[Batch]] = {}

    def lay(self) -> None:
        """Make the deployment, as `wicketgate init` does, at the beginning of the story."""
        document = history.charter_document(self.offices)
        envelope = invented.signed(document, self.offices, document["signatures"][0]["offices"])
        deployment = Deployment(self.folder)
        signer = note_signer(deployment.lay(), history.ORIGIN)
        Ledger.create(deployment.log, signer, history.ORIGIN).close()
        self.log_key.write_text(signer.vkey + "\n")
        self.tokens["admin"] = asyncio.run(Gateway.found(load_settings(self.folder), envelope, self.clock))

    @contextmanager
    def scene(self, at: str) -> Iterator[None]:
        """Play a scene: the gateway is started at that time, and stopped at the scene's end."""
        self.clock.move(parse_rfc3339(at))
        self.start()
        try:
            yield
        finally:
            self.stop()

    def start(self) -> None:
        """Start gateway and HTTP server; return once they answer."""
        ready: Future[str] = Future()
        self._life = self._thread.submit(lambda: asyncio.run(self._live(ready)))
        either: list[Future[Any]] = [ready, self._life]
        wait(either, _PATIENCE_S, FIRST_COMPLETED)
        if self._life.done():
            self._life.result()
        self.url = ready.result(0)

    def stop(self) -> int:
        """Stop both, in order."""
        if self._life is not None:
            self._stop()
            self._life.result(_PATIENCE_S)
            self._life = None
        return 0

    async def _live(self, ready: Future[str]) -> None:
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopping.set)
        gateway = await Gateway.start(load_settings(self.folder), self.clock)
        try:
            config = uvicorn.Config(
                build_app(gateway),
                host="127.0.0.1",
                port=0,
                http="httptools",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=1,
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            ready.set_result(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
            await stopping.wait()
            server.should_exit = True
            await serving
            assert not gateway.failed.is_set(), gateway.failure
        finally:
            await gateway.stop()

    # --- who does what ------------------------------------------------------------------------------------

    @property
    def now_us(self) -> int:
        """The time of the story."""
        return self.clock.now_us()

    def enrol(self) -> None:
        """Issue a token to each source and unit."""
        with client(self, "admin") as admin:
            for name in TOKENS:
                answer = admin.post("/v1/tokens", json={"name": name})
                assert answer.status_code == 201, answer.text
                self.tokens[name] = answer.json()["token"]

    def register_cameras(self, source: str, cameras: Sequence[Mapping[str, Any]]) -> None:
        """Register a source's cameras, all of them."""
        with client(self, source) as caller:
            answer = caller.put("/v1/cameras", json=list(cameras))
            assert answer.status_code == 200, answer.text

    def take(self, document: Mapping[str, Any], *offices: str) -> dict[str, Any]:
        """Submit a document that takes effect."""
        answer = submit(self, bind(document, history.ORIGIN), *offices)
        assert answer.status_code == 201, answer.text
        taken: dict[str, Any] = answer.json()
        return taken

    def refuse(self, document: Mapping[str, Any], *offices: str) -> dict[str, Any]:
        """Submit a document that is refused; return the problem."""
        answer = submit(self, bind(document, history.ORIGIN), *offices)
        assert answer.status_code == 422, answer.text
        problem: dict[str, Any] = answer.json()
        return problem

    def unseen(self, count: int) -> list[str]:
        """Return invented plates that nobody has read yet."""
        return [next(self._plates) for _ in range(count)]

    def pass_by(self, camera: str, count: int = 12, *, source: str = TFL) -> list[str]:
        """Let vehicles pass a camera now; return their plates."""
        seen = self.unseen(count)
        self.see(camera, seen, source=source)
        return seen

    def see(self, camera: str, seen: Sequence[str], *, source: str = TFL) -> None:
        """Post a read of each plate."""
        at_us = self.now_us
        reads = [
            {"camera": camera, "captured_at": rfc3339(at_us + n), "plate": plate, "confidence": 0.9}
            for n, plate in enumerate(seen)
        ]
        with client(self, source) as caller:
            answer = caller.post("/v1/reads", json=reads)
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"accepted": len(reads), "repeated": 0, "quarantined": []}

    def pass_pictured(self, camera: str, count: int, *, source: str = TFL) -> dict[str, tuple[bytes, bytes]]:
        """Let vehicles pass a camera that sends images; return by plate the patch and the overview of each read."""
        sent = {}
        for n, plate in enumerate(self.unseen(count)):
            patch, overview = sent[plate] = plate_image(plate), plate_image(f"SCENE {n}")
            read = {
                "camera": camera,
                "captured_at": rfc3339(self.now_us),
                "plate": plate,
                "confidence": 0.9,
                "image": {"patch": "patch", "overview": "overview"},
            }
            files = {
                "reads": ("reads", json.dumps(read), "application/json"),
                "patch": ("patch.png", patch, "image/png"),
                "overview": ("overview.png", overview, "image/png"),
            }
            with client(self, source) as caller:
                answer = caller.post("/v1/reads", files=files)
                assert answer.status_code == 200, answer.text
                assert answer.json() == {"accepted": 1, "repeated": 0, "quarantined": []}
        return sent

    def fetch(self, refs: Sequence[str], unit: str = UNIT) -> httpx.Response:
        """Ask for images of the certificate's feed, many at once."""
        with client(self, unit) as caller:
            return caller.post(f"/v1/feeds/{history.CERTIFICATE}/images", json={"refs": list(refs)})

    def respond(self, consultation_id: str, text: str, **more: Any) -> httpx.Response:
        """Say something to a consultation, as anybody can."""
        path = f"{self.url}/consultations/{consultation_id}/responses"
        return request("POST", path, json={"text": text, **more})

    # --- what is seen -------------------------------------------------------------------------------------

    def feed(self, name: str = history.CERTIFICATE, unit: str = UNIT, *, after: int = 0) -> httpx.Response:
        """Ask for a feed."""
        with client(self, unit) as caller:
            return caller.get(f"/v1/feeds/{name}", params={"after": after, "limit": 1000})

    def rows(self, name: str = history.CERTIFICATE, unit: str = UNIT) -> list[dict[str, Any]]:
        """Return every row of a feed, as a recipient that keeps what it has received.

        What ran out before it was asked for is not among them: the story leaps over months.
        """
        kept = self._batches.setdefault((name, unit), [])
        kept += batches_of(self.held(name, unit, after=kept[-1].number if kept else 0))
        return rows_of(kept)

    def held(self, name: str = history.CERTIFICATE, unit: str = UNIT, *, after: int = 0) -> bytes:
        """Return the batches of a feed behind one, as far as they are not past their term."""
        answer = self.feed(name, unit, after=after)
        if answer.status_code == 410:
            first = int(answer.json()["detail"].rpartition(" ")[2])
            answer = self.feed(name, unit, after=first - 1)
        assert answer.status_code == 200, answer.text
        return answer.content

    def arrived(
        self, wanted: Sequence[str], name: str = history.CERTIFICATE, unit: str = UNIT
    ) -> list[dict[str, Any]]:
        """Return the rows of these plates once the feed has them."""

        def look() -> list[dict[str, Any]] | None:
            shown = [row for row in self.rows(name, unit) if "erratum" not in row]
            found = [row for row in shown if row["read"]["plate"] in set(wanted)]
            return found if len(found) == len(wanted) else None

        return until(look)

    def attest(self, name: str, until: str, unit: str = UNIT) -> None:
        """Attest that what an authority released before a time is deleted."""
        with client(self, unit) as caller:
            said = {
                "authority": name,
                "deleted_until": until,
                "method": "purged",
                "by": "information manager",
            }
            answer = caller.post("/v1/receipts", json=said)
            assert answer.status_code == 201, answer.text

    def disclose(self, name: str, to: str, rows: int, unit: str = UNIT) -> httpx.Response:
        """Tell that rows of an authority were passed on."""
        with client(self, unit) as caller:
            said = {"authority": name, "to": to, "law": "Data Protection Act 1998 s.29", "rows": rows}
            return caller.post("/v1/disclosures", json=said)

    def register(self) -> dict[str, Any]:
        """Return the public register, with the figures of the months that are closed in it."""
        register: dict[str, Any] = get(f"{self.url}/register.json").json()
        months = [get(f"{self.url}/figures/{one['month']}.json").json() for one in register["months"]]
        figures = [one for month in months for one in month["figures"]]
        return {**register, "figures": [*figures, *register["figures"]]}

    def version(self, name: str = history.CERTIFICATE, number: int = 1) -> dict[str, Any]:
        """Return a version of an authority as the register has it."""
        [found] = [
            one for one in self.register()["authorities"] if (one["name"], one["version"]) == (name, number)
        ]
        return dict(found)

    def consultation(self, consultation_id: str) -> dict[str, Any]:
        """Return a consultation as the register has it."""
        [found] = [one for one in self.register()["consultations"] if one["id"] == consultation_id]
        return dict(found)

    def page(self, path: str) -> str:
        """Return a public page."""
        answer = get(f"{self.url}{path}")
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text


def until(condition: Callable[[], _T | None]) -> _T:
    """Return what `condition` gives once it gives something."""
    end = time.monotonic() + _PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)
    return found
