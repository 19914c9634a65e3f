"""Sending, by the process that sends, to receivers that misbehave and to a real mail server."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from standardwebhooks import Webhook

from wicketgate.alerts.addresses import NotAllowed, allowed_of, is_public
from wicketgate.alerts.courier import Courier
from wicketgate.alerts.messages import AlertText
from wicketgate.alerts.orders import ByApprise, ByMail, ByWebhook, SendResult

SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()
_HOSTS = "127.0.0.1 localhost [::1] 0.0.0.0 2130706433 127.1 169.254.169.254 10.0.0.1 [::ffff:127.0.0.1]"
_PRIVATE = (
    "0.0.0.0 127.0.0.1 10.1.2.3 100.64.0.1 169.254.169.254 172.16.0.1 192.168.1.1 224.0.0.1 240.0.0.1 255.255.255.255 "
    "192.0.0.1 198.18.0.1 :: ::1 fe80::1 fc00::1 ff02::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1:: 2001:db8::1"
)
HERE = ("127.0.0.0/8",)
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def message(number: int = 1) -> AlertText:
    return AlertText(
        id=f"m{number}",
        at_us=time.time_ns() // 1000,
        who="recipient:met/duty-desk",
        kind="hit",
        priority=1,
        count=1,
        title="Priority 1: A hit",
        text="Priority 1: A hit.\n\nSee it: https://gate.example/duty/hits/h\n",
        link="https://gate.example/duty/hits/h",
        hit="h",
    )


class Received:
    """What a webhook receiver got, as it came."""

    def __init__(self) -> None:
        self.posts: list[tuple[dict[str, str], bytes]] = []


async def read_post(reader: asyncio.StreamReader, received: Received) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    raw = dict(line.split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    received.posts.append((raw, body))


def answering(*parts: bytes, pause_s: float = 0.0, close: bool = True) -> Callable[[Received], Handler]:
    """Return a receiver that takes a post, and then answers in parts."""

    def made(received: Received) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await read_post(reader, received)
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(pause_s)
                if not close:
                    await asyncio.sleep(60)
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        return handle

    return made


def status(code: int, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n%s\r\n" % (code, more)


@asynccontextmanager
async def receiver(make: Callable[[Received], Handler]) -> AsyncIterator[tuple[str, Received]]:
    received = Received()
    handle = make(received)
    under_way: set[asyncio.Task[Any] | None] = set()

    async def handled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        under_way.add(task)
        await handle(reader, writer)
        under_way.discard(task)

    server = await asyncio.start_server(handled, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/hook?t=credential", received
    finally:
        server.close()
        left = [task for task in under_way if task is not None]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0.05)


def hook(url: str, private: tuple[str, ...] = HERE) -> ByWebhook:
    return ByWebhook(url=url, secret=SECRET, private=private)


@pytest.fixture
async def courier() -> AsyncIterator[Courier]:
    courier = Courier(patience_s=2.0)
    yield courier
    await courier.close()


async def test_a_receiver_verifies_a_webhook_by_a_library_that_is_not_ours(courier: Courier) -> None:
    async with receiver(answering(status(204))) as (url, received):
        assert (await courier.send(message(), hook(url))).fault == ""
    headers, body = received.posts[0]
    said: Any = Webhook(SECRET).verify(body, {name.lower(): value for name, value in headers.items()})
    assert said["type"] == "wicketgate.alert"
    assert said["data"]["link"] == "https://gate.example/duty/hits/h"
    assert "plate" not in said["data"]
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(SECRET).verify(body + b" ", {name.lower(): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("make", "words", "gone"),
    [
        (answering(status(500)), "answered 500", False),
        (answering(status(404)), "answered 404", False),
        (answering(status(410)), "410", True),
        (answering(status(302, b"Location: http://127.0.0.1:1/\r\n")), "redirects are not followed", False),
        (answering(b""), "broke", False),
        (answering(b"", close=False), "within 2 seconds", False),
        (answering(*[bytes((byte,)) for byte in status(200)] * 20, pause_s=0.3), "within 2 seconds", False),
        (answering(b"nonsense\r\n\r\n"), "broke", False),
        (answering(b"HTTP/1.1 200 x\r\n" + b"a: " + b"x" * 10_000_000), "broke", False),
    ],
    ids=["500", "404", "410", "redirect", "closes", "hangs", "drips", "nonsense", "huge head"],
)
async def test_a_receiver_that_misbehaves_gets_a_fault_in_words(
    courier: Courier, make: Callable[[Received], Handler], words: str, gone: bool
) -> None:
    async with receiver(make) as (url, received):
        began_s = time.monotonic()
        sent = await courier.send(message(), hook(url))
        assert time.monotonic() - began_s < 6
    assert words in sent.fault
    assert sent.gone == gone
    assert "credential" not in sent.fault
    assert len(received.posts) == 1


async def test_a_huge_body_behind_a_good_status_is_not_read(courier: Courier) -> None:
    huge = b"HTTP/1.1 200 x\r\nContent-Length: 99999999999\r\n\r\n"
    async with receiver(answering(huge, *[b"x" * 65536] * 1000, close=False)) as (url, _):
        began_s = time.monotonic()
        assert (await courier.send(message(), hook(url))).fault == ""
        assert time.monotonic() - began_s < 2


async def test_one_that_hangs_holds_up_no_other(courier: Courier) -> None:
    async with (
        receiver(answering(b"", close=False)) as (bad, _),
        receiver(answering(status(200))) as (good, received),
    ):
        await courier.send(message(), hook(good))  # the process has begun
        hanging = [asyncio.create_task(courier.send(message(), hook(bad))) for _ in range(50)]
        await asyncio.sleep(0.1)
        began_s = time.monotonic()
        assert (await courier.send(message(2), hook(good))).fault == ""
        assert time.monotonic() - began_s < 1
        assert len(received.posts) == 2
        assert all("within" in sent.fault for sent in await asyncio.gather(*hanging))


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",  # noqa: S104 - to see it refused
        "2130706433",
        "127.1",
        "169.254.169.254",
        "10.0.0.1",
        "[::ffff:127.0.0.1]",
    ],
)
async def test_no_webhook_goes_to_this_machine_or_a_private_network(courier: Courier, host: str) -> None:
    async with receiver(answering(status(200))) as (url, received):
        port = url.split(":")[2].split("/")[0]
        sent = await courier.send(message(), hook(f"http://{host}:{port}/", ()))
        assert sent.fault
        assert not received.posts


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104 - to see it refused
        "127.0.0.1",
        "10.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "192.168.1.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.0.1",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001:db8::1",
        "fec0::1",
        "3fff::1",
        "192.88.99.1",
    ],
)
def test_which_addresses_are_no_place_for_a_webhook(address: str) -> None:
    with pytest.raises(NotAllowed):
        allowed_of([address], ())
    with pytest.raises(NotAllowed):  # one that is good beside it makes it no better
        allowed_of(["8.8.8.8", address], ())


def test_public_addresses_are_good() -> None:
    import ipaddress

    for text in ("8.8.8.8", "2a00:1450:4009:81f::200e", "::ffff:8.8.8.8"):
        assert is_public(ipaddress.ip_address(text))


async def test_http_is_for_networks_that_the_operator_named(courier: Courier) -> None:
    sent = await courier.send(message(), hook("http://192.0.2.1.nip.invalid/"))
    assert "not found" in sent.fault
    sent = await courier.send(message(), hook("http://8.8.8.8/"))
    assert "use `https`" in sent.fault


async def test_an_untrusted_certificate_is_refused(courier: Courier, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    received = Received()
    server = await asyncio.start_server(answering(status(200))(received), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    sent = await courier.send(message(), hook(f"https://127.0.0.1:{port}/"))
    server.close()
    assert "certificate" in sent.fault
    assert not received.posts


async def test_the_process_that_was_killed_is_replaced(courier: Courier) -> None:
    async with (
        receiver(answering(b"", close=False)) as (url, _),
        receiver(answering(status(200))) as (good, _),
    ):
        waiting = asyncio.create_task(courier.send(message(), hook(url)))
        await asyncio.sleep(1.0)
        assert courier._process is not None
        os.kill(courier._process.pid, signal.SIGKILL)
        assert "has ended" in (await waiting).fault
        assert (await courier.send(message(), hook(good))).fault == ""
        assert courier.restarts == 1


# --- mail ---------------------------------------------------------------------------------------------------------


class Box:
    """What a mail server took."""

    def __init__(self, *, says: str = "250 OK") -> None:
        self.says = says
        self.mails: list[Envelope] = []
        self.secure: list[bool] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.mails.append(envelope)
        self.secure.append(session.ssl is not None)
        return self.says


def make_certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
            ),
            *("-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        ],
        check=True,
        capture_output=True,
    )
    return certificate, key


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Let the process that sends trust a certificate made here, and return the server's side of it."""
    certificate, key = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def by_mail(port: int, tls: str, *, right: bool = True) -> ByMail:
    return ByMail(
        to=("duty@met.example", "chief@met.example"),
        host="localhost",
        port=port,
        tls=tls,
        sender="wicketgate@gate.example",
        user="wicketgate" if tls != "none" else "",
        password="correct" if right else "wrong",
    )


