"""People sign in for real: a passkey made with a code, in a real browser with an authenticator; roles; withdrawal."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from bench.harness import WICKETGATE, Running, gateway
from tests.browsing import AXE_TAGS, NEEDS_BROWSER
from tests.matching import plate_image
from tests.running import SOURCE, batches_of, bearer, client, get, issue, now_us, read, request, submit, until
from wicketgate.base.clock import rfc3339
from wicketgate.base.files import write_secret
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.people import commit_to
from wicketgate.regime.documents.toml import dump_toml
from wicketgate_demo.world import london

pytestmark = NEEDS_BROWSER
DESK = london.PAPERS[london.OF_INTEREST]
SIGNER = "met/intelligence"
PATIENCE_MS = 15_000
DAY_US = 86_400_000_000


@dataclass
class Named:
    """People of the police, as a test names them: name, roles, code and salt."""

    roles: dict[str, list[str]]
    presence: str = "PT5M"
    unit: str = "duty-desk"
    salts: dict[str, bytes] = field(default_factory=dict)

    def code(self, name: str) -> str:
        return f"code of {name}"

    def value(self, name: str) -> dict[str, str]:
        return {"name": name}

    def document(self, version: int, at_us: int, *, without: str = "") -> dict[str, Any]:
        persons = []
        for name, roles in self.roles.items():
            salt = self.salts.setdefault(name, os.urandom(32))
            if name != without:
                persons.append(
                    {
                        "person": commit_to(salt, self.value(name)),
                        "enrol": hashlib.sha256(self.code(name).encode()).hexdigest(),
                        "unit": self.unit,
                        "roles": roles,
                    }
                )
        return {
            "people": {
                "organisation": "met",
                "version": version,
                "valid_from": rfc3339(at_us - DAY_US),
                "valid_until": rfc3339(at_us + 30 * DAY_US),
                "presence": self.presence,
            },
            "persons": persons,
        }

    def openings(self) -> dict[str, Any]:
        return {
            "openings": [
                {
                    "commitment": commit_to(salt, self.value(name)),
                    "salt": salt.hex(),
                    "value": self.value(name),
                }
                for name, salt in self.salts.items()
            ]
        }


@dataclass
class Police:
    """A gateway whose police are named."""

    made: Running
    named: Named
    version: int = 1

    @property
    def url(self) -> str:
        return self.made.url.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def police() -> Iterator[Police]:
    with gateway(8, settings="port = 0\nfronts = 1\nreaders = 1\n") as made:
        until(
            lambda: "wicketgate_readers 1.0" in get(f"{made.url}/metrics", headers=bearer(made, "admin")).text
        )
        issue(made, DESK.reader)
        submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
        with client(made, DESK.reader) as desk:
            line = "\n".join(
                json.dumps({"plate": plate, "kind": "stolen", "priority": 1, "reason": "taken in a burglary"})
                for plate in ("AB12CDE", "EB21NNN")
            )
            desk.put(
                f"/v1/hotlists/{DESK.name}", content=line, headers={"Content-Type": "application/x-ndjson"}
            ).raise_for_status()
        named = Named(
            {
                "Ada Archer": ["viewer", "confirmer"],
                "Ben Bishop": ["viewer"],
                "Cy Cole": ["hotlist-keeper"],
                "Di Drew": ["viewer"],
                "Eve Eaton": ["viewer", "confirmer"],
                "Fay Fox": ["viewer"],
            }
        )
        submit(made, named.document(1, made.at_us), SIGNER).raise_for_status()
        answer = request(
            "PUT", f"{made.url}/v1/people/met/openings", json=named.openings(), headers=bearer(made, "admin")
        )
        assert answer.json() == {"opened": 6}, answer.text
        yield Police(made, named)


@dataclass
class Device:
    """A browser of somebody's, with an authenticator of its own."""

    context: Any
    page: Any


