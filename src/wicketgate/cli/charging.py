"""The command `charging`: a scheme's own use of its feed, in a folder of its own."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from contextlib import closing
from datetime import date
from pathlib import Path
from types import FrameType

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import keep_private
from wicketgate.base.settings import read_secret
from wicketgate.cli.endings import INTERRUPTED
from wicketgate.cli.saying import say
from wicketgate.clients.charging.bookkeeping import forget_all, open_book
from wicketgate.clients.charging.cases.tables import figures
from wicketgate.clients.charging.figures import shown_figures
from wicketgate.clients.charging.program import ChargingProgram, keep_cameras, make_folder, open_place
from wicketgate.clients.charging.published import PublishedScheme, kept_terms
from wicketgate.clients.charging.settlement import explained, run_settlement
from wicketgate.clients.charging.store import change
from wicketgate.clients.verify import read_key
from wicketgate.clients.verify.kept import KeptCheckpoints, default_state
from wicketgate.clients.verify.keys import shown_key
from wicketgate.clients.verify.remote import Remote
from wicketgate.reads.plates import read_plate

_MOST_CAMERAS_BYTES = 64 * 1024 * 1024


def run_init(args: argparse.Namespace) -> int:
    """Make a charging folder for one scheme."""
    keep_private()
    token = read_secret(args.token_file)
    cameras = None if args.cameras is None else _read(args.cameras)
    with Remote(args.url, token=token) as remote:
        verifier = read_key(args.key) if args.key else shown_key(remote)
        if not args.key:
            _tell(
                f"NOTE: the log's key is taken from {args.url} itself: {verifier.vkey}. Compare it with the key that "
                "was published another way, and give that with --key."
            )
        place = make_folder(
            args.folder, remote, args.url, token, verifier, scheme=args.scheme, cameras=cameras
        )
    say(f"charges by `{place.scheme}` on the feed `{place.feed}`, in {place.folder}")
    return 0


def run_run(args: argparse.Namespace) -> int:
    """Receive the feed, and reduce it as it comes, until it is ended.

    It ends with 1 if anything that came was not what was committed.
    """
    keep_private()
    place, connection = open_place(args.folder)
    with closing(connection), Remote(place.url, token=place.token(), attempts=1) as remote:
        if args.cameras is not None:
            with change(connection):
                keep_cameras(connection, _read(args.cameras), kept_terms(connection))
        state = args.state or default_state(os.environ)
        kept = None if state is None else KeptCheckpoints(state)
        program = ChargingProgram(place, connection, remote, SystemClock(), kept=kept, tell=_tell)
        signal.signal(signal.SIGTERM, _interrupt)
        _tell(f"reduces `{place.feed}` for `{place.scheme}` in {place.folder}")
        try:
            program.run(follow=not args.once)
        except KeyboardInterrupt:
            # What was in no transaction is asked for again at the next start.
            return INTERRUPTED
    return 0


def run_settle(args: argparse.Namespace) -> int:
    """Settle what is due under what is published now, and forget what nothing is owed for."""
    keep_private()
    place, connection = open_place(args.folder)
    with closing(connection), Remote(place.url, token=place.token()) as remote:
        # A waiver that is not known would cost drivers money: without a look nothing is settled.
        PublishedScheme(connection, remote, place.verifier, place.scheme).look()
        book, now_us = open_book(connection), SystemClock().now_us()
        tally = run_settlement(connection, book.terms, book, now_us)
        forget_all(connection, book, now_us)
    outcomes = ", ".join(f"{name} {count}" for name, count in sorted(tally.outcomes.items())) or "nothing due"
    say(f"settled {tally.vehicle_days} vehicle-days ({outcomes}); forgot {tally.forgotten}")
    return 0


def run_explain(args: argparse.Namespace) -> int:
    """Say rule by rule what a vehicle's day comes to now."""
    keep_private()
    _, connection = open_place(args.folder)
    try:
        day = date.fromisoformat(args.day)
    except ValueError as error:
        raise ConfigurationError("DAY is a day such as 2026-09-01", code="usage") from error
    plate = read_plate(args.plate)
    if not isinstance(plate, str):
        connection.close()
        raise ConfigurationError("PLATE is no plate", code="usage")
    with closing(connection):
        book = open_book(connection)
        terms = book.terms
        settled, rules = explained(connection, terms, book, plate, day, SystemClock().now_us())
    if args.json:
        shown = [
            {"rule": one.rule, "words": one.words, **({} if one.amount is None else {"amount": one.amount})}
            for one in rules
        ]
        print(json.dumps({"amount": settled.owed, "rules": shown}))
        return 0
    say(f"due now: {settled.owed} ({terms.newest.currency}, minor units)")
    for one in rules:
        amount = "" if one.amount is None else f" [{one.amount}]"
        say(f"- {one.rule}: {one.words}{amount}")
    return 0


def run_report(args: argparse.Namespace) -> int:
    """Print the figures, as JSON: never by camera, and no plate."""
    place, connection = open_place(args.folder)
    with closing(connection):
        book = open_book(connection)
        cases = {**figures(connection), **book.figures(connection)}
        print(json.dumps({"scheme": place.scheme, **shown_figures(connection), "cases": cases}, indent=2))
    return 0


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > _MOST_CAMERAS_BYTES:
            raise ConfigurationError(f"`{path}` is too large for a list of cameras")
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"`{path}` cannot be read: {error.strerror}") from error


def _tell(words: str) -> None:
    say(words, file=sys.stderr, flush=True)
