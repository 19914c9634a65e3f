"""Questions to a real gateway over HTTP and by the command: asked, approved, killed in between, read, verified."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.harness import WICKETGATE, Running, gateway
from tests.running import bearer, now_us, post, read, request, submit, until
from tests.system.test_people_browser import SIGNER, Named
from tests.system.test_people_ends import Somebody, somebody
from wicketgate.base.clock import DAY_US, HOUR_US, rfc3339
from wicketgate.regime.documents.binding import bind
from wicketgate_demo.world import london

ASKED = "tfl-met-asked"
SIGNERS = ("home-office/secretary-of-state", "tfl/commissioner", "tfl/data-protection", "met/intelligence")
PLATE, OTHER = "AB12CDE", "AB12XYZ"


def change(charter: dict[str, Any]) -> None:
    """Let the past be asked, after notice alone."""
    charter["consultations"].append(
        {
            "instruments": ["data-sharing-agreement"],
            "modes": ["search"],
            "purposes": ["policing/vehicles-of-interest"],
            "need": "notice",
        }
    )
    charter["searching"] = {"emergency": {"within": "P1D", "overseer": london.OVERSEER}}


def authority(at_us: int) -> dict[str, Any]:
    document = london.PAPERS[london.OF_INTEREST].draft(at_us)
    document.pop("match")
    document["authority"] |= {
        "name": ASKED,
        "mode": "search",
        "purpose": "policing/vehicles-of-interest",
        "instrument": {"kind": "data-sharing-agreement", "citation": "an agreement"},
        "onward": [],
    }
    document["scope"]["fields"] = ["plate", "time", "place", "vehicle"]
    document["search"] = {
        "questions": ["plate", "pattern"],
        "breadth": {"camera_days": 500, "plates": 100},
        "max_age": "P6D",
        "answer_retention": "P1D",
    }
    return bind(document, london.ORIGIN)


@pytest.fixture(scope="module")
def made() -> Iterator[tuple[Running, Named]]:
    with gateway(8, settings="port = 0\nhistory = true\n", change=change) as running:
        submit(running, authority(running.at_us), *SIGNERS).raise_for_status()
        named = Named({"Ada Asker": ["asker"], "Ben Bishop": ["approver"]})
        submit(running, named.document(1, running.at_us), SIGNER).raise_for_status()
        openings = f"{running.url}/v1/people/met/openings"
        request("PUT", openings, json=named.openings(), headers=bearer(running, "admin")).raise_for_status()
        post(running, [read(PLATE, ago_s=7200), read(PLATE, "ccz-0003", ago_s=3600), read(OTHER, ago_s=60)])
        yield running, named


def command(running: Running, folder: Path, who: Somebody, *arguments: str, code: int = 0) -> str:
    """Run a command as somebody; return what it says."""
    token = folder / "token"
    if not token.exists():
        token.write_text(who.session)
        token.chmod(0o600)
    url = running.url.replace("127.0.0.1", "localhost")
    done = subprocess.run(
        [*WICKETGATE, *arguments, "--from", url, "--token-file", str(token)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done.stdout


def reason() -> list[str]:
    since, until_ = rfc3339(now_us() - DAY_US), rfc3339(now_us() + HOUR_US)
    why = "The van was seen leaving the yard where it was burnt."
    return ["--since", since, "--until", until_, "--offence", "CLD-1", "--case", "C-7", "--reason", why]


def history_of(running: Running) -> int | None:
    found = running._children_with(b"wicketgate.history.process")
    return found[0] if found else None


@pytest.mark.timeout(600)
def test_a_question_outlives_a_kill_between_its_approval_and_its_run(
    made: tuple[Running, Named], tmp_path: Path
) -> None:
    running, named = made
    ada, ben = somebody(running, named, "Ada Asker"), somebody(running, named, "Ben Bishop")
    url, since = ada.url, rfc3339(now_us() - DAY_US)

    def how(id_: str) -> dict[str, Any]:
        answer = httpx.get(f"{url}/v1/searches/{id_}", headers=ada.headers, timeout=60)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    # By the command: one exact plate, answered at once, and fetched as a file.
    said = json.loads(command(running, tmp_path, ada, "search", ASKED, "--plate", PLATE, *reason(), "--json"))
    until(lambda: how(said["id"])["status"] == "answered", 90)
    out = tmp_path / "answer.csv"
    command(running, tmp_path, ada, "answer", said["id"], "--format", "csv", "--out", str(out))
    assert [line.split(",")[6] for line in out.read_text().splitlines()[1:]] == ["ccz-0001", "ccz-0003"]
    assert out.stat().st_mode & 0o777 == 0o600
    assert "question-kind" in command(
        running, tmp_path, ada, "search", ASKED, "--plate", PLATE, "--lookalikes", *reason(), code=1
    )
    # By HTTP: counted, approved while the history stands still, and killed before it is run.
    body = {
        "authority": ASKED,
        "offence": "CLD-1",
        "case": "C-7",
        "reason": "The van was seen leaving the yard where it was burnt.",
        "question": {"pattern": "AB12*", "from": since, "to": rfc3339(now_us() + HOUR_US)},
    }
    asked = httpx.post(f"{url}/v1/searches", json=body, headers=ada.headers, timeout=60).json()
    counted = until(lambda: how(asked["id"]) if how(asked["id"])["status"] == "counted" else None, 60)
    assert counted["vehicles"] == 9
    process = history_of(running)
    assert process is not None
    os.kill(process, signal.SIGSTOP)

    def approve() -> None:
        path = f"{url}/v1/searches/{asked['id']}/approve"
        with contextlib.suppress(httpx.HTTPError):  # the gateway is killed meanwhile
            httpx.post(path, json={"vehicles": 9}, headers=ben.headers, timeout=60)

    approving = threading.Thread(target=approve)
    approving.start()
    until(lambda: how(asked["id"])["status"] == "running", 30)
    running.kill()
    approving.join(60)
    running.start()
    ada.sign_in()
    answered = until(lambda: how(asked["id"]) if how(asked["id"])["status"] == "answered" else None, 120)
    rows = httpx.get(f"{url}/v1/searches/{asked['id']}/rows", headers=ada.headers, timeout=60)
    assert [json.loads(line)["read"]["plate"] for line in rows.content.splitlines()] == [PLATE, PLATE, OTHER]
    assert answered["rows"] == 3
    # What was answered before the kill is still there, and the log is as it was.
    assert how(said["id"])["status"] == "answered"
    ben.sign_in()
    again = httpx.post(
        f"{url}/v1/searches/{asked['id']}/approve", json={"vehicles": 9}, headers=ben.headers, timeout=60
    )
    assert (again.status_code, again.json()["code"]) == (409, "approval-spent")
    proof = until(
        lambda: httpx.get(f"{url}/v1/searches/{asked['id']}/proof", headers=ada.headers, timeout=60), 30
    )
    assert proof.status_code in {200, 404}
    done = subprocess.run([*WICKETGATE, "verify", running.url], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, (done.stdout, done.stderr)
    text = running.log.read_text()
    assert PLATE not in text
