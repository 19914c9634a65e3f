"""Those commands of `charging` that are about reviews and cases, and the site."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Final, get_args
from urllib.parse import quote

from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError, InputError, Unreachable
from wicketgate.base.files import keep_private, write_durably
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import parse_json
from wicketgate.cli.saying import say
from wicketgate.clients.charging.book.provider import HttpProvider
from wicketgate.clients.charging.bookkeeping import BookPayers, open_book
from wicketgate.clients.charging.cases import casebook, queue
from wicketgate.clients.charging.cases.keeper_link import KeeperRefused, ask_keeper
from wicketgate.clients.charging.cases.life import Act, ActKind, standing_of
from wicketgate.clients.charging.cases.pack import Looked, pack_of
from wicketgate.clients.charging.cases.stopping import is_stopped
from wicketgate.clients.charging.program import ChargingPlace, open_place
from wicketgate.clients.charging.settlement import explained, issue_ends_us
from wicketgate.clients.charging.site.desk import ReviewDesk
from wicketgate.clients.charging.site.drivers import DriverPages
from wicketgate.clients.charging.site.people import DeskSessions, end_person, make_tables, name_person
from wicketgate.clients.charging.site.site import MOST_BYTES, ChargingSite
from wicketgate.clients.charging.site.wording import letter_of, shown_case
from wicketgate.clients.charging.store import change
from wicketgate.clients.officer.desk.server import LoopbackServer
from wicketgate.clients.officer.keyfiles import read_passphrase
from wicketgate.clients.verify.register import MAX_REGISTER_BYTES
from wicketgate.clients.verify.remote import Remote
from wicketgate.pages.charging import ChargedPlace, ChargingPages
from wicketgate.reads.plates import read_plate

_MOST_IMAGE: Final = 16 * 1024 * 1024
_MOST_PLATE: Final = 200
_NEXT_ROW: Final = "limit-reached"
"""The gateway's code where a row's name was told already, or is asked no more: another row may be shown."""


@contextmanager
def _opened(folder: Path) -> Iterator[tuple[ChargingPlace, sqlite3.Connection, BookPayers]]:
    keep_private()
    place, connection = open_place(folder)
    with closing(connection):
        book = open_book(connection)
        with change(connection):
            make_tables(connection)
        yield place, connection, book


def run_person(args: argparse.Namespace) -> int:
    """Let somebody review and decide, or no longer."""
    with _opened(args.folder) as (_, connection, _book):
        if args.end:
            with change(connection):
                known = end_person(connection, args.name)
            say(f"{args.name} reviews no longer" if known else f"there was no {args.name}")
            return 0 if known else 1
        if args.passphrase_file is None:
            raise ConfigurationError("name a file with --passphrase-file", code="usage")
        passphrase = read_passphrase(args.passphrase_file).decode("utf-8", "replace")
        with change(connection):
            name_person(connection, args.name, passphrase)
    say(f"{args.name} may sign in")
    return 0


def run_issue(args: argparse.Namespace) -> int:
    """Ask for the keepers of what was confirmed, and issue the penalties; end with 1 where one could not be."""
    left = 0
    with (
        _opened(args.folder) as (place, connection, book),
        Remote(place.url, token=place.token(), attempts=1) as remote,
    ):
        if stopped_at(remote, place.feed):
            raise ConfigurationError(f"`{place.feed}` is not in force: nothing new is charged")
        for plate, day in book.ready(connection):
            now_us = SystemClock().now_us()
            settled, _ = explained(connection, book.terms, book, plate, day, now_us)
            scheme = book.terms.of_day(day) or book.terms.newest
            number = casebook.new_number()
            held = queue.review_of(connection, plate, day)
            name = f"review {held.id}" if held else "a review"
            try:
                if settled.outcome != "penalty":
                    say(f"{name}: nothing is owed any more")
                    continue
                keeper = _keeper(remote, connection, plate, day, args.cause, number)
                if isinstance(keeper, KeeperRefused):
                    left += 1
                    say(f"{name}: no keeper was told (`{keeper.code}`): {keeper.words}")
                    continue
                with change(connection):
                    issued = casebook.issue(
                        connection, scheme, plate, settled, keeper, by=args.by, at_us=now_us, stopped=False,
                        ends_us=issue_ends_us(scheme, day), numbers=_numbers(number),
                    )  # fmt: skip
                say(f"{name}: issued {', '.join(issued)}")
            except (InputError, Unreachable) as error:
                left += 1
                say(f"{name}: not issued: {error.detail}")
    return 1 if left else 0


def stopped_at(remote: Remote, feed: str) -> bool:
    """Return whether a gateway's register shows no version of a feed's authority in force."""
    return is_stopped(parse_json(remote.need("/register.json", most=MAX_REGISTER_BYTES)), feed)


def _keeper(
    remote: Remote, connection: sqlite3.Connection, plate: str, day: date, cause: str, number: str
) -> casebook.Keeper | KeeperRefused:
    """Ask with the best row; with the other where that was asked before, and what was told then is lost."""
    told: casebook.Keeper | KeeperRefused = KeeperRefused(code="row-unknown", words="there is no row to show")
    for row in queue.rows_of(connection, plate, day):
        told = ask_keeper(remote, row, cause=cause, case=number)
        if not isinstance(told, KeeperRefused) or told.code != _NEXT_ROW:
            break
    return told


def _numbers(first: str) -> Callable[[], str]:
    given = iter((first,))
    return lambda: next(given, None) or casebook.new_number()


def run_act(args: argparse.Namespace) -> int:
    """Do something in a case, or only show it."""
    with _opened(args.folder) as (place, connection, book):
        now_us = SystemClock().now_us()
        scheme = book.scheme_named(casebook.required(connection, args.number).scheme)
        if args.kind is not None:
            if args.kind not in get_args(ActKind):
                raise ConfigurationError(f"ACT is one of {', '.join(get_args(ActKind))}", code="usage")
            with Remote(place.url, token=place.token()) as remote:
                stopped = stopped_at(remote, place.feed)
            act = Act(kind=args.kind, at_us=now_us, by=args.by, ground=args.ground)
            with change(connection):
                casebook.do(connection, scheme, args.number, act, stopped=stopped)
        shown = shown_case(scheme, casebook.required(connection, args.number), now_us)
    say(f"case {shown.number}, for {shown.day}: {shown.state}; to be paid now: {shown.owed or 'nothing'}")
    for key, value in (*shown.clocks, *shown.acts):
        say(f"- {key}: {value}")
    return 0


def run_letter(args: argparse.Namespace) -> int:
    """Write the letter of a case."""
    with _opened(args.folder) as (_, connection, book):
        _write(args.out, _letter(connection, book, args.number).encode())
    say(f"wrote {args.out}")
    return 0


def run_pack(args: argparse.Namespace) -> int:
    """Put a case and its evidence into one archive."""
    with _opened(args.folder) as (_, connection, book):
        case = casebook.required(connection, args.number)
        rows = queue.rows_of(connection, case.plate, case.day)
        images = connection.execute(
            "SELECT media_type, data FROM case_images WHERE plate = ? AND day = ? ORDER BY place",
            (case.plate, case.day.isoformat()),
        ).fetchall()
        held = queue.review_of(connection, case.plate, case.day)
        looked = None
        if held is not None and held.review.decision is not None:
            typed = [(one.by, one.text, one.at_us) for one in held.review.typed]
            looked = Looked(typed=typed, decided_by=held.review.decision.by)
        scheme = book.scheme_named(case.scheme)
        letter = _letter(connection, book, args.number)
        _write(args.out, pack_of(scheme, case, rows, images, looked, letter))
    say(f"wrote {args.out}: {len(rows)} rows, {len(images)} images")
    return 0


def _write(path: Path, data: bytes) -> None:
    write_durably(path, data, aside=path.with_name(f".{path.name}.new"))


def _letter(connection: sqlite3.Connection, book: BookPayers, number: str) -> str:
    case = casebook.required(connection, number)
    scheme = book.scheme_named(case.scheme)
    if standing_of(scheme, case.acts).state == "none" or not case.plate:
        raise ConfigurationError("the case is over, and whose it was is forgotten")
    place = ChargedPlace(title=scheme.title, controller=scheme.controller)
    return ChargingPages().letter(place, letter_of(scheme, case, SystemClock().now_us()))


def run_clone(args: argparse.Namespace) -> int:
    """Charge nothing to a plate that another vehicle carries, or again; penalties that stand are cancelled."""
    try:
        with args.plate_file.open("rb") as file:
            plate = read_plate(file.read(_MOST_PLATE).decode("utf-8", "replace").strip())
    except OSError as error:
        raise ConfigurationError(f"`{args.plate_file}` cannot be read: {error.strerror}") from error
    if not isinstance(plate, str):
        raise ConfigurationError("the file holds no plate", code="usage")
    now_us = SystemClock().now_us()
    with _opened(args.folder) as (_, connection, book), change(connection):
        if args.end:
            say("ended" if queue.end_clone(connection, plate) else "nothing was held")
            return 0
        queue.hold_clone(connection, plate, args.by, now_us)
        cancelled = casebook.cancel_clone(connection, book.scheme_named, plate, by=args.by, now_us=now_us)
    say(f"nothing is charged to this plate any more; {cancelled} penalties were cancelled")
    return 0


def run_site(args: argparse.Namespace) -> int:
    """Serve the pages until it is ended. Kill it anywhere."""
    if (args.provider is None) != (args.provider_token_file is None):
        raise ConfigurationError("--provider and --provider-token-file go together", code="usage")
    clock = SystemClock()
    with (
        _opened(args.folder) as (place, connection, book),
        Remote(place.url, token=place.token(), attempts=1) as remote,
    ):
        provider = None
        if args.provider is not None:
            provider = HttpProvider(args.provider, read_secret(args.provider_token_file), timeout_s=10.0)
        drivers = DriverPages(connection, book, clock.now_us, None if provider is None else provider.order)
        desk = ReviewDesk(
            connection,
            book,
            clock.now_us,
            lambda ref: _image(remote, place.feed, ref),
            lambda: _is_stopped_now(remote, place.feed),
        )
        ended = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: ended.set())
        with LoopbackServer(lambda words: _tell(f"wicketgate: {words}"), args.port, MOST_BYTES) as server:
            server.answer = ChargingSite(connection, drivers, desk, DeskSessions()).answer
            say(f"http://127.0.0.1:{server.port}")
            sys.stdout.flush()
            server.run(ended.is_set)
    return 0


def _is_stopped_now(remote: Remote, feed: str) -> bool:
    """Return whether nothing new is charged now; a gateway that does not answer lets nothing new be charged either."""
    try:
        return stopped_at(remote, feed)
    except (Unreachable, InputError):
        return True


def _image(remote: Remote, feed: str, ref: str) -> bytes:
    answer = remote.get(f"/v1/feeds/{feed}/images/{quote(ref, safe='')}", most=_MOST_IMAGE)
    if answer.status != 200:
        raise InputError(f"the image cannot be had: {answer.code or answer.status}")
    return answer.body


def _tell(words: str) -> None:
    say(words, file=sys.stderr, flush=True)
