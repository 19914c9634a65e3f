"""The words of a demonstration for people."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wicketgate_demo.run.folder import Folder
from wicketgate_demo.world import london
from wicketgate_demo.world.people import PEOPLE


def guide(folder: Folder, url: str, cameras: int, rate: float, codes: Mapping[str, str]) -> list[str]:
    """Return a newcomer's guide to a running demonstration.

    Parameters
    ----------
    codes : mapping
        The code of each person who is named, by their short name.
    """
    command = _command()

    def at(path: Path) -> str:
        return shlex.quote(str(path))

    reader = london.PAPERS[london.OF_INTEREST].reader
    revocation = folder.envelope("revocation")
    return [
        "",
        f"An invented London: {cameras:,} cameras send {rate:g} reads a second. No vehicle in it exists.",
        f"  {url}/              live: what the cameras saw, what left, to whom, and why",
        f"  {url}/why-not-less  the same day in bulk, by match and by search; /consultations: what the public is asked",
        *_people(url, codes),
        "Follow a feed, each batch checked as it comes:",
        f"  {command} receive {london.OF_INTEREST} --from {url} --token-file {at(folder.token(reader))} --follow",
        "Check everything, as anybody can:",
        f"  {command} verify {url} --key {at(folder.log_key)}",
        f"  {url}/witnesses     who cosigns the log: kill two of their processes, and see bulk stop, then search",
        f"Revoke {london.COUNTER_TERRORISM}, and see its feed stop:",
        f"  {command} sign {at(folder.document('revocation'))} "
        f"--key {at(folder.office_key('tfl/data-protection'))} --out {at(revocation)}",
        f"  {command} submit {at(revocation)} --to {url} --token-file {at(folder.token('source:tfl'))}",
        f"Everybody's keys, tokens and papers lie in {at(folder.path)}; docs/demo.md says which is which.",
        "Ctrl-C stops it; the same command takes it up again.",
        "",
    ]


def _people(url: str, codes: Mapping[str, str]) -> list[str]:
    """Return how to become each of the invented people, or the desk's officer where nobody is named."""
    shown = [one for one in PEOPLE if one.short in codes]
    if not shown:
        return [f"  {url}/sign-in       hits wait for you: with the token of the duty desk"]
    return [
        f"Be one of its people: type a code at {url}/sign-in (in a demonstration alone; in earnest it makes a passkey)",
        *(f"  {codes[one.short]}  {one.name}, {one.of}: {', '.join(one.roles)}: {one.can}" for one in shown),
    ]


def _command() -> str:
    beside = Path(sys.executable).with_name("wicketgate")
    if shutil.which("wicketgate") or not beside.exists():
        return "wicketgate"
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))


def progress_line(metrics: str) -> str:
    """Return one line of progress from the metrics."""
    values: dict[str, float] = {}
    for line in metrics.splitlines():
        name, _, value = line.rpartition(" ")
        if name and not name.startswith("#"):
            with contextlib.suppress(ValueError):
                values[name] = float(value)

    def reads(became: str) -> str:
        count = values.get(f'wicketgate_reads_total{{became="{became}"}}', 0)
        return f"{count:,.0f}"

    def released(name: str) -> str:
        rows = values.get(f'wicketgate_released_rows_total{{authority="{name}"}}', 0)
        return f"{name} {rows:,.0f}"

    return (
        f"reads {reads('accepted')} (repeated {reads('repeated')}, quarantined {reads('quarantined')}); "
        f"released to {', '.join(map(released, london.PAPERS))}; "
        f"ledger {values.get('wicketgate_ledger_entries', 0):,.0f} entries"
    )


_LAWS = {
    "1": "nothing leaves without an authority",
    "2": "nothing takes effect unless it is committed",
    "3": "nothing widens unseen",
    "4": "nothing is lost, and everything ends",
    "5": "anyone can check",
}


def summary(report: Mapping[str, Any]) -> list[str]:
    """Return a report in words."""
    released = ", ".join(f"{name} {rows:,}" for name, rows in report["released"].items())
    latency = report["latency_ms"]
    lines = [
        f"sent {report['sent']:,} = accepted {report['accepted']:,} + repeated {report['repeated']:,} "
        f"+ quarantined {report['quarantined']:,}; received: {released}",
        f"images released: {_counts(report['images']['released'])}; fetched in bulk and checked: "
        f"{_counts(report['images']['fetched'])}; looked at one by one: {report['images']['looked_at']:,}",
        f"hits {report['hits']:,} ({_counts(report['hits_by_quality'])}); outcomes: {_counts(report['outcomes'])}",
        f"from capture to recipient, 99 of 100 within {_ms(latency['bulk_p99'])} ms, hits within "
        f"{_ms(latency['hit_p99'])} ms; ledger {report['ledger']['entries']:,} entries, "
        f"{'verified' if report['ledger']['verified'] else 'NOT VERIFIED'}",
    ]
    lines += [
        f"{name}: {one['released']:,} reads left, on none of its lists; {one['withheld']:,} stayed, "
        f"{'?' if one['share'] is None else one['share']} of 100"
        for name, one in report.get("unlisted", {}).items()
    ]
    for law, held in report["laws"].items():
        word = {True: "held  ", False: "BROKEN", None: "-     "}[held]
        lines.append(f"law {law} {word} {_LAWS[law]}{' (not built yet)' if held is None else ''}")
        lines.extend(f"       {fault}" for fault in report["faults"].get(law, ()))
    lines.extend(f"note: {note}" for note in report["notes"])
    return lines


def _ms(value: float | None) -> str:
    return "?" if value is None else f"{value:g}"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items()) or "none"
