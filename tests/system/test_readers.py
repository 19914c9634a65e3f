"""Readers as they run: the gateway's bytes at every path, what ends under them, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import Running
from tests.running import (
    CHARGING,
    MET,
    SOURCE,
    act,
    arrived,
    batches_of,
    bearer,
    entries,
    get,
    issue,
    last_batch,
    log_of,
    plates,
    post,
    read,
    request,
    running_with,
    submit,
    until,
)
from wicketgate.ledger.tiles import folder_fetch
from wicketgate_demo.world import london

CT = london.COUNTER_TERRORISM
READERS = 2
PAGES = (
    *("/", "/authorities", "/figures", "/why-not-less", "/drift", "/your-read", "/verify", "/docs"),
    *("/consultations", "/authorities/tfl-charging/1", "/authorities/nobody/1", "/openapi.json"),
    *("/demonstration/cameras.json", "/log/key", "/log/tile/0/000", "/log/fact/" + "0" * 64),
)
MOMENTS = re.compile(
    rb"\d{4}-\d\d-\d\dT[0-9:.]+Z|\d\d:\d\d(:\d\d)?|as of [^<]*|[A-Za-z0-9+/]{43}=|\d[\d,]* entries|\d+ (?:s|seconds?)"
)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with a front and two readers, all of which have caught up."""
    settings = f"port = 0\nfronts = 1\nreaders = {READERS}\n"
    with running_with(tmp_path_factory.mktemp("readers"), settings, cameras=30) as running:
        until(lambda: metric(running, "wicketgate_readers") == READERS)
        yield running
        assert "Traceback" not in running.log.read_text()
        assert running.stop() == 0


def metric(running: Running, name: str) -> float:
    shown = get(f"{running.url}/metrics", headers=bearer(running, "admin")).text
    return float(next(line for line in shown.splitlines() if line.startswith(f"{name} ")).split()[1])


@contextlib.contextmanager
def at_the_gateway(running: Running, name: str | None = None) -> Iterator[httpx.Client]:
    """A connection that stays with the gateway, because its first request is not a reader's."""
    headers = {} if name is None else bearer(running, name)
    with httpx.Client(base_url=running.url, headers=headers, timeout=30) as one:
        assert one.get("/readyz").status_code == 200
        yield one


@contextlib.contextmanager
def standing_still(running: Running) -> Iterator[None]:
    os.kill(running.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.pid, signal.SIGCONT)


def test_readers_answer_while_the_gateway_stands_still(served: Running) -> None:
    if (left_s := 60 - time.time() % 60) < 15:
        time.sleep(left_s)  # what a machine reads in a new minute is asked of the gateway first
    post(served, [read(plate) for plate in plates(5, seed=1)])
    arrived(served, london.CHARGING, plates(5, seed=1))
    get(f"{served.url}/authorities")  # its renderers run
    with httpx.Client(base_url=served.url, timeout=5) as one, standing_still(served):
        feed = f"/v1/feeds/{london.CHARGING}"
        fed = one.get(feed, headers=bearer(served, CHARGING))
        assert len(batches_of(fed.content)) >= 1
        for path in ("/log/checkpoint", "/log/key", "/register.json", "/authorities"):
            assert one.get(path).status_code == 200, path
        time.sleep(3.2)
        assert one.get("/log/checkpoint").status_code == 200
        # Without the gateway's word nothing private is shown, as it may have ended meanwhile: the gateway is asked.
        with pytest.raises(httpx.ReadTimeout):
            one.get(feed, headers=bearer(served, CHARGING), timeout=1)
    assert httpx.get(served.url + feed, headers=bearer(served, CHARGING), timeout=20).status_code == 200
    until(lambda: metric(served, "wicketgate_readers") == READERS)


def still(path: str, body: bytes) -> bytes:
    """Return a page without what moves each second."""
    found = MOMENTS.sub(b"", body)
    # Each has its page from a moment of its own: `/verify` counts the log's entries, here and there.
    return re.sub(rb"\d+", b"", found) if path == "/verify" else found


