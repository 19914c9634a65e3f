"""`wicketgate demo`: a whole invented London, and in a headless run the judgement whether the laws held."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from wicketgate.clock import SystemClock
from wicketgate.errors import ConfigurationError, InputError, LedgerError, WicketgateError
from wicketgate.notes import parse_checkpoint, parse_note, parse_vkey
from wicketgate.settings import read_secret
from wicketgate.simulate import laws, london
from wicketgate.simulate.children import Child, free_port, run_child
from wicketgate.simulate.folder import Folder, write_whole
from wicketgate.simulate.load import Latencies
from wicketgate.simulate.recipients import Follower
from wicketgate.simulate.words import guide, progress_line, summary
from wicketgate.tiles import folder_fetch, iterate_entries
from wicketgate.verify.feeds import FeedChain

CAMERAS = 1500
PORT = 8080
SOURCE = "tfl"

_PUBLIC_PAGES = (
    "/",
    "/verify",
    "/docs",
    "/register.json",
    "/openapi.json",
    "/healthz",
    "/log/key",
    "/log/checkpoint",
)
_SETTLE_S = 30.0
_STILL_S = 1.5
_RESTARTS = 20
_RESTART_PAUSE_S = 0.5
_PROGRESS_S = 5.0
_PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What `wicketgate demo` was asked for; `cameras` and `port` None: what there is, or the default."""

    folder: Path
    port: int | None = None
    cameras: int | None = None
    rate: float = 200.0
    seconds: float | None = None
    report: Path | None = None


@dataclass(slots=True)
class _Run:
    plan: Plan
    folder: Folder
    say: Callable[[str], None]
    url: str = ""
    starts: int = 0
    stopping: bool = False
    notes: list[str] = field(default_factory=list)
    gateway: Child | None = None
    failed: asyncio.Event = field(default_factory=asyncio.Event)


