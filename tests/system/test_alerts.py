"""Alerts reach people: a running gateway, a webhook receiver, a mail server, a browser; a gateway that is killed."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller
from standardwebhooks import Webhook

from bench.harness import Running, enrol, make
from tests.browsing import AXE_TAGS
from tests.running import SOURCE, bearer, client, get, issue, read, request, submit, until
from wicketgate.base.clock import rfc3339
from wicketgate.base.files import write_secret
from wicketgate.regime.documents.people import commit_to
from wicketgate_demo.world import london

DESK = london.PAPERS[london.OF_INTEREST]
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
PLATE = "AB12CDE"
DAY_US = 86_400_000_000


@dataclass
class Receiver:
    """A webhook receiver that answers as it is told."""

    status: int = 200
    hang_s: float = 0.0
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.posts.append(({name.lower(): value for name, value in self.headers.items()}, body))
                time.sleep(receiver.hang_s)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def said(self) -> list[dict[str, Any]]:
        return [dict(Webhook(SECRET).verify(body, headers)) for headers, body in self.posts]


class Mails:
    """What the mail server took."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.taken.append(envelope.content.decode())
        return "250 OK"


@dataclass
class World:
    """A gateway with targets."""

    made: Running
    receiver: Receiver
    mails: Mails

    @property
    def url(self) -> str:
        return self.made.url.replace("127.0.0.1", "localhost")

    def rules(self, *rules: dict[str, Any]) -> dict[str, Any]:
        said = request(
            "PUT",
            f"{self.made.url}/v1/alerts",
            json={"zone": "Europe/London", "rules": list(rules)},
            headers=bearer(self.made, DESK.reader),
        )
        assert said.status_code == 200, said.text
        shown: dict[str, Any] = said.json()
        return shown

    def see(self, plate: str, camera: str = "ccz-0001") -> None:
        said = request(
            "POST", f"{self.made.url}/v1/reads", json=read(plate, camera), headers=bearer(self.made, SOURCE)
        )
        assert said.json()["accepted"] == 1

    def list_plates(self, *plates: str) -> None:
        lines = [
            json.dumps({"plate": plate, "kind": "stolen", "priority": 1, "reason": "taken in a burglary"})
            for plate in plates
        ]
        with client(self.made, DESK.reader) as desk:
            desk.put(
                f"/v1/hotlists/{DESK.name}",
                content="\n".join(lines),
                headers={"Content-Type": "application/x-ndjson"},
            ).raise_for_status()


def settings_of(receiver: Receiver, mail_port: int) -> str:
    return f"""port = 0
fronts = 0
readers = 0
address = "http://gate.example"
[alerts]
private = ["127.0.0.0/8"]
[alerts.mail]
host = "localhost"
port = {mail_port}
tls = "none"
from = "wicketgate@gate.example"
[alerts.targets.desk-hook]
for = ["recipient:met/duty-desk", "source:tfl"]
webhook = "http://127.0.0.1:{receiver.port}/hook"
secret_file = "desk-hook.secret"
[alerts.targets.desk-mail]
for = ["recipient:met/duty-desk"]
mail = ["duty@met.example"]
"""


