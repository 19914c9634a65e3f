"""A gateway with a certificate: its edge speaks TLS alone, and what is behind it is as it is without."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from bench.harness import Running, gateway
from tests.certificates import certify
from tests.running import MET, SOURCE, TLS, entries, post, read, signed_in, until
from wicketgate_demo.world import london


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    certificate, key = certify(tmp_path_factory.mktemp("tls"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(certificate))
        TLS.load_verify_locations(certificate)
        secured = f'certificate = "{certificate}"\nkey = "{key}"\nfronts = 1\nreaders = 1\n'
        with gateway(8, settings=secured) as running:
            yield running


def trusting() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])


def edge_of(running: Running) -> int:
    (found,) = [
        pid
        for pid in running.children()
        if b"wicketgate.http.edge" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    return found


def port_of(running: Running) -> int:
    return int(running.url.rpartition(":")[2])


@contextmanager
def secured_to(running: Running, context: ssl.SSLContext | None = None) -> Iterator[ssl.SSLSocket]:
    """Yield a connection to the edge whose handshake has ended."""
    with (
        socket.create_connection(("127.0.0.1", port_of(running)), timeout=20) as plain,
        (context or trusting()).wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        yield secured


def test_each_role_answers_over_tls(served: Running) -> None:
    assert served.url.startswith("https://")
    with httpx.Client(base_url=served.url, verify=trusting(), timeout=60) as one:
        # One connection: a front's post, a reader's pages and the gateway's own come to it in turn.
        for _ in range(2):
            headers = {"Authorization": f"Bearer {served.tokens[SOURCE]}"}
            assert one.post("/v1/reads", json=[read("AB12CDE")], headers=headers).status_code == 200
            assert one.get("/register.json").json()["authorities"]
            assert one.get("/healthz").status_code == 200
            assert one.get("/v1/hits").status_code == 401
        feed = f"/v1/feeds/{london.COUNTER_TERRORISM}"
        headers = {"Authorization": f"Bearer {served.tokens[MET]}"}
        until(lambda: b"AB12CDE" in one.get(feed, headers=headers).content)
        # Larger than any buffer on the way, in both directions.
        many = [read("AB12CDE") for _ in range(20_000)]
        sent = one.post("/v1/reads", json=many, headers={"Authorization": f"Bearer {served.tokens[SOURCE]}"})
        assert sent.status_code == 200
        assert len(one.get("/openapi.json", headers={"Accept-Encoding": "identity"}).content) > 100_000


def test_whose_a_connection_is_is_known_behind_the_edge(served: Running) -> None:
    cookies = signed_in(served, MET)["Cookie"]
    assert cookies.startswith("__Host-")  # which a browser takes over TLS alone
    # What looks like the edge's own line is a peer's own first line, and no request.
    with secured_to(served) as secured:
        assert secured.version() in ("TLSv1.2", "TLSv1.3")
        secured.sendall(b"PROXY TCP4 192.0.2.9 127.0.0.1 1 2\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert secured.recv(64).startswith(b"HTTP/1.1 400")


def test_what_is_no_tls_is_closed_and_silence_keeps_nobody_out(served: Running) -> None:
    address = ("127.0.0.1", port_of(served))
    with socket.create_connection(address, timeout=20) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not plain.recv(64).startswith(b"HTTP")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection(address, timeout=20) as plain, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(plain)
    silent = [socket.create_connection(address, timeout=20) for _ in range(600)]
    try:
        began = time.monotonic()
        with httpx.Client(base_url=served.url, verify=trusting(), timeout=10) as one:
            assert one.get("/healthz").status_code == 200
        assert time.monotonic() - began < 10
        # More than one address may have: those that waited for longest are gone.
        gone = 0
        for one_silent in silent:
            one_silent.setblocking(False)
            try:
                gone += one_silent.recv(1) == b""
            except BlockingIOError:
                pass
            except OSError:
                gone += 1
        assert gone >= 600 - 512
    finally:
        for one_silent in silent:
            one_silent.close()


@pytest.mark.skipif(os.getuid() != 0, reason="it takes another user to try, whom root alone can become")
def test_another_user_of_this_machine_is_not_heard_behind_the_edge(served: Running) -> None:
    # Such a one could say of a connection that it is anybody's.
    inodes = set()
    for one in Path(f"/proc/{served.pid}/fd").iterdir():
        inodes.add(os.readlink(one).removeprefix("socket:[").rstrip("]"))
    listed = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:]]
    names = [found[7] for found in listed if len(found) > 7 and found[6] in inodes and found[3] == "00010000"]
    inner = [name for name in names if name.startswith("@")]
    assert inner
    trying = """
import os, socket, sys
os.setuid(65534)
heard = b""
for name in sys.argv[1:]:
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    one.settimeout(10)
    try:
        one.connect("\\0" + name[1:])
        one.sendall(b"PROXY TCP4 192.0.2.9 127.0.0.1 1 2\\r\\nGET /healthz HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
        heard += one.recv(64)
    except OSError:
        pass
sys.exit(len(heard))
"""
    done = subprocess.run([sys.executable, "-c", trying, *inner], stdin=subprocess.DEVNULL, timeout=60)
    assert done.returncode == 0


def test_an_edge_that_ends_is_replaced_and_the_log_says_so(served: Running) -> None:
    former = edge_of(served)
    os.kill(former, signal.SIGKILL)

    def answers() -> bool:
        try:
            return httpx.get(f"{served.url}/healthz", verify=trusting(), timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    until(answers, 20)
    assert edge_of(served) != former
    post(served, [read("KK55KKK")])
    until(lambda: any(one.get("operation") == "edges-replaced" for one in entries(served.url)), 20)


def test_a_new_certificate_is_taken_without_a_start(served: Running) -> None:
    certificate = Path(os.environ["SSL_CERT_FILE"])
    with secured_to(served) as secured:
        former = secured.getpeercert(binary_form=True)
    certify(certificate.parent)

    def shown() -> bytes | None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with secured_to(served, context) as secured:
            return secured.getpeercert(binary_form=True)

    until(lambda: shown() != former, 30)


def test_a_start_answers_over_tls_too(served: Running) -> None:
    served.stop()
    served.launch()
    began = time.monotonic()
    codes = set()
    while time.monotonic() - began < 90:
        try:
            codes.add(httpx.get(f"{served.url}/healthz", verify=trusting(), timeout=2).status_code)
        except httpx.TransportError:
            continue
        if 200 in codes:
            break
        time.sleep(0.02)
    served.await_start()
    assert 200 in codes
    assert codes <= {200, 503}