async def demonstrate(plan: Plan, say: Callable[[str], None]) -> int:
    """Run a demonstration to its end; return the exit code.

    Every process that it starts has ended when it returns.

    Raises
    ------
    WicketgateError
        If it cannot be made or started.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    folder = Folder(plan.folder)
    lock = folder.lock()
    run = _Run(plan, folder, say)
    work = asyncio.create_task(_headless(run) if plan.seconds is not None else _interactive(run))
    stopped = asyncio.create_task(stop.wait())
    failed = asyncio.create_task(run.failed.wait())
    try:
        await asyncio.wait({work, stopped, failed}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            return work.result()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        if run.failed.is_set():
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


@contextlib.asynccontextmanager
async def _served(run: _Run) -> Any:
    """Make the deployment if there is none, and keep its gateway up."""
    folder = run.folder
    folder.credentials.unlink(missing_ok=True)  # what it says of the address is not true any more
    if folder.is_made:
        run.say(f"Taking up the demonstration in {folder.path}.")
    else:
        run.say(f"Making an invented London in {folder.path}: keys, charter, authorities.")
        folder.lay(_minute(SystemClock().now_us()))
        log = folder.log("init.log")
        code = await run_child(
            "init",
            folder.gateway,
            "--charter",
            folder.envelope("charter"),
            log=log,
            out=folder.log("init.out"),
        )
        if code != 0:
            raise WicketgateError(f"`wicketgate init` failed: see `{log}`", code="not-started")
    if not folder.log_key.exists():
        folder.keep_log_key()
    port = run.plan.port if run.plan.port is not None else free_port(PORT)
    watch: asyncio.Task[None] | None = None
    try:
        port = await _serve(run, port)
        watch = asyncio.create_task(_watch(run, port))
        yield
    finally:
        run.stopping = True
        if watch is not None:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
        if run.gateway is not None:
            await run.gateway.stop()


async def _serve(run: _Run, port: int) -> int:
    child = Child("serve", run.folder.gateway, "--port", str(port), log=run.folder.log("gateway.log"))
    run.gateway = child
    await child.start()
    run.url = (await child.first_line()).split()[-1]
    run.starts += 1
    return int(run.url.rpartition(":")[2])


async def _watch(run: _Run, port: int) -> None:
    """Start the gateway again when it ends by itself, or somebody kills it to see what happens."""
    for _ in range(_RESTARTS):
        assert run.gateway is not None
        code = await run.gateway.wait()
        run.say(f"The gateway ended with code {code}; starting it again.")
        run.notes.append(f"the gateway ended with code {code} and was started again")
        await asyncio.sleep(_RESTART_PAUSE_S)
        try:
            await _serve(run, port)
        except WicketgateError:
            break
    run.failed.set()


async def _enrol(run: _Run, client: httpx.AsyncClient) -> dict[str, list[str]]:
    """Issue what tokens are missing, register cameras, submit what is not in force; return cameras with groups."""
    folder = run.folder
    if not folder.token("admin").exists():
        secret = read_secret(folder.gateway / "keys" / "admin.token")
        write_whole(folder.token("admin"), secret.encode() + b"\n", mode=0o600)
    admin = _bearer(read_secret(folder.token("admin")))
    for name in london.TOKENS:
        if not folder.token(name).exists():
            answer = await client.post("/v1/tokens", json={"name": name}, headers=admin)
            token = _need(answer, 201)["token"]
            write_whole(folder.token(name), token.encode() + b"\n", mode=0o600)
    source = _bearer(read_secret(folder.token(f"source:{SOURCE}")))
    cameras = await _cameras(client, source)
    wanted = run.plan.cameras or (len(cameras) or CAMERAS)
    if len(cameras) != wanted:
        answer = await client.put("/v1/cameras", json=london.cameras(wanted), headers=source)
        _need(answer, 200)
        cameras = await _cameras(client, source)
    register = _need(await client.get("/register.json"), 200)
    known = {version["name"] for version in register["authorities"]}
    for name in london.READERS:
        if name not in known:
            content = folder.envelope(name).read_bytes()
            _need(await client.post("/v1/documents", content=content, headers=source), 201)
    return cameras


async def _cameras(client: httpx.AsyncClient, source: Mapping[str, str]) -> dict[str, list[str]]:
    answer = await client.get("/v1/cameras", headers=source)
    return {camera["id"]: camera["groups"] for camera in _need(answer, 200)["cameras"]}


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _need(answer: httpx.Response, status: int) -> Any:
    if answer.status_code != status:
        code = answer.json().get("code", "") if "json" in answer.headers.get("content-type", "") else ""
        raise WicketgateError(
            f"the gateway answers {answer.request.url.path} with {answer.status_code} {code}".rstrip(),
            code="set-up-refused",
        )
    return answer.json()


def _minute(at_us: int) -> int:
    return at_us - at_us % 60_000_000


# --- to look at -------------------------------------------------------------------------------------------


async def _interactive(run: _Run) -> int:
    folder = run.folder
    async with _served(run), httpx.AsyncClient(base_url=run.url, timeout=30) as client:
        cameras = await _enrol(run, client)
        folder.write_credentials(run.url, {SOURCE: cameras})
        posting = Child(
            "simulate",
            run.url,
            "--token-file",
            folder.token(f"source:{SOURCE}"),
            "--rate",
            str(run.plan.rate),
            log=folder.log("simulate.log"),
            out=folder.log("simulate.out"),
        )
        await posting.start()
        try:
            for line in guide(folder, run.url, len(cameras), run.plan.rate):
                run.say(line)
            await _show_progress(run, client, posting)
        finally:
            await posting.stop()
    return 0


async def _show_progress(run: _Run, client: httpx.AsyncClient, posting: Child) -> None:
    terminal = sys.stdout.isatty()
    admin = _bearer(read_secret(run.folder.token("admin")))
    told = False
    while True:
        if not posting.running and not told:
            told = True
            run.say(f"The cameras stopped: see {run.folder.log('simulate.log')}. The gateway goes on.")
        try:
            line = progress_line((await client.get("/metrics", headers=admin)).text)
        except httpx.HTTPError:
            line = "the gateway does not answer"
        if terminal:
            sys.stdout.write(f"\r\x1b[K{line}")
            sys.stdout.flush()
        else:
            run.say(line)
        await asyncio.sleep(1.0 if terminal else _PROGRESS_S * 2)


# --- headless ---------------------------------------------------------------------------------------------


async def _headless(run: _Run) -> int:
    plan, folder = run.plan, run.folder
    assert plan.seconds is not None
    began_s = time.monotonic()
    async with _served(run), httpx.AsyncClient(base_url=run.url, timeout=30) as client:
        cameras = await _enrol(run, client)
        folder.write_credentials(run.url, {SOURCE: cameras})
        run.say(
            f"{len(cameras)} cameras post {plan.rate:g} reads a second for {plan.seconds:g} s to {run.url}."
        )
        latencies = Latencies()
        followers = await _followers(run, client, latencies)
        following = [asyncio.create_task(follower.follow()) for follower in followers]
        try:
            tally, sent = await _load(run, followers)
            await _settle(followers)
        finally:
            for task in following:
                task.cancel()
            await asyncio.gather(*following, return_exceptions=True)
        for follower in followers:
            if follower.stopped:
                run.notes.append(f"the feed `{follower.authority}` was stopped: {follower.stopped}")
        run.say("The cameras have stopped. Verifying from outside.")
        verified = await _verify(run, followers)
        register = _need(await client.get("/register.json"), 200)
        cameras = {
            **cameras,
            **await _cameras(client, _bearer(read_secret(folder.token(f"source:{SOURCE}")))),
        }
        shown = await _public(client, register, read_secret(folder.token("admin")))
    code = await run.gateway.stop() if run.gateway is not None else None
    if code != 0:
        run.notes.append(f"the gateway ended with code {code} when it was told to stop")
    run.say("The gateway has stopped. Verifying what it left.")
    at_rest = await _report_of(run, "at-rest", str(folder.gateway))
    evidence = laws.Evidence(
        source=SOURCE,
        cameras=cameras,
        sent=sent,
        tally=tally,
        feeds={follower.authority: follower.batches for follower in followers},
        faults={follower.authority: follower.fault for follower in followers if follower.fault},
        register=register,
        entries=_entries(folder.gateway / "log"),
        verified=verified,
        at_rest=at_rest,
        starts=run.starts,
        shown={**shown, **dict(_files(folder))},
    )
    return _conclude(run, evidence, latencies, clean=code == 0, took_s=time.monotonic() - began_s)


async def _followers(run: _Run, client: httpx.AsyncClient, latencies: Latencies) -> list[Follower]:
    key = parse_vkey(run.folder.log_key.read_text().strip())
    tokens = run.folder.tokens()
    since_us = SystemClock().now_us()
    followers = []
    run.folder.path.joinpath("received").mkdir(mode=0o700, exist_ok=True)
    for name, reader in london.READERS.items():
        feeds = _need(await client.get("/v1/feeds", headers=_bearer(tokens[reader])), 200)["feeds"]
        after = next((feed["batches"] for feed in feeds if feed["authority"] == name), 0)
        followers.append(
            Follower(
                run.url,
                tokens[reader],
                name,
                FeedChain(key.name, key.public),
                run.folder.received(name),
                after=after,
                since_us=since_us,
                latencies=latencies,
            )
        )
    return followers


async def _load(run: _Run, followers: list[Follower]) -> tuple[dict[str, Any], list[laws.Sent]]:
    """Let the cameras post; return what they counted and what they recorded."""
    plan, folder = run.plan, run.folder
    assert plan.seconds is not None
    record, out = folder.log("sent.ndjson"), folder.log("simulate.out")
    words = (
        "simulate",
        run.url,
        "--token-file",
        folder.token(f"source:{SOURCE}"),
        "--rate",
        str(plan.rate),
        "--seconds",
        str(plan.seconds),
        "--record",
        record,
    )
    child = asyncio.create_task(run_child(*words, log=folder.log("simulate.log"), out=out))
    began_s = time.monotonic()
    try:
        while not child.done():
            await asyncio.wait({child}, timeout=_PROGRESS_S)
            spent_s = time.monotonic() - began_s
            if not child.done():
                rows = ", ".join(f"{follower.authority} {follower.rows:,}" for follower in followers)
                run.say(f"{spent_s:4.0f} s: rows received: {rows}")
            if spent_s > plan.seconds + _PATIENCE_S:
                raise WicketgateError("the cameras do not come to their end", code="not-ended")
    finally:
        child.cancel()
        await asyncio.gather(child, return_exceptions=True)
    if child.result() != 0:
        raise WicketgateError(f"the cameras failed: see `{folder.log('simulate.log')}`", code="not-ended")
    lines = out.read_bytes().splitlines()
    tally: dict[str, Any] = json.loads(lines[-1])
    sent = msgspec.json.Decoder(laws.Sent).decode_lines(record.read_bytes())
    return tally, sent


async def _settle(followers: list[Follower]) -> None:
    """Wait until nothing more comes."""
    began_s = still_s = time.monotonic()
    rows = [follower.rows for follower in followers]
    while time.monotonic() - still_s < _STILL_S and time.monotonic() - began_s < _SETTLE_S:
        await asyncio.sleep(0.2)
        now = [follower.rows for follower in followers]
        if now != rows:
            rows, still_s = now, time.monotonic()


async def _verify(run: _Run, followers: list[Follower]) -> dict[str, dict[str, Any]]:
    """Verify from outside, with each feed that was received; without one if none was."""
    files = {f.authority: run.folder.received(f.authority) for f in followers if f.batches}
    reports = await asyncio.gather(
        *(_report_of(run, name, run.url, "--feed-file", str(path)) for name, path in files.items())
    )
    verified = dict(zip(files, reports, strict=True))
    return verified or {"": await _report_of(run, "public", run.url)}


async def _report_of(run: _Run, name: str, *words: str) -> dict[str, Any]:
    out = run.folder.log(f"verify-{name}.json")
    await run_child(
        "verify", *words, "--key", run.folder.log_key, "--json", log=run.folder.log("verify.log"), out=out
    )
    try:
        report: dict[str, Any] = json.loads(out.read_bytes())
    except ValueError:
        return {"ok": False, "checked": [], "counts": {}}
    return report


async def _public(client: httpx.AsyncClient, register: Mapping[str, Any], admin: str) -> dict[str, bytes]:
    """Return every public page and the metrics; the log's files are taken from its folder."""
    shown: dict[str, bytes] = {}
    pages = [f"/authorities/{version['name']}/{version['version']}" for version in register["authorities"]]
    for path in (*_PUBLIC_PAGES, *pages):
        answer = await client.get(path)
        if answer.status_code != 200:
            raise WicketgateError(f"the public page {path} answers {answer.status_code}", code="no-answer")
        shown[path] = answer.content
    shown["/metrics"] = (await client.get("/metrics", headers=_bearer(admin))).content
    return shown