def _let_messages_carry_plates(charter: dict[str, Any]) -> None:
    charter["consultations"].append(
        {"instruments": ["data-sharing-agreement"], "onward": ["dvla"], "need": "marked"}
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_world(tmp_path) as made:
        yield made


@contextmanager
def running_world(
    tmp_path: Path, change: Callable[[dict[str, Any]], object] | None = None
) -> Iterator[World]:
    receiver, mails = Receiver(), Mails()
    receiver.start()
    server = Controller(mails, hostname="localhost", port=free_port())
    server.start()
    # `init` reads the settings: the secret must lie where they look for it before.
    made = make(tmp_path, change=change)
    write_secret(made.folder / "desk-hook.secret", SECRET)
    (made.folder / "wicketgate.toml").write_text(settings_of(receiver, server.port))
    try:
        made.start()
        admin = (made.folder / "keys" / "admin.token").read_text().strip()
        made.tokens = enrol(made.url, admin, made.offices, 8, made.at_us)
        issue(made, DESK.reader)
        submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
        yield World(made, receiver, mails)
    finally:
        made.stop()
        server.stop()
        receiver.stop()


def free_port() -> int:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_hit_reaches_people_by_webhook_and_mail_without_its_plate(world: World) -> None:
    world.list_plates(PLATE)
    shown = world.rules({"kinds": ["hit"], "targets": ["desk-hook", "desk-mail"], "priority": 2})
    assert shown["revision"] == 1
    assert [target["leads_to"] for target in shown["targets"]] == ["127.0.0.1", "duty@met.example"]
    assert SECRET not in json.dumps(shown)
    for _ in range(5):
        world.see(PLATE, "ccz-0001")
        world.see(PLATE, "ccz-0003")
    assert until(lambda: world.receiver.posts and world.mails.taken)
    (first, *_) = world.receiver.said()
    hits = request("GET", f"{world.made.url}/v1/hits", headers=bearer(world.made, DESK.reader)).json()["hits"]
    assert first["data"]["hit"] in {hit["id"] for hit in hits}
    assert first["data"]["link"] == f"http://gate.example/duty/hits/{first['data']['hit']}"
    assert first["data"]["priority"] == 1
    assert "plate" not in first["data"]
    time.sleep(2)
    assert len(world.receiver.posts) == 1  # ten hits of one vehicle
    for said in [*(body.decode() for _, body in world.receiver.posts), *world.mails.taken]:
        assert PLATE not in said
    assert first["data"]["link"] in world.mails.taken[0]
    metrics = get(f"{world.made.url}/metrics", headers=bearer(world.made, "admin")).text
    assert 'wicketgate_alerts_total{became="delivered"} 2.0' in metrics
    assert "wicketgate_alerts_waiting 2.0" in metrics
    assert PLATE not in metrics


def test_what_was_not_sent_is_sent_after_a_kill_and_what_was_sent_is_not(world: World) -> None:
    world.list_plates("AB12CDE", "EF34GHJ")
    world.rules({"kinds": ["hit"], "targets": ["desk-hook"]})
    world.see("AB12CDE")
    assert until(lambda: len(world.receiver.posts) == 1)
    time.sleep(2.5)  # what was told is committed
    world.receiver.status, world.receiver.hang_s = 500, 3.0
    world.see("EF34GHJ")
    assert until(lambda: len(world.receiver.posts) == 2)
    world.made.kill()
    world.receiver.status, world.receiver.hang_s = 200, 0.0
    world.made.start()
    assert until(lambda: len(world.receiver.posts) == 3)
    time.sleep(3)
    first, second, third = (said["id"] for said in world.receiver.said())
    assert second == third != first
    assert len(world.receiver.posts) == 3


@pytest.mark.slow
def test_an_outbox_that_is_lost_begins_anew_and_tells_nothing_again_that_is_known(world: World) -> None:
    """As at a second sequencer that took over: what was told stands in COMMITS."""
    world.list_plates(PLATE)
    world.rules({"kinds": ["hit"], "targets": ["desk-hook"]})
    world.see(PLATE)
    assert until(lambda: len(world.receiver.posts) == 1)
    time.sleep(2.5)
    world.made.kill()
    for file in (world.made.folder / "alerts").iterdir():
        file.unlink()
    world.made.start()
    time.sleep(4)
    assert len(world.receiver.posts) == 1
    world.list_plates(PLATE, "EF34GHJ")
    world.see("EF34GHJ")
    assert until(lambda: len(world.receiver.posts) == 2)


def test_one_that_is_gone_is_off_and_said_and_a_test_opens_it_again(world: World) -> None:
    world.list_plates(PLATE)
    world.rules({"kinds": ["hit"], "targets": ["desk-hook"]})
    world.receiver.status = 410
    world.see(PLATE)

    def shown() -> dict[str, Any]:
        said = request("GET", f"{world.made.url}/v1/alerts", headers=bearer(world.made, DESK.reader))
        found: dict[str, Any] = said.json()
        return found

    assert until(lambda: shown()["targets"][0]["disabled"])
    assert shown()["dead"][0]["why"].startswith("answered 410")
    assert "credential" not in json.dumps(shown())
    metrics = get(f"{world.made.url}/metrics", headers=bearer(world.made, "admin")).text
    assert 'wicketgate_alert_target_off{target="desk-hook"} 1.0' in metrics
    assert "wicketgate_alerts_dead 1.0" in metrics
    world.receiver.status = 200
    sent = request(
        "POST",
        f"{world.made.url}/v1/alerts/test",
        json={"target": "desk-hook"},
        headers=bearer(world.made, DESK.reader),
    )
    assert sent.status_code == 200, sent.text
    assert until(lambda: not shown()["targets"][0]["disabled"])
    assert world.receiver.said()[-1]["data"]["kind"] == "test"


def test_to_let_messages_carry_the_plate_is_a_widening_said_in_words(world: World) -> None:
    draft = DESK.draft(world.made.at_us)
    draft["authority"]["version"] = 2
    draft["match"]["alerts"] = {"plate": True}
    answer = submit(world.made, draft, *DESK.signers)
    assert answer.status_code == 422
    assert answer.json()["code"] == "widening"
    assert "the plate in alerts of every read of vehicles listed" in answer.json()["powers"][0]
    draft["match"]["alerts"] = {"plate": False}
    submit(world.made, draft, *DESK.signers).raise_for_status()


def test_a_message_carries_the_plate_where_the_authority_says_so(tmp_path: Path) -> None:
    with running_world(tmp_path, _let_messages_carry_plates) as world:
        world.list_plates(PLATE, "EF34GHJ")
        world.rules({"kinds": ["hit"], "targets": ["desk-hook", "desk-mail"]})
        world.see("EF34GHJ")
        assert until(lambda: world.receiver.posts and world.mails.taken)
        assert "EF34GHJ" not in world.mails.taken[0] + world.receiver.posts[0][1].decode()
        draft = DESK.draft(world.made.at_us)
        draft["authority"]["version"] = 2
        draft["match"]["alerts"] = {"plate": True}
        answer = submit(world.made, draft, *DESK.signers)
        assert answer.status_code == 201, answer.text
        page = get(f"{world.made.url}/authorities/{DESK.name}/2").text
        assert "may carry the plate" in page
        world.see(PLATE)
        assert until(lambda: len(world.receiver.posts) == 2 and len(world.mails.taken) == 2)
        assert world.receiver.said()[1]["data"]["plate"] == PLATE
        assert f"Plate as read: {PLATE}" in world.mails.taken[1]


def test_rules_are_ones_own(world: World) -> None:
    url = f"{world.made.url}/v1/alerts"
    rule = {"kinds": ["hit"], "targets": ["desk-hook"]}
    for name, body, status in (
        (SOURCE, {"zone": "UTC", "rules": [rule]}, 400),  # no source learns which passage was a hit
        (SOURCE, {"zone": "UTC", "rules": [{"kinds": ["camera"], "targets": ["desk-mail"]}]}, 400),
        (SOURCE, {"zone": "UTC", "rules": [{"kinds": ["camera"], "targets": ["desk-hook"]}]}, 200),
        (
            DESK.reader,
            {"zone": "UTC", "rules": [{"kinds": ["hit"], "targets": ["https://evil.example"]}]},
            400,
        ),
        ("admin", {"zone": "UTC", "rules": []}, 403),
    ):
        said = request("PUT", url, json=body, headers=bearer(world.made, name))
        assert said.status_code == status, (name, body, said.text)
    own = request("GET", url, headers=bearer(world.made, DESK.reader)).json()
    assert own["rules"]["rules"] == []
    assert own["who"] == "recipient:met/duty-desk"


# --- the page -----------------------------------------------------------------------------------------------------

_SALT = os.urandom(32)
_NAME = {"name": "Ada Archer"}


def name_people(world: World) -> None:
    document = {
        "people": {
            "organisation": "met",
            "version": 1,
            "valid_from": rfc3339(world.made.at_us - DAY_US),
            "valid_until": rfc3339(world.made.at_us + 30 * DAY_US),
            "presence": "PT5M",
        },
        "persons": [
            {
                "person": commit_to(_SALT, _NAME),
                "enrol": hashlib.sha256(b"a code").hexdigest(),
                "unit": "duty-desk",
                "roles": ["viewer", "confirmer"],
            }
        ],
    }
    submit(world.made, document, "met/intelligence").raise_for_status()
    opening = {"commitment": commit_to(_SALT, _NAME), "salt": _SALT.hex(), "value": _NAME}
    said = request(
        "PUT",
        f"{world.made.url}/v1/people/met/openings",
        json={"openings": [opening]},
        headers=bearer(world.made, "admin"),
    )
    assert said.status_code == 200, said.text


@pytest.mark.usefixtures("startable_browser")
@pytest.mark.filterwarnings("ignore::DeprecationWarning:playwright")
def test_a_person_sets_rules_in_a_browser_and_a_link_opens_once_signed_in(world: World, browser: Any) -> None:
    from axe_playwright_python.sync_playwright import Axe

    (world.made.folder / "wicketgate.toml").write_text(
        (world.made.folder / "wicketgate.toml").read_text().replace("http://gate.example", world.url)
    )
    world.made.stop()
    world.made.start()
    name_people(world)
    world.list_plates(PLATE)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(15_000)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True}
    options |= {"hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True}
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto(f"{world.url}/enrol")
    page.get_by_label("Your code").fill("a code")
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url(f"{world.url}/me")
    page.get_by_role("main").get_by_role("link", name="Alerts").click()
    page.get_by_text("There is no rule").wait_for()
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_text("There is a problem").wait_for()
    page.get_by_label("a hit").check()
    page.get_by_label("desk-hook").check()
    page.get_by_label("desk-mail").check()
    page.get_by_label("Quiet from").fill("25:00")
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_text("is not a time of day").wait_for()
    assert page.get_by_label("desk-mail").is_checked()  # what was filled in is kept
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_role("button", name="Add the rule").click()
    page.get_by_text("The rule is added.").wait_for()
    page.get_by_label("Of the clocks").fill("Europe/London")
    page.get_by_role("button", name="Set the time zone").click()
    page.get_by_text("22:00 to 07:00 the day after (Europe/London)").wait_for()
    page.get_by_role("button", name="Send a test to desk-hook").click()
    assert until(lambda: any(said["data"]["kind"] == "test" for said in world.receiver.said()))
    if folder := os.environ.get("WICKETGATE_SCREENSHOTS"):
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{folder}/alerts-{width}.png", full_page=True)
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    world.see(PLATE)
    assert until(lambda: any(said["data"]["kind"] == "hit" for said in world.receiver.said()))
    link = next(said["data"]["link"] for said in world.receiver.said() if said["data"]["kind"] == "hit")
    assert httpx.get(link).status_code in {303, 401}  # nobody is signed in
    page.goto(link)
    page.get_by_text(PLATE).first.wait_for()
    page.goto(f"{world.url}/me/alerts")
    page.get_by_role("button", name="Take away rule 1").click()
    page.get_by_text("There is no rule").wait_for()
    context.close()
    own = request("GET", f"{world.made.url}/v1/alerts", headers=bearer(world.made, DESK.reader)).json()
    assert own["revision"] == 3
