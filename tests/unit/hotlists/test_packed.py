from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.hotlists import packed
from wicketgate.hotlists.entries import TEXTS, Entry
from wicketgate.hotlists.packed import PackedEntries

texts = st.text("abcé ", min_size=1, max_size=4)
times = st.integers(-(2**62), 2**62)
entries = st.builds(
    Entry,
    voi=texts,
    plate=texts,
    kind=texts,
    priority=st.integers(1, 4),
    reason=texts,
    listed_us=times,
    until_us=times,
    expires_us=times,
    review_us=st.none() | times,
    **{name: st.none() | texts for name in TEXTS},
)


@given(st.lists(entries, max_size=8), st.sampled_from((0, 2, 1 << 16)))
def test_what_was_packed_is_unpacked(given_entries: list[Entry], most_shared: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed, "_MOST_SHARED", most_shared)
        made = PackedEntries.of(given_entries)
    assert len(made) == len(given_entries)
    assert list(made) == given_entries
    assert list(made.in_order(np.arange(len(made))[::-1])) == given_entries[::-1]
    assert made[1:3] == tuple(given_entries[1:3])
    assert bool(made) == bool(given_entries)
    with pytest.raises(IndexError):
        made[len(given_entries)]
