"""What tests do to a running gateway from outside: `curl`, posts, feeds, documents, the public log."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from bench.harness import WICKETGATE, Running, enrol, make
from tests.described import hold
from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.base.signing import dump_envelope
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.ledger.notes import Checkpoint, open_checkpoint, parse_vkey
from wicketgate.ledger.tiles import Fetch, iterate_entries
from wicketgate.regime.documents.binding import bind, log_within
from wicketgate.regime.documents.document import sign_document
from wicketgate_demo.world import london

CURL = shutil.which("curl")
NEEDS_CURL = pytest.mark.needs("curl")
SOURCE = "source:tfl"
CHARGING = london.READERS[london.CHARGING]
MET = london.READERS[london.COUNTER_TERRORISM]
OVERSEER = f"overseer:{london.OVERSEER}"

_LETTERS = "ABCDEFGHJKLMNOPRSTUVWXY"
_T = TypeVar("_T")
TLS = ssl.create_default_context()
"""Made once: it takes longer than a request."""


def _hold(answer: httpx.Response) -> None:
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):  # which has no end
        answer.read()
        hold(answer)


_DESCRIBED = {"response": [_hold]}
"""Every answer to a test is held to the API's description."""


def now_us() -> int:
    return SystemClock().now_us()


def plates(count: int, seed: int) -> list[str]:
    """Return distinct invented plates of the current UK form."""
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        letters = chance.choices(_LETTERS, k=5)
        found["".join((*letters[:2], f"{chance.randrange(100):02d}", *letters[2:]))] = None
    return list(found)


def read(plate: str, camera: str = "ccz-0001", *, ago_s: float = 0.0, **more: Any) -> dict[str, Any]:
    """Return a read as a source posts it; `ccz-0001` is on the boundary, `ccz-0003` inside."""
    captured_at = rfc3339(now_us() - round(ago_s * 1_000_000))
    return {"camera": camera, "captured_at": captured_at, "plate": plate, "confidence": 0.9, **more}


# --- requests ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """What curl was answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        return str(json.loads(self.body)["code"])


def curl(url: str, *arguments: str, token: str | None = None, data: bytes | None = None) -> Answer:
    """Call curl; the token goes in by a pipe, so that no list of processes shows it."""
    assert CURL is not None
    command = [CURL, "-sS", "--path-as-is", "-i", "--max-time", "30", "-H", "Expect:", *arguments]
    given = b""
    if token is not None:
        command += ["-H", "@-"]
        given = f"Authorization: Bearer {token}\n".encode()
    if data is not None:
        assert token is None or len(data) < 100_000
        command += ["--data-binary", data.decode()]
    done = subprocess.run([*command, url], input=given, capture_output=True, timeout=40)
    assert done.returncode == 0, (done.returncode, done.stderr)
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return Answer(int(lines[0].split()[1]), headers, body)


