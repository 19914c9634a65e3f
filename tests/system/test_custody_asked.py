"""Questions to a custody: put to the gateway, approved there, and shown once each look is committed there."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from bench.harness import Running, gateway
from tests.authenticator import Authenticator
from tests.keys import unseal
from tests.running import (
    MET,
    OVERSEER,
    SOURCE,
    arrived,
    bearer,
    client,
    now_us,
    plates,
    post,
    read,
    request,
    rows_of,
    secret_file,
    submit,
    until,
    wicketgate,
)
from tests.system.test_custody import CT, Kept
from tests.system.test_people_browser import SIGNER, Named
from tests.system.test_people_ends import Somebody
from wicketgate.base.clock import DAY_US, rfc3339
from wicketgate.ledger.merkle import leaf_hash, root
from wicketgate_demo.world import london

SEEN = plates(14, seed=77)
PAPER = london.PAPERS[CT]


@dataclass
class Asked:
    """A gateway with people of the unit, and the custody of its feed."""

    made: Running
    kept: Kept
    people: dict[str, Somebody]

    @property
    def url(self) -> str:
        """Where people ask the custody."""
        return re.findall(r"asked at (http://\S+)", self.kept.log.read_text())[-1]

    def as_(self, name: str, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the custody something as somebody."""
        headers = {**self.people[name].headers, **more.pop("headers", {})}
        return httpx.request(method, self.url + path, headers=headers, timeout=60, **more)

    def again(self) -> None:
        """Start the custody, and wait until it says where it is asked."""
        before = self.kept.log.read_text().count("asked at http")
        self.kept.start()
        until(lambda: self.kept.log.read_text().count("asked at http") > before or None, 60)

    def ask(self, name: str = "Ada Archer", **question: Any) -> dict[str, Any]:
        """Put a question about the last hour."""
        span = {"from": rfc3339(now_us() - DAY_US // 24), "to": rfc3339(now_us() + 60_000_000)}
        body = {
            "authority": CT,
            "offence": "TACT-5",
            "case": "C-2026-7",
            "reason": "The van was seen leaving the yard where it was burnt.",
            "question": {**span, **question},
        }
        answer = self.as_(name, "POST", "/v1/searches", json=body)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def standing(self, id_: str, *wanted: str) -> dict[str, Any]:
        """Return how a question stands once it stands in one of some ways."""

        def look() -> dict[str, Any] | None:
            found = self.as_("Ada Archer", "GET", f"/v1/searches/{id_}")
            assert found.status_code == 200, found.text
            return dict(found.json()) if found.json()["status"] in wanted else None

        return until(look, 60)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    base = tmp_path_factory.mktemp("custody")
    with gateway(8, settings="port = 0\nfronts = 0\nreaders = 0\n") as made:
        named = Named(
            {
                "Ada Archer": ["asker", "viewer"],
                "Ben Bishop": ["asker"],
                "Cy Cole": ["approver"],
            },
            unit="national-security-units",
        )
        submit(made, named.document(1, made.at_us), SIGNER).raise_for_status()
        openings = f"{made.url}/v1/people/met/openings"
        request("PUT", openings, json=named.openings(), headers=bearer(made, "admin")).raise_for_status()
        url = made.url.replace("127.0.0.1", "localhost")
        people = {}
        for name in named.roles:
            people[name] = Somebody(url, Authenticator(url, "localhost"))
            people[name].enrol(named.code(name))
        post(made, [read(plate) for plate in SEEN])
        arrived(made, CT, SEEN)
        kept = Kept(made, base)
        kept.start()
        until(lambda: kept.found(SEEN), 90)
        yield Asked(made, kept, people)
        if kept.process is not None and kept.process.poll() is None:
            kept.end()


def versions(made: Running) -> dict[int, dict[str, Any]]:
    """Return the versions of the bulk authority, as the register shows them."""
    shown = request("GET", f"{made.url}/register.json").json()["authorities"]
    return {one["version"]: one for one in shown if one["name"] == CT}


def with_search(made: Running, **search: Any) -> int:
    """Put the next version of the bulk authority in force, which names questions; return its number."""
    document = PAPER.draft(made.at_us)
    version = document["authority"]["version"] = max(versions(made)) + 1
    document["search"] = {
        "questions": ["plate", "place"],
        "breadth": {"camera_days": 500, "plates": 50},
        "max_age": "P7D",
        "answer_retention": "P1D",
        **search,
    }
    submit(made, document, *PAPER.signers).raise_for_status()
    return version


def test_custody_answers_by_the_law_of_its_authority_alone(asked: Asked, tmp_path: Path) -> None:
    made = asked.made
    # Without a table `[search]` nothing may be asked.
    assert asked.ask(plate=SEEN[0])["code"] == "no-authority"
    assert versions(made)[1]["custody"] is False
    number = with_search(made)
    assert versions(made)[number]["custody"] is True
    feed = {line["seq"]: line for line in rows_of(arrived(made, CT, SEEN))}

    # One exact plate is answered at once, by the row as it was delivered.
    one = asked.standing(asked.ask(plate=SEEN[3])["id"], "answered")
    shown = asked.as_("Ada Archer", "GET", f"/v1/searches/{one['id']}/rows")
    assert shown.status_code == 200, shown.text
    lines = shown.content.splitlines()
    assert [line["read"]["plate"] for line in map(_decoded, lines)] == [SEEN[3]]
    assert feed[_decoded(lines[0])["seq"]] == _decoded(lines[0])
    assert root([leaf_hash(line) for line in lines]).hex() == one["root"] == one["header"]["root"]

    # A place is counted first; before an approval nobody is shown a row, by no way.
    many = asked.ask(cameras=["ccz-0001"])
    counted = asked.standing(many["id"], "counted")
    assert counted["vehicles"] == len(SEEN)
    refused = asked.as_("Ada Archer", "GET", f"/v1/searches/{many['id']}/rows")
    assert (refused.status_code, refused.json()["code"]) == (409, "not-answered")
    approve = f"/v1/searches/{many['id']}/approve"
    assert asked.as_("Ada Archer", "POST", approve, json={"vehicles": 14}).status_code == 403
    differs = asked.as_("Cy Cole", "POST", approve, json={"vehicles": 13})
    assert differs.json()["code"] == "count-differs"
    approved = asked.as_("Cy Cole", "POST", approve, json={"vehicles": 14})
    assert approved.status_code == 200, approved.text
    asked.standing(many["id"], "answered")
    pages, after = [], 0
    for _ in range(3):
        page = asked.as_(
            "Ada Archer", "GET", f"/v1/searches/{many['id']}/rows", params={"after": after, "limit": 5}
        )
        pages += [_decoded(line)["read"]["plate"] for line in page.content.splitlines()]
        after = int(page.headers.get("wicketgate-after", 0))
    assert sorted(pages) == sorted(SEEN)
    assert after == 0
    csv = asked.as_("Ada Archer", "GET", f"/v1/searches/{many['id']}/rows", headers={"Accept": "text/csv"})
    assert csv.headers["content-type"].startswith("text/csv")

    # Nobody else is shown it: not another person, not the unit's machine, not a stranger.
    rows = f"{asked.url}/v1/searches/{many['id']}/rows"
    other = asked.as_("Ben Bishop", "GET", f"/v1/searches/{many['id']}/rows")
    assert (other.status_code, other.json()["code"]) == (404, "unknown-search")
    machine = httpx.get(rows, headers=bearer(made, MET))
    assert (machine.status_code, machine.json()["code"]) == (403, "person-needed")
    assert httpx.get(rows).status_code == 401
    assert httpx.get(rows, headers={"Authorization": "Bearer made-up"}).status_code == 401

    # Each look is a fact, and stood there before its page was shown.
    looks = until(lambda: _looks(made, many["id"], 4), 30)
    assert [(one["after"], one["rows"], one.get("form")) for one in looks] == [
        *((0, 5, None), (5, 5, None), (10, 4, None), (0, 14, "csv"))
    ]
    log = asked.kept.log.read_text()
    assert not any(plate in log for plate in SEEN)


def test_hours_and_age_narrow_what_custody_shows(asked: Asked) -> None:
    number = with_search(asked.made, hours=[_never_now()])
    one = asked.standing(asked.ask(plate=SEEN[4])["id"], "answered")
    assert (one["rows"], one["authority"]) == (0, f"{CT}@{number}")
    old = {"from": rfc3339(now_us() - 8 * DAY_US), "to": rfc3339(now_us())}
    assert asked.ask(plate=SEEN[4], **old)["code"] == "older-than-allowed"
    assert asked.ask(plates=SEEN[:3])["code"] == "question-kind"
    with_search(asked.made)


def test_checkpoints_go_on_and_an_older_folder_is_found(asked: Asked, tmp_path: Path) -> None:
    made, kept = asked.made, asked.kept
    with_search(made)
    url = f"{made.url}/v1/custody/{CT}/checkpoints"
    first = until(lambda: _checkpoint(made, 1), 90)
    kept.end()
    before = tmp_path / "before"
    shutil.copytree(kept.folder, before, ignore=shutil.ignore_patterns("ask"))
    asked.again()
    one = asked.ask(plate=SEEN[5])
    asked.standing(one["id"], "answered")
    later = until(lambda: _checkpoint(made, first["size"] + 1), 90)
    assert later["batch"] >= first["batch"] > 0
    for said, code in (
        ({**_said(later), "size": later["size"] - 1}, "custody-not-extended"),
        ({**_said(later), "size": later["size"] + 1, "root": "ab" * 32}, "custody-not-extended"),
        ({**_said(later), "batch": 10**9}, "more-than-released"),
        ({**_said(later), "root": "AB" * 32}, "malformed"),
        ({**_said(later), "batch": -1}, "malformed"),
    ):
        answer = request("POST", url, json=said, headers=bearer(made, MET))
        assert answer.json()["code"] == code, (said, answer.text)
    kept.end()
    later_copy = tmp_path / "later"
    shutil.move(kept.folder, later_copy)
    shutil.move(before, kept.folder)
    kept.start()
    assert kept.process is not None
    assert kept.process.wait(90) == 1
    assert "custody-not-extended" in kept.log.read_text()
    # What was kept since is put back: custody goes on from it.
    shutil.rmtree(kept.folder)
    shutil.move(later_copy, kept.folder)
    asked.again()


def test_a_correction_is_kept_in_custody_and_shown_with_the_row(asked: Asked) -> None:
    made, (wrong, right) = asked.made, plates(2, seed=78)
    with_search(made)
    post(made, [read(wrong, id="wrong-1")])
    arrived(made, CT, [wrong])
    until(lambda: asked.kept.found([wrong]), 60)
    one = asked.standing(asked.ask(plate=wrong)["id"], "answered")
    said = {"id": "wrong-1", "ground": "misread", "reason": "the image was looked at", "plate": right}
    request("POST", f"{made.url}/v1/errata", json=said, headers=bearer(made, SOURCE)).raise_for_status()

    def told(id_: str) -> list[dict[str, Any]] | None:
        found = asked.as_("Ada Archer", "GET", f"/v1/searches/{id_}/rows")
        rows = [_decoded(line) for line in found.content.splitlines()]
        return rows if any("erratum" in row for row in rows) else None

    row, erratum = until(lambda: told(one["id"]), 60)
    assert row["read"]["plate"] == wrong, "a correction never overwrites"
    assert erratum["erratum"] == {"seq": row["seq"], "ground": "misread"}, "nobody asked for another vehicle"
    place = asked.ask(cameras=["ccz-0001"])["id"]
    counted = asked.standing(place, "counted")
    asked.as_("Cy Cole", "POST", f"/v1/searches/{place}/approve", json={"vehicles": counted["vehicles"]})
    asked.standing(place, "answered")
    [delivered] = [line for line in rows_of(arrived(made, CT, [wrong])) if "erratum" in line]
    assert delivered["erratum"]["read"]["plate"] == right
    assert delivered in (until(lambda: told(place), 60) or [])


def test_a_pack_of_an_answer_out_of_custody_proves_each_release(asked: Asked, tmp_path: Path) -> None:
    with_search(asked.made)
    one = asked.standing(asked.ask(plate=SEEN[5])["id"], "answered")
    token = secret_file(tmp_path / "token", asked.people["Ada Archer"].headers["Authorization"].split()[1])
    key = tmp_path / "log.key"
    key.write_text(request("GET", f"{asked.made.url}/log/key").text)
    said = ("--from", asked.made.url, "--token-file", token, "--key", key)
    out = tmp_path / "pack.zip"
    without = wicketgate("evidence", one["id"], *said, "--out", out)
    assert without.returncode != 0
    assert "custody has this answer" in without.stderr
    made = wicketgate("evidence", one["id"], *said, "--custody", asked.url, "--out", out)
    assert made.returncode == 0, made.stderr
    checked = wicketgate("verify", "--evidence", out, "--key", key)
    assert checked.returncode == 0, checked.stdout
    asked_at = asked.as_("Ada Archer", "GET", f"/v1/searches/{one['id']}/releases")
    assert asked_at.status_code == 200
    other = asked.as_("Ben Bishop", "GET", f"/v1/searches/{one['id']}/releases")
    assert (other.status_code, other.json()["code"]) == (404, "unknown-search")


def test_while_the_gateway_is_away_custody_shows_nothing(asked: Asked, tmp_path: Path) -> None:
    report = wicketgate("verify", asked.made.url, "--state", tmp_path / "state")
    assert report.returncode == 0, report.stdout
    one = asked.standing(asked.ask(plate=SEEN[6])["id"], "answered")
    asked.made.stop()
    shown = asked.as_("Ada Archer", "GET", f"/v1/searches/{one['id']}/rows")
    assert (shown.status_code, shown.json()["code"]) == (503, "gateway-unreachable")
    assert SEEN[6] not in shown.text


def _decoded(line: bytes) -> dict[str, Any]:
    return dict(msgspec.json.decode(line))


def _looks(made: Running, id_: str, least: int) -> list[dict[str, Any]] | None:
    """Return the facts of looks at an answer, once there are so many under closed seconds."""
    found: list[dict[str, Any]] = []
    after = 0
    with client(made, OVERSEER) as overseer:
        while lines := overseer.get("/v1/openings", params={"after": after, "limit": 1000}).text.splitlines():
            for line in map(json.loads, lines):
                after = line["number"]
                second = json.loads(unseal(base64.b64decode(line["sealed"]), made.offices.identity))
                found += [one for one in second["facts"] if one["kind"] == "answer-read" and one["id"] == id_]
    return found if len(found) >= least else None


def _checkpoint(made: Running, size: int) -> dict[str, Any] | None:
    found = request("GET", f"{made.url}/v1/custody/{CT}/checkpoints", headers=bearer(made, MET)).json()
    return dict(found) if found["size"] >= size else None


def _said(last: dict[str, Any]) -> dict[str, Any]:
    return {"size": last["size"], "root": last["root"], "consistency": [], "batch": last["batch"]}


def _never_now() -> dict[str, Any]:
    """Return hours of the week in which nothing was captured by now: two days ago."""
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    day = days[(now_us() // DAY_US + 3 - 2) % 7]
    return {"zone": "Europe/London", "days": [day], "from": "00:00", "until": "24:00"}