@pytest.mark.parametrize("path", PAGES)
def test_a_reader_answers_with_the_gateways_bytes(served: Running, path: str) -> None:
    plain = {"Accept-Encoding": "identity"}
    with at_the_gateway(served) as theirs:
        for _ in range(20):
            shown, gateways = httpx.get(served.url + path, headers=plain), theirs.get(path, headers=plain)
            assert shown.status_code == gateways.status_code
            assert shown.headers.get("content-type") == gateways.headers.get("content-type")
            one, other = still(path, shown.content), still(path, gateways.content)
            if one == other:
                return
            time.sleep(0.2)
    at = next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    raise AssertionError((path, one[at - 80 : at + 80], other[at - 80 : at + 80]))


def test_a_reader_shows_the_gateways_register(served: Running) -> None:
    def without(register: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in register.items() if name not in {"as_of", "checkpoint"}}

    with at_the_gateway(served) as theirs:
        mine = httpx.get(f"{served.url}/register.json").json()
        assert without(mine) == without(theirs.get("/register.json").json())
    log_of(served.url)  # whose checkpoint holds


def test_a_reader_derives_the_log_byte_for_byte(served: Running) -> None:
    until(lambda: entries(served.url)[-1]["kind"] == "second")
    for number in range(1, READERS + 1):
        folder = served.folder / "readers" / str(number) / "log"
        until(lambda folder=folder: (folder / "checkpoint").exists())  # type: ignore[misc]
        mine, theirs = folder_fetch(folder), folder_fetch(served.folder / "log")
        names = [str(path.relative_to(folder)) for path in (folder / "tile").rglob("*") if path.is_file()]
        assert len(names) >= 2
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # partial tiles go once they are full
                assert mine(name) == theirs(name), name
        assert not list(folder.parent.rglob("*.pem")) + list(folder.parent.rglob("*.key"))


def test_feeds_and_proofs_are_the_gateways(served: Running) -> None:
    for n in range(6):
        post(served, [read(plate) for plate in plates(20, seed=40 + n)])
    arrived(served, london.CHARGING, plates(20, seed=45))
    name, head = london.CHARGING, bearer(served, CHARGING)
    last = last_batch(served, name)
    with at_the_gateway(served, CHARGING) as theirs:
        for after, limit in ((0, 1000), (0, 1), (2, 2), (last - 1, 5), (last, 1)):
            path = f"/v1/feeds/{name}?after={after}&limit={limit}"
            assert httpx.get(served.url + path, headers=head).content == theirs.get(path).content
        proof = f"/v1/feeds/{name}/proofs?batch={last}"
        until(lambda: httpx.get(served.url + proof, headers=head).status_code == 200)
        mine, gateways = httpx.get(served.url + proof, headers=head).json(), theirs.get(proof).json()
        moving = {"checkpoint", "entry_proof"}
        assert {k: v for k, v in mine.items() if k not in moving} == {
            k: v for k, v in gateways.items() if k not in moving
        }
        fact = f"/log/fact/{mine['leaf']}"
        assert httpx.get(served.url + fact).json() == theirs.get(fact).json()
        for path in ("/v1/feeds", "/v1/feeds/nothing", f"/v1/feeds/{CT}"):
            one, other = httpx.get(served.url + path, headers=head), theirs.get(path)
            assert (one.status_code, one.content) == (other.status_code, other.content)