@pytest.fixture
def device(browser: Any) -> Iterator[Any]:
    opened = []

    def open_() -> Device:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("WebAuthn.enable")
        session.send(
            "WebAuthn.addVirtualAuthenticator",
            {
                "options": {
                    "protocol": "ctap2",
                    "transport": "internal",
                    "hasResidentKey": True,
                    "hasUserVerification": True,
                    "isUserVerified": True,
                    "automaticPresenceSimulation": True,
                }
            },
        )
        opened.append(context)
        return Device(context, page)

    yield open_
    for context in opened:
        context.close()


def enrol(police: Police, device: Device, name: str) -> None:
    page = device.page
    page.goto(f"{police.url}/sign-in")
    page.get_by_role("link", name="Make your passkey").click()
    page.get_by_label("Your code").fill(police.named.code(name))
    page.get_by_role("button", name="Make a passkey").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/me")


def named_anew(police: Police, presence: str, without: str = "") -> None:
    police.named.presence = presence
    police.version += 1
    document = police.named.document(police.version, now_us(), without=without)
    submit(police.made, document, SIGNER).raise_for_status()


def cookie_of(device: Device) -> str:
    return next(one["value"] for one in device.context.cookies() if one["name"] == "wicketgate-duty")


def see(police: Police, plate: str) -> None:
    answer = request(
        "POST",
        f"{police.made.url}/v1/reads",
        json=read(plate, "ccz-0001"),
        headers=bearer(police.made, SOURCE),
    )
    assert answer.json()["accepted"] == 1


def test_a_person_makes_a_passkey_signs_in_by_it_and_confirms_a_hit(police: Police, device: Any) -> None:
    mine = device()
    enrol(police, mine, "Ada Archer")
    page = mine.page
    assert page.get_by_role("heading", name="Ada Archer").is_visible()
    assert "met/duty-desk" in page.content()
    page.get_by_role("button", name="Sign out").click()
    # A deep link outlives the sign-in.
    page.goto(f"{police.url}/sign-in?next=/me")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/me")
    see(police, "AB12CDE")
    page.goto(f"{police.url}/duty")
    page.get_by_text("AB12CDE").first.wait_for()

    def waits() -> str | None:
        headers = {"Authorization": f"Bearer {cookie_of(mine)}"}
        found = httpx.get(f"{police.url}/v1/hits", headers=headers).json()["hits"]
        return str(found[0]["id"]) if found else None

    hit = until(waits)
    headers = {"Authorization": f"Bearer {cookie_of(mine)}"}
    said = httpx.post(f"{police.url}/v1/hits/{hit}/outcome", json={"outcome": "misread"}, headers=headers)
    assert said.status_code == 200, said.text
    by = said.json()["outcomes"][-1]["by"]
    assert by == f"person:{commit_to(police.named.salts['Ada Archer'], police.named.value('Ada Archer'))}"


def test_a_code_makes_one_passkey(police: Police, device: Any) -> None:
    first, second = device(), device()
    enrol(police, first, "Ben Bishop")
    page = second.page
    page.goto(f"{police.url}/enrol")
    page.get_by_label("Your code").fill(police.named.code("Ben Bishop"))
    page.get_by_role("button", name="Make a passkey").click()
    page.get_by_text("this code enrols nobody").wait_for()
    # A role that the document does not give is given by no route.
    headers = {"Authorization": f"Bearer {cookie_of(first)}"}
    assert httpx.get(f"{police.url}/v1/hits", headers=headers).status_code == 200
    for method, path in (
        ("GET", f"/v1/hotlists/{DESK.name}"),
        ("POST", "/v1/hits/x/outcome"),
        ("POST", "/v1/disclosures"),
        ("POST", "/v1/reads"),
        ("GET", "/v1/quarantine"),
        ("POST", "/v1/tokens"),
        ("POST", "/v1/why"),
        ("GET", "/v1/openings"),
        ("GET", "/metrics"),
        ("PUT", "/v1/people/met/openings"),
    ):
        answer = httpx.request(method, f"{police.url}{path}", headers=headers)
        assert answer.status_code == 403, (method, path, answer.text)


