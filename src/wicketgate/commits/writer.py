"""The one writer of COMMITS, with its replay."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import msgspec

from wicketgate.base.clock import HOUR_US, SECOND_US, Clock, rfc3339
from wicketgate.base.errors import StreamError, WicketgateError
from wicketgate.base.signing import canonical
from wicketgate.base.streams.server import MAX_PAYLOAD
from wicketgate.base.streams.writer import StreamWriter
from wicketgate.commits.figures import Targeted, public_targeting, public_traffic
from wicketgate.commits.state import State, dump_state, load_state
from wicketgate.commits.stored import ContentKeys, StoredPlace, encode
from wicketgate.commits.transactions import (
    MAX_FACTS_BYTES,
    Committed,
    FiguresClosed,
    TargetingClosed,
    Transaction,
)
from wicketgate.ledger.facts import SecondTree, second_entry, second_of
from wicketgate.ledger.second import SecondClosed
from wicketgate.ledger.tiles import MAX_ENTRY_BYTES
from wicketgate.regime.admitted import Stood
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.obligations.receipts import due_by_name, published_receipts
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.publishing import rows_owed, targeting_due, targeting_until, traffic_until
from wicketgate.regime.standing import standing_entry

_LARGEST = MAX_PAYLOAD - 16 * 1024
_LONGEST_LEAP_US = HOUR_US
_TELL_EVERY_US = 5 * SECOND_US
"""Among seconds that are closed at once, how things stand is told so often."""
MOST_TOLD = 300
"""Changes of standing in one entry of the ledger."""

Build = Callable[[State, int, int], Transaction]
"""Makes a transaction from the staged state, the time (microseconds) and the sequence that it will have."""
Seal = Callable[[bytes], bytes]


def telling(state: State, at_us: int, changes: Sequence[Stood]) -> Transaction:
    """Return the transaction that tells of changes of standing, `MOST_TOLD` at most, behind a state."""
    return Transaction(
        at_us=at_us,
        first_entry=state.entries,
        entries=(canonical(standing_entry(changes, at_us)),),
        stood=tuple(changes),
    )


class Commits:
    """The staging and revealing of transactions.

    They are staged one behind the other, and each is revealed once it is durable. `staged` runs ahead of the disk
    by what is under way: transactions are built on it, so that a revocation stops the very next decision.
    `committed` is what is durable: all that is shown or answered comes from it. Were an append to fail, `staged`
    would be wrong; then nothing can be committed any more and the gateway must end (`on_failure`). Its next start
    folds COMMITS, and finds each transaction whole or absent.

    Parameters
    ----------
    state : State
        The fold of everything in COMMITS.
    parsed : Parsed
        Where its documents are kept opened.
    seal : callable
        Encrypts a second's openings to the overseers.
    keys : ContentKeys
        Of the private parts of what is stored.
    reveal : callable
        Takes each durable transaction, in order, with the places of its batches.
    leads : callable
        Whether this gateway may tell anybody anything. What becomes durable while it may not is told once it may
        (`go_on`), or never (`give_up`).
    """

    def __init__(
        self,
        writer: StreamWriter,
        clock: Clock,
        state: State,
        parsed: Parsed,
        *,
        instance: str,
        seal: Seal,
        keys: ContentKeys,
        reveal: Callable[[int, Transaction, tuple[StoredPlace, ...]], None],
        on_failure: Callable[[BaseException], None],
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._instance = instance
        self._seal = seal
        self._keys = keys
        self._reveal = reveal
        self._on_failure = on_failure
        self.leads = leads
        self._untold: deque[Callable[[], None]] = deque()
        self.committed = state
        self.followers: list[Callable[[Transaction], None]] = []
        """Told of each transaction once it is committed and revealed, before whoever waits for it goes on."""
        self.staged = load_state(dump_state(state))
        self.parsed = parsed
        self._failed = False
        self._open_bytes = sum(map(len, self.staged.facts))

    @property
    def under_way(self) -> int:
        """The number of transactions not durable yet."""
        return self._writer.under_way

    def commit(self, build: Build) -> asyncio.Future[Committed]:
        """Stage one transaction behind everything staged before.

        Runs without a pause, so decisions and documents have one order. Seconds and periods that have passed are closed
        first: a fact never stands in another second than its promise says.

        Returns
        -------
        Future of (int, Transaction)
            Once it is durable.

        Raises
        ------
        WicketgateError
            Whatever `build` raises; StreamError of code `too-large`, or of code `busy` where the second has no room
            left for its facts. Then nothing was staged.
        """
        at_us = max(self._clock.now_us(), self.staged.at_us)
        self._roll(at_us)
        transaction = build(self.staged, at_us, self.staged.sequence + 1)
        size = sum(map(len, transaction.facts))
        if size > MAX_FACTS_BYTES:
            raise StreamError("a transaction has more facts than a second has room for", code="too-large")
        if self._open_bytes + size > MAX_FACTS_BYTES:
            raise StreamError("too much happens in one second: try again in the next", code="busy")
        return self._stage(transaction)

    def merge_delay_us(self) -> int:
        """Return the merge delay of the committed charter."""
        return self.parsed.charter(self.committed).limits.merge_delay_us

    def committed_at(self, at_us: int) -> RegimeAt:
        """Return the committed regime at a moment."""
        return RegimeAt(self.committed.regime, self.parsed, at_us)

    def tick(self) -> None:
        """Close the past seconds and periods."""
        self._roll(max(self._clock.now_us(), self.staged.at_us))

    def start(self, operation: Mapping[str, Any]) -> asyncio.Future[Committed]:
        """Commit the gateway's start, and open the present second.

        The second that an earlier run left open is closed with its facts; those between are missing, and said to be.
        """
        at_us = max(self._clock.now_us(), self.staged.at_us)
        now_second = second_of(at_us)
        interrupted = self.staged.second_us < now_second
        # A kill between a period's last second and its figures leaves them to be closed now.
        self._close_due_figures(at_us)
        if interrupted:
            self._stage(self._close_second(at_us))
            self._close_due_figures(at_us)
        missing_from = self.staged.second_us
        body = {**operation, "kind": "operation", "operation": "start", "at": rfc3339(at_us)}
        if interrupted and missing_from < now_second:
            body["missing_from"] = rfc3339(missing_from)
            body["missing_until"] = rfc3339(now_second)
        started = self._stage(
            Transaction(
                at_us=at_us,
                first_entry=self.staged.entries,
                entries=(canonical(body),),
                opens_us=max(now_second, missing_from),
            )
        )
        # A period that ended while the gateway was away closes before anything is decided in the next one.
        self._close_due_figures(at_us)
        return started

    def record_upgrade(self, operation: Mapping[str, Any], form: int) -> asyncio.Future[Committed]:
        """Commit that the directory is of another form from now on.

        It stands at the time of the last commit, in the second that is still open: whether the clock is right is for
        the next start to judge.
        """
        at_us = self.staged.at_us
        self._close_due_figures(at_us)
        self._roll(at_us)
        body = {**operation, "kind": "operation", "operation": "upgraded", "at": rfc3339(at_us)}
        return self._stage(
            Transaction(
                at_us=at_us,
                first_entry=self.staged.entries,
                entries=(canonical(body),),
                directory_form=form,
            )
        )

    def _stage(self, transaction: Transaction) -> asyncio.Future[Committed]:
        if self._failed:
            raise StreamError("this gateway can commit nothing more")
        data, places = encode(transaction, self._keys)
        if len(data) > _LARGEST:
            raise StreamError(
                f"a transaction of {len(data)} bytes is too large for the streams", code="too-large"
            )
        if any(len(entry) > MAX_ENTRY_BYTES for entry in transaction.entries):
            # Committed, it would end this gateway and each later start: the log cannot hold it.
            raise StreamError("an entry is too large for the log", code="too-large")
        sequence = self.staged.sequence + 1
        if self._writer.last + 1 != sequence:
            # An append has failed, and `_stored` has not heard of it yet.
            self._fail(StreamError(f"COMMITS is at {self._writer.last} and the fold at {sequence - 1}"))
        self.staged.apply(transaction, sequence, self.parsed)
        if transaction.second is not None:
            self._open_bytes = 0
        self._open_bytes += sum(map(len, transaction.facts))
        # A crash from here on leaves this transaction whole or absent, and none behind an absent one.
        stored = self._writer.submit(data, f"{self._instance}-{sequence}")
        waiter: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        stored.add_done_callback(lambda done: self._told(done, sequence, transaction, places, waiter))
        return waiter

    def go_on(self) -> None:
        """Tell what became durable while this gateway did not know whether it leads."""
        while self._untold and (self._failed or self.leads()):
            self._untold.popleft()()

    def give_up(self, error: BaseException) -> None:
        """Commit nothing more, and tell nobody what became durable and was not told yet."""
        self._failed = True
        self._on_failure(error)
        self.go_on()

    def _told(
        self,
        done: asyncio.Future[int],
        sequence: int,
        transaction: Transaction,
        places: tuple[StoredPlace, ...],
        waiter: asyncio.Future[Committed],
    ) -> None:
        # In their order: what waits already goes first.
        self._untold.append(lambda: self._stored(done, sequence, transaction, places, waiter))
        if done.cancelled() or done.exception() is not None:
            self._failed = True  # nothing behind it is told either
        self.go_on()

    def _stored(
        self,
        done: asyncio.Future[int],
        sequence: int,
        transaction: Transaction,
        places: tuple[StoredPlace, ...],
        waiter: asyncio.Future[Committed],
    ) -> None:
        # Called in order: the stream acknowledges in order.
        error = None if done.cancelled() else done.exception()
        if error is None and not done.cancelled() and not self._failed:
            try:
                self.committed.apply(transaction, sequence, self.parsed)
                self._reveal(sequence, transaction, places)
                for follow in self.followers:
                    follow(transaction)
            except (WicketgateError, LookupError) as broken:
                error = broken
            else:
                if not waiter.done():
                    waiter.set_result((sequence, transaction))
                return
        self._failed = True
        if not waiter.done():
            waiter.set_exception(error or StreamError("the gateway ends"))
            waiter.exception()
        if error is not None:
            self._on_failure(error)

    def _fail(self, error: StreamError) -> NoReturn:
        self._failed = True
        self._on_failure(error)
        raise error

    def _roll(self, at_us: int) -> None:
        if not self.staged.charter_envelope:
            return
        if at_us - self.staged.second_us > _LONGEST_LEAP_US:
            # Each second that has passed would be closed on its own, one after the other, and nothing else be done.
            self._fail(StreamError("the clock has leapt: the next start says which seconds are missing"))
        while self.staged.second_us + SECOND_US <= at_us:
            # Where nothing ran for a while, what the clock changed meanwhile is told among the seconds in which it did:
            # `verify` holds the log to ten of them.
            end_us = self.staged.second_us + SECOND_US
            behind = end_us + SECOND_US <= at_us
            closed_us = max(end_us, self.staged.at_us) if behind else at_us
            self._stage(self._close_second(closed_us))
            self._close_due_figures(closed_us)
            if behind and end_us % _TELL_EVERY_US == 0 and second_of(closed_us) == end_us:
                self._tell(closed_us)

    def _tell(self, at_us: int) -> None:
        found = RegimeAt(self.staged.regime, self.parsed, at_us).untold()
        for first in range(0, len(found), MOST_TOLD):
            self._stage(telling(self.staged, at_us, found[first : first + MOST_TOLD]))

    def _close_due_figures(self, at_us: int) -> None:
        charter = self.parsed.charter(self.staged)
        boundary_us = traffic_until(charter.limits.figures_every, self.staged.second_us)
        if boundary_us > self.staged.counting_from_us:
            self._stage(self._close_figures(at_us, boundary_us))
        while self.staged.targeted_from_us:
            state = self.staged
            until_us = targeting_due(charter, state.targeted_from_us, state.counting_from_us, state.second_us)
            if until_us is None:
                return
            # After a long absence several months are over: each has its own figures.
            self._stage(self._close_targeting(at_us, until_us))

    def _close_second(self, at_us: int) -> Transaction:
        state = self.staged
        facts, seed = tuple(state.facts), os.urandom(32)
        openings = msgspec.json.encode(
            {
                "second": rfc3339(state.second_us),
                "entry": state.entries,
                "seed": seed.hex(),
                "facts": [msgspec.Raw(item) for item in facts],
            }
        )
        return Transaction(
            at_us=at_us,
            first_entry=state.entries,
            entries=(second_entry(state.second_us, SecondTree(facts, seed).root),),
            second=SecondClosed(
                number=state.seconds + 1,
                second_us=state.second_us,
                entry=state.entries,
                facts=facts,
                seed=seed,
                sealed=self._seal(openings),
            ),
        )

    def _close_figures(self, at_us: int, until_us: int) -> Transaction:
        state = self.staged
        moment = RegimeAt(state.regime, self.parsed, until_us)
        shown = public_traffic(state.counts, moment)
        left = rows_owed(moment, shown["released"], state.counting_from_us)
        body = {
            "kind": "figures",
            "from": rfc3339(state.counting_from_us),
            "until": rfc3339(until_us),
            **shown,
            "receipts": published_receipts(state.held, left, until_us),
        }
        return Transaction(
            at_us=at_us,
            first_entry=state.entries,
            entries=(canonical(body),),
            figures=FiguresClosed(
                from_us=state.counting_from_us,
                until_us=until_us,
                entry=state.entries,
                due=due_by_name(moment, left, state.counting_from_us),
                targeted_until_us=targeting_until(moment.charter, state.counting_from_us, until_us),
            ),
        )

    def _close_targeting(self, at_us: int, until_us: int) -> Transaction:
        state = self.staged
        body = {
            "kind": "targeting",
            "from": rfc3339(state.targeted_from_us),
            "until": rfc3339(until_us),
            **public_targeting(
                state.targeted.get(until_us, Targeted()), RegimeAt(state.regime, self.parsed, until_us)
            ),
        }
        return Transaction(
            at_us=at_us,
            first_entry=state.entries,
            entries=(canonical(body),),
            targeting=TargetingClosed(from_us=state.targeted_from_us, until_us=until_us, entry=state.entries),
        )
