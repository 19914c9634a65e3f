"""The parts of readers over HTTP: which requests are theirs, and how connections come to them."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from wicketgate.base.settings import PasswordLogin, SeedLogin, StreamsSettings
from wicketgate.http.fronts.passing import Given
from wicketgate.http.readers import ways as ways_module
from wicketgate.http.readers.messages import StreamsTold
from wicketgate.http.readers.rule import ReaderRule
from wicketgate.http.readers.ways import ReaderWayIn, ReaderWays

RULE = ReaderRule()


def head(line: str, *fields: str) -> bytes:
    return "\r\n".join((line, "Host: gateway", *fields, "", "")).encode()


@pytest.mark.parametrize(
    "line",
    [
        *("GET / HTTP/1.1", "HEAD / HTTP/1.1", "GET /register.json HTTP/1.1", "GET /docs HTTP/1.1"),
        *("GET /log/tile/0/x001/234 HTTP/1.1", "GET /log/checkpoint HTTP/1.1", "GET /assets/a.css HTTP/1.1"),
        *("GET /v1/feeds HTTP/1.1", "GET /v1/feeds/tfl-met-ct?after=3&wait=20 HTTP/1.1"),
        *("GET /v1/feeds/a/proofs?batch=1 HTTP/1.1", "GET /v1/feeds/a/events HTTP/1.1"),
        *("GET /consultations/c-1/responses HTTP/1.1", "GET /demonstration/live HTTP/1.1"),
    ],
)
def test_what_is_public_and_feeds_are_a_readers(line: str) -> None:
    assert RULE.length(head(line, "Authorization: Bearer x", "Accept: */*")) == 0
    assert RULE.may_begin(bytearray(line.encode()[:4]))


@pytest.mark.parametrize(
    "line",
    [
        *("POST / HTTP/1.1", "GET /v1/hits HTTP/1.1", "GET /duty HTTP/1.1", "GET /sign-in HTTP/1.1"),
        *(
            "GET /readyz HTTP/1.1",
            "GET /healthz HTTP/1.1",
            "GET /metrics HTTP/1.1",
            "GET /v1/cameras HTTP/1.1",
        ),
        *("GET /v1/feeds/a/images/b HTTP/1.1", "GET /v1/feeds/a/proofs/x HTTP/1.1", "GET / HTTP/1.0"),
        *("get / HTTP/1.1", "GET / HTTP/2", "GET http://gateway/ HTTP/1.1", "GET /#a HTTP/1.1", "GET", ""),
        *(
            "GET /%64ocs HTTP/1.1",
            "GET /log/tile/0/000 x HTTP/1.1",
            "OPTIONS / HTTP/1.1",
            "GET /nothing HTTP/1.1",
        ),
        *("GET /v1/feeds/a\tb HTTP/1.1", "GET /v1/feedsx HTTP/1.1", "GET  / HTTP/1.1"),
    ],
)
def test_everything_else_is_the_gateways(line: str) -> None:
    assert RULE.length(head(line)) is None


@pytest.mark.parametrize(
    "field",
    [
        *("Content-Length: 0", "Content-Length: 5", "Transfer-Encoding: chunked", "Expect: 100-continue"),
        *("Upgrade: h2c", "Host: other", " Folded: yes", "Spaced : x", "no colon", ": x"),
    ],
)
def test_a_head_that_is_not_plain_is_the_gateways(field: str) -> None:
    assert RULE.length(head("GET / HTTP/1.1", field)) is None


@pytest.mark.parametrize(
    "path",
    [
        *("/sign-in", "/sign-in/passkey", "/enrol", "/enrol/begin", "/oauth/token", "/sign-in/with/met/one"),
        *("/sign-in/back/met/one", "/me", "/duty/hits/x", "/v1/people/met/passkeys"),
    ],
)
def test_what_people_come_to_is_the_gateways(path: str) -> None:
    assert RULE.length(head(f"GET {path} HTTP/1.1")) is None


def test_a_feed_that_is_asked_for_with_an_unknown_token_is_the_gateways() -> None:
    known = hashlib.sha256(b"known").hexdigest()
    rule = ReaderRule(lambda shown: shown == known)
    for path, token, length in (
        ("/v1/feeds/a?after=3", "known", 0),
        ("/v1/feeds/a?after=3", "a-session", None),
        ("/v1/feeds/a/events", "a-session", None),
        ("/v1/feeds", "a-session", None),
        ("/log/checkpoint", "a-session", 0),
    ):
        asked = head(f"GET {path} HTTP/1.1", f"Authorization: Bearer {token}")
        assert rule.length(asked) == length, (path, token)
    assert rule.length(head("GET /v1/feeds/a HTTP/1.1")) == 0  # 401, whoever answers


def test_on_another_host_a_reader_answers_for_its_own_health() -> None:
    assert ReaderRule(health=True).length(head("GET /readyz HTTP/1.1")) == 0


def test_without_the_gateways_word_feeds_are_the_gateways() -> None:
    says = [True]
    rule = ReaderRule(shows_feeds=lambda: says[0])
    assert rule.length(head("GET /v1/feeds/a HTTP/1.1")) == 0
    says[0] = False
    assert rule.length(head("GET /v1/feeds/a HTTP/1.1")) is None
    assert rule.length(head("GET /register.json HTTP/1.1")) == 0


class Held:
    """A connection that is to be given away."""

    def __init__(self, one: socket.socket) -> None:
        self.one = one
        self.is_given = False

    def descriptor(self) -> int | None:
        return None if self.one.fileno() < 0 else self.one.fileno()

    def given(self) -> None:
        self.is_given = True
        self.one.close()


@pytest.fixture
def pairs() -> Iterator[list[tuple[socket.socket, socket.socket]]]:
    """Connections, with their clients."""
    made = [socket.socketpair() for _ in range(10)]
    yield made
    for both in made:
        for one in both:
            one.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_connections_come_to_readers_in_turn_with_what_was_read_of_them(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    got: list[tuple[int, bytes]] = []
    kept: list[bytes] = []

    def adopter(number: int) -> Callable[[socket.socket, bytes], None]:
        def adopt(one: socket.socket, data: bytes) -> None:
            got.append((number, data))
            one.close()

        return adopt

    readers = [ReaderWayIn(adopter(number), lambda: None) for number in (1, 2)]
    ways = ReaderWays(lambda one, data: kept.append(data))
    assert not ways.give(Held(pairs[0][0]), b"", known=False)
    ways.take([one.address for one in readers])
    held = [Held(one) for one, _ in pairs[:9]]
    for n, one in enumerate(held):
        assert ways.give(one, b"%d" % n, known=bool(n % 2))
    await until(lambda: len(got) == 9)
    assert sorted(data for _, data in got) == [b"%d" % n for n in range(9)]
    assert {number for number, _ in got} == {1, 2}
    assert all(one.is_given for one in held)
    assert kept == []
    ways.take([readers[1].address])
    readers[0].close()
    assert ways.give(Held(pairs[9][0]), b"last", known=False)
    await until(lambda: (2, b"last") in got)
    ways.close()
    readers[1].close()


async def test_what_a_reader_did_not_take_before_its_end_is_kept(
    pairs: list[tuple[socket.socket, socket.socket]],
) -> None:
    kept: list[tuple[Given, bytes]] = []
    way = ReaderWayIn(lambda one, data: one.close(), lambda: None)
    ways = ReaderWays(lambda one, data: kept.append((one, data)))
    ways.take([way.address])
    await asyncio.sleep(0.05)
    way.close()
    held = [Held(one) for one, _ in pairs[:3]]
    ends = [ways.give(one, b"x", known=False) for one in held]
    await until(lambda: len(kept) == ends.count(True))
    assert ends[0] is True
    assert not any(one.is_given for one in held)
    ways.take(["00" + b"nobody".hex()])  # it ended before it was reached
    assert not ways.give(held[0], b"x", known=False)


async def test_a_process_of_another_user_gives_a_reader_nothing(
    pairs: list[tuple[socket.socket, socket.socket]], monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[bytes] = []
    way = ReaderWayIn(lambda one, data: got.append(data), lambda: None)
    monkeypatch.setattr(ways_module.os, "getuid", lambda: os.geteuid() + 1)
    over = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    over.connect(bytes.fromhex(way.address))
    over.setblocking(False)
    await asyncio.sleep(0.05)
    with pytest.raises(OSError, match=r"\[Errno"):
        socket.send_fds(over, [struct.pack("<QQ", 1, 1) + b"x"], [pairs[0][0].fileno()])
    assert got == []
    over.close()
    way.close()


@pytest.mark.parametrize("login", [SeedLogin(seed="s"), PasswordLogin(user="u", password="p")])
def test_a_reader_is_told_its_own_login_and_no_system_user(login: SeedLogin | PasswordLogin) -> None:
    settings = StreamsSettings(
        url="tls://h:1", login=login, system=PasswordLogin(user="system", password="q"), trusted="pem"
    )
    told = StreamsTold.of(settings)
    assert "q" not in {told.seed, told.user, told.password}
    assert (told.settings().login, told.settings().url, told.settings().trusted) == (
        login,
        "tls://h:1",
        "pem",
    )


def test_a_reader_loads_no_writer_no_signer_and_no_library_of_arrow(tmp_path: Path) -> None:
    script = "import sys, wicketgate.http.readers.process; print(' '.join(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout.split()
    for name in (
        "pyarrow",
        "obstore",
        "prometheus_client",
        "wicketgate.commits.writer",
        "wicketgate.ledger.writer",
    ):
        assert not [one for one in loaded if one == name or one.startswith(name + ".")], name
