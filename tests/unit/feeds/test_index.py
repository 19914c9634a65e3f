"""The index of feeds: what is about to end is counted as it ends, whatever the feeds hold."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from wicketgate.feeds.index import BatchPlace, FeedIndex

FEEDS = ("a", "a-b", "b")


def times(most: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, 9), max_size=most).map(sorted)


@settings(max_examples=60)
@given(st.fixed_dictionaries({feed: times(40) for feed in FEEDS}), st.lists(st.integers(0, 11), max_size=3))
def test_as_many_are_due_as_end(released: dict[str, list[int]], looks: list[int]) -> None:
    with TemporaryDirectory() as folder:
        index = FeedIndex(Path(folder) / "feeds")
        written = [
            (feed, number, BatchPlace(number, 0, 10, at_us, 10 * number))
            for feed, times in released.items()
            for number, at_us in enumerate(times, 1)
        ]
        if written:
            index.write(written)
        left = {feed: list(times) for feed, times in released.items()}
        for at_us in sorted(looks):
            gone = {feed: [one for one in times if one < at_us] for feed, times in left.items()}
            assert index.due_before(FEEDS, at_us) == {
                feed: (len(times), times[0]) for feed, times in gone.items() if times
            }
            index.end_before(FEEDS, at_us)
            left = {feed: [one for one in times if one >= at_us] for feed, times in left.items()}
            for feed in FEEDS:
                held = index.held(feed)
                assert held.last - held.first + 1 == len(left[feed])
        index.close()