def test_tokens_are_for_machines_once_people_are_named(police: Police, device: Any) -> None:
    page = device().page
    page.goto(f"{police.url}/sign-in")
    token = police.made.tokens[DESK.reader]
    answer = httpx.post(
        f"{police.url}/sign-in",
        data={"officer": "PC 1", "token": token},
        headers={"Origin": police.url, "Sec-Fetch-Site": "same-origin"},
    )
    assert answer.status_code == 403
    assert "tokens are for machines" in answer.text


def test_a_program_is_let_in_and_ends_with_the_person(police: Police, device: Any) -> None:
    mine = device()
    enrol(police, mine, "Cy Cole")
    asked = httpx.post(f"{police.url}/oauth/device_authorization", data={"client_id": "cli"}).json()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked["device_code"]}
    waiting = httpx.post(f"{police.url}/oauth/token", data=form)
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")
    mine.page.goto(asked["verification_uri_complete"].replace("127.0.0.1", "localhost"))
    mine.page.get_by_role("button", name="Let it in").click()
    mine.page.get_by_text("The program acts for you now").wait_for()
    token = httpx.post(f"{police.url}/oauth/token", data=form).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    path = f"{police.url}/v1/hotlists/{DESK.name}"
    assert "AB12CDE" in httpx.get(path, headers=headers).text
    assert httpx.post(f"{police.url}/oauth/token", data=form).json()["error"] == "authorization_pending"
    # The next version names Cy no more: within a second nothing of theirs opens anything.
    named_anew(police, "PT5M", without="Cy Cole")
    assert httpx.get(path, headers=headers).status_code == 401
    mine.page.goto(f"{police.url}/me")
    assert urlsplit(mine.page.url).path == "/sign-in"
    mine.page.get_by_role("button", name="Sign in with a passkey").click()
    mine.page.get_by_text("this passkey is not enrolled here").wait_for()


def test_a_person_reads_a_feed_past_the_readers_and_ends_with_the_document(
    police: Police, device: Any
) -> None:
    mine = device()
    enrol(police, mine, "Di Drew")
    see(police, "AB12CDE")
    headers = {"Authorization": f"Bearer {cookie_of(mine)}"}
    feed = f"{police.url}/v1/feeds/{DESK.name}"
    found = httpx.get(feed, headers=headers)  # a connection of its own: a front gives it to no reader
    assert found.status_code == 200, found.text
    assert b"AB12CDE" in found.content
    with httpx.Client() as one:  # a reader has the connection first, and gives it back for this
        assert one.get(f"{police.url}/log/key").status_code == 200
        assert one.get(feed, headers=headers).content == found.content
    last = max(batch.number for batch in batches_of(found.content))
    ended: dict[str, float] = {}
    answers: dict[str, httpx.Response] = {}

    def wait(path: str) -> None:
        answers[path] = httpx.get(f"{feed}{path}", headers=headers, timeout=30)
        ended[path] = time.monotonic()

    waiting = [
        threading.Thread(target=wait, args=(path,))
        for path in (f"?after={last}&wait=25", f"/events?after={last}")
    ]
    for thread in waiting:
        thread.start()
    time.sleep(1)
    assert not ended
    named_anew(police, "PT5M", without="Di Drew")
    began = time.monotonic()
    for thread in waiting:
        thread.join(10)
    assert len(ended) == 2
    assert max(ended.values()) - began < 1
    assert sorted(answer.status_code for answer in answers.values()) == [200, 401]
    assert any(b'"code":"unauthorised"' in answer.content for answer in answers.values())


