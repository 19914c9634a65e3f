"""The program of a charging folder: it follows one feed and reduces it as it comes; kill it anywhere."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wicketgate.base.clock import Clock
from wicketgate.base.errors import (
    ConfigurationError,
    NotEntitled,
    Unreachable,
    WicketgateError,
)
from wicketgate.base.files import write_durably
from wicketgate.base.settings import read_secret
from wicketgate.clients.charging.days import withdraw
from wicketgate.clients.charging.published import (
    PublishedScheme,
    charged_feeds,
    kept_groups,
    kept_terms,
    parse_cameras,
    undivided_groups,
)
from wicketgate.clients.charging.sink import ChargingSink
from wicketgate.clients.charging.store import FILE, change, open_store, said, say
from wicketgate.clients.charging.taking import RowTaker
from wicketgate.clients.charging.terms import ChargingTerms
from wicketgate.clients.recipient.errata import ErrataKeeper, checked_notice
from wicketgate.clients.recipient.receive import Receiver
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.remote import Remote
from wicketgate.ledger.notes import NoteVerifier, parse_vkey

_LOOK_EVERY_US: Final = 15_000_000
_AGAIN_S: Final = 5.0
_WAIT_S: Final = 2.0
_UNITS: Final = "unit.secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPlace:
    """A charging folder that was made, and what it is of."""

    folder: Path
    url: str
    feed: str
    scheme: str
    verifier: NoteVerifier

    def token(self) -> str:
        """Return the unit's token."""
        return read_secret(self.folder / _UNITS)


def make_folder(
    folder: Path,
    remote: Remote,
    url: str,
    token: str,
    verifier: NoteVerifier,
    *,
    scheme: str | None = None,
    cameras: bytes | None = None,
) -> ChargingPlace:
    """Make a charging folder: its file, with the scheme and the groups of its cameras, and the token.

    Raises
    ------
    ConfigurationError
        If there is one already; if this unit may charge by no scheme or by several and none is named; or if nobody
        says of which groups the cameras are.
    """
    feeds = charged_feeds(remote)
    if scheme is None and len(feeds) == 1:
        [scheme] = feeds
    if scheme is None or scheme not in feeds:
        known = ", ".join(f"`{name}`" for name in feeds) or "none"
        raise ConfigurationError(f"name one scheme with --scheme; this unit's feeds have {known}")
    connection = open_store(folder)
    try:
        if said(connection, "scheme") is not None:
            raise ConfigurationError(f"`{folder}` is a charging folder already")
        with change(connection):
            # Of another scheme, where a kill ended the making before.
            connection.execute("DELETE FROM documents")
        PublishedScheme(connection, remote, verifier, scheme).look()
        terms = kept_terms(connection)
        default = frozenset[str]() if cameras else undivided_groups(remote, feeds[scheme], terms)
        if not cameras and not default:
            raise ConfigurationError(
                "where a camera stands its feed does not say: say of which groups each is with --cameras F, the list "
                "that their source registers"
            )
        # A crash up to the commit: the folder is made again.
        write_durably(folder / _UNITS, token.encode() + b"\n", aside=folder / "unit.secret.new")
        with change(connection):
            if cameras:
                keep_cameras(connection, cameras, terms)
            say(
                connection,
                url=url,
                feed=feeds[scheme],
                scheme=scheme,
                key=verifier.vkey,
                default_groups=sorted(default),
            )
    finally:
        connection.close()
    return ChargingPlace(folder=folder, url=url, feed=feeds[scheme], scheme=scheme, verifier=verifier)


def keep_cameras(connection: sqlite3.Connection, data: bytes, terms: ChargingTerms) -> None:
    """Keep of which groups the cameras of a scheme's controller are, instead of what was known."""
    rows = parse_cameras(data, terms.newest.controller)
    connection.execute("DELETE FROM cameras")
    connection.executemany("INSERT INTO cameras VALUES (?, ?, ?)", rows)