def _files(folder: Folder) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the public log, and every log of a process."""
    log = folder.gateway / "log"
    for path in sorted(log.rglob("*")):
        if path.is_file():
            yield f"/log/{path.relative_to(log)}", path.read_bytes()
    for path in (*sorted((folder.path / "logs").iterdir()), folder.gateway / "nats" / "server.log"):
        # The record of what was sent is the cameras' own, and holds every plate.
        if path.is_file() and path.name != "sent.ndjson":
            yield str(path.relative_to(folder.path)), path.read_bytes()


def _entries(log: Path) -> dict[int, bytes]:
    """Return the entries of a log that was verified, but for the seconds."""
    fetch = folder_fetch(log)
    try:
        size = parse_checkpoint(parse_note(fetch("checkpoint")).text).size
        entries = enumerate(iterate_entries(fetch, size))
        return {index: entry for index, entry in entries if b'"kind":"second"' not in entry[:60]}
    except (InputError, LedgerError, OSError):
        return {}


def _conclude(run: _Run, evidence: laws.Evidence, latencies: Latencies, *, clean: bool, took_s: float) -> int:
    findings = laws.judge(evidence)
    report = {
        "seconds": run.plan.seconds,
        **{name: evidence.tally[name] for name in ("sent", "accepted", "repeated", "quarantined")},
        "released": {
            name: sum(len(batch.lines) for batch in batches) for name, batches in evidence.feeds.items()
        },
        "hits": 0,
        "latency_ms": {"hit_p50": None, "hit_p99": None, "bulk_p99": latencies.quantile_ms(0.99)},
        "post_latency_ms": evidence.tally["latency_ms"],
        "ledger": {
            "entries": evidence.at_rest["counts"].get("entries", 0),
            "verified": bool(evidence.at_rest.get("ok"))
            and all(report.get("ok") for report in evidence.verified.values()),
        },
        "laws": {law: None if finding is None else finding.held for law, finding in findings.items()},
        "faults": {law: finding.faults for law, finding in findings.items() if finding and finding.faults},
        "notes": [
            *run.notes,
            "law 3: the comparison of powers is not built yet",
            "law 4: erasure at the end of a term is not built yet, so the law is judged without it",
        ],
        "took_s": round(took_s, 1),
    }
    if run.plan.report is not None:
        try:
            write_whole(run.plan.report, json.dumps(report, indent=1).encode() + b"\n")
        except OSError as error:
            raise ConfigurationError(f"`{run.plan.report}` cannot be written: {error.strerror}") from error
    for line in summary(report):
        run.say(line)
    return 0 if clean and all(finding is None or finding.held for finding in findings.values()) else 1
