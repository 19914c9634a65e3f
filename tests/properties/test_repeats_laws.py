"""The index of repeats against a dictionary: what is stored is known, and nothing else, over crashes and terms."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.clock import MINUTE_US
from wicketgate.reads import minutes, repeats, runs
from wicketgate.reads.keys import ReadKeys
from wicketgate.reads.repeats import RepeatVerdict, Seen

KEY = b"k" * 32
MINUTES = 3
NUMBERS = 60
Read = tuple[int, int, str]

reads = st.tuples(
    st.integers(0, MINUTES - 1), st.integers(0, NUMBERS - 1), st.sampled_from(["", "", "a", "b", "c"])
)
unnamed = st.tuples(st.integers(0, MINUTES - 1), st.integers(0, NUMBERS - 1), st.just(""))
posts = (
    st.lists(reads, min_size=1, max_size=4)
    | st.lists(unnamed, min_size=12, max_size=30, unique=True)
    | st.lists(
        reads, min_size=12, max_size=30, unique_by=(lambda read: read[:2], lambda read: read[2] or read[:2])
    )
)
steps = st.one_of(
    st.tuples(st.just("take"), posts),
    st.tuples(st.just("take"), posts),
    st.sampled_from(
        [("store",), ("store",), ("forget",), ("flush",), ("flush",), ("begin",), ("crash",), ("again",)]
    ),
    st.tuples(st.just("term"), st.integers(0, MINUTES)),
)


class Model:
    """What the index must know."""

    def __init__(self) -> None:
        self.stored: dict[tuple[int, int], str] = {}
        self.waiting: dict[tuple[int, int], str] = {}

    def verdict(self, read: Read) -> RepeatVerdict:
        """Return what is to be said of a read."""
        if read[:2] in self.stored or read[:2] in self.waiting:
            return RepeatVerdict.REPEATED
        ids = [*self.stored.values(), *self.waiting.values()]
        return RepeatVerdict.CONFLICT if read[2] and read[2] in ids else RepeatVerdict.NEW

    def take(self, post: Sequence[Read]) -> list[RepeatVerdict]:
        """Take reads, one behind the other."""
        verdicts = []
        for read in post:
            verdicts.append(self.verdict(read))
            if verdicts[-1] == RepeatVerdict.NEW:
                self.waiting[read[:2]] = read[2]
        return verdicts


@contextmanager
def narrow() -> Iterator[None]:
    """Let every table fill up, every minute be closed soon, and every run have many parts."""
    with ExitStack() as narrowed:
        for module, name, value in (
            (minutes, "_LEAST_BITS", 2),
            (minutes, "_MOVED_BITS", 3),
            (minutes, "_WIDER", 1),
            (repeats, "_QUIET", 1),
            (repeats, "_LONG", 2),
            (runs, "_MOST_RUNS", 1),
            (runs, "PART", 4),
        ):
            narrowed.enter_context(patch.object(module, name, value))
        yield


def keys_of(seen: Seen, post: Sequence[Read]) -> ReadKeys:
    """Return the keys of reads."""
    return seen.keys(
        "s",
        ["c"] * len(post),
        [name or None for _, _, name in post],
        [0] * len(post),
        [minute * MINUTE_US + number // 2 for minute, number, _ in post],
        [f"P{number % 2}" for _, number, _ in post],
    )


class Journey:
    """One index through its happenings, beside its model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen = Seen(folder, KEY)
        self.model = Model()
        self.messages: list[list[Read]] = []
        self.begun: int | None = None
        self.forgotten = 0

    def waiting(self) -> list[Read]:
        """Return what waits, in its order."""
        return [(*content, name) for content, name in self.model.waiting.items()]

    def store(self, post: list[Read]) -> None:
        """Let a message be stored."""
        self.messages.append(post)
        keys = keys_of(self.seen, post)
        self.seen.stored(keys.contents, keys.ids, len(self.messages))

    def happen(self, step: tuple[Any, ...]) -> None:
        """Let one thing happen."""
        seen, model = self.seen, self.model
        match step:
            case ("take", post):
                some = [read for read in post if read[0] >= self.forgotten]
                assert list(seen.take(keys_of(seen, some))) == model.take(some)
            case ("store",):
                self.store(self.waiting())
                model.stored |= model.waiting
                model.waiting = {}
            case ("again",) if model.stored:
                content, name = list(model.stored.items())[-1]
                self.store([(*content, name)] * 2)
            case ("forget",):
                keys = keys_of(seen, self.waiting())
                seen.forget(keys.contents, keys.ids)
                model.waiting = {}
            case ("begin",) if self.begun is None:
                self.begun = seen.begin_flush()
            case ("flush",) | ("term", _):
                # Nothing captured before the term is asked for again: it would be refused as too old.
                if step[0] == "term":
                    self.forgotten = max(self.forgotten, step[1])
                seen.flush(
                    seen.begin_flush() if self.begun is None else self.begun, self.forgotten * MINUTE_US
                )
                seen.end_flush()
                self.begun = None
            case ("crash",):
                seen.close()
                self.seen, self.begun, model.waiting = Seen(self.folder, KEY), None, {}
                for number in range(self.seen.position, len(self.messages)):
                    keys = keys_of(self.seen, self.messages[number])
                    self.seen.stored(keys.contents, keys.ids, number + 1)

    def compare(self) -> None:
        """Ask for every read that may still be asked for."""
        everything = [
            (minute, number, "") for minute in range(self.forgotten, MINUTES) for number in range(NUMBERS)
        ]
        assert self.seen.look(keys_of(self.seen, everything)) == [
            self.model.verdict(read) for read in everything
        ]
        names = [(99, 0, name) for name in "abc"]
        if not self.forgotten:  # ids end with their reads, and the model's do not
            assert self.seen.look(keys_of(self.seen, names)) == [self.model.verdict(read) for read in names]
        assert self.seen.waiting == len(self.model.waiting)