def test_what_a_reader_does_not_serve_goes_to_the_gateway_on_the_same_connection(served: Running) -> None:
    with httpx.Client(base_url=served.url, headers=bearer(served, "admin"), timeout=10) as one:
        for _ in range(3):
            assert one.get("/").status_code == 200
            assert one.get("/metrics").status_code == 200
    with httpx.Client(base_url=served.url, headers=bearer(served, SOURCE), timeout=10) as one:
        assert one.get("/register.json").status_code == 200
        assert one.post("/v1/reads", json=read(plates(1, seed=60)[0])).json()["accepted"] == 1
        assert one.get("/").status_code == 200
    assert httpx.post(f"{served.url}/consultations/none/responses", json={"text": "x"}).status_code == 404
    assert httpx.get(f"{served.url}/v1/feeds").status_code == 401
    assert httpx.get(f"{served.url}/v1/feeds", headers=bearer(served, SOURCE)).status_code == 403


def test_a_reader_that_is_killed_is_replaced(served: Running) -> None:
    replaced = metric(served, "wicketgate_readers_replaced_total")
    before = served.readers()
    assert len(before) == READERS
    for one in before:
        os.kill(one, signal.SIGKILL)
    ended = 0
    for _ in range(
        40
    ):  # whoever comes meanwhile is answered by the gateway, but for those that the readers had
        try:
            assert httpx.get(f"{served.url}/log/checkpoint", timeout=10).status_code == 200
        except httpx.TransportError:
            ended += 1
    assert ended < 5
    until(lambda: metric(served, "wicketgate_readers_replaced_total") == replaced + READERS, 20)
    until(lambda: metric(served, "wicketgate_readers") == READERS, 20)
    assert not {*served.readers()} & {*before}
    until(lambda: any(one.get("operation") == "readers-replaced" for one in entries(served.url)), 20)
    test_feeds_and_proofs_are_the_gateways(served)


@contextlib.contextmanager
def flowing(running: Running, seed: int) -> Iterator[None]:
    """Post ten reads twenty times a second."""
    stopping, some = threading.Event(), plates(4_000, seed)

    def flow() -> None:
        with httpx.Client(base_url=running.url, headers=bearer(running, SOURCE), timeout=20) as source:
            while not stopping.wait(0.05) and some:
                answer = source.post("/v1/reads", json=[read(some.pop(), "ccz-0001") for _ in range(10)])
                assert answer.status_code == 200

    with ThreadPoolExecutor(1) as pool:
        flow_ends = pool.submit(flow)
        try:
            yield
        finally:
            stopping.set()
            flow_ends.result()


async def followers(
    running: Running, name: str, token: str, count: int, ended: Callable[[], Any]
) -> tuple[list[float], list[bytes]]:
    """Follow a feed by as many long polls and as many events; return when each ended, and their last words.

    What ends them is done while all of them wait.
    """
    ends: list[float] = []
    words: list[bytes] = []
    waiting = 0
    limits = httpx.Limits(max_connections=None)
    head = {"Authorization": f"Bearer {token}"}

    async def poll(client: httpx.AsyncClient) -> None:
        nonlocal waiting
        waiting += 1
        after = 0
        try:
            while True:
                answer = await client.get(f"/v1/feeds/{name}?after={after}&wait=30&limit=1000")
                if answer.status_code != 200:
                    words.append(answer.content)
                    break
                found = batches_of(answer.content)
                after = found[-1].number if found else after
        except httpx.TransportError:
            words.append(b"")
        ends.append(time.monotonic())

    async def events(client: httpx.AsyncClient) -> None:
        nonlocal waiting
        waiting += 1
        said = b""
        with contextlib.suppress(httpx.TransportError):
            async with client.stream("GET", f"/v1/feeds/{name}/events?after=0") as answer:
                async for part in answer.aiter_bytes():
                    said = (said + part)[-400:]
        words.append(said)
        ends.append(time.monotonic())

    async with httpx.AsyncClient(base_url=running.url, headers=head, timeout=60, limits=limits) as client:
        works = [asyncio.create_task(work(client)) for work in (poll, events) for _ in range(count)]
        await asyncio.sleep(2)
        assert waiting == 2 * count
        assert not ends
        await asyncio.to_thread(ended)
        ended_at = time.monotonic()
        async with asyncio.timeout(10):
            await asyncio.gather(*works)
    return [end - ended_at for end in ends], words


