"""The index of repeats against a set: what is stored is known, what is not stored is not, over crashes and terms."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.base.clock import SECOND_US
from wicketgate.reads.repeats import Seen

KEY = b"k" * 32
reads = st.tuples(st.integers(0, 7), st.sampled_from(["", "a", "b", "c", "d"]))
steps = st.one_of(
    st.tuples(st.just("add"), reads),
    st.sampled_from([("store",), ("forget",), ("flush",), ("begin",), ("crash",)]),
    st.tuples(st.just("term"), st.integers(0, 4)),
)


class Model:
    """What the index must know."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, str]] = []
        self.waiting: list[tuple[int, str]] = []
        self.forgotten = 0

    def verdict(self, read: tuple[int, str]) -> str:
        """Return what is to be said of a read."""
        known = self.stored + self.waiting
        if any(number == read[0] for number, _ in known):
            return "repeated"
        return "id-conflict" if read[1] and any(name == read[1] for _, name in known) else "new"


@settings(max_examples=80)
@given(st.lists(steps, max_size=40))
def test_the_index_knows_what_was_stored_and_nothing_else(happenings: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        seen, model, messages = Seen(Path(folder), KEY), Model(), []

        def keys(read: tuple[int, str]) -> tuple[bytes, bytes]:
            content = seen.content_key("s", "c", "P", read[0] * SECOND_US)
            return content, seen.id_key("s", read[1]) if read[1] else b""

        begun: int | None = None
        for step in happenings:
            match step:
                case ("add", read):
                    assert seen.look(*keys(read)) == model.verdict(read)
                    if model.verdict(read) == "new":
                        seen.add(*keys(read))
                        model.waiting.append(read)
                case ("store",):
                    messages.append(model.waiting)
                    seen.stored(*zip_keys(keys, model.waiting), len(messages))
                    model.stored += model.waiting
                    model.waiting = []
                case ("forget",):
                    seen.forget(*zip_keys(keys, model.waiting))
                    model.waiting = []
                case ("begin",) if begun is None:
                    begun = seen.begin_flush()
                case ("flush",) | ("term", _):
                    # Nothing captured before the term is asked for again: it would be refused as too old.
                    first = step[1] if step[0] == "term" else 0
                    model.forgotten = max(model.forgotten, first)
                    seen.flush(seen.begin_flush() if begun is None else begun, first * SECOND_US)
                    seen.end_flush()
                    begun = None
                case ("crash",):
                    seen.close()
                    seen, begun, model.waiting = Seen(Path(folder), KEY), None, []
                    for number in range(seen.position, len(messages)):
                        seen.stored(*zip_keys(keys, messages[number]), number + 1)
            for read in [(n, "") for n in range(model.forgotten, 8)]:
                assert seen.look(*keys(read)) == model.verdict(read)
            if not model.forgotten:
                for name in "abcd":
                    assert seen.look(*keys((99, name))) == model.verdict((99, name))
            else:
                break  # from here on the model knows more than it should
        seen.close()


def zip_keys(keys: Any, reads_of: list[tuple[int, str]]) -> tuple[list[bytes], list[bytes]]:
    """Return the keys of reads as two columns."""
    pairs = [keys(read) for read in reads_of]
    return [content for content, _ in pairs], [name for _, name in pairs]
