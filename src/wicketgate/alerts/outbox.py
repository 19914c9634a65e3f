"""The outbox of alerts: what is to be told, until it is sent or given up.

In LMDB, bounded in number and bytes. It follows COMMITS like every part, so a hit that is committed is told of, whoever
is killed when. It holds no plate: a message gets its words when it is sent.
"""

from __future__ import annotations

import struct
import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import lmdb
import msgspec

from wicketgate.alerts.messages import AlertMessage, Event, Flow, Group
from wicketgate.alerts.planning import Planning, db_key, packed
from wicketgate.alerts.rules import AlertRules
from wicketgate.base.clock import DAY_US, MINUTE_US, SECOND_US
from wicketgate.base.forms import FIRST
from wicketgate.base.parts import LmdbPart, refusing_damage
from wicketgate.commits.transactions import HitRaised, Transaction

OUTBOX_FORM: Final = FIRST
"""The form in which this version writes the outbox, and the latest that it reads."""
GIVE_UP_US: Final = DAY_US
"""A message that could not be sent for so long is a dead letter."""
MOST_MESSAGES: Final = 5_000
MOST_OF_TARGET: Final = 500
MOST_BYTES: Final = 8 * 1024**2
MOST_NOTES: Final = 100_000
"""Hits that wait to become messages, at a sequencer that waits; the oldest go first."""
NOTE_TERM_US: Final = DAY_US
MOST_DEAD: Final = 200
DEAD_TERM_US: Final = 7 * DAY_US
KNOWN_TERM_US: Final = 40 * DAY_US
MOST_KNOWN: Final = 100_000
_FIRST_PAUSE_US: Final = 10 * SECOND_US
_LONGEST_PAUSE_US: Final = 60 * MINUTE_US
_AT_ONCE: Final = 1_000
_MAP_SIZE: Final = 1024**3  # address space, not disk
_POSITION: Final = b"position"
_NOTE: Final = struct.Struct(">QI")

_T = TypeVar("_T")


