"""A headless run and its judgement.

Load, duty desk and verification from outside come first, then whether the laws held.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import msgspec

from wicketgate.base.clock import parse_rfc3339
from wicketgate.base.errors import ConfigurationError, InputError, LedgerError, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.clients.verify.feeds import FeedChain
from wicketgate.feeds.batches import Batch
from wicketgate.ledger.notes import parse_vkey, unverified_checkpoint
from wicketgate.ledger.tiles import folder_fetch, iterate_entries
from wicketgate_demo.cameras.tally import Latencies
from wicketgate_demo.judge import laws
from wicketgate_demo.judge.evidence import Evidence, Matching, Sent, SentEntry, named, rows_of
from wicketgate_demo.run.children import run_child
from wicketgate_demo.run.desk import DutyOfficer
from wicketgate_demo.run.enrolment import Groups, bearer, cameras_of, list_stays, list_vehicles, need
from wicketgate_demo.run.folder import Folder, write_whole
from wicketgate_demo.run.outsider import OUTSIDER
from wicketgate_demo.run.proposals import Officers
from wicketgate_demo.run.recipients import Follower, ImageKeeper
from wicketgate_demo.run.serving import Served
from wicketgate_demo.run.words import summary
from wicketgate_demo.world import london

_PUBLIC_PAGES = (
    "/",
    "/why-not-less",
    "/consultations",
    "/authorities",
    "/figures",
    "/drift",
    "/sign-in",
    "/verify",
    "/docs",
    "/register.json",
    "/openapi.json",
    "/demonstration/cameras.json",
    "/healthz",
    "/log/key",
    "/log/checkpoint",
)
_SETTLE_S = 30.0
_STILL_S = 1.5
_PROGRESS_S = 5.0
_PATIENCE_S = 120.0
_RECORD = "sent.ndjson"
_HOUR = "8"
"""Of the rush: who drives depends on the hour, and a report must not."""


class Trial:
    """One headless run against a running gateway.

    Parameters
    ----------
    served : Served
        The gateway.
    cameras : mapping
        The groups of each source's cameras.
    """

    def __init__(
        self,
        served: Served,
        client: httpx.AsyncClient,
        cameras: Groups,
        *,
        rate: float,
        seconds: float,
    ) -> None:
        self._served = served
        self._folder = served.folder
        self._client = client
        self._cameras = cameras
        self._rate = rate
        self._seconds = seconds
        self._hotlists: Mapping[str, Sequence[SentEntry]] = {}
        self._stays: Mapping[str, frozenset[str]] = {}
        self._officer = DutyOfficer(
            client,
            bearer(read_secret(self._folder.token(london.DUTY_DESK))),
            self._folder.confirmer,
            self._folder.log(_RECORD),
        )
        self._followers: list[Follower] = []
        self._began_s = time.monotonic()

    async def run(self) -> Evidence:
        """Run the cameras, feeds and desk, then stop and verify.

        It follows every feed, answers the hits, and returns what is left.
        """
        folder = self._folder
        self._hotlists = await list_vehicles(folder, self._client)
        self._stays = await list_stays(folder, self._client)
        self._followers = await self._follow()
        working = [asyncio.create_task(follower.follow()) for follower in self._followers]
        keeper = self._image_keeper()
        fetching = asyncio.create_task(keeper.work())
        folder.log(_RECORD).unlink(missing_ok=True)
        working.append(asyncio.create_task(self._officer.work()))
        officers = Officers(folder, self._client)
        working.append(asyncio.create_task(officers.decide()))
        try:
            tally, sent = await self._load()
            await self._settle()
            await self._officer.finish()
            attempts = await officers.attempt_to_widen()
            fetching.cancel()
            await asyncio.gather(fetching, return_exceptions=True)
            await keeper.fetch()
            rows = {follower.authority: follower.rows for follower in self._followers}
            passed_on = await self._officer.pass_on(london.OF_INTEREST) if rows[london.OF_INTEREST] else []
        finally:
            for task in (*working, fetching):
                task.cancel()
            await asyncio.gather(*working, fetching, return_exceptions=True)
            keeper.close()
        notes = self._served.notes
        notes.extend(
            f"the feed `{one.authority}` was stopped: {one.stopped}" for one in self._followers if one.stopped
        )
        notes.extend(sorted(set(self._officer.faults)))
        notes.extend([f"the images: {keeper.fault}"] if keeper.fault else ())
        self._served.say("The cameras have stopped. Verifying from outside.")
        verified = await self._verify()
        register = need(await self._client.get("/register.json"), 200)
        cameras = {
            source: {
                **known,
                **await cameras_of(self._client, bearer(read_secret(folder.token(f"source:{source}")))),
            }
            for source, known in self._cameras.items()
        }
        shown = await self._public(register)
        starts = self._served.starts
        code = await self._served.stop()
        if code != 0:
            notes.append(f"the gateway ended with code {code} when it was told to stop")
        self._served.say("The gateway has stopped. Verifying what it left.")
        at_rest = await self._report_of("at-rest", str(folder.gateway))
        return Evidence(
            cameras=cameras,
            sent=sent,
            tally=tally,
            feeds={follower.authority: follower.batches for follower in self._followers},
            faults={one.authority: one.fault for one in self._followers if one.fault},
            register=register,
            entries=_entries(folder.gateway / "log"),
            verified=verified,
            at_rest={**at_rest, "ok": bool(at_rest.get("ok")) and code == 0},
            starts=starts,
            shown={**shown, **dict(_files(folder))},
            hotlists=self._hotlists,
            stays=self._stays,
            images=self._officer.images,
            kept={london.COUNTER_TERRORISM: keeper.kept()},
            attempts=attempts,
            passed_on=passed_on,
        )

    async def _follow(self) -> list[Follower]:
        key = parse_vkey(self._folder.log_key.read_text().strip())
        tokens = self._folder.tokens()
        followers = []
        self._folder.path.joinpath("received").mkdir(mode=0o700, exist_ok=True)
        for name, paper in london.PAPERS.items():
            headers = bearer(tokens[paper.reader])
            feeds = need(await self._client.get("/v1/feeds", headers=headers), 200)["feeds"]
            after = next((feed["batches"] for feed in feeds if feed["authority"] == name), 0)
            chain = FeedChain(key.name, key.public)
            path = self._folder.received(name)
            followers.append(Follower(self._served.url, tokens[paper.reader], name, chain, path, after=after))
        return followers

    def _image_keeper(self) -> ImageKeeper:
        """Return the keeper of the images of the bulk feed that shows some."""
        name = london.COUNTER_TERRORISM
        follower = next(one for one in self._followers if one.authority == name)
        token = self._folder.tokens()[london.PAPERS[name].reader]
        return ImageKeeper(self._served.url, token, follower, self._folder.images(name))

    async def _load(self) -> tuple[dict[str, Any], list[Sent]]:
        """Let the cameras send, and return their counts and record."""
        folder = self._folder
        record, out = folder.log(_RECORD), folder.log("simulate.out")
        words = [
            *simulate_arguments(self._served, self._rate),
            *("--seconds", str(self._seconds), "--at", _HOUR),
            *("--record", str(record)),
        ]
        child = asyncio.create_task(run_child(*words, log=folder.log("simulate.log"), out=out))
        began_s = time.monotonic()
        try:
            while not child.done():
                await asyncio.wait({child}, timeout=_PROGRESS_S)
                spent_s = time.monotonic() - began_s
                if not child.done():
                    rows = ", ".join(f"{one.authority} {one.rows:,}" for one in self._followers)
                    self._served.say(f"{spent_s:4.0f} s: rows received: {rows}")
                if spent_s > self._seconds + _PATIENCE_S:
                    raise WicketgateError("the cameras do not come to their end", code="not-ended")
        finally:
            child.cancel()
            await asyncio.gather(child, return_exceptions=True)
        if child.result() != 0:
            raise WicketgateError(f"the cameras failed: see `{folder.log('simulate.log')}`", code="not-ended")
        tally: dict[str, Any] = json.loads(out.read_bytes().splitlines()[-1])
        return tally, msgspec.json.Decoder(Sent).decode_lines(record.read_bytes())

    async def _settle(self) -> None:
        """Wait until nothing more comes."""
        began_s = still_s = time.monotonic()
        rows = [follower.rows for follower in self._followers]
        while time.monotonic() - still_s < _STILL_S and time.monotonic() - began_s < _SETTLE_S:
            await asyncio.sleep(0.2)
            now = [follower.rows for follower in self._followers]
            if now != rows:
                rows, still_s = now, time.monotonic()

    async def _verify(self) -> dict[str, dict[str, Any]]:
        """Verify from outside, with each feed received.

        If no feed was received, it verifies without one.
        """
        folder, url = self._folder, self._served.url
        files = {f.authority: folder.received(f.authority) for f in self._followers if f.batches}
        if not files:
            return {"": await self._report_of("public", url)}
        reports = {name: folder.report(name) for name in files}
        for report in reports.values():
            report.unlink(missing_ok=True)  # of the run before
        pairs = [path for name, file in files.items() for path in (reports[name], file)]
        log, out = folder.log("verify.log"), folder.log("verify.out")
        await run_child(*pairs, "--", url, *self._verifying, log=log, out=out, program=OUTSIDER)
        return {name: _report_in(report) for name, report in reports.items()}

    async def _report_of(self, name: str, target: str) -> dict[str, Any]:
        out, log = self._folder.report(name), self._folder.log("verify.log")
        await run_child("verify", target, *self._verifying, log=log, out=out)
        return _report_in(out)

    @property
    def _verifying(self) -> tuple[str, ...]:
        """The arguments of every verification."""
        # Beside the demonstration, and not with whoever runs it: the next run goes on from there.
        return ("--state", str(self._folder.state), "--key", str(self._folder.log_key), "--json")

    async def _public(self, register: Mapping[str, Any]) -> dict[str, bytes]:
        """Return every public page and the metrics.

        The log's files are taken from its folder.
        """
        shown: dict[str, bytes] = {}
        pages = [f"/authorities/{one['name']}/{one['version']}" for one in register["authorities"]]
        pages += [f"/consultations/{one['id']}" for one in register["consultations"]]
        for path in (*_PUBLIC_PAGES, *pages):
            answer = await self._client.get(path)
            if answer.status_code != 200:
                raise WicketgateError(
                    f"the public page {path} answers {answer.status_code}", code="no-answer"
                )
            shown[path] = answer.content
        admin = bearer(read_secret(self._folder.token("admin")))
        shown["/metrics"] = (await self._client.get("/metrics", headers=admin)).content
        return shown

    # --- the report ---------------------------------------------------------------------------------------

    def conclude(
        self,
        evidence: Evidence,
        report_to: Path | None,
        searches: Mapping[str, int],
        links: Mapping[str, Any],
    ) -> int:
        """Judge, write and print the report, and return the exit code.

        `searches` is how questions to the past stand, by kind; `links` what became of links to keepers.
        """
        findings = laws.judge(evidence)
        feeds = evidence.feeds
        hit_latencies, bulk_latencies = self._latencies(evidence)
        officer = self._officer
        report = {
            "seconds": self._seconds,
            **{name: evidence.tally[name] for name in ("sent", "accepted", "repeated", "quarantined")},
            "released": {name: sum(len(batch.lines) for batch in feed) for name, feed in feeds.items()},
            "images": {
                "released": {
                    name: len(images) for name, batches in feeds.items() if (images := named(batches))
                },
                "fetched": {name: len(images) for name, images in evidence.kept.items()},
                "looked_at": len(evidence.images),
            },
            "unlisted": {name: laws.stayed(evidence, name) for name in evidence.stays},
            **_hit_counts(feeds),
            "outcomes": dict(sorted(officer.outcomes.items())),
            "searches": dict(searches),
            "links": dict(links),
            "misread": evidence.tally.get("misread", 0),
            "latency_ms": {
                "hit_p50": hit_latencies.quantile_ms(0.5),
                "hit_p99": hit_latencies.quantile_ms(0.99),
                "bulk_p99": bulk_latencies.quantile_ms(0.99),
            },
            "post_latency_ms": evidence.tally["latency_ms"],
            "formats": evidence.tally.get("formats", {}),
            "ledger": {
                "entries": evidence.at_rest["counts"].get("entries", 0),
                "verified": bool(evidence.at_rest.get("ok"))
                and all(report.get("ok") for report in evidence.verified.values()),
            },
            "laws": {law: None if finding is None else finding.held for law, finding in findings.items()},
            "faults": {
                law: finding.faults for law, finding in findings.items() if finding and finding.faults
            },
            "notes": [
                *self._served.notes,
                "law 4: erasure at the end of a term is not built yet, so the law is judged without it",
            ],
            "took_s": round(time.monotonic() - self._began_s, 1),
        }
        if report_to is not None:
            try:
                write_whole(report_to, json.dumps(report, indent=1).encode() + b"\n")
            except OSError as error:
                raise ConfigurationError(f"`{report_to}` cannot be written: {error.strerror}") from error
        for line in summary(report):
            self._served.say(line)
        return 0 if all(finding is None or finding.held for finding in findings.values()) else 1

    def _latencies(self, evidence: Evidence) -> tuple[Latencies, Latencies]:
        """Return the latencies of hits and of bulk rows.

        Each runs from when a vehicle passed to when its row was received.
        """
        hits, bulk = Latencies(), Latencies()
        for follower in self._followers:
            into = hits if london.PAPERS[follower.authority].mode == "match" else bulk
            rows = Matching(rows_of(follower.authority, follower.batches))
            for sent in evidence.sent:
                row = rows.take(sent)
                if row is not None and sent.became == "accepted" and not row.value.get("late"):
                    received_us = follower.received_us[int(row.batch)]
                    into.add((received_us - (sent.passed_us or parse_rfc3339(sent.captured_at))) / 1e6)
        return hits, bulk


def _report_in(path: Path) -> dict[str, Any]:
    """Return the report of a verification, one that failed where it wrote none."""
    try:
        report: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {"ok": False, "checked": [], "counts": {}}
    return report


def _hit_counts(feeds: Mapping[str, Sequence[Batch]]) -> dict[str, Any]:
    quality: Counter[str] = Counter()
    clones = 0
    for name, batches in feeds.items():
        for row in rows_of(name, batches):
            hit = row.value.get("hit")
            if isinstance(hit, dict) and not row.value.get("again"):
                quality[str(hit.get("quality"))] += 1
                clones += bool(hit.get("clone"))
    return {"hits": sum(quality.values()), "hits_by_quality": dict(sorted(quality.items())), "clones": clones}


def simulate_arguments(served: Served, rate: float) -> list[str]:
    """Return the arguments for cameras of all sources, after `wicketgate`."""
    host, port = served.mqtt
    words = ["simulate", served.url, "--rate", str(rate), "--mqtt", f"{host}:{port}"]
    for source in london.SOURCES:
        words += ["--source", source, "--token-file", str(served.folder.token(f"source:{source}"))]
    return words


def _files(folder: Folder) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the public log, and every process's log."""
    log = folder.gateway / "log"
    for path in sorted(log.rglob("*")):
        if path.is_file():
            yield f"/log/{path.relative_to(log)}", path.read_bytes()
    for path in (*sorted((folder.path / "logs").iterdir()), folder.gateway / "nats" / "server.log"):
        # The record of what was sent is the cameras' own, and holds every plate.
        if path.is_file() and path.name != _RECORD:
            yield str(path.relative_to(folder.path)), path.read_bytes()
    yield "exhibit.json", folder.exhibit.read_bytes()


def _entries(log: Path) -> dict[int, bytes]:
    """Return the entries of a verified log, but for the seconds."""
    fetch = folder_fetch(log)
    try:
        size = unverified_checkpoint(fetch("checkpoint")).size
        entries = enumerate(iterate_entries(fetch, size))
        return {index: entry for index, entry in entries if b'"kind":"second"' not in entry[:60]}
    except (InputError, LedgerError, OSError):
        return {}
