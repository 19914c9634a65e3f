"""A recipient's client for one feed.

Batches are checked as they come, each with its proof after the merge delay.

`Receiver` asks and checks; a sink (`sinks`) keeps. The order makes a crash harmless: what one answer held is
durable in the sink before the next request, and the sink knows by itself where it stopped.
"""

from __future__ import annotations

import io
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import msgspec

from wicketgate.base.clock import SECOND_US, Clock, SystemClock, parse_rfc3339
from wicketgate.base.errors import InputError, NotEntitled, Unreachable, VerificationError
from wicketgate.base.signing import parse_json
from wicketgate.clients.recipient.errata import ErrataKeeper
from wicketgate.clients.recipient.images import ImageFetcher
from wicketgate.clients.recipient.watch import SKEW_US, LogWatch, ToldCharters, last_second_us
from wicketgate.clients.verify.feedfile import (
    GRACE_S,
    LATEST_S,
    MAX_PROOF_BYTES,
    fetch_fact,
    parse_answer,
    second_entry_of,
)
from wicketgate.clients.verify.feeds import FeedChain, Last
from wicketgate.clients.verify.kept import KeptCheckpoints
from wicketgate.clients.verify.log import TrustedLog
from wicketgate.clients.verify.register import MAX_REGISTER_BYTES
from wicketgate.clients.verify.remote import HttpAnswer, Remote
from wicketgate.feeds.batches import Batch, read_batches
from wicketgate.ledger.facts import check_kept, promised_within_s, release_fact
from wicketgate.ledger.merkle import leaf_hash
from wicketgate.ledger.notes import NoteVerifier

MAX_ANSWER_BYTES = 256 * 1024 * 1024
_BATCHES_AT_ONCE = 200
_MOST_DUE = 5_000
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A checked batch, and its bytes as they came."""

    batch: Batch
    data: bytes


class Sink(Protocol):
    """The store of a recipient's batches."""

    @property
    def last(self) -> Last | None:
        """The last batch kept, or None.

        It may be of an earlier run.
        """
        ...

    @property
    def unproved(self) -> Sequence[Mapping[str, Any]]:
        """The headers of earlier batches with proofs perhaps unchecked."""
        ...

    @property
    def seen(self) -> bytes | None:
        """The signed checkpoint of an earlier run."""
        ...

    def write(self, received: Sequence[Received]) -> None:
        """Keep batches durably.

        On return they survive a crash.
        """
        ...

    def note(self, due: Sequence[Mapping[str, Any]], checkpoint: bytes) -> None:
        """Remember the proofs still due, and the latest checkpoint."""
        ...

    def close(self) -> None:
        """Keep whatever is not kept yet."""
        ...


@dataclass(slots=True)
class _Due:
    header: Mapping[str, Any]
    at_s: float
    missing_since_s: float | None = None


@dataclass(slots=True)
class ReceivedTally:
    """The work of a receiver, counted."""

    batches: int = 0
    rows: int = 0
    first: int | None = None
    last: int | None = None
    proved: int = 0
    late: int = 0
    gone: int = 0
    reconnected: int = 0


class ListedFeed(msgspec.Struct, frozen=True):
    """A feed in the answer of `GET /v1/feeds`."""

    authority: str
    batches: int


class ListedFeeds(msgspec.Struct, frozen=True):
    """The answer of `GET /v1/feeds`."""

    feeds: list[ListedFeed]