def test_a_revocation_and_a_withdrawn_token_end_what_waits_at_readers_within_a_second(tmp_path: Path) -> None:
    with running_with(tmp_path, "port = 0\nfronts = 1\nreaders = 2\n", cameras=30) as running:
        until(lambda: metric(running, "wicketgate_readers") == 2)
        with flowing(running, 71):

            def revoke() -> None:
                document = act("revocation", CT, "r-1")
                assert submit(running, document, *london.SIGNERS[CT]).status_code == 201

            took, words = asyncio.run(followers(running, CT, running.tokens[MET], 10, revoke))
            assert max(took) < 1, took
            assert all(b"revoked" in word for word in words), words

            def withdraw() -> None:
                answer = request(
                    "POST",
                    f"{running.url}/v1/tokens/withdraw",
                    json={"name": CHARGING},
                    headers=bearer(running, "admin"),
                )
                assert answer.status_code in {200, 204}, answer.text

            took, words = asyncio.run(
                followers(running, london.CHARGING, running.tokens[CHARGING], 10, withdraw)
            )
            assert max(took) < 1, took
            refused = httpx.get(f"{running.url}/v1/feeds", headers=bearer(running, CHARGING))
            assert refused.status_code == 401
            issue(running, CHARGING)
        assert running.stop() == 0


def test_posts_go_on_under_a_flood_of_pages_at_a_reader(served: Running) -> None:
    stopping = threading.Event()
    counted = [0, 0]

    def flood() -> None:
        with httpx.Client(base_url=served.url, timeout=20) as one:
            while not stopping.is_set():
                answer = one.get("/register.json")
                counted[answer.status_code != 200] += 1

    wanted = plates(60, seed=81)
    with ThreadPoolExecutor(3) as pool:
        flooding = [pool.submit(flood) for _ in range(3)]
        time.sleep(0.5)
        with httpx.Client(base_url=served.url, headers=bearer(served, SOURCE), timeout=20) as source:
            for plate in wanted:
                assert source.post("/v1/reads", json=read(plate)).json()["accepted"] == 1
        stopping.set()
        for one in flooding:
            one.result()
    assert counted[0] > 20
    assert counted[1] == 0
    arrived(served, london.CHARGING, wanted)


def test_a_gateway_without_fronts_gives_readers_what_is_theirs(tmp_path: Path) -> None:
    with running_with(tmp_path, "port = 0\nfronts = 0\nreaders = 1\n") as running:
        until(lambda: metric(running, "wicketgate_readers") == 1)
        assert httpx.get(f"{running.url}/authorities").status_code == 200
        with httpx.Client(base_url=running.url) as one:
            assert one.get("/register.json").status_code == 200  # given to the reader, with its connection
            with standing_still(running):
                assert one.get("/register.json", timeout=2).status_code == 200
        post(running, [read(plate) for plate in plates(3, seed=90)])
        arrived(running, london.CHARGING, plates(3, seed=90))
        (reader,) = running.readers()
        os.kill(reader, signal.SIGSTOP)
        try:
            raw = [httpx.get(f"{running.url}/readyz", timeout=5).status_code for _ in range(3)]
            assert raw == [200] * 3
        finally:
            os.kill(reader, signal.SIGCONT)
        assert running.stop() == 0
        assert "Traceback" not in running.log.read_text()


def test_a_gateway_that_starts_again_takes_its_readers_along(tmp_path: Path) -> None:
    with running_with(tmp_path, "port = 0\nfronts = 1\nreaders = 1\n", cameras=30) as running:
        until(lambda: metric(running, "wicketgate_readers") == 1)
        wanted = plates(30, seed=95)
        for plate in wanted[:20]:
            post(running, [read(plate)])
        running.kill()
        running.start()
        until(lambda: metric(running, "wicketgate_readers") == 1)
        for plate in wanted[20:]:
            post(running, [read(plate)])
        arrived(running, london.CHARGING, wanted)
        with at_the_gateway(running, CHARGING) as theirs:
            path = f"/v1/feeds/{london.CHARGING}?limit=1000"
            mine = httpx.get(running.url + path, headers=bearer(running, CHARGING))
            assert mine.content == theirs.get(path).content
        assert running.stop() == 0
        assert "Traceback" not in running.log.read_text()


