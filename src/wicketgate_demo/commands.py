"""The demonstration's commands, `simulate` and `demo`, with their arguments.

docs/demo.md shows them in use.
"""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

from wicketgate.cli.arguments import gateway_address, number, port, whole_number
from wicketgate.cli.commands import Command

DEMO = Command(
    name="demo",
    who="anyone",
    summary="build and run a whole invented London",
    arguments="wicketgate_demo.commands:add_demo",
)
SIMULATE = Command(
    name="simulate",
    who="anyone",
    summary="send invented reads to a gateway, as cameras do",
    arguments="wicketgate_demo.commands:add_simulate",
)

# What the modules say that run the commands; importing them for it would take seconds. A test compares them.
FORMATS = (
    *("native", "hikvision", "axis", "platerecognizer", "viewtron-ipc", "viewtron-nvr", "frigate"),
    *("dahua", "zhenshi", "tattile", "milesight", "genetec", "unifi", "blueiris", "rekor", "bof2"),
)
CONNECTIONS = 200
CAMERAS = 1500


def add_simulate(parser: ArgumentParser) -> None:
    """Add the arguments of `simulate`."""
    parser.add_argument("url", type=gateway_address, metavar="URL", help="the gateway")
    parser.add_argument(
        "--token-file",
        required=True,
        action="append",
        type=Path,
        metavar="F",
        help="the source's token; again for further sources, among which vehicles then drive",
    )
    parser.add_argument(
        "--source",
        action="append",
        metavar="S",
        help="the source's id, for each --token-file in their order: needed for MQTT where the gateway does not say it",
    )
    parser.add_argument(
        "--cameras", type=_count, metavar="N", help="only the first N of each source's cameras"
    )
    parser.add_argument("--rate", type=_rate, default=200.0, metavar="R", help="reads a second (200)")
    parser.add_argument("--seconds", type=_rate, metavar="S", help="end after S seconds")
    parser.add_argument(
        "--format",
        type=_formats,
        default=FORMATS,
        metavar="LIST",
        help=f"what the cameras speak, with commas between: {', '.join(FORMATS)} (all)",
    )
    parser.add_argument(
        "--mqtt",
        type=_address,
        metavar="HOST:PORT",
        help="the gateway's MQTT ingress; without it nobody uses MQTT",
    )
    parser.add_argument(
        "--at", type=_hour, metavar="H", help="begin at this hour of the day, 0 to 24 (now, in London)"
    )
    parser.add_argument("--seed", type=int, default=2007, metavar="N", help="of vehicles and journeys")
    parser.add_argument(
        "--imperfect", type=_share, default=0.01, metavar="X", help="share of reads that is wrong on purpose"
    )
    parser.add_argument(
        "--connections", type=_count, default=CONNECTIONS, metavar="N", help=f"at most ({CONNECTIONS})"
    )
    parser.add_argument("--record", type=Path, metavar="F", help="write each read and what became of it to F")
    parser.set_defaults(run="wicketgate_demo.running:run_simulate")


def add_demo(parser: ArgumentParser) -> None:
    """Add the arguments of `demo`."""
    parser.add_argument("--dir", type=Path, default=Path("demo"), metavar="D", help="where (./demo)")
    parser.add_argument("--port", type=port, metavar="P", help="the gateway's port (8080 if it is free)")
    parser.add_argument("--cameras", type=_count, metavar="N", help=f"how many ({CAMERAS})")
    parser.add_argument("--rate", type=_rate, default=200.0, metavar="R", help="reads a second (200)")
    parser.add_argument("--seconds", type=_rate, metavar="N", help="headless: N seconds of load, then verify")
    parser.add_argument("--report", type=Path, metavar="F", help="where a headless run writes its report")
    parser.set_defaults(run="wicketgate_demo.running:run_demo")


def _count(text: str) -> int:
    return whole_number(text, 1, 100_000)


def _rate(text: str) -> float:
    value = number(text, 0, 1_000_000)
    if value == 0:
        raise ArgumentTypeError(f"`{text}` is not above 0")
    return value


def _share(text: str) -> float:
    return number(text, 0, 1)


def _hour(text: str) -> float:
    return number(text, 0, 24)


def _formats(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    unknown = [name for name in names if name not in FORMATS]
    if unknown:
        raise ArgumentTypeError(f"`{unknown[0]}` is no format: choose from {', '.join(FORMATS)}")
    return names


def _address(text: str) -> tuple[str, int]:
    host, _, number_of_port = text.removeprefix("mqtt://").rpartition(":")
    return host or "127.0.0.1", port(number_of_port)
