"""The past of a demonstration: reads of the days before, and questions that are answered, wait and are refused."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx

from wicketgate.base.clock import DAY_US, SystemClock, rfc3339
from wicketgate.base.settings import read_secret
from wicketgate_demo.run.enrolment import Groups, bearer, need
from wicketgate_demo.run.folder import Folder
from wicketgate_demo.world.asking import ASKED, VAN, past_reads

_POST: Final = 500
_PAUSE_S: Final = 0.5
_PATIENCE_S: Final = 120.0
_KINDS: Final = {
    "answered": "answered",
    "counted": "awaiting",
    "awaiting-approval": "awaiting",
    "refused": "refused",
}


async def submit_authority(folder: Folder, client: httpx.AsyncClient) -> bool:
    """Submit the authority under which the past may be asked; return whether it is there.

    A demonstration of an earlier version has none.
    """
    register = need(await client.get("/register.json"), 200)
    if any(one["name"] == ASKED for one in register["authorities"]):
        return True
    if not folder.envelope(ASKED).exists():
        return False
    content = folder.envelope(ASKED).read_bytes()
    headers = bearer(read_secret(folder.token("source:tfl")))
    need(await client.post("/v1/documents", content=content, headers=headers), 201)
    return True


async def post_past(
    folder: Folder, client: httpx.AsyncClient, cameras: Groups, say: Callable[[str], None]
) -> None:
    """Post reads of the days before, once, as late ones: no feed's validity reaches back to them."""
    done = folder.path / "past.posted"
    if done.exists():
        return
    reads = list(past_reads(cameras["tfl"], SystemClock().now_us()))
    headers = bearer(read_secret(folder.token("source:tfl")))
    for first in range(0, len(reads), _POST):
        need(await client.post("/v1/reads", json=reads[first : first + _POST], headers=headers), 200)
        await asyncio.sleep(_PAUSE_S)  # what passes now goes first
    done.write_text(f"{len(reads)}\n")
    say(f"{len(reads):,} invented reads of the days before can be asked about.")


async def ask_the_past(client: httpx.AsyncClient, people: Mapping[str, Any]) -> None:
    """Ask three questions: one that is answered at once, one that waits for approval, one that is refused.

    A demonstration in which nobody asks, or whose history does not answer in time, goes on without.
    """
    if "asker" not in people:
        return
    headers = bearer(people["asker"]["token"])
    now_us = SystemClock().now_us()
    span = {"from": rfc3339(now_us - 6 * DAY_US), "to": rfc3339(now_us)}
    why = {
        "offence": "CLD-101",
        "case": "D-2026-0007",
        "reason": "The van was seen at the yard before the fire; where did it come from?",
    }
    questions = (
        {"plate": VAN, **span},
        {"pattern": f"{VAN[:2]}?{VAN[3:5]}*", **span},
        {"plate": VAN, "vehicle": {"colour": "white"}, **span},
    )
    for question in questions:
        body = {"authority": ASKED, **why, "question": question}
        with contextlib.suppress(httpx.HTTPError):
            await client.post("/v1/searches", json=body, headers=headers, timeout=60)


async def counted_searches(client: httpx.AsyncClient, people: Mapping[str, Any]) -> dict[str, int]:
    """Return how the questions of a demonstration stand, by kind."""
    found = Counter(dict.fromkeys(("answered", "awaiting", "refused", "unapproved"), 0))
    if "asker" not in people:
        return dict(found)
    ends = asyncio.get_running_loop().time() + _PATIENCE_S
    searches: list[dict[str, Any]] = []
    while asyncio.get_running_loop().time() < ends:
        answer = await client.get("/v1/searches", headers=bearer(people["asker"]["token"]))
        if answer.status_code != 200:
            break
        searches = answer.json()["searches"]
        if all(one["status"] not in {"counting", "running"} for one in searches):
            break
        await asyncio.sleep(1.0)
    for one in searches:
        if one["status"] in _KINDS:
            found[_KINDS[one["status"]]] += 1
        found["unapproved"] += bool(one.get("unapproved"))
    return dict(found)
