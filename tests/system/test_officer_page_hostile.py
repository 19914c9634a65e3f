"""Hostile pages and programs before an officer's page: another origin or host, a guess, a look that acts. None does."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from bench.harness import Running, gateway
from tests.browsing import NEEDS_BROWSER
from tests.running import SOURCE, get, secret_file
from tests.system.officer_page import PASSPHRASE, OfficerPage, officer_page
from wicketgate_demo.world import london

OFFICE = "tfl/data-protection"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def made() -> Iterator[Running]:
    with gateway(8) as running:
        yield running


@pytest.fixture
def mine(made: Running, tmp_path: Path) -> Iterator[OfficerPage]:
    key = tmp_path / "key.pem"
    made.offices.keys[OFFICE].save(key, label=OFFICE, passphrase=PASSPHRASE.encode())
    token = secret_file(tmp_path / "token", made.tokens[SOURCE])
    with officer_page("--to", made.url, "--key", key, "--token-file", token) as page:
        yield page


def acts(made: Running) -> list[Any]:
    return [act for one in get(f"{made.url}/register.json").json()["authorities"] for act in one["acts"]]


def suspension(form_key: str, **more: str) -> bytes:
    fields = {"form_key": form_key, "reason": "A hostile page.", "secret": PASSPHRASE, **more}
    return urlencode(fields).encode()


def test_every_way_past_the_door_is_shut_and_the_right_one_is_open(made: Running, mine: OfficerPage) -> None:
    base, cookie, form_key = mine.enter()
    path = f"{base}suspend/{london.CHARGING}"
    ours = {**cookie, "Origin": mine.origin, "Content-Type": FORM}
    body = suspension(form_key)
    name, _, value = cookie["Cookie"].partition("=")
    bad: dict[str, tuple[str, dict[str, str], bytes, int]] = {
        "another origin": (path, {**ours, "Origin": "https://evil.example"}, body, 403),
        "no origin": (path, {**cookie, "Content-Type": FORM}, body, 403),
        "an opaque origin": (path, {**ours, "Origin": "null"}, body, 403),
        "the same host, another port": (path, {**ours, "Origin": "http://127.0.0.1:1"}, body, 403),
        "localhost as origin": (path, {**ours, "Origin": f"http://localhost:{mine.port}"}, body, 403),
        "said to be cross-site": (path, {**ours, "Sec-Fetch-Site": "cross-site"}, body, 403),
        "said to be same-site": (path, {**ours, "Sec-Fetch-Site": "same-site"}, body, 403),
        "a name that points here": (path, {**ours, "Host": f"rebound.example:{mine.port}"}, body, 421),
        "localhost": (path, {**ours, "Host": f"localhost:{mine.port}"}, body, 421),
        "no port": (path, {**ours, "Host": "127.0.0.1"}, body, 421),
        "another path": (f"/{'A' * 43}/suspend/{london.CHARGING}", ours, body, 403),
        "no path": (f"/suspend/{london.CHARGING}", ours, body, 403),
        "no cookie": (path, {"Origin": mine.origin, "Content-Type": FORM}, body, 403),
        "another cookie": (path, {**ours, "Cookie": f"{name}={'A' * len(value)}"}, body, 403),
        "a form of another page": (path, ours, suspension("A" * 43), 403),
        "no form key": (path, ours, urlencode({"reason": "x", "secret": PASSPHRASE}).encode(), 403),
        "a field twice": (path, ours, body + b"&reason=y", 422),
        "json": (path, {**ours, "Content-Type": "application/json"}, b"{}", 422),
        "an authority that is not there": (f"{base}suspend/no-such", ours, body, 404),
    }
    for what, (where, headers, content, status) in bad.items():
        said = mine.ask("POST", where, headers=headers, body=content)
        assert said[0] == status, (what, said)
        assert PASSPHRASE not in said[2], what
    # A look never acts, whatever stands in its address.
    for where in (path, f"{path}?{body.decode()}", f"{base}sign", f"{base}send", f"{base}end"):
        assert mine.ask("GET", where, headers=ours)[0] in (200, 404)
    assert mine.process.poll() is None
    assert acts(made) == []
    assert mine.ask("POST", path, headers=ours, body=body)[0] == 303
    assert len(acts(made)) == 1
    assert (
        mine.ask("POST", f"{base}end", headers=ours, body=urlencode({"form_key": form_key}).encode())[0]
        == 200
    )
    assert mine.process.wait(10) == 0


def test_the_way_in_is_good_once_and_the_answers_say_nothing_to_others(mine: OfficerPage) -> None:
    way = urlsplit(mine.address).path
    for guess in ("/", "/" + "A" * (len(way) - 1), way[:-1], way + "x", way + "/"):
        assert mine.ask("GET", guess)[0] == 403, guess
    assert mine.ask("GET", way, headers={"Host": f"rebound.example:{mine.port}"})[0] == 421
    base, cookie, _ = mine.enter()
    assert mine.ask("GET", way)[0] == 403
    assert mine.ask("GET", base)[0] == 403
    assert mine.ask("GET", base, headers={**cookie, "Sec-Fetch-Site": "cross-site"})[0] == 403
    status, headers, text = mine.ask("GET", base, headers=cookie)
    assert status == 200
    assert "<script" not in text
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "script-src" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in headers
    assert headers["server"].strip() == "wicketgate"


def test_the_cookie_is_sent_to_no_other_port_and_no_other_site(mine: OfficerPage) -> None:
    said = mine.ask("GET", urlsplit(mine.address).path)[1]["set-cookie"]
    assert re.fullmatch(r"wicketgate-officer=[\w-]{43}; Path=/[\w-]{43}/; HttpOnly; SameSite=Strict", said), (
        said
    )


def test_it_listens_on_the_loopback_address_alone(mine: OfficerPage) -> None:
    listening = Path(f"/proc/{mine.process.pid}/net/tcp").read_text().splitlines()[1:]
    ours = [line.split()[1] for line in listening if int(line.split()[1].partition(":")[2], 16) == mine.port]
    assert {address.partition(":")[0] for address in ours} <= {"0100007F"}
    with pytest.raises(OSError), socket.create_connection(("127.0.0.2", mine.port), timeout=2):
        pass


@pytest.mark.slow
def test_nothing_that_a_client_sends_is_unbounded(mine: OfficerPage) -> None:
    base, cookie, _ = mine.enter()
    ours = {**cookie, "Origin": mine.origin, "Content-Type": FORM}
    assert mine.ask("POST", f"{base}document", headers={**ours, "Content-Length": "99999999"})[0] == 413
    assert mine.ask("POST", f"{base}document", headers={**ours, "Transfer-Encoding": "chunked"})[0] == 411
    assert mine.ask("GET", "/" + "a" * 70_000)[0] == 414
    # Connections that say nothing take no more places than there are, and give them back.
    idle = [socket.create_connection(("127.0.0.1", mine.port), timeout=30) for _ in range(24)]
    try:
        began = time.monotonic()
        for one in idle:
            assert one.recv(1) == b""
        assert time.monotonic() - began < 25
    finally:
        for one in idle:
            one.close()
    assert mine.ask("GET", base, headers=cookie)[0] == 200


def test_it_ends_by_itself_when_nobody_who_may_uses_it(made: Running, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    made.offices.keys[OFFICE].save(key, label=OFFICE)
    with officer_page("--to", made.url, "--key", key, "--idle", "3") as page:
        until = time.monotonic() + 30
        while page.process.poll() is None:  # whoever knocks without a key of the house keeps nobody up
            assert time.monotonic() < until
            try:
                page.ask("GET", "/")
            except OSError:
                break
            time.sleep(0.1)
        assert page.process.wait(5) == 0


def test_no_secret_is_among_what_a_command_shows(mine: OfficerPage) -> None:
    """A passphrase is in no address; and what the process was started with has nothing of the way in."""
    base, cookie, form_key = mine.enter()
    ours = {**cookie, "Origin": mine.origin, "Content-Type": FORM}
    wrong = suspension(form_key, secret="not the passphrase at all")
    assert mine.ask("POST", f"{base}suspend/{london.COUNTER_TERRORISM}", headers=ours, body=wrong)[0] == 422
    shown = Path(f"/proc/{mine.process.pid}/cmdline").read_bytes().decode()
    assert urlsplit(mine.address).path not in shown
    mine.process.terminate()
    out, err = mine.process.communicate(timeout=10)
    assert "not the passphrase" not in out + err
    assert base not in out + err


def test_a_browser_is_led_in_by_a_file_for_its_owner_alone(made: Running, tmp_path: Path) -> None:
    """What a browser is started with everybody on the machine can see: it holds nothing but the name of a file."""
    seen = tmp_path / "seen"
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nf=${{1#file://}}\n{{ echo "$1"; stat -c %a "$f"; cat "$f"; }} > {seen}.new\nmv {seen}.new {seen}\n'
    )
    browser.chmod(0o700)
    key = tmp_path / "key.pem"
    made.offices.keys[OFFICE].save(key, label=OFFICE)
    from bench.harness import WICKETGATE

    process = subprocess.Popen(
        [*WICKETGATE, "officer", "--key", str(key), "--idle", "5"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"BROWSER": f"{browser} %s"},
    )
    out, _ = process.communicate(timeout=40)
    argument, mode, content = seen.read_text().splitlines()[:3]
    way = urlsplit(out.splitlines()[0].split()[-1]).path
    assert way not in argument
    assert way in content
    assert mode == "600"
    assert not Path(argument.removeprefix("file://")).exists()


# --- a hostile page in a real browser -----------------------------------------------------------------------


@pytest.fixture
def evil() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Another program's server on this machine, and what it serves."""
    served: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = served.get(self.path, b"")
            served[f"asked {self.path}"] = self.headers.get("Cookie", "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("startable_browser")
@NEEDS_BROWSER[1]
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["same-site", "cross-site"])
def test_a_hostile_page_in_the_officers_browser_does_nothing(
    made: Running, mine: OfficerPage, evil: tuple[str, dict[str, bytes]], browser: Any, host: str
) -> None:
    """It is even told the secret path and the form's key, which no page can learn."""
    origin, served = evil
    context = browser.new_context()
    page = context.new_page()
    page.goto(mine.address)
    page.get_by_role("heading", name="Sign or stop").wait_for()
    base = urlsplit(page.url).path
    form_key = page.locator("[name=form_key]").first.get_attribute("value")
    before = len(acts(made))
    target = f"{mine.origin}{base}suspend/{london.COUNTER_TERRORISM}"
    served["/"] = (
        f'<form method="post" action="{target}"><input name="form_key" value="{form_key}"><input name="reason" '
        f'value="x"><input name="secret" value="{PASSPHRASE}"></form><script>document.forms[0].submit()</script>'
    ).encode()
    other = context.new_page()
    other.goto(origin.replace("127.0.0.1", host) + "/")
    other.get_by_text("othing").wait_for()  # whichever part of the door says no
    assert len(acts(made)) == before
    served["/read"] = (
        f"<script>fetch({target!r}, {{credentials: 'include'}}).then(a => a.text())"
        ".then(t => document.title = 'read ' + t, () => document.title = 'refused')</script>"
        f'<iframe src="{mine.origin}{base}"></iframe>'
    ).encode()
    other.goto(origin.replace("127.0.0.1", host) + "/read")
    other.wait_for_function("document.title !== ''")
    assert other.title() == "refused"
    assert all("Sign or stop" not in frame.content() for frame in other.frames)
    # Cookies know no ports: at another one, on this very host, ours is not sent.
    other.goto(f"http://127.0.0.1:{urlsplit(origin).port}/anything")
    assert served["asked /anything"] == b""
    context.close()
