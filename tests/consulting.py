"""Consultations of the invented London, for tests from outside: what is proposed, who signs, who responds."""

from __future__ import annotations

import time
from typing import Any

import httpx

from bench.harness import Running
from tests.running import get, now_us, request, submit
from wicketgate.base.clock import DAY_US, SECOND_US, rfc3339
from wicketgate_demo.world import london

PROPOSER = "home-office/secretary-of-state"
DECIDERS = ("tfl/data-protection", "dft/minister")
DRAFT_NAME = "tfl-met-crime"


def draft(at_us: int) -> dict[str, Any]:
    """Return an authority that no consultation covers: every read on the boundary, for crime of any kind."""
    document = london.counter_terrorism_authority(at_us)
    document["authority"] |= {
        "name": DRAFT_NAME,
        "title": "Congestion-charge cameras for crime of any kind",
        "unit": "duty-desk",
        "purpose": "policing/crime",
    }
    return document


def consultation(
    name: str, /, *, opens_in_s: float = 0, seconds: float = 3600, **more: Any
) -> dict[str, Any]:
    """Return a consultation that opens in a while, for so many seconds."""
    at_us = now_us()
    opens_us = at_us + round(opens_in_s * SECOND_US)
    said = {
        "id": name,
        "title": f"Cameras for crime of any kind ({name})",
        "at": rfc3339(at_us),
        "opens_at": rfc3339(opens_us),
        "closes_at": rfc3339(opens_us + round(seconds * SECOND_US)),
        "assessment": "Every driver who crosses the boundary is recorded.\n\nNobody is told at the camera.",
    }
    return {"consultation": said | more, "draft": draft(at_us)}


def objection(name: str, about: str) -> dict[str, Any]:
    """Return the objection of the department for transport."""
    return {
        "objection": {
            "id": name,
            "consultation": about,
            "at": rfc3339(now_us()),
            "organisation": "dft",
            "reason": "Drivers were told that the cameras are for the charge.",
        }
    }


def decision(name: str, about: str, outcome: str = "approved", /, **answers: str) -> dict[str, Any]:
    """Return a decision; `answers` by the id of the objection, with `_` for a hyphen."""
    said: dict[str, Any] = {
        "id": name,
        "consultation": about,
        "at": rfc3339(now_us()),
        "outcome": outcome,
        "reasons": "The responses were read.",
        "answers": [{"objection": key.replace("_", "-"), "answer": value} for key, value in answers.items()],
    }
    if outcome == "approved":
        said["covered_until"] = rfc3339(now_us() + 300 * DAY_US)
    return {"decision": said}


def publish(running: Running, document: dict[str, Any]) -> None:
    """Submit a consultation, signed by its proposer."""
    answer = submit(running, document, PROPOSER)
    assert answer.status_code == 201, answer.text


def respond(running: Running, name: str, /, **said: Any) -> httpx.Response:
    """Respond as JSON."""
    return request("POST", f"{running.url}/consultations/{name}/responses", json=said)


def respond_by_form(running: Running, name: str, /, **said: str) -> httpx.Response:
    """Respond by the form of the page."""
    return request("POST", f"{running.url}/consultations/{name}/responses", data=said)


def published(running: Running, name: str) -> list[dict[str, Any]]:
    """Return the responses to a closed consultation."""
    answer = get(f"{running.url}/consultations/{name}/responses")
    assert answer.status_code == 200, answer.text
    return [httpx.Response(200, content=line).json() for line in answer.text.splitlines()]


def closed(running: Running, name: str, seconds: float = 60.0) -> dict[str, Any]:
    """Return a consultation of the register once it has closed."""
    end = time.monotonic() + seconds
    while True:
        found: dict[str, Any] = registered(running, name)
        if found["status"] not in {"announced", "open"}:
            return found
        assert time.monotonic() < end
        time.sleep(0.2)


def registered(running: Running, name: str) -> dict[str, Any]:
    """Return a consultation as the register has it."""
    found: list[dict[str, Any]] = get(f"{running.url}/register.json").json()["consultations"]
    return next(one for one in found if one["id"] == name)
