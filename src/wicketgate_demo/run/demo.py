"""The command `wicketgate demo`: a whole invented London.

It is there to look at, or runs headless with the judgement whether the laws held.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from wicketgate.base.ending import asked_to_end
from wicketgate.base.errors import WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate_demo.run.asking import (
    ASKED_POSTS,
    ask_the_past,
    counted_searches,
    post_past,
    submit_authority,
)
from wicketgate_demo.run.children import Child
from wicketgate_demo.run.ending import OverseenEnds
from wicketgate_demo.run.enrolment import CAMERAS, Groups, bearer, enrol, list_stays, list_vehicles
from wicketgate_demo.run.folder import Folder
from wicketgate_demo.run.linking import link_keepers
from wicketgate_demo.run.people import codes_of, name_people, sign_in_everybody
from wicketgate_demo.run.proposals import Officers
from wicketgate_demo.run.serving import Served, serve
from wicketgate_demo.run.trial import Trial, simulate_arguments
from wicketgate_demo.run.witnesses import NEEDED, counted_witnesses, witness_urls
from wicketgate_demo.run.words import guide, progress_line

__all__ = ["CAMERAS", "Plan", "demonstrate"]

_PROGRESS_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The plan of one `wicketgate demo`.

    `cameras` and `port` are None for what there is, or the default.
    """

    folder: Path
    port: int | None = None
    cameras: int | None = None
    rate: float = 200.0
    seconds: float | None = None
    report: Path | None = None


async def demonstrate(plan: Plan, say: Callable[[str], None]) -> int:
    """Run a demonstration to its end, and return the exit code.

    Every process that it starts has ended when it returns.

    Raises
    ------
    WicketgateError
        If it cannot be made or started.
    """
    stop = asked_to_end()
    folder = Folder(plan.folder)
    lock = folder.lock()
    served = Served(folder, say)
    work = asyncio.create_task(_headless(plan, served) if plan.seconds is not None else _show(plan, served))
    stopped = asyncio.create_task(stop.wait())
    failed = asyncio.create_task(served.failed.wait())
    try:
        await asyncio.wait({work, stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if served.failed.is_set():
            raise WicketgateError(
                f"the gateway does not stay up: see `{folder.log('gateway.log')}`", code="not-started"
            )
        say("Stopped." if plan.seconds is None else "Stopped before the end: no report.")
        return 0 if plan.seconds is None else 130
    finally:
        for task in (stopped, failed):
            task.cancel()
        await asyncio.gather(stopped, failed, return_exceptions=True)
        os.close(lock)


async def _show(plan: Plan, served: Served) -> int:
    """Run until stopped.

    The hits wait for whoever signs in as the duty officer.
    """
    folder = served.folder
    async with (
        serve(served, plan.port, plan.cameras or CAMERAS),
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        cameras = await enrol(folder, client, plan.cameras)
        await name_people(folder, client)
        officers = Officers(folder, client)
        await officers.publish()
        deciding = asyncio.create_task(officers.decide())
        await list_vehicles(folder, client)
        await list_stays(folder, client)
        people = await _keep_credentials(served, client, cameras)
        looking_back = asyncio.create_task(_look_back(served, client, cameras, people))
        words = simulate_arguments(served, plan.rate)
        log, out = folder.log("simulate.log"), folder.log("simulate.out")
        sending = Child(*words, log=log, out=out)
        await sending.start()
        try:
            for line in guide(
                folder, served.url, sum(map(len, cameras.values())), plan.rate, codes_of(folder)
            ):
                served.say(line)
            await _show_progress(served, client, sending)
        finally:
            for task in (deciding, looking_back):
                task.cancel()
            await asyncio.gather(deciding, looking_back, return_exceptions=True)
            await sending.stop()
    return 0


async def _look_back(
    served: Served, client: httpx.AsyncClient, cameras: Groups, people: Mapping[str, Any]
) -> None:
    """Post the past beside what passes now, and ask about it; whatever fails, the rest goes on."""
    try:
        is_asked = await submit_authority(served.folder, client)
        if is_asked:
            await post_past(served.folder, client, cameras, served.say, most=ASKED_POSTS)
            await ask_the_past(client, people)
        links = await link_keepers(served.folder, client, cameras, people)
        served.say(f"Keepers were linked for {', '.join(links['answered']) or 'no cause'}.")
        if is_asked:  # what is asked about came first; a month takes minutes, and nobody waits for it
            await post_past(served.folder, client, cameras, served.say)
    except (WicketgateError, httpx.HTTPError) as error:
        served.say(f"Nothing can be asked of the past: {error}")


async def _keep_credentials(served: Served, client: httpx.AsyncClient, cameras: Groups) -> dict[str, Any]:
    """Write down how to get in; again whenever the gateway starts anew, which ends every session."""
    people: dict[str, Any] = {}

    async def write() -> None:
        people.update(await sign_in_everybody(served.folder, client))
        urls = witness_urls(served.folder)
        served.folder.write_credentials(served.url, cameras, people, served.keepers, urls)

    await write()
    served.again = write
    return people


async def _show_progress(served: Served, client: httpx.AsyncClient, sending: Child) -> None:
    terminal = sys.stdout.isatty()
    folder = served.folder
    admin = bearer(read_secret(folder.token("admin")))
    told = False
    while True:
        if not sending.running and not told:
            told = True
            served.say(f"The cameras stopped: see {folder.log('simulate.log')}. The gateway goes on.")
        try:
            line = progress_line((await client.get("/metrics", headers=admin)).text)
        except httpx.HTTPError:
            line = "the gateway does not answer"
        if terminal:
            sys.stdout.write(f"\r\x1b[K{line}")
            sys.stdout.flush()
        else:
            served.say(line)
        await asyncio.sleep(1.0 if terminal else _PROGRESS_S)


async def _headless(plan: Plan, served: Served) -> int:
    assert plan.seconds is not None
    folder = served.folder
    async with (
        serve(served, plan.port, plan.cameras or CAMERAS),
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        cameras = await enrol(folder, client, plan.cameras)
        await name_people(folder, client)
        await Officers(folder, client).publish()
        people = await _keep_credentials(served, client, cameras)
        has_past = await submit_authority(folder, client)
        if has_past:
            await ask_the_past(client, people)
        searches = await counted_searches(client, people)
        await list_vehicles(folder, client)
        links = await link_keepers(folder, client, cameras, people)
        served.say(
            f"{sum(map(len, cameras.values())):,} cameras send {plan.rate:g} reads a second for {plan.seconds:g} s "
            f"to {served.url}."
        )
        ends = OverseenEnds(folder, client, cameras) if has_past else None
        trial = Trial(served, client, cameras, rate=plan.rate, seconds=plan.seconds, ends=ends)
        witnesses = asyncio.create_task(_while_it_lasts(client, plan.seconds))
        evidence = await trial.run()
        cosigned = await witnesses
    return trial.conclude(evidence, plan.report, searches, links, cosigned)


async def _while_it_lasts(client: httpx.AsyncClient, seconds: float) -> dict[str, int]:
    """Return who cosigns the log, near the end of a trial: behind it the gateway stands still."""
    await asyncio.sleep(max(2.0, seconds * 0.8))
    try:
        return await counted_witnesses(client)
    except httpx.HTTPError:
        return {"cosigned": 0, "needed": NEEDED}
