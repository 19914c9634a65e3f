"""The past of a demonstration: reads of the days before, and questions that are answered, wait and are refused."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx
import msgspec
import pyarrow as pa

from wicketgate.base.clock import DAY_US, SystemClock, rfc3339
from wicketgate.base.settings import read_secret
from wicketgate.reads.parse import ARROW
from wicketgate_demo.run.enrolment import Groups, bearer, need
from wicketgate_demo.run.folder import Folder
from wicketgate_demo.world.asking import ASKED, PAST_POST, PAST_READS, VAN, past_posts, past_reads

_PAUSE_S: Final = 0.2
ASKED_POSTS: Final = 4
"""Posts of the past that come before the questions: the vehicle that is asked about, and some others."""
_TOLD: Final = 10
"""How often it is told how far the past has come."""
_WHY: Final = {
    "offence": "CLD-101",
    "case": "D-2026-0007",
    "reason": "The van was seen at the yard before the fire; where did it come from?",
}
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


class PastPosted(msgspec.Struct, kw_only=True):
    """How far the past was posted: as of when, and how many posts."""

    at_us: int
    posts: int = 0


async def post_past(
    folder: Folder,
    client: httpx.AsyncClient,
    cameras: Groups,
    say: Callable[[str], None],
    *,
    most: int = 1 << 30,
) -> None:
    """Post reads of the month before, once, as late ones: no feed's validity reaches back to them.

    `most` is up to which post.

    It rests as long as each post took, so that what passes now goes first. A stop leaves how far it came: the next
    start goes on from there, and what was posted twice is a repeat.
    """
    noted = folder.path / "past.posted"
    posted = PastPosted(at_us=SystemClock().now_us())
    if noted.exists():
        try:
            posted = msgspec.json.decode(noted.read_bytes(), type=PastPosted)
        except msgspec.DecodeError:
            return  # an earlier version posted its days
    posts, loop = past_posts(), asyncio.get_running_loop()
    if posted.posts >= min(posts, most):
        return
    headers = bearer(read_secret(folder.token("source:tfl"))) | {"content-type": ARROW}
    while posted.posts < min(posts, most):
        began_s = loop.time()
        body = await asyncio.to_thread(_as_arrow, cameras["tfl"], posted.at_us, posted.posts)
        need(await client.post("/v1/reads", content=body, headers=headers, timeout=120), 200)
        posted.posts += 1
        noted.write_bytes(msgspec.json.encode(posted))
        if posted.posts * _TOLD // posts > (posted.posts - 1) * _TOLD // posts:
            count = (posted.posts - 1) * PAST_POST
            say(f"The past: {count:,} of {PAST_READS:,} invented reads of the month before are posted.")
        await asyncio.sleep(max(_PAUSE_S, loop.time() - began_s))


def _as_arrow(cameras: Mapping[str, object], at_us: int, post: int) -> bytes:
    table = pa.Table.from_pylist(list(past_reads(cameras, at_us, post)))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    data: bytes = sink.getvalue().to_pybytes()
    return data


async def ask_the_past(client: httpx.AsyncClient, people: Mapping[str, Any]) -> None:
    """Ask questions that are answered at once, that wait for approval, and that are refused, by each code that applies.

    Last one that says that life is threatened, and is not approved. A demonstration in which nobody asks, or whose
    history does not answer in time, goes on without.
    """
    if "asker" not in people:
        return
    headers = bearer(people["asker"]["token"])
    for body in questions(SystemClock().now_us()):
        with contextlib.suppress(httpx.HTTPError):
            await client.post("/v1/searches", json=body, headers=headers, timeout=60)
    if "approver" in people:
        with contextlib.suppress(httpx.HTTPError):
            await _ask_unapproved(client, headers, bearer(people["approver"]["token"]))


def questions(now_us: int) -> list[dict[str, Any]]:
    """Return what is asked: one that is answered, one that waits, and one for each code of a refusal that applies.

    How an authority stands has codes of its own, which need one that has ended.
    """
    span = {"from": rfc3339(now_us - 27 * DAY_US), "to": rfc3339(now_us)}
    plate = {"plate": VAN, **span}
    body = {"authority": ASKED, **_WHY, "question": plate}
    return [
        body,
        {**body, "question": {"pattern": f"{VAN[:2]}?{VAN[3:5]}*", **span}},
        {**body, "authority": "met-nobody-has"},
        {**body, "reason": " "},
        {**body, "question": {**plate, "vehicle": {"colour": "white"}}},
        {**body, "question": {**plate, "cameras": ["eastholm/nowhere"]}},
        {**body, "question": {**plate, "from": rfc3339(now_us - 60 * DAY_US)}},
    ]


async def _ask_unapproved(
    client: httpx.AsyncClient, asker: Mapping[str, str], approver: Mapping[str, str]
) -> None:
    """Say that life is threatened, and have it refused: the overseer is told, and the unit's right stops."""
    now_us = SystemClock().now_us()
    body = {
        "authority": ASKED,
        **_WHY,
        "question": {"plate": VAN, "from": rfc3339(now_us - DAY_US), "to": rfc3339(now_us)},
        "emergency": {"reason": "The driver said that he would set another fire tonight."},
    }
    answer = await client.post("/v1/searches", json=body, headers=asker, timeout=60)
    if answer.status_code == 201 and answer.json()["status"] in ("answered", "running"):
        said = {"reason": "Nobody's life was in danger: the caller was the driver's landlord."}
        await client.post(f"/v1/searches/{answer.json()['id']}/refuse", json=said, headers=approver)


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