def open_place(folder: Path) -> tuple[ChargingPlace, sqlite3.Connection]:
    """Open a charging folder that was made.

    Raises
    ------
    ConfigurationError
        If it is none, or cannot be read.
    """
    if not (folder / FILE).exists():
        raise ConfigurationError(
            f"`{folder}` is no charging folder: make one with `wicketgate charging init`"
        )
    connection = open_store(folder)
    url, feed, scheme, key = (said(connection, name) for name in ("url", "feed", "scheme", "key"))
    if not all(isinstance(one, str) for one in (url, feed, scheme, key)):
        connection.close()
        raise ConfigurationError(
            f"`{folder}` was not made to its end: make it again with `wicketgate charging init`"
        )
    place = ChargingPlace(folder=folder, url=url, feed=feed, scheme=scheme, verifier=parse_vkey(key))
    return place, connection


class ChargingNotices:
    """The notices of a feed's errata, in a charging folder: what each says is wrong is charged by no more."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        feed: str,
        terms: Callable[[], ChargingTerms],
        clock: Clock,
    ) -> None:
        self._connection, self._feed, self._terms, self._clock = connection, feed, terms, clock
        self.path = path

    @property
    def last(self) -> int:
        """The number of the last notice."""
        return int(said(self._connection, "noticed") or 0)

    def write(self, notices: list[dict[str, Any]]) -> None:
        """Keep notices durably."""
        checked, last = [], self.last
        for one in notices:
            notice = checked_notice(one, self._feed, last)
            last = notice.number
            if not notice.search:
                checked.append((notice.seq, notice.ground))
        with change(self._connection) as connection:
            withdraw(connection, self._terms(), checked, self._clock.now_us())
            say(connection, noticed=last)

    def close(self) -> None:
        """Do nothing: all of it is durable."""


class ChargingProgram:
    """The receiving of one charging folder's feed.

    Parameters
    ----------
    remote : Remote
        The gateway, with the unit's token.
    tell : callable
        Told, in words, what people should know.
    """

    def __init__(
        self,
        place: ChargingPlace,
        connection: sqlite3.Connection,
        remote: Remote,
        clock: Clock,
        *,
        kept: KeptCheckpoints | None = None,
        tell: Callable[[str], None],
    ) -> None:
        self._place, self._connection, self._remote, self._clock = place, connection, remote, clock
        self._kept, self._tell = kept, tell
        self._published = PublishedScheme(connection, remote, place.verifier, place.scheme)
        self._looked_us = 0
        self._terms: ChargingTerms
        self._taker: RowTaker
        self._read_terms()

    def run(self, *, follow: bool = True) -> None:
        """Receive for ever, or without `follow` what there is now.

        A gateway out of reach, and a feed that was stopped, are looked at again for ever. To end it from without is to
        kill it: what is in no transaction is asked for again.

        Raises
        ------
        VerificationError, LedgerError, InputError
            If what the gateway sends is not what its log has. What was checked before is reduced.
        NotEntitled, Unreachable
            Without `follow`.
        """
        told = ""
        while True:
            try:
                self._receive(follow=follow)
            except (Unreachable, NotEntitled) as error:
                if not follow:
                    raise
                if error.detail != told:
                    self._tell(f"NOTE: {error.detail}; trying again")
                told = error.detail
                time.sleep(_AGAIN_S)
            else:
                return

    def _receive(self, *, follow: bool) -> None:
        self._published.look()
        self._read_terms()
        sink = ChargingSink(self._connection, self._current, self._clock)
        path = self._place.folder / FILE
        notices = ChargingNotices(self._connection, path, self._place.feed, lambda: self._terms, self._clock)
        receiver = Receiver(
            self._remote,
            self._place.feed,
            self._place.verifier,
            sink,
            wait_s=_WAIT_S,
            kept=self._kept,
            clock=self._clock,
            errata=ErrataKeeper(self._remote, self._place.feed, notices, self._tell),
            say=self._tell,
        )
        try:
            receiver.run(follow=follow)
        except WicketgateError:
            sink.close()
            raise
        sink.close()

    def _current(self) -> tuple[ChargingTerms, RowTaker]:
        """Return the terms, looked up again where that is a while ago: a new version is known before it holds."""
        now_us = self._clock.now_us()
        if now_us - self._looked_us >= _LOOK_EVERY_US:
            self._looked_us = now_us
            if self._published.look():
                self._read_terms()
        return self._terms, self._taker

    def _read_terms(self) -> None:
        self._terms = kept_terms(self._connection)
        self._taker = RowTaker(self._terms, *kept_groups(self._connection))
