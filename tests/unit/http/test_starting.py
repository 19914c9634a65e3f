"""A start answers, and leaves its callers to the gateway in the end."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wicketgate.base.settings import load_settings
from wicketgate.http.leading import WhileLeading
from wicketgate.http.starting import Start


@pytest.fixture
def start(template: Path, tmp_path: Path) -> Iterator[Start]:
    shutil.copytree(template, tmp_path / "d")
    begun = Start(load_settings(tmp_path / "d"))
    yield begun
    begun.end()
    for one in begun.sockets:
        one.close()
    os.close(begun.lock)


def test_whoever_connects_once_it_has_handed_over_waits_for_the_gateway(start: Start) -> None:
    (listening,) = start.sockets
    address = listening.getsockname()
    asked = b"GET /healthz HTTP/1.1\r\nHost: gateway.example\r\n\r\n"
    answer = httpx.get(f"http://{address[0]}:{address[1]}/healthz")
    assert (answer.status_code, answer.json()["code"]) == (503, "starting")
    with socket.create_connection(address, timeout=5) as earlier:
        earlier.sendall(asked[:9])
        httpx.get(f"http://{address[0]}:{address[1]}/healthz")  # the earlier one is taken too
        start.hand_over()
        listening.settimeout(5)
        for _ in range(20):
            with socket.create_connection(address, timeout=5) as caller:
                caller.sendall(asked)
                taken, _ = listening.accept()
                with taken:
                    taken.settimeout(5)
                    assert taken.recv(len(asked)) == asked
        earlier.sendall(asked[9:])
        assert earlier.recv(12) == b"HTTP/1.1 503"


def test_one_that_waits_says_so_once_it_has_all_that_is_committed(start: Start) -> None:
    (listening,) = start.sockets
    url = "http://{}:{}".format(*listening.getsockname())
    start.progress.begin("standby")
    answer = httpx.get(f"{url}/readyz")
    assert (answer.status_code, answer.json()["behind"][0]["part"]) == (503, "standby")
    start.progress.follow(caught_up=True)
    for path in ("/readyz", "/healthz"):
        answer = httpx.get(url + path)
        assert (answer.status_code, answer.json()) == (200, {"status": "waits"})
    for ask in (httpx.get, httpx.post):
        answer = ask(f"{url}/v1/reads")
        assert (answer.status_code, answer.json()["code"]) == (503, "standby")
    start.progress.begin("program")  # it leads, and goes on with its start
    assert httpx.get(f"{url}/readyz").status_code == 503


async def test_one_that_does_not_know_whether_it_leads_shows_nothing_but_its_health() -> None:
    async def shown(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(b"shown")(scope, receive, send)

    leads = True
    app = WhileLeading(shown, lambda: leads)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://g") as client:
        assert (await client.get("/v1/feeds")).content == b"shown"
        leads = False
        answer = await client.get("/v1/feeds")
        assert (answer.status_code, answer.json()["code"]) == (503, "standby")
        assert (await client.get("/readyz")).content == b"shown"