def test_readers_go_on_with_streams_that_were_started_again(tmp_path: Path) -> None:
    with running_with(tmp_path, "port = 0\nfronts = 1\nreaders = 1\n", cameras=30) as running:
        until(lambda: metric(running, "wicketgate_readers") == 1)
        wanted = plates(20, seed=97)
        post(running, [read(plate) for plate in wanted[:10]])
        (streams,) = running.streams()
        os.kill(streams, signal.SIGKILL)
        until(lambda: running.streams() not in ([streams], []), 20)

        def taken() -> bool:
            answer = request(
                "POST",
                f"{running.url}/v1/reads",
                json=[read(plate) for plate in wanted[10:]],
                headers=bearer(running, SOURCE),
            )
            return answer.status_code == 200

        until(taken, 30)
        until(lambda: metric(running, "wicketgate_readers") == 1, 30)
        arrived(running, london.CHARGING, wanted)
        assert running.stop() == 0
        assert "Traceback" not in running.log.read_text()


ODD = (
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nHost: h\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\n folded\r\n\r\n",
    b"GET /log/key HTTP/1.1\nHost: g\n\n",
    b"GET /log/key HTTP/1.0\r\n\r\n",
    b"GET /log/key\r\n\r\n",
    b"GET  /log/key HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost : g\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nExpect: 100-continue\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n",
    b"GET /log/key?a=%00 HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET /log/%6bey HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET /log/../log/key HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET http://g/log/key HTTP/1.1\r\nHost: g\r\n\r\n",
    b"HEAD /log/key HTTP/1.1\r\nHost: g\r\n\r\n",
    b"DELETE /log/key HTTP/1.1\r\nHost: g\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\n\r\nGET /nothing HTTP/1.1\r\nHost: g\r\n\r\n",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\n\r\nPOST /v1/reads HTTP/1.1\r\nHost: g\r\nContent-Length: 2\r\n\r\n[]",
    b"GET /log/key HTTP/1.1\r\nHost: g\r\n\x00: x\r\n\r\n",
)


def talk(running: Running, sent: bytes, ahead: bytes = b"") -> list[bytes]:
    """Return the first lines of what is answered until the other side says nothing more."""
    with socket.create_connection(running.address, timeout=5) as one:
        if ahead:
            one.sendall(ahead)
            assert one.recv(1 << 16).startswith(b"HTTP/1.1 ")
        one.sendall(sent)
        one.settimeout(1.5)
        said = b""
        with contextlib.suppress(OSError):
            while part := one.recv(1 << 16):
                said += part
    return re.findall(rb"HTTP/1\.1 \d+", said)


WAYS = (b"GET /readyz HTTP/1.1\r\nHost: g\r\n\r\n", b"", b"GET /log/key HTTP/1.1\r\nHost: g\r\n\r\n")


def test_odd_requests_are_answered_as_the_gateway_answers_them(served: Running) -> None:
    """Behind a request that stays with the gateway; by way of a front and a reader; and behind one of those.

    All at once: most of the time of each is the wait for an answer that does not come.
    """
    with ThreadPoolExecutor(len(ODD)) as threads:
        ways = [
            list(threads.map(lambda sent, ahead=ahead: talk(served, sent, ahead), ODD))  # type: ignore[misc]
            for ahead in WAYS
        ]
    for sent, straight, *others in zip(ODD, *ways, strict=True):
        assert straight, sent
        assert others == [straight] * 2, sent