class Receiver:
    """The receiver of one feed.

    It asks for batches, and checks each with its promise and its proof.

    Parameters
    ----------
    remote : Remote
        The gateway, with the unit's token; one attempt a request, since the receiver tries again by itself.
    feed : str
        The authority's name.
    verifier : NoteVerifier
        The log's key.
    sink : Sink
        Where batches go and where it is known which was the last.
    after : int
        The batch behind which to begin, if the sink holds none.
    patience_s : float or None
        For how long an unreachable gateway is tried; None: for ever.
    seen : sequence of bytes
        Signed checkpoints that somebody saw: the log must extend each.
    kept : KeptCheckpoints, optional
        What was kept at an earlier run or by `verify`; the last checkpoint is kept in its place.
    images : ImageFetcher, optional
        Fetches the images that the rows name, behind the rows.
    errata : ErrataKeeper, optional
        Keeps notices of rows that were wrong, also of a feed that was stopped.
    say : callable
        Told, in words, what people should know.
    """

    def __init__(
        self,
        remote: Remote,
        feed: str,
        verifier: NoteVerifier,
        sink: Sink,
        *,
        after: int = 0,
        patience_s: float | None = 60.0,
        wait_s: float = 10.0,
        latest_s: float = LATEST_S,
        seen: Sequence[bytes] = (),
        kept: KeptCheckpoints | None = None,
        clock: Clock | None = None,
        images: ImageFetcher | None = None,
        errata: ErrataKeeper | None = None,
        say: Callable[[str], None] = lambda words: None,
    ) -> None:
        self._remote = remote
        self._feed = feed
        self._verifier = verifier
        self._sink = sink
        self._patience_s = patience_s
        self._wait_s = wait_s
        self._latest_s = latest_s
        self._clock = clock or SystemClock()
        self._watch = LogWatch(verifier, seen, kept, self._clock, say)
        self._say = say
        self._images = images
        self._errata = errata
        self._after = after if sink.last is None else sink.last.batch
        self._due: deque[_Due] = deque()
        self._log: TrustedLog
        self._charters: ToldCharters
        self._term_us: int | None = None
        self._chain: FeedChain
        self.tally = ReceivedTally()

    def run(self, *, follow: bool) -> ReceivedTally:
        """Receive the batches, then check the proofs still due.

        It takes what there is now, or goes on for ever.

        Raises
        ------
        VerificationError, LedgerError, InputError
            If a batch, promise, proof or checkpoint is wrong. What was kept before it was checked.
        Unreachable
            If the gateway stays out of reach.
        NotEntitled
            If the feed is not this token's, or was stopped; what is due was checked first.
        """
        self._open()
        try:
            self._fetch_former()
            # A feed that flows never has nothing new: without `follow` the end is where it stands now.
            newest = None if follow else self._patiently(self._newest)
            while newest is None or self._after < newest:
                received = self._patiently(
                    lambda: self._ask(self._after, self._chain, wait_s=self._wait(follow))
                )
                if received:
                    self._keep(received)
                elif not follow:
                    break
                self._prove_due()
                if follow and self._watch.due:
                    self._patiently(lambda: self._watch.look(self._log))
                if follow and self._errata is not None and self._errata.is_due:
                    self._errata.look(self._patiently)
        except NotEntitled:
            self.finish()
            raise
        self.finish()
        return self.tally

    def finish(self) -> None:
        """Check the proofs still due, waiting for them, and ask for errata once more."""
        if self._errata is not None:
            self._errata.look(self._patiently)
        while self._due:
            time.sleep(min(max(self._due[0].at_s - time.monotonic(), 0.0), 1.0))
            self._prove_due()
        self._watch.keep(self._log)

    @property
    def due(self) -> int:
        """The number of proofs not checked yet."""
        return len(self._due)

    def _open(self) -> None:
        self._log = self._patiently(lambda: TrustedLog.open(self._remote.log(), self._verifier))
        self._charters = ToldCharters(self._log, self._charters_told)
        if self._sink.seen is not None:
            self._watch.seen.append(self._sink.seen)
        self._patiently(lambda: self._watch.begin(self._log))
        self._chain = FeedChain(self._log.checkpoint.origin, self._verifier.public)
        if self._sink.last is not None:
            self._chain.last[self._feed] = self._sink.last
        for header in self._sink.unproved:
            self._due.append(_Due(header, time.monotonic()))

    def _newest(self) -> int:
        answer = self._remote.get("/v1/feeds", most=MAX_ANSWER_BYTES)
        if answer.status in (401, 403):
            raise NotEntitled(
                f"the feed `{self._feed}` may not be read: {answer.code or answer.status}",
                code=answer.code or "not-entitled",
            )
        try:
            listed = msgspec.json.decode(answer.body, type=ListedFeeds).feeds if answer.status == 200 else []
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError("the list of feeds cannot be read") from error
        # A feed that is not listed is not this unit's; asking for it says so.
        return next((feed.batches for feed in listed if feed.authority == self._feed), 1 << 62)

    def _wait(self, follow: bool) -> float:
        if not follow or len(self._due) >= _MOST_DUE:
            return 0.0
        if not self._due:
            return self._wait_s
        return min(self._wait_s, max(self._due[0].at_s - time.monotonic(), 0.0))

    def _ask(self, after: int, chain: FeedChain, *, wait_s: float = 0.0) -> list[Received]:
        """Return the batches of one answer, all checked.

        None of them is kept yet.
        """
        answer = self._answer(after, _BATCHES_AT_ONCE, wait_s)
        if answer.status == 410:
            raise InputError(
                f"the batches behind {after} are past the feed's term and cannot be had any more: "
                "begin behind a later one with --after",
                code=answer.code or "gone",
            )
        if answer.status in (401, 403):
            raise NotEntitled(
                f"the feed `{self._feed}` may not be read: {answer.code or answer.status}",
                code=answer.code or "not-entitled",
            )
        if answer.status != 200:
            raise InputError(f"the feed `{self._feed}` answers {answer.status} {answer.code}".rstrip())
        return list(self._checked(answer.body, after, chain))

    def _answer(self, after: int, limit: int, wait_s: float = 0.0) -> HttpAnswer:
        return self._remote.get(
            f"/v1/feeds/{self._feed}",
            most=MAX_ANSWER_BYTES,
            params={"after": after, "limit": limit, "wait": f"{wait_s:.1f}"},
            wait_s=wait_s,
        )

    def _checked(self, body: bytes, after: int, chain: FeedChain) -> list[Received]:
        source = io.BytesIO(body)
        received: list[Received] = []
        start, expected = 0, after + 1
        for batch in read_batches(source):
            taken = chain.take(batch)
            if taken.name != self._feed:
                raise VerificationError(f"batch {batch.number} is of `{taken.name}`, not of `{self._feed}`")
            self._charters.check_delay(batch.header, taken.delay_us, taken.released_us)
            if batch.number != expected:
                raise VerificationError(f"batch {batch.number} came where batch {expected} must come")
            received.append(Received(batch=batch, data=body[start : source.tell()]))
            start, expected = source.tell(), expected + 1
        return received

    def _keep(self, received: Sequence[Received]) -> None:
        self._sink.write(received)
        # A crash here: the sink has the batches and says so at the next start.
        now_us, now_s = self._clock.now_us(), time.monotonic()
        for one in received:
            merge_by_us = parse_rfc3339(one.batch.header["promise"]["merge_by"])
            # The monotonic clock from here on, and the merge delay at most: a wrong wall clock puts no check off.
            ahead_s = min(max((merge_by_us - now_us) / SECOND_US, 0.0), promised_within_s(one.batch.header))
            self._due.append(_Due(one.batch.header, now_s + ahead_s))
            self.tally.rows += len(one.batch.lines)
        self.tally.batches += len(received)
        self.tally.first = self.tally.first or received[0].batch.number
        self._after = self.tally.last = received[-1].batch.number
        if self._errata is not None:
            self._errata.hear(line for one in received for line in one.batch.lines[:1])
        self._sink.note([due.header for due in self._due], self._log.note)
        if self._images is not None:
            # A crash here: the rows are kept, and the next start finds that their images are not.
            self._images.take([one.batch for one in received], self._patiently)

    def _fetch_former(self) -> None:
        """Fetch the images of rows kept at an earlier run, as far as the feed still holds them."""
        images = self._images
        if images is None:
            return
        at = images.begin(0 if self._sink.last is not None else self._after)
        chain = FeedChain(self._log.checkpoint.origin, self._verifier.public)
        while at < self._after:
            if self._patiently(partial(self._answer, at, 1)).status == 410:
                held = self._first_held(at)
                self._say(f"NOTE: the images of batches {at + 1} to {held} are past the feed's term")
                at = images.begin(held, over=True)
                continue
            received = self._patiently(partial(self._ask, at, chain))
            former = [one.batch for one in received if one.batch.number <= self._after]
            if not former:
                break
            images.take(former, self._patiently)
            at = former[-1].number

    def _first_held(self, past: int) -> int:
        """Return the least batch behind which the feed answers, at most the last one kept."""
        held = self._after
        while held - past > 1:
            middle = (past + held) // 2
            if self._patiently(partial(self._answer, middle, 1)).status == 410:
                past = middle
            else:
                held = middle
        return held

    def _prove_due(self) -> None:
        """Check the proofs now due.

        One that is missing is asked for again until it is too late.
        """
        proved = 0
        while self._due and self._due[0].at_s <= time.monotonic():
            due = self._due[0]
            outcome = self._patiently(partial(self._prove, due.header))
            if outcome is not False:
                self._due.popleft()
                proved += 1
                self.tally.proved += outcome is not None
                self.tally.gone += outcome is None
                self.tally.late += self._was_late(due)
                continue
            now_s = time.monotonic()
            due.missing_since_s = due.missing_since_s or now_s
            if now_s - due.missing_since_s > promised_within_s(due.header) + self._latest_s:
                raise VerificationError(
                    f"batch {due.header['batch']}: promise broken: no proof that it is in the log by "
                    f"{due.header['promise']['merge_by']}, nor {self._latest_s:g} s later"
                )
            # The others wait behind it: batches are proved in their order.
            due.at_s = now_s + 0.5
            break
        if proved:
            self._sink.note([due.header for due in self._due], self._log.note)

    @staticmethod
    def _was_late(due: _Due) -> bool:
        since_s = due.missing_since_s
        return since_s is not None and time.monotonic() - since_s > promised_within_s(due.header) + GRACE_S

    def _prove(self, header: Mapping[str, Any]) -> bool | None:
        """Return whether the proof is there.

        None says that it cannot be had any more. A proof that does not hold is raised.
        """
        try:
            answer = self._remote.get(
                f"/v1/feeds/{self._feed}/proofs", most=MAX_PROOF_BYTES, params={"batch": header["batch"]}
            )
        except Unreachable:
            # Where all is out of reach this is too. A gateway that answers but for its proofs is held to its promise.
            return self._prove_publicly(header)
        if answer.status == 404:
            return False
        if answer.status == 410 and self._is_past_term(header):
            return None
        if answer.status in (403, 410):
            # A feed that was stopped, or a term that has not passed: what was released is in the log, which is public.
            return self._prove_publicly(header)
        if answer.status != 200:
            raise VerificationError(f"batch {header['batch']}: its proof answers {answer.status}")
        fact = parse_answer(answer.body)
        value = parse_json(answer.body)
        checkpoint, proof = value.get("checkpoint"), value.get("entry_proof")
        if not isinstance(checkpoint, str) or not isinstance(proof, list):
            raise InputError(f"batch {header['batch']}: a proof without checkpoint or path to it")
        try:
            path = tuple(bytes.fromhex(node) for node in proof)
        except (TypeError, ValueError) as error:
            raise InputError(f"batch {header['batch']}: a proof that is not in hexadecimal") from error
        head = self._log.accept(checkpoint.encode("utf-8", "surrogatepass"))
        entry = second_entry_of(fact)
        self._log.prove(fact.entry, entry, head, path)
        check_kept(header, fact, entry)
        return True

    def _is_past_term(self, header: Mapping[str, Any]) -> bool:
        """Return whether a batch is older than a charter of the log lets its proof be kept, by the log's own time.

        The register says where charters stand; that they are charters, the log does.
        """
        if self._term_us is None:
            terms_us = [charter.limits.feed_term_us for charter in self._charters.all()]
            self._term_us = min(terms_us, default=1 << 62)
        now_us = last_second_us(self._log) or self._clock.now_us()
        return now_us - parse_rfc3339(header["released_at"]) > self._term_us - SKEW_US

    def _charters_told(self) -> list[int]:
        try:
            answer = self._remote.get("/register.json", most=MAX_REGISTER_BYTES)
            told = parse_json(answer.body).get("charters", []) if answer.status == 200 else []
            return [one["entry"] for one in told if isinstance(one["entry"], int)]
        except (Unreachable, InputError, AttributeError, KeyError, TypeError):
            return []

    def _prove_publicly(self, header: Mapping[str, Any]) -> bool:
        fact = fetch_fact(self._remote, leaf_hash(release_fact(header)))
        if fact is None:
            return False
        check_kept(header, fact, self._log.entry_of(fact))
        return True

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """Return the result of `ask`, retried while the gateway is unreachable.

        The pauses grow.
        """
        began_s = time.monotonic()
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                result = ask()
            except Unreachable as error:
                out_s = time.monotonic() - began_s
                if self._patience_s is not None and out_s + pause_s > self._patience_s:
                    raise
                if pause_s == _FIRST_PAUSE_S:
                    self._say(f"{error.detail}; trying again")
                time.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            else:
                if pause_s != _FIRST_PAUSE_S:
                    self.tally.reconnected += 1
                    self._say("the gateway answers again")
                return result
