"""What one transaction takes of a group: cut anywhere, each read keeps where it stood before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wicketgate.reads.columns import filled
from wicketgate.reads.messages import ReadsMessage
from wicketgate.reads.portions import GroupPortion


@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(1, 7))
def test_a_read_that_comes_again_keeps_where_it_stood(again: list[bool], rows: int) -> None:
    n = len(again)
    batch = filled(plate=[f"P{row}" for row in range(n)], camera=[0] * n, again=again)
    places = [(7, row) for row in range(n) if again[row]]
    rest = ReadsMessage(rows=b"", contents=bytes(24 * n), before=tuple(places))
    found: dict[str, tuple[int, int]] = {}
    for portion in GroupPortion(batch, rest, {0: "tfl/c0"}).cut(rows):
        repeated = [
            plate
            for plate, is_again in zip(portion.batch.plate, portion.batch.again, strict=True)
            if is_again
        ]
        found |= dict(zip(repeated, portion.message.before, strict=True))
    assert found == {f"P{row}": (7, row) for row in range(n) if again[row]}