@pytest.mark.parametrize("is_narrow", [False, True], ids=["usual", "narrow"])
@settings(max_examples=60, deadline=None)
@given(happenings=st.lists(steps, max_size=30))
def test_the_index_knows_what_was_stored_and_nothing_else(
    is_narrow: bool, happenings: list[tuple[Any, ...]]
) -> None:
    with tempfile.TemporaryDirectory() as folder, narrow() if is_narrow else ExitStack():
        journey = Journey(Path(folder))
        for step in happenings:
            if journey.forgotten and step[0] == "take":
                step = ("take", [(minute, number, "") for minute, number, _ in step[1]])
            journey.happen(step)
            journey.compare()
        journey.seen.close()


# --- the tables, with digests that meet in one slot -------------------------------------------------------------------

digests = st.tuples(
    st.sampled_from([1, 3, 5, (1 << 63) + 1, (1 << 63) + 3, (1 << 64) - 1]), st.integers(0, 3)
)


def columns(some: Sequence[tuple[int, int]]) -> tuple[Any, Any]:
    """Return digests as two columns of words."""
    both = np.array(some, np.uint64).reshape(-1, 2)
    return both[:, 0].copy(), both[:, 1].copy()


@settings(max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "one", "settle", "settle one", "forget"]), st.lists(digests, max_size=5)
        ),
        max_size=12,
    )
)
def test_a_minute_is_a_dictionary(happenings: list[tuple[str, list[tuple[int, int]]]]) -> None:
    with narrow():
        minute = minutes.Minute(complete=True, expected=0, now=0)
        model: dict[tuple[int, int], bool] = {}
        for what, some in happenings:
            if what == "add":
                some = list({first: (first, second) for first, second in some}.values())
                new = minute.add(*columns(some), waiting=True)
                assert new.tolist() == [one not in model for one in some]
                model |= {one: True for one in some if one not in model}
            elif what == "one":
                for one in some:
                    assert minute.knows_one(*one) == (one in model)
                    if one not in model:
                        minute.add_one(*one, waiting=True)
                        model[one] = True
            elif what == "settle":
                known, waited = minute.settle(*columns(some))
                assert known.tolist() == [one in model for one in some]
                assert sorted(one for one, did in zip(some, waited.tolist(), strict=True) if did) == sorted(
                    {one for one in some if model.get(one)}
                )
                model |= {one: False for one in some if one in model}
            elif what == "settle one":
                for one in some:
                    assert minute.settle_one(*one) == (one in model, model.get(one, False))
                    model |= {one: False} if one in model else {}
            else:
                minute.forget(*columns(some))
                model = {one: waits for one, waits in model.items() if not (waits and one in some)}
            everything = [
                (first, second) for first in (1, 3, 5, (1 << 63) + 1, (1 << 64) - 1) for second in range(4)
            ]
            assert minute.knows(*columns(everything)).tolist() == [one in model for one in everything]
            assert minute.waiting == sum(model.values())


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(digests, max_size=12), max_size=5), st.booleans())
def test_runs_are_a_set(some: list[list[tuple[int, int]]], merged: bool) -> None:
    with tempfile.TemporaryDirectory() as folder, narrow():
        seen = Seen(Path(folder), KEY)
        found = seen._runs
        with seen._environment.begin(write=True) as transaction:
            for flush, one in enumerate(some, 1):
                if one:
                    found.put(transaction, 7, flush, *columns(one))
            if merged:
                found.merge(transaction, 7, 9)
            everything = [
                (first, second)
                for first in (1, 3, 5, (1 << 63) + 1, (1 << 63) + 3, (1 << 64) - 1)
                for second in range(4)
            ]
            there = {one for each in some for one in each}
            assert found.find(transaction, 7, *columns(everything)).tolist() == [
                one in there for one in everything
            ]
            assert not found.find(transaction, 6, *columns(everything)).any()
        seen.close()