def test_a_command_drafts_opens_and_signs_in(police: Police, device: Any, tmp_path: Path) -> None:
    people = {
        "people": {
            "log": london.ORIGIN,
            "organisation": "tfl",
            "version": 1,
            "valid_from": rfc3339(now_us() - DAY_US),
            "valid_until": rfc3339(now_us() + 30 * DAY_US),
            "presence": "PT5M",
        },
        "persons": [{"name": "Dee Dawson", "roles": ["source-officer"]}],
    }
    names = tmp_path / "names.toml"
    names.write_text(dump_toml(people))
    draft, openings, codes = (tmp_path / name for name in ("people.toml", "openings.json", "codes.json"))
    made = ["--out", str(draft), "--openings", str(openings), "--codes", str(codes)]
    subprocess.run([*WICKETGATE, "people", "draft", str(names), *made], check=True, stdin=subprocess.DEVNULL)
    assert {path.stat().st_mode & 0o777 for path in (openings, codes)} == {0o600}
    assert "Dawson" not in draft.read_text()
    submit(police.made, parse_toml(draft.read_bytes()), "tfl/data-protection").raise_for_status()
    admin = tmp_path / "admin.token"
    write_secret(admin, police.made.tokens["admin"])
    hand = ["--to", police.made.url, "--token-file", str(admin)]
    subprocess.run(
        [*WICKETGATE, "people", "open", "tfl", str(openings), *hand], check=True, stdin=subprocess.DEVNULL
    )
    mine = device()
    mine.page.goto(f"{police.url}/enrol")
    mine.page.get_by_label("Your code").fill(json.loads(codes.read_text())["Dee Dawson"])
    mine.page.get_by_role("button", name="Make a passkey").click()
    mine.page.wait_for_url("**/me")
    token = tmp_path / "mine.token"
    signing = subprocess.Popen(
        [*WICKETGATE, "sign-in", "--from", police.made.url, "--out", str(token)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert signing.stdout is not None
    code = signing.stdout.readline().split()[-1].rstrip(".")
    mine.page.goto(f"{police.url}/device")
    mine.page.get_by_label("The code that the program shows").fill(code.lower())
    mine.page.get_by_role("button", name="Let it in").click()
    assert signing.wait(20) == 0
    signing.stdout.close()
    assert token.stat().st_mode & 0o777 == 0o600
    headers = {"Authorization": f"Bearer {token.read_text().strip()}"}
    assert httpx.get(f"{police.url}/v1/cameras", headers=headers).status_code == 200
    assert httpx.put(f"{police.url}/v1/cameras", headers=headers, json=[]).status_code == 403


def test_an_act_asks_for_a_fresh_proof_and_goes_on_where_it_was(police: Police, device: Any) -> None:
    mine = device()
    enrol(police, mine, "Eve Eaton")
    page, headers = mine.page, {"Authorization": f"Bearer {cookie_of(mine)}"}
    body = {**read("E821NNN", "ccz-0001", id="possible"), "image": "plate"}
    files = {
        "reads": ("reads", json.dumps(body), "application/json"),
        "plate": ("plate.png", plate_image("E821NNN"), "image/png"),
    }
    post = request("POST", f"{police.made.url}/v1/reads", files=files, headers=bearer(police.made, SOURCE))
    assert post.json()["accepted"] == 1, post.text

    def possible() -> str | None:
        found = httpx.get(f"{police.url}/v1/hits", headers=headers).json()["hits"]
        return next((str(one["id"]) for one in found if one["quality"] == "possible"), None)

    hit = until(possible)
    # From now on a proof is good for two seconds.
    named_anew(police, "PT2S")
    time.sleep(2.1)
    outcome = f"{police.url}/v1/hits/{hit}/outcome"
    said = httpx.post(outcome, json={"outcome": "confirmed", "plate_seen": "EB21NNN"}, headers=headers)
    assert (said.status_code, said.json()["code"]) == (403, "presence-needed"), said.text
    assert "wicketgate sign-in" in said.json()["detail"]
    envelope = {
        "payload": "e30=",
        "payloadType": "application/vnd.wicketgate.suspension+json",
        "signatures": [],
    }
    handed = httpx.post(f"{police.url}/v1/documents", json=envelope, headers=headers)
    assert handed.json()["code"] == "presence-needed", handed.text
    assert httpx.post(outcome, json={"outcome": "acted"}, headers=headers).json()["code"] == "not-confirmed"
    # The page keeps what was typed over the proof.
    page.goto(f"{police.url}/duty/hits/{hit}")
    page.get_by_label("The plate as you see it").fill("EB21NNN")
    page.get_by_role("button", name="Confirm", exact=False).click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/presence")
    assert "EB21NNN" not in page.url
    shot(page, "presence")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(f"**/duty/hits/{hit}")
    assert "confirm again" in page.get_by_role("region", name="Important").inner_text()
    assert page.get_by_label("The plate as you see it").input_value() == "EB21NNN"
    named_anew(police, "PT5M")
    shot(page, "proved")
    page.get_by_role("button", name="Confirm", exact=False).click()
    page.wait_for_url(f"**/duty?recorded={hit}")
    # A second act within the time needs no second proof.
    handed = httpx.post(f"{police.url}/v1/documents", json=envelope, headers=headers)
    assert handed.json()["code"] == "signature-missing", handed.text


def test_a_passkey_is_withdrawn_and_a_program_let_in_with_a_fresh_proof_alone(
    police: Police, device: Any
) -> None:
    mine = device()
    enrol(police, mine, "Fay Fox")
    page = mine.page
    named_anew(police, "PT2S")
    asked = httpx.post(f"{police.url}/oauth/device_authorization", data={"client_id": "cli"}).json()
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": asked["device_code"]}
    time.sleep(2.1)
    there = asked["verification_uri_complete"].replace("127.0.0.1", "localhost")
    page.goto(there)
    page.get_by_role("button", name="Let it in").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/presence")
    assert httpx.post(f"{police.url}/oauth/token", data=form).json()["error"] == "authorization_pending"
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url(there)
    page.get_by_role("button", name="Let it in").click()
    page.get_by_text("The program acts for you now").wait_for()
    token = httpx.post(f"{police.url}/oauth/token", data=form).json()["access_token"]
    time.sleep(2.1)
    # The program has no newer proof than its person gave.
    headers = {"Authorization": f"Bearer {token}"}
    handed = httpx.post(f"{police.url}/v1/documents", json={}, headers=headers)
    assert handed.json()["code"] == "presence-needed"
    page.goto(f"{police.url}/me")
    page.get_by_role("button", name="Withdraw it").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/presence")
    page.get_by_role("button", name="Use your passkey").click()
    page.wait_for_url("**/me")
    page.get_by_role("button", name="Withdraw it").click()
    page.wait_for_url(lambda url: urlsplit(url).path == "/sign-in")
    assert httpx.get(f"{police.url}/v1/hits", headers=headers).status_code == 401


def shot(page: Any, name: str) -> None:
    """Hold a page against axe at both widths, and keep a picture of it where one is wanted."""
    from axe_playwright_python.sync_playwright import Axe

    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        found = Axe().run(page, options={"runOnly": AXE_TAGS})
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if folder := os.environ.get("WICKETGATE_SHOTS"):
            page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)


@pytest.mark.parametrize("width", [390, pytest.param(1280, marks=pytest.mark.slow)])
def test_the_pages_pass_axe(police: Police, device: Any, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    mine = device()
    mine.page.set_viewport_size({"width": width, "height": 900})
    for path in ("/sign-in", "/enrol"):
        mine.page.goto(f"{police.url}{path}")
        found = Axe().run(mine.page, options={"runOnly": AXE_TAGS})
        assert found.violations_count == 0, found.generate_report()
        if folder := os.environ.get("WICKETGATE_SHOTS"):
            mine.page.screenshot(path=f"{folder}/{path.strip('/')}-{width}.png", full_page=True)