def bearer(running: Running, name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {running.tokens[name]}"}


def client(running: Running, name: str | None = None) -> httpx.Client:
    """Return a client, with the token of a name if one is given."""
    headers = {} if name is None else bearer(running, name)
    return httpx.Client(base_url=running.url, headers=headers, timeout=30, verify=TLS, event_hooks=_DESCRIBED)


def signed_in(running: Running, name: str) -> dict[str, str]:
    """Return the headers of a browser in which an officer of the unit is signed in."""
    from_page = {"Sec-Fetch-Site": "same-origin"}
    form = {"officer": "PC 4711", "token": running.tokens[name]}
    answer = request("POST", f"{running.url}/sign-in", data=form, headers=from_page)
    assert answer.status_code == 303, answer.text
    return {"Cookie": answer.headers["set-cookie"].split(";")[0], **from_page}


def request(method: str, url: str, **more: Any) -> httpx.Response:
    """Send one request."""
    with httpx.Client(timeout=30, verify=TLS, event_hooks=_DESCRIBED) as anyone:
        return anyone.request(method, url, **more)


def get(url: str, **more: Any) -> httpx.Response:
    return request("GET", url, **more)


def post(running: Running, reads: Any, name: str = SOURCE) -> dict[str, Any]:
    """Post reads as JSON; return the answer."""
    answer = request("POST", f"{running.url}/v1/reads", json=reads, headers=bearer(running, name))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    sent = len(reads) if isinstance(reads, list) else 1
    assert body["accepted"] + body["repeated"] + len(body["quarantined"]) == sent
    return body


@contextmanager
def running_with(
    base: Path, settings: str, *, cameras: int = 3, change: Callable[[dict[str, Any]], object] | None = None
) -> Iterator[Running]:
    """A gateway with settings of its own, some cameras and both authorities in force.

    `change` changes its charter.
    """
    running = make(base, settings=settings, change=change)
    try:
        running.start()
        admin = (running.folder / "keys" / "admin.token").read_text().strip()
        running.tokens = enrol(running.url, admin, running.offices, cameras, running.at_us)
        yield running
    finally:
        running.stop()


def submit(running: Running, document: Mapping[str, Any], *offices: str) -> httpx.Response:
    """Submit a document with the signatures of these offices, for this log where it names none."""
    if log_within(document) is None:
        document = bind(document, london.ORIGIN)
    signed = dump_envelope(sign_document(document, [running.offices.keys[office] for office in offices]))
    return request("POST", f"{running.url}/v1/documents", content=signed, headers=bearer(running, SOURCE))


def act(kind: str, name: str, act_id: str, **more: Any) -> dict[str, Any]:
    """Return a revocation, suspension or resumption."""
    said = {"id": act_id, "authority": name, "at": rfc3339(now_us()), "reason": "as the test says", **more}
    return bind({kind: said}, london.ORIGIN)


def issue(running: Running, name: str) -> str:
    """Issue a token and keep it by its name."""
    answer = request(
        "POST", f"{running.url}/v1/tokens", json={"name": name}, headers=bearer(running, "admin")
    )
    assert answer.status_code == 201, answer.text
    running.tokens[name] = answer.json()["token"]
    return running.tokens[name]


# --- feeds ------------------------------------------------------------------------------------------------


def batches_of(body: bytes) -> list[Batch]:
    return list(read_batches(io.BytesIO(body)))


def rows_of(batches: Sequence[Batch]) -> list[dict[str, Any]]:
    return [json.loads(line) for batch in batches for line in batch.lines]


def reader_of(name: str) -> str:
    """Return the token that reads a feed; of one that the papers do not know, the charging unit's."""
    return london.PAPERS[name].reader if name in london.PAPERS else CHARGING


def feed(running: Running, name: str, *, after: int = 0, wait: float = 0) -> list[Batch]:
    """Return everything that a feed holds behind a batch."""
    found: list[Batch] = []
    with client(running, reader_of(name)) as unit:
        while True:
            last = found[-1].number if found else after
            answer = unit.get(f"/v1/feeds/{name}", params={"after": last, "limit": 1000, "wait": wait})
            assert answer.status_code == 200, answer.text
            if not answer.content:
                return found
            found += batches_of(answer.content)


def last_batch(running: Running, name: str) -> int:
    """Return the number of a feed's last batch."""
    with client(running, reader_of(name)) as unit:
        feeds = {item["authority"]: item["batches"] for item in unit.get("/v1/feeds").json()["feeds"]}
    return int(feeds[name])


def plates_in(batches: Sequence[Batch]) -> list[str]:
    """Return the plates of rows that show a read; an erratum shows none again."""
    return [row["read"]["plate"] for row in rows_of(batches) if "erratum" not in row]


def arrived(running: Running, name: str, wanted: Sequence[str], *, after: int = 0) -> list[Batch]:
    """Return a feed once it holds these plates."""

    def look() -> list[Batch] | None:
        found = feed(running, name, after=after)
        return found if set(wanted) <= set(plates_in(found)) else None

    return until(look)


def until(condition: Callable[[], _T | None], seconds: float = 15.0) -> _T:
    """Return what `condition` gives once it gives something."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)
    return found


# --- the public log ---------------------------------------------------------------------------------------


def log_of(url: str) -> tuple[Fetch, Checkpoint]:
    """Return how to fetch the public log's parts, and its checkpoint, whose signature holds."""

    def fetch(path: str) -> bytes:
        answer = get(f"{url}/log/{path}")
        if answer.status_code == 404:
            raise FileNotFoundError(path)
        assert answer.status_code == 200
        return answer.content

    verifier = parse_vkey(get(f"{url}/log/key").text.strip())
    return fetch, open_checkpoint(fetch("checkpoint"), [verifier])


def entries(url: str) -> list[dict[str, Any]]:
    """Return every entry of the public log."""
    fetch, checkpoint = log_of(url)
    return [json.loads(entry) for entry in iterate_entries(fetch, checkpoint.size)]


# --- commands and files -----------------------------------------------------------------------------------


def wicketgate(*arguments: object, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the command."""
    return subprocess.run(
        [*WICKETGATE, *map(str, arguments)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout_s,
    )


def secret_file(path: Path, text: str) -> Path:
    """Write a file that its owner alone may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


def files_below(folder: Path) -> Iterator[tuple[Path, bytes]]:
    """Yield every file with its bytes; one that goes meanwhile is passed over."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            try:
                yield path, path.read_bytes()
            except FileNotFoundError:
                continue
