"""What a demonstration tells people."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wicketgate.simulate import london
from wicketgate.simulate.folder import Folder


def guide(folder: Folder, url: str, cameras: int, rate: float) -> list[str]:
    """Return what a newcomer needs to know of a running demonstration."""
    command = _command()

    def at(path: Path) -> str:
        return shlex.quote(str(path))

    reader = london.READERS[london.COUNTER_TERRORISM]
    office = "tfl/data-protection"
    tokens = [
        ("source:tfl", "Transport for London, whose cameras post"),
        *((name, f"reads the feed {feed}") for feed, name in london.READERS.items()),
        (f"overseer:{london.OVERSEER}", "gets the sealed openings (key: overseers/ico/commissioner.age)"),
        ("admin", "tokens and /metrics"),
    ]
    revocation = folder.envelope("revocation")
    return [
        "",
        f"An invented London: {cameras} cameras post {rate:g} reads a second. No vehicle in it exists.",
        "",
        "Look",
        f"  {url}/          who gets which reads and why, figures, how to check",
        f"  {url}/docs      the API",
        "",
        "Who may log in: `Authorization: Bearer TOKEN`, with the token in",
        *(f"  {at(folder.token(name)):<52} {words}" for name, words in tokens),
        f"  {at(folder.credentials):<52} all of it, for programs",
        "",
        "Follow a feed, each batch checked as it comes",
        f"  {command} receive {london.COUNTER_TERRORISM} --from {url} --token-file {at(folder.token(reader))} --follow",
        "",
        "Check everything, as anybody can",
        f"  {command} verify {url} --key {at(folder.log_key)}",
        "",
        f"Revoke {london.COUNTER_TERRORISM}, and see its feed stop",
        f"  {command} sign {at(folder.document('revocation'))} "
        f"--key {at(folder.office_key(office))} --out {at(revocation)}",
        f"  {command} submit {at(revocation)} --to {url} --token-file {at(folder.token('source:tfl'))}",
        "",
        f"What the officers signed lies in {at(folder.path / 'documents')}, "
        f"their keys in {at(folder.path / 'offices')}.",
        "Ctrl-C stops it; the same command takes it up again.",
        "",
    ]


def _command() -> str:
    beside = Path(sys.executable).with_name("wicketgate")
    if shutil.which("wicketgate") or not beside.exists():
        return "wicketgate"
    here = Path.cwd()
    return shlex.quote(str(beside.relative_to(here) if beside.is_relative_to(here) else beside))


def progress_line(metrics: str) -> str:
    """Return one line of what the metrics say."""
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
        f"released to {', '.join(map(released, london.READERS))}; "
        f"ledger {values.get('wicketgate_ledger_entries', 0):,.0f} entries"
    )


_LAWS = {
    "1": "nothing leaves without an authority",
    "2": "nothing takes effect unless it is committed",
    "3": "nothing widens unseen",
    "4": "nothing is lost",
    "5": "anyone can check",
}


def summary(report: Mapping[str, Any]) -> list[str]:
    """Return a report in words."""
    released = ", ".join(f"{name} {rows:,}" for name, rows in report["released"].items())
    bulk = report["latency_ms"]["bulk_p99"]
    lines = [
        f"sent {report['sent']:,} = accepted {report['accepted']:,} + repeated {report['repeated']:,} "
        f"+ quarantined {report['quarantined']:,}; received: {released}",
        f"from capture to recipient, 99 of 100 within {'?' if bulk is None else f'{bulk:g}'} ms; "
        f"ledger {report['ledger']['entries']:,} entries, "
        f"{'verified' if report['ledger']['verified'] else 'NOT VERIFIED'}",
    ]
    for law, held in report["laws"].items():
        word = {True: "held  ", False: "BROKEN", None: "-     "}[held]
        lines.append(f"law {law} {word} {_LAWS[law]}{' (not built yet)' if held is None else ''}")
        lines.extend(f"       {fault}" for fault in report["faults"].get(law, ()))
    lines.extend(f"note: {note}" for note in report["notes"])
    return lines
