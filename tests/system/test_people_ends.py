"""What a person has open ends within a second of their withdrawal, whichever process answers; nobody is locked out."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from bench.harness import Running, gateway
from tests.authenticator import Authenticator
from tests.running import SOURCE, batches_of, bearer, client, get, issue, now_us, read, request, submit, until
from tests.system.test_people_browser import DESK, SIGNER, Named

PROCESSES = {
    "gateway alone": "fronts = 0\nreaders = 0\n",
    "fronts": "fronts = 1\nreaders = 0\n",
    "fronts and readers": "fronts = 1\nreaders = 1\n",
}
WAIT_S = 25
ROLES = ["viewer", "confirmer", "hotlist-keeper"]


@dataclass
class Somebody:
    """A person with a passkey, signed in."""

    url: str
    passkey: Authenticator
    session: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session}"}

    @property
    def page(self) -> dict[str, str]:
        return {"Cookie": f"wicketgate-duty={self.session}", "Sec-Fetch-Site": "same-origin"}

    def _send(self, path: str, said: dict[str, Any]) -> httpx.Response:
        return httpx.post(
            f"{self.url}{path}", json=said, headers={"Sec-Fetch-Site": "same-origin"}, timeout=30
        )

    def enrol(self, code: str) -> None:
        asked = self._send("/enrol/begin", {"code": code}).raise_for_status().json()
        self._take(self._send("/enrol", {"code": code, "credential": self.passkey.make(asked)}))

    def sign_in(self) -> None:
        asked = self._send("/sign-in/passkey/begin", {}).raise_for_status().json()
        self._take(self._send("/sign-in/passkey", {"credential": self.passkey.sign(asked)}))

    def _take(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.session = answer.cookies["wicketgate-duty"]

    def let_in(self) -> str:
        """Return the token of a program that acts for them."""
        asked = httpx.post(f"{self.url}/oauth/device_authorization", data={"client_id": "cli"}).json()
        html = httpx.get(f"{self.url}/device", headers=self.page).text
        found = re.search('name="form_key" value="([^"]+)"', html)
        assert found is not None, html
        form = {"form_key": found[1], "user_code": asked["user_code"], "answer": "yes"}
        httpx.post(f"{self.url}/device", data=form, headers=self.page).raise_for_status()
        grant = "urn:ietf:params:oauth:grant-type:device_code"
        told = httpx.post(
            f"{self.url}/oauth/token", data={"grant_type": grant, "device_code": asked["device_code"]}
        )
        return str(told.raise_for_status().json()["access_token"])


@contextmanager
def police(settings: str) -> Iterator[tuple[Running, Named]]:
    """Run a gateway with a list, and two people of its unit named."""
    with gateway(8, settings=f"port = 0\n{settings}") as made:
        if "readers = 1" in settings:
            metrics = f"{made.url}/metrics"
            until(lambda: "wicketgate_readers 1.0" in get(metrics, headers=bearer(made, "admin")).text)
        issue(made, DESK.reader)
        submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
        line = json.dumps({"plate": "AB12CDE", "kind": "stolen", "priority": 1, "reason": "taken"})
        with client(made, DESK.reader) as desk:
            kind = {"Content-Type": "application/x-ndjson"}
            desk.put(f"/v1/hotlists/{DESK.name}", content=line, headers=kind).raise_for_status()
        named = Named({"Ada Archer": ROLES, "Ben Bishop": ROLES})
        submit(made, named.document(1, made.at_us), SIGNER).raise_for_status()
        openings = f"{made.url}/v1/people/met/openings"
        request("PUT", openings, json=named.openings(), headers=bearer(made, "admin")).raise_for_status()
        yield made, named


def somebody(made: Running, named: Named, name: str) -> Somebody:
    url = made.url.replace("127.0.0.1", "localhost")
    found = Somebody(url, Authenticator(url, str(urlsplit(url).hostname)))
    found.enrol(named.code(name))
    return found


@pytest.mark.parametrize(
    "processes",
    [
        *(pytest.param(one, marks=pytest.mark.slow) for one in ("gateway alone", "fronts")),
        "fronts and readers",
    ],
)
def test_everything_of_a_withdrawn_person_ends_within_a_second(processes: str) -> None:
    with police(PROCESSES[processes]) as (made, named):
        ada, ben = somebody(made, named, "Ada Archer"), somebody(made, named, "Ben Bishop")
        seen = request("POST", f"{made.url}/v1/reads", json=read("AB12CDE"), headers=bearer(made, SOURCE))
        assert seen.json()["accepted"] == 1
        feed = f"/v1/feeds/{DESK.name}"
        until(lambda: httpx.get(ada.url + feed, headers=ada.headers).content)
        last = max(one.number for one in batches_of(httpx.get(ada.url + feed, headers=ada.headers).content))
        program = {"Authorization": f"Bearer {ada.let_in()}"}
        began: set[str] = set()
        ended: dict[str, tuple[float, bytes]] = {}

        def follow(name: str, path: str, headers: dict[str, str]) -> None:
            with httpx.Client(timeout=2 * WAIT_S) as one:
                one.get(
                    f"{ada.url}/log/key"
                ).raise_for_status()  # where there is a reader, it has the connection
                body = b""
                with (
                    suppress(httpx.RemoteProtocolError),
                    one.stream("GET", ada.url + path, headers=headers) as got,
                ):
                    began.add(name)
                    for part in got.iter_raw():
                        body += part
                ended[name] = time.monotonic(), body

        asked: dict[str, tuple[str, dict[str, str]]] = {
            "wait": (f"{feed}?after={last}&wait={WAIT_S}", ada.headers),
            "events": (f"{feed}/events?after={last}", ada.headers),
            "program's wait": (f"{feed}?after={last}&wait={WAIT_S}", program),
            "program's events": (f"{feed}/events?after={last}", program),
            "queue": ("/duty/events", ada.page),
            "another's wait": (f"{feed}?after={last}&wait=4", ben.headers),
        }
        threads = [threading.Thread(target=follow, args=(name, *what)) for name, what in asked.items()]
        for thread in threads:
            thread.start()
        until(lambda: "queue" in began)
        time.sleep(1)
        assert not ended
        submit(made, named.document(2, now_us(), without="Ada Archer"), SIGNER).raise_for_status()
        withdrawn = time.monotonic()
        for headers in (ada.headers, program):
            assert httpx.get(ada.url + feed, headers=headers).status_code == 401
        for path in ("/me", "/duty", "/duty/queue"):
            assert httpx.get(ada.url + path, headers=ada.page).status_code == 401
        for thread in threads:
            thread.join(WAIT_S)
        took = {name: round(at_s - withdrawn, 2) for name, (at_s, _) in ended.items()}
        assert took.keys() == asked.keys()
        assert took.pop("another's wait") > 2, took
        assert max(took.values()) < 1, took
        for name in took:
            said = ended[name][1]
            assert b"unauthorised" in said or b"signed-out" in said, (name, said)
            assert b"AB12CDE" not in said
        # A colleague goes on, and Ada's passkey is nobody's.
        assert httpx.get(ada.url + feed, headers=ben.headers).status_code == 200
        with pytest.raises(AssertionError, match="not enrolled"):
            ada.sign_in()


def test_no_stranger_keeps_a_person_out() -> None:
    with police(PROCESSES["fronts and readers"]) as (made, named):
        ada = somebody(made, named, "Ada Archer")
        stop = threading.Event()
        counted: list[int] = []

        def flood(number: int) -> None:
            address = f"127.0.1.{number}"
            wrong = {
                "credential": Authenticator(ada.url, "localhost").sign({"challenge": "A" * 54}),
                "code": "guess",
            }
            transport = httpx.HTTPTransport(local_address=address)
            url = made.url
            with httpx.Client(
                transport=transport, timeout=10, headers={"Sec-Fetch-Site": "same-origin"}
            ) as one:
                asks: list[Callable[[], httpx.Response]] = [
                    lambda: one.post(f"{url}/sign-in/passkey/begin", json={}),
                    lambda: one.post(f"{url}/sign-in/passkey", json=wrong),
                    lambda: one.post(f"{url}/enrol/begin", json={"code": "guess"}),
                    lambda: one.post(f"{url}/enrol", json=wrong),
                    lambda: one.post(f"{url}/oauth/device_authorization", data={"client_id": "x"}),
                    lambda: one.post(f"{url}/oauth/token", data={"grant_type": "x", "device_code": "y"}),
                    lambda: one.get(f"{url}/presence"),
                    lambda: one.post(f"{url}/sign-in", data={"token": "x", "officer": "y"}),
                ]
                while not stop.is_set():
                    for ask in asks:
                        with suppress(httpx.TransportError):
                            counted.append(ask().status_code)

        threads = [threading.Thread(target=flood, args=(number,)) for number in range(1, 17)]
        for thread in threads:
            thread.start()
        try:
            time.sleep(2)
            for _ in range(5):
                before = time.monotonic()
                ada.sign_in()
                assert time.monotonic() - before < 5
                assert httpx.get(f"{ada.url}/duty", headers=ada.page).status_code == 200
        finally:
            stop.set()
            for thread in threads:
                thread.join(30)
        assert len(counted) > 200
        assert 200 in counted
        # Nothing that strangers asked has signed anybody out, or spent what Ben has.
        assert httpx.get(f"{ada.url}/me", headers=ada.page).status_code == 200
        somebody(made, named, "Ben Bishop")