def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data.password == b"correct", handled=False)


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")  # it does not know TLS from the first byte
@pytest.mark.parametrize("tls", ["starttls", "tls"])
async def test_mail_leaves_by_tls_with_a_user(trusted: ssl.SSLContext, tls: str) -> None:
    courier = Courier()
    box = Box()
    if tls == "starttls":
        options: dict[str, Any] = {"tls_context": trusted, "require_starttls": True}
    else:
        options = {"ssl_context": trusted, "auth_require_tls": False}
    server = Controller(
        box,
        hostname="localhost",
        port=free_port(),
        authenticator=authenticate,
        auth_required=True,
        **options,
    )
    server.start()
    try:
        port = server.port
        for _ in range(2):  # the second is a repeat, by its id
            assert (await courier.send(message(), by_mail(port, tls))).fault == ""
        wrong = await courier.send(message(), by_mail(port, tls, right=False))
        assert "answered 535" in wrong.fault
    finally:
        await courier.close()
        server.stop()
    first, second = (mail.content.decode() for mail in box.mails)
    assert "Subject: [Wicketgate] Priority 1: A hit" in first
    assert "Auto-Submitted: auto-generated" in first
    assert "https://gate.example/duty/hits/h" in first
    assert [line for line in first.splitlines() if line.startswith("Message-ID")] == [
        line for line in second.splitlines() if line.startswith("Message-ID")
    ]
    assert all(box.secure) or tls == "tls"  # of TLS from the first byte it knows nothing
    assert box.mails[0].rcpt_tos == ["duty@met.example", "chief@met.example"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_a_mail_server_without_starttls_gets_no_mail(courier: Courier) -> None:
    box = Box()
    server = Controller(box, hostname="localhost", port=free_port())
    server.start()
    try:
        port = server.port
        assert "STARTTLS" in (await courier.send(message(), by_mail(port, "starttls"))).fault
    finally:
        server.stop()
    assert not box.mails


async def test_a_mail_server_that_refuses_or_drips_gets_a_fault(courier: Courier) -> None:
    box = Box(says="451 try again later")
    server = Controller(box, hostname="localhost", port=free_port())
    server.start()
    try:
        port = server.port
        assert "answered 451" in (await courier.send(message(), by_mail(port, "none"))).fault
    finally:
        server.stop()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"2")
                await writer.drain()
                await asyncio.sleep(0.2)
        except ConnectionError:
            writer.close()

    dripping = await asyncio.start_server(drip, "localhost", 0)
    port = dripping.sockets[0].getsockname()[1]
    began_s = time.monotonic()
    sent: SendResult = await courier.send(message(), by_mail(port, "none"))
    dripping.close()
    await asyncio.sleep(0.5)  # it sees that nobody hears it any more
    assert "within 2 seconds" in sent.fault
    assert time.monotonic() - began_s < 4


# --- apprise ------------------------------------------------------------------------------------------------------


async def test_apprise_reaches_what_it_knows_and_says_when_it_does_not() -> None:
    courier = Courier()  # it takes its time to load
    async with receiver(answering(status(200))) as (url, received):
        where = url.removeprefix("http://").partition("/")[0]
        sent = await courier.send(message(), ByApprise(url=f"ntfy://{where}/topic"))
        assert sent.fault == ""
        assert b"Priority 1: A hit" in received.posts[0][1]
        assert json.dumps("AB12CDE").encode() not in received.posts[0][1]
    async with receiver(answering(status(500))) as (url, _):
        where = url.removeprefix("http://").partition("/")[0]
        sent = await courier.send(message(), ByApprise(url=f"ntfy://{where}/topic"))
        assert sent.fault == "`apprise` could not send it"
    await courier.close()
