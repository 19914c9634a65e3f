"""What version 0.3 left, upgraded; and its answers, with the differences that later versions mean, each by its name."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from tests.history_2007 import CERTIFICATE
from wicketgate.base.settings import load_settings
from wicketgate.gateway.upgrading import upgrade


def upgrade_in_place(deployment: Path) -> list[str]:
    """Upgrade a stopped deployment to the form of today; return what was said."""
    said: list[str] = []
    asyncio.run(upgrade(load_settings(deployment), said.append))
    return said


def comparable(one: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with its members in order, where the version that answers may add some."""
    if one["path"] not in CHANGED:
        return one
    text = json.dumps(json.loads(one["answer"]["text"]), sort_keys=True, ensure_ascii=False)
    return {**one, "answer": {**one["answer"], "text": text}}


def as_of_today(one: dict[str, Any]) -> dict[str, Any]:
    """Return an answer of 0.3 with the differences that later versions mean, each by its name; no other is made."""
    change = CHANGED.get(one["path"])
    if change is None:
        return one
    answer = dict(one["answer"])
    value = json.loads(answer["text"])
    change(value)
    if one["path"] == "/register.json":
        answer["cache-control"] = "no-cache"  # its tag is asked after each time
    return {**one, "answer": {**answer, "text": json.dumps(value)}}


def register_of_today(register: dict[str, Any]) -> None:
    """Add the form, stances, custody, the limits of figures and people, and say in words what left then."""
    register |= {"form": 3, "least_traffic": 10, "step": 10, "targeting": [], "people": [], "months": []}
    register |= {"schemes": [], "waivers": [], "witnesses": []}
    register["witnessing"] = {"needed": 0, "named": [], "after_s": {}, "stopped": [], "told": []}
    for item in (*register["authorities"], *register["consultations"]):
        by_id_alone(item["words"])
        and_lookalikes(item["words"])
    for item in register["authorities"]:
        item["stance"] = RUNNING | STANCES[item["name"]]
        item["custody"] = False if item["mode"] == "bulk" else None


def cameras_of_today(listed: dict[str, Any]) -> None:
    """Add the names of the cameras, and how many were not kept; how hits were judged is told by the month."""
    listed |= {"unkept": 0, "unknown_signs": 0, "judged_from": None, "judged_until": None}
    for camera in listed["cameras"]:
        camera |= {"name": None, "ignore_offset": False, "words": False, "signs": 0, "sign_at": None}
        qualities = [
            f"{quality}-{said}" for quality in ("exact", "possible") for said in ("confirmed", "misread")
        ]
        camera["judged"] = dict.fromkeys(qualities)


def why_of_today(told: dict[str, Any]) -> None:
    """Say of `place` what rows of then show."""
    for answer in told["answers"]:
        by_id_alone(answer["words"])


def by_id_alone(words: list[str]) -> None:
    """Change the one sentence on what leaves of a read."""
    for n, line in enumerate(words):
        if line.startswith(("Released of each read: ", "What leaves of it: ")):
            words[n] = line.replace("the camera and its place", "the camera, by its id alone")


def and_lookalikes(words: list[str]) -> None:
    """Say of a list that plates which look like a listed one leave too, as they did then."""
    alike = ", and of plates that look like a listed one, as possible hits"
    for n, line in enumerate(words):
        words[n] = line.replace(" (mode match).", f"{alike} (mode match).")


CHANGED = {
    "/register.json": register_of_today,
    "/v1/cameras": cameras_of_today,
    "/v1/why": why_of_today,
}
RUNNING = {
    "phase": "running", "begun": True, "stops": [], "end": None,
    "footing": "notice", "part": False, "since": None, "by": [],
}  # fmt: skip
STANCES: dict[str, dict[str, object]] = {
    "tfl-charging": {},
    "tfl-trial": {"stops": ["suspension"]},
    "tfl-closed": {"phase": "over", "end": "quashed"},
    CERTIFICATE: {"footing": "marked"},
    "marshbridge-met-national-security": {
        "phase": "over", "end": "revocation", "footing": "covered", "by": ["c-2007-002"]
    },
    "eastholm-met-stolen": {"footing": "covered", "by": ["c-2007-003"]},
}  # fmt: skip
