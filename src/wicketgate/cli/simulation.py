"""The commands that show the product at work: `simulate`, `demo`, `bench`. docs/demo.md shows them in use."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import re
import secrets
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import uvloop

import wicketgate
from wicketgate.base.errors import ConfigurationError, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.simulate.demo import CAMERAS, Plan, demonstrate
from wicketgate.simulate.devices import FORMATS
from wicketgate.simulate.load import CONNECTIONS, Cameras, Source, Tally, fetch_cameras

Subparsers = argparse._SubParsersAction  # its only name

_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}", re.ASCII)


def add_commands(subparsers: Subparsers[argparse.ArgumentParser]) -> None:
    """Add `simulate`, `demo` and `bench`; each sets `run`: arguments to exit code."""
    simulate = subparsers.add_parser(
        "simulate", help="send invented reads of a source's cameras, in the formats of their makers"
    )
    simulate.add_argument("url", metavar="URL", help="the gateway")
    simulate.add_argument(
        "--token-file",
        required=True,
        action="append",
        type=Path,
        metavar="F",
        help="the source's token; again for further sources, among which vehicles then drive",
    )
    simulate.add_argument(
        "--source",
        action="append",
        metavar="S",
        help="the source's id, for each --token-file in their order: needed for MQTT where the gateway does not say it",
    )
    simulate.add_argument(
        "--cameras", type=_count, metavar="N", help="only the first N of each source's cameras"
    )
    simulate.add_argument("--rate", type=_rate, default=200.0, metavar="R", help="reads a second (200)")
    simulate.add_argument("--seconds", type=_rate, metavar="S", help="end after S seconds")
    simulate.add_argument(
        "--format",
        type=_formats,
        default=tuple(FORMATS),
        metavar="LIST",
        help=f"what the cameras speak, with commas between: {', '.join(FORMATS)} (all)",
    )
    simulate.add_argument(
        "--mqtt",
        type=_address,
        metavar="HOST:PORT",
        help="the gateway's MQTT ingress; without it nobody uses MQTT",
    )
    simulate.add_argument(
        "--at", type=_hour, metavar="H", help="begin at this hour of the day, 0 to 24 (now, in London)"
    )
    simulate.add_argument("--seed", type=int, default=2007, help="of vehicles and journeys")
    simulate.add_argument(
        "--imperfect", type=_share, default=0.01, metavar="X", help="share of reads that is wrong on purpose"
    )
    simulate.add_argument(
        "--connections", type=_count, default=CONNECTIONS, metavar="N", help="at most (200)"
    )
    simulate.add_argument(
        "--record", type=Path, metavar="F", help="write each read and what became of it to F"
    )
    simulate.set_defaults(run=run_simulate)

    demo = subparsers.add_parser("demo", help="build and run a whole invented London")
    demo.add_argument("--dir", type=Path, default=Path("demo"), metavar="D", help="where (./demo)")
    demo.add_argument("--port", type=_port, metavar="P", help="the gateway's port (8080 if it is free)")
    demo.add_argument("--cameras", type=_count, metavar="N", help=f"how many ({CAMERAS})")
    demo.add_argument("--rate", type=_rate, default=200.0, metavar="R", help="reads a second (200)")
    demo.add_argument("--seconds", type=_rate, metavar="N", help="headless: N seconds of load, then verify")
    demo.add_argument("--report", type=Path, metavar="F", help="where a headless run writes its report")
    demo.set_defaults(run=run_demo)

    bench = subparsers.add_parser("bench", help="run a benchmark of the source tree")
    bench.add_argument("name", metavar="NAME", help="a module under bench/")
    bench.add_argument("--json", action="store_true", help="print the result as JSON")
    bench.set_defaults(run=run_bench)


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100_000:
        raise ValueError
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise ValueError
    return value


def _rate(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1_000_000:
        raise ValueError
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not set(names) <= set(FORMATS):
        raise ValueError
    return names


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.removeprefix("mqtt://").rpartition(":")
    return host or "127.0.0.1", _port(port)


def _hour(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 24:
        raise ValueError
    return value


# --- simulate ---------------------------------------------------------------------------------------------


def run_simulate(args: argparse.Namespace) -> int:
    """Send until told to stop; print what became of the reads as one line of JSON. 1 if any was never answered."""
    names = args.source or [""] * len(args.token_file)
    if len(names) != len(args.token_file):
        raise ConfigurationError("give as many --source as --token-file, or none")
    tokens = [(name, read_secret(path)) for name, path in zip(names, args.token_file, strict=True)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(_simulate(args, tokens))
    print(json.dumps(tally.to_json()), flush=True)
    return 1 if tally.unacknowledged else 0


async def _simulate(args: argparse.Namespace, tokens: Sequence[tuple[str, str]]) -> Tally:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sources: list[Source] = []
    for name, token in tokens:
        found = await asyncio.to_thread(fetch_cameras, args.url, token, name)
        sources.append(Source(found.name, found.token, found.cameras[: args.cameras]))
    cameras = Cameras(
        args.url,
        sources,
        run=secrets.token_hex(4),
        seed=args.seed,
        imperfect=args.imperfect,
        at_hour=args.at,
        formats=args.format,
        mqtt=args.mqtt,
        connections=args.connections,
        record=args.record,
    )
    return await cameras.run(args.rate, args.seconds, stop)


# --- demo -------------------------------------------------------------------------------------------------


def run_demo(args: argparse.Namespace) -> int:
    """Run the demonstration; headless, 0 only if all laws held."""
    if args.report is not None and args.seconds is None:
        raise ConfigurationError("--report is for a headless run: give --seconds")
    if args.report is not None and not args.report.absolute().parent.is_dir():
        raise ConfigurationError(f"`{args.report}` cannot be written: there is no such directory")
    plan = Plan(
        folder=args.dir,
        port=args.port,
        cameras=args.cameras,
        rate=args.rate,
        seconds=args.seconds,
        report=args.report,
    )

    def say(words: str) -> None:
        print(words, flush=True)

    return asyncio.run(demonstrate(plan, say))


# --- bench ------------------------------------------------------------------------------------------------


def run_bench(args: argparse.Namespace) -> int:
    """Run one benchmark and print its table, or its result as JSON."""
    module = _bench(args.name)
    if args.json:
        print(json.dumps(module.run(), indent=2))
        return 0
    return int(module.main() or 0)


def _bench(name: str) -> ModuleType:
    """Return a module under bench/ of the source tree: that of the current directory, or that of this package."""
    for root in (Path.cwd(), *Path.cwd().parents, *Path(wicketgate.__file__).resolve().parents):
        if (root / "bench" / "harness.py").is_file() and (root / "pyproject.toml").is_file():
            break
    else:
        raise ConfigurationError("the benchmarks are in the source tree: run this inside a clone of it")
    names = sorted(p.stem for p in (root / "bench").glob("*.py") if "\ndef run(" in p.read_text())
    if not _NAME.fullmatch(name) or name not in names:
        raise ConfigurationError(f"there is no benchmark `{name[:40]}`: choose from {', '.join(names)}")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    try:
        return importlib.import_module(f"bench.{name}")
    except ImportError as error:
        raise WicketgateError(f"`bench.{name}` cannot be loaded: {error}", code="configuration") from error