class HitNote(msgspec.Struct, frozen=True, array_like=True):
    """A committed hit, until it is told of or nobody wants it."""

    hit: str
    authority: str
    voi: str
    priority: int
    raised_us: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was given up, and why."""

    message: AlertMessage
    at_us: int
    why: str


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """How a target does.

    Attributes
    ----------
    failures : int
        In a row.
    next_us : int
        Not tried before this.
    disabled_us : int
        Since when nothing is sent there any more, because it said so; 0: it is in use.
    delivered_us : int
        When something last arrived.
    """

    failures: int = 0
    next_us: int = 0
    disabled_us: int = 0
    delivered_us: int = 0
    fault: str = ""


_READ: Mapping[type[Any], msgspec.msgpack.Decoder[Any]] = {
    kind: msgspec.msgpack.Decoder(kind)
    for kind in (HitNote, AlertMessage, Group, Flow, DeadLetter, TargetState, int)
}


def pause_us(failures: int) -> int:
    """Return how long a target is left alone after so many failures in a row.

    >>> [pause_us(n) // 1_000_000 for n in (1, 2, 3, 20)]
    [10, 20, 40, 3600]
    """
    return min(_FIRST_PAUSE_US << min(failures - 1, 20), _LONGEST_PAUSE_US)


class Outbox:
    """The outbox of one gateway. Its methods run in any one thread at a time.

    Parameters
    ----------
    folder : Path
        Of the LMDB environment.
    in_use : bool
        Whether there is any target: without one nothing is kept.

    Attributes
    ----------
    position : int
        The last transaction of which everything that may be told is here.
    dropped : collections.Counter
        What was not kept since the start, by why.

    Notes
    -----
    Each method is one durable LMDB transaction: a kill leaves all of it or nothing.
    """

    @refusing_damage
    def __init__(self, folder: Path, *, in_use: bool = True) -> None:
        self.in_use = in_use
        self.part = LmdbPart(folder, map_size=_MAP_SIZE, max_dbs=9, form=OUTBOX_FORM)
        self._environment = self.part.environment
        names = ("notes", "messages", "groups", "flows", "dead", "targets", "known", "meta")
        self._dbs = {name: self._environment.open_db(name.encode()) for name in names}
        self._lock = threading.Lock()
        self.dropped: Counter[str] = Counter()
        with self._environment.begin() as store:
            stored = store.get(_POSITION, db=self._dbs["meta"])
            self.position: int = struct.unpack(">Q", stored)[0] if stored else 0
            found = [message for _, message in self._all(store, "messages", AlertMessage)]
            self.waiting_notes: int = store.stat(self._dbs["notes"])["entries"]
        self.waiting: dict[str, AlertMessage] = {one.id: one for one in found}
        """Every message that is not sent, by its id."""
        self._bytes = sum(len(packed(one)) for one in found)
        self._of_target = Counter(one.target for one in found)
        self.targets: dict[str, TargetState] = {}
        with self._environment.begin() as store:
            for key, state in self._all(store, "targets", TargetState):
                self.targets[key.decode()] = state

    def close(self) -> None:
        """Close the environment."""
        self.part.close()

    # --- the projection -------------------------------------------------------------------------------------------

    def write(self, taken: Iterable[tuple[int, Transaction]]) -> None:
        """Write what transactions have to tell: their hits, and which messages were told already."""
        with self._lock, self._environment.begin(write=True) as store:
            position, latest_us, gone = self.position, 0, []
            for sequence, transaction in taken:
                if sequence <= self.position:
                    continue
                position, latest_us = sequence, transaction.at_us
                for number, hit in enumerate(transaction.hits):
                    self.store(store, "notes", _NOTE.pack(sequence, number), _note(hit))
                for one in transaction.told:
                    self.store(store, "known", one.id.encode(), transaction.at_us)
                    gone.append(one.id)
            for message_id in gone:
                store.delete(message_id.encode(), db=self._dbs["messages"])
            self._shed(store, latest_us - NOTE_TERM_US)
            store.put(_POSITION, struct.pack(">Q", position), db=self._dbs["meta"])
            waiting = store.stat(self._dbs["notes"])["entries"]
        for message_id in gone:
            self._gone(message_id)
        self.position, self.waiting_notes = position, waiting

    def _shed(self, store: lmdb.Transaction, before_us: int) -> None:
        """Let go of notes that are too old to be told of, or too many."""
        cursor = store.cursor(db=self._dbs["notes"])
        left = store.stat(self._dbs["notes"])["entries"]
        while cursor.first():
            too_many = left > MOST_NOTES
            if not too_many and _READ[HitNote].decode(cursor.value()).raised_us >= before_us:
                return
            cursor.delete()
            left -= 1
            self.dropped["too many hits" if too_many else "too old"] += 1

    # --- from what happened to messages -----------------------------------------------------------------------------

    def plan_hits(self, owners: Mapping[str, str], rules: Mapping[str, AlertRules], now_us: int) -> int:
        """Make messages of the hits that wait, and return how many were looked at.

        Parameters
        ----------
        owners : mapping
            Whose the hits of each authority are, as `recipient:ORGANISATION/UNIT`.
        """
        with self._lock, self._environment.begin(write=True) as store:
            cursor = store.cursor(db=self._dbs["notes"])
            planned = Planning(self, store, rules, now_us)
            number = 0
            while number < _AT_ONCE and cursor.first():
                note: HitNote = _READ[HitNote].decode(cursor.value())
                cursor.delete()
                number += 1
                if (who := owners.get(note.authority)) is not None:
                    planned.take(_event(note, who))
            left = store.stat(self._dbs["notes"])["entries"]
        planned.settle()
        self.waiting_notes = left
        return number

    def plan(self, events: Iterable[Event], rules: Mapping[str, AlertRules], now_us: int) -> None:
        """Make messages of events that no transaction told of; one that was told already makes none."""
        with self._lock, self._environment.begin(write=True) as store:
            planned = Planning(self, store, rules, now_us)
            for event in events:
                key = f"event\0{event.who}\0{event.id}".encode()[:500]
                if store.get(key, db=self._dbs["known"]) is None and planned.take(event):
                    self.store(store, "known", key, now_us)
        planned.settle()

    def put(self, message: AlertMessage) -> bool:
        """Put a message by itself, such as a test; return whether there was room."""
        with self._lock, self._environment.begin(write=True) as store:
            planned = Planning(self, store, {}, message.made_us)
            kept = planned.keep(message)
        planned.settle()
        return kept

    # --- what became of a message -----------------------------------------------------------------------------------

    def delivered(self, message: AlertMessage, now_us: int) -> None:
        """Note that a message arrived: its target is well again."""
        self._end(message, now_us, TargetState(delivered_us=now_us))

    def failed(self, message: AlertMessage, fault: str, now_us: int, *, gone: bool = False) -> bool:
        """Note that a message did not arrive, and return whether it is given up.

        Parameters
        ----------
        gone : bool
            Whether the target said that it is gone for good: nothing is sent there until a test arrives.
        """
        state = self.targets.get(message.target, TargetState())
        failures = state.failures + 1
        wait_us = now_us + pause_us(failures)
        state = msgspec.structs.replace(
            state,
            failures=failures,
            next_us=wait_us,
            disabled_us=(state.disabled_us or now_us) if gone else state.disabled_us,
            fault=fault,
        )
        if gone or message.kind == "test" or now_us - message.due_us >= GIVE_UP_US:
            self._end(message, now_us, state, why=fault)
            return True
        later = msgspec.structs.replace(message, attempts=message.attempts + 1, next_us=wait_us, fault=fault)
        with self._lock, self._environment.begin(write=True) as store:
            self.store(store, "messages", message.id.encode(), later)
            self.store(store, "targets", message.target.encode(), state)
        self.targets[message.target] = state
        self.keep({later.id: later})
        return False

    def give_up(self, message: AlertMessage, why: str, now_us: int) -> None:
        """Make a message a dead letter without trying it."""
        self._end(message, now_us, self.targets.get(message.target, TargetState()), why=why)

    def drop(self, message: AlertMessage) -> None:
        """Let go of a message that nobody may get any more."""
        self.dropped["not entitled"] += 1
        with self._lock, self._environment.begin(write=True) as store:
            store.delete(message.id.encode(), db=self._dbs["messages"])
        self._gone(message.id)

    def _end(self, message: AlertMessage, now_us: int, state: TargetState, why: str = "") -> None:
        with self._lock, self._environment.begin(write=True) as store:
            store.delete(message.id.encode(), db=self._dbs["messages"])
            self.store(store, "known", message.id.encode(), now_us)
            self.store(store, "targets", message.target.encode(), state)
            if why:
                letter = DeadLetter(message=message, at_us=now_us, why=why)
                self.store(store, "dead", struct.pack(">Q", now_us) + message.id.encode(), letter)
                self._bury(store)
        self.targets[message.target] = state
        self._gone(message.id)

    def _bury(self, store: lmdb.Transaction) -> None:
        cursor = store.cursor(db=self._dbs["dead"])
        left = store.stat(self._dbs["dead"])["entries"]
        while left > MOST_DEAD and cursor.first():
            cursor.delete()
            left -= 1

    def _gone(self, message_id: str) -> None:
        if (message := self.waiting.pop(message_id, None)) is not None:
            self._bytes -= len(packed(message))
            self._of_target[message.target] -= 1

    # --- what there is ----------------------------------------------------------------------------------------------

    def due(self, now_us: int, busy: Iterable[str]) -> list[AlertMessage]:
        """Return the message that goes next to each target which has one, is not busy and may be tried."""
        found: dict[str, AlertMessage] = {}
        passed = set(busy)
        for message in list(self.waiting.values()):  # a thread may take some away meanwhile
            state = self.targets.get(message.target)
            ready = message.due_us <= now_us and message.target not in passed
            if not ready or _is_left_alone(state, message, now_us):
                continue
            best = found.get(message.target)
            if best is None or _order(message) < _order(best):
                found[message.target] = message
        return list(found.values())

    def dead(self, who: str = "") -> list[DeadLetter]:
        """Return dead letters, the latest first: a place's own, or all of them."""
        with self._environment.begin() as store:
            found = [letter for _, letter in self._all(store, "dead", DeadLetter)]
        return [one for one in reversed(found) if who in {"", one.message.who}]

    def is_told(self, message_id: str) -> bool:
        """Return whether a message was sent or given up, here or by the sequencer before."""
        with self._environment.begin() as store:
            return self.is_known(store, message_id)

    def forget(self, now_us: int) -> None:
        """Let go of what is past its term."""
        with self._lock, self._environment.begin(write=True) as store:
            ended = [
                *(
                    ("groups", key)
                    for key, one in self._all(store, "groups", Group)
                    if one.until_us < now_us - DAY_US
                ),
                *(("flows", key) for key, one in self._all(store, "flows", Flow) if one.until_us < now_us),
                *(
                    ("dead", key)
                    for key, one in self._all(store, "dead", DeadLetter)
                    if one.at_us < now_us - DEAD_TERM_US
                ),
                *(
                    ("known", key)
                    for key, at_us in self._all(store, "known", int)
                    if at_us < now_us - KNOWN_TERM_US
                ),
            ]
            for name, key in ended:
                store.delete(key, db=self._dbs[name])
            self._forget_oldest(store)

    def _forget_oldest(self, store: lmdb.Transaction) -> None:
        beyond = store.stat(self._dbs["known"])["entries"] - MOST_KNOWN
        if beyond > 0:
            for _, key in sorted((at_us, key) for key, at_us in self._all(store, "known", int))[:beyond]:
                store.delete(key, db=self._dbs["known"])

    # --- inside -----------------------------------------------------------------------------------------------------

    def has_room(self, message: AlertMessage, more: Counter[str], more_bytes: int) -> bool:
        """Return whether one message more is within the bounds, beside what is about to be kept, by target."""
        return (
            len(self.waiting) + more.total() < MOST_MESSAGES
            and self._bytes + more_bytes + len(packed(message)) <= MOST_BYTES
            and self._of_target[message.target] + more[message.target] < MOST_OF_TARGET
        )

    def keep(self, messages: Mapping[str, AlertMessage]) -> None:
        """Take what was written into what is in memory."""
        for message in messages.values():
            self._gone(message.id)
            self.waiting[message.id] = message
            self._bytes += len(packed(message))
            self._of_target[message.target] += 1

    def is_known(self, store: lmdb.Transaction, message_id: str) -> bool:
        """Return whether a message was sent or given up."""
        return store.get(message_id.encode(), db=self._dbs["known"]) is not None

    def store(self, store: lmdb.Transaction, name: str, key: bytes, value: object) -> None:
        store.put(key, packed(value), db=self._dbs[name])

    def stored(self, store: lmdb.Transaction, name: str, key: str, kind: type[_T]) -> _T | None:
        data = store.get(db_key(key), db=self._dbs[name])
        if data is None:
            return None
        found: _T = _READ[kind].decode(data)
        return found

    def _all(self, store: lmdb.Transaction, name: str, kind: type[_T]) -> list[tuple[bytes, _T]]:
        return [(bytes(key), _READ[kind].decode(data)) for key, data in store.cursor(db=self._dbs[name])]


def _note(hit: HitRaised) -> HitNote:
    return HitNote(hit.id, hit.authority, hit.voi, hit.priority, hit.raised_us)


def _event(note: HitNote, who: str) -> Event:
    return Event(
        id=note.hit,
        who=who,
        kind="hit",
        priority=note.priority,
        at_us=note.raised_us,
        about=f"{note.authority}\0{note.voi}",
        hit=note.hit,
        authority=note.authority,
        path=f"/duty/hits/{note.hit}",
    )


def _order(message: AlertMessage) -> tuple[int, int, str]:
    return message.priority, message.due_us, message.id


def _is_left_alone(state: TargetState | None, message: AlertMessage, now_us: int) -> bool:
    if state is None or message.kind == "test":
        return False
    # A clock that was set back, or an outbox that was restored, makes nobody wait for longer than the longest pause.
    return not state.disabled_us and now_us < state.next_us <= now_us + _LONGEST_PAUSE_US
