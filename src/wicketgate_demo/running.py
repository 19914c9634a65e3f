"""Run the demonstration's commands, `simulate` and `demo`."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
from collections.abc import Sequence

import uvloop

from wicketgate.base.ending import asked_to_end
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import read_secret
from wicketgate_demo.cameras.load import Cameras, Source, Tally, fetch_cameras
from wicketgate_demo.run.demo import Plan, demonstrate


def run_simulate(args: argparse.Namespace) -> int:
    """Send until stopped, and print the outcome of the reads.

    It is one line of JSON. The exit code is 1 if any read was never answered.
    """
    names = args.source or [""] * len(args.token_file)
    if len(names) != len(args.token_file):
        raise ConfigurationError("give as many --source as --token-file, or none")
    tokens = [(name, read_secret(path)) for name, path in zip(names, args.token_file, strict=True)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(_simulate(args, tokens))
    print(json.dumps(tally.to_json()), flush=True)
    return 1 if tally.unacknowledged else 0


async def _simulate(args: argparse.Namespace, tokens: Sequence[tuple[str, str]]) -> Tally:
    stop = asked_to_end()
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
    """Run the demonstration.

    Headless it returns 0 only if all laws held.
    """
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
