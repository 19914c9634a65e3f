"""Police whose people sign in at a real provider: the gateway, the provider, the document that names them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.harness import Running, gateway
from tests.provider import CLIENT, SECRET, Browser, Provider, provider
from tests.running import bearer, issue, request, submit
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.base.files import write_secret
from wicketgate.clients.officer.people import draft_people
from wicketgate_demo.world import london

DESK = london.PAPERS[london.OF_INTEREST]
SIGNER = "met/intelligence"
OF_CLAIMS = "Cleo Carter"
PEOPLE = {
    "ada": {"name": "Ada from the provider"},
    "cleo": {"name": OF_CLAIMS, "unit": "duty-desk", "roles": ["gate-viewer", "gate-confirmer"]},
    "vic": {"name": "Vic Vale", "unit": "duty-desk", "roles": ["gate-viewer"]},
    "else": {"name": "Elsie Else", "unit": "another", "roles": ["gate-viewer"]},
}


@dataclass
class Station:
    """The gateway, the provider of the police, and their people."""

    made: Running
    idp: Provider
    clear: dict[str, Any]
    browsers: list[Browser] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where people reach the gateway: another site than the provider's, which is at 127.0.0.1."""
        return self.made.url.replace("127.0.0.1", "localhost")

    @property
    def start(self) -> str:
        return f"{self.url}/sign-in/with/met/idp"

    def browser(self) -> Browser:
        self.browsers.append(Browser())
        return self.browsers[-1]

    def name(self, **changes: Any) -> None:
        """Submit the next version of the document, and its openings."""
        self.clear["people"]["version"] += 1
        self.clear.update(changes)
        drafted = draft_people(self.clear)
        submit(self.made, dict(drafted.document), SIGNER).raise_for_status()
        answer = request(
            "PUT",
            f"{self.made.url}/v1/people/met/openings",
            json={"openings": drafted.openings},
            headers=bearer(self.made, "admin"),
        )
        assert answer.status_code == 200, answer.text


def providers_of(issuer: str, client: str = CLIENT) -> list[dict[str, str]]:
    return [{"id": "idp", "issuer": issuer, "client": client}]


def named_by(issuer: str, at_us: int) -> dict[str, Any]:
    """Return the people of the police in clear: one by subject, the others by claims."""

    def grant(role: str, given: list[str]) -> dict[str, Any]:
        claims = [{"claim": "unit", "value": "duty-desk"}, {"claim": "roles", "value": role}]
        return {"provider": "idp", "claims": claims, "unit": "duty-desk", "roles": given}

    return {
        "people": {
            "organisation": "met",
            "version": 0,
            "valid_from": rfc3339(at_us - DAY_US),
            "valid_until": rfc3339(at_us + 30 * DAY_US),
            "presence": "PT5M",
        },
        "providers": providers_of(issuer),
        "grants": [grant("gate-viewer", ["viewer"]), grant("gate-confirmer", ["confirmer"])],
        "persons": [
            {
                "name": "Ada Archer",
                "provider": "idp",
                "subject": "ada",
                "unit": "duty-desk",
                "roles": ["viewer", "hotlist-keeper"],
            }
        ],
    }


@contextmanager
def station() -> Iterator[Station]:
    """Run it all."""
    with tempfile.TemporaryDirectory(prefix="wicketgate-oidc-") as name:
        folder = Path(name)
        secret = folder / "idp.secret"
        write_secret(secret, SECRET)
        settings = f'port = 0\nfronts = 1\n[providers]\n"met/idp" = "{secret}"\n'
        with gateway(8, settings=settings) as made:
            back = "/sign-in/back/met/idp"
            url = made.url.replace("127.0.0.1", "localhost")
            with provider(folder, [f"{url}{back}"], PEOPLE) as idp:
                issue(made, DESK.reader)
                submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
                running = Station(made, idp, named_by(idp.issuer, made.at_us))
                running.name()
                try:
                    yield running
                finally:
                    for one in running.browsers:
                        one.close()


def token_in(browser: Browser, url: str) -> str:
    """Return the session that a browser holds; empty where it has none."""
    return browser.cookies.get(httpx.URL(url).netloc.decode(), {}).get("wicketgate-duty", "")
