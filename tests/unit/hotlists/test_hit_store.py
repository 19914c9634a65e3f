"""The hits that wait and those that ended: a projection that any replay leaves as it was."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.keys import hit_queue
from tests.unit.hotlists.test_hits import AT_US, raised_hit
from wicketgate.base.clock import DAY_US, HOUR_US
from wicketgate.commits.transactions import HitImaged, HitRaised, Outcome, RowErased, Transaction
from wicketgate.hotlists.hit_store import HitQueue

NAME, OTHER = "tfl-met-wanted", "tfl-met"
Taken = list[tuple[int, Transaction]]


def hit(number: int, **changes: Any) -> HitRaised:
    return raised_hit(**{"id": f"h{number}", "seq": number, "raised_us": AT_US + number, **changes})


def ended(name: str, said: Any = "misread") -> Outcome:
    return Outcome(hit=name, outcome=said, reason="", by="officer", at_us=AT_US)


def imaged(name: str, patch: str | None = "p", overview: str | None = None) -> HitImaged:
    return HitImaged(hit=name, patch=patch, overview=overview)


def commit(sequence: int, **members: Any) -> tuple[int, Transaction]:
    return sequence, Transaction(at_us=AT_US, **members)


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[HitQueue]:
    made = hit_queue(tmp_path / "hits")
    yield made
    made.close()


def write(queue: HitQueue, *taken: tuple[int, Transaction]) -> None:
    queue.show(queue.write(taken))


def ids(hits: Any) -> list[str]:
    return [item.id for item in hits]


def content(queue: HitQueue) -> dict[str, Any]:
    """Return everything that a queue shows."""
    return {
        name: (
            queue.recent(name, 1000),
            queue.queue(name),
            [queue.get(n) for n in ids(queue.recent(name, 1000))],
        )
        for name in (NAME, OTHER)
    }


def test_there_is_nothing_at_first(queue: HitQueue) -> None:
    assert (queue.position, queue.changes) == (0, 0)
    assert queue.get("h1") is None
    assert (queue.queue(NAME), queue.recent(NAME, 10)) == ([], [])


@pytest.mark.parametrize("name", ["", "h" * 5000, "\ud800", "é", "\0"])
def test_any_text_may_be_asked_for(queue: HitQueue, name: str) -> None:
    write(queue, commit(1, hits=(hit(1),)))
    assert queue.get(name) is None


def test_the_queue_has_the_most_urgent_first_and_what_is_late_last(queue: HitQueue) -> None:
    write(
        queue,
        commit(
            1,
            hits=(
                hit(1, due_us=AT_US + 4 * HOUR_US),
                hit(2, due_us=AT_US + HOUR_US),
                hit(3, due_us=AT_US, late=True),
                hit(4, due_us=AT_US + DAY_US),
                hit(5, due_us=AT_US + HOUR_US),
            ),
        ),
    )
    assert ids(queue.queue(NAME)) == ["h2", "h5", "h1", "h4", "h3"]


def test_a_hit_waits_until_it_ends(queue: HitQueue) -> None:
    write(queue, commit(1, hits=(hit(1), hit(2), hit(3), hit(4))))
    write(queue, commit(2, outcomes=(ended("h1", "confirmed"),)))
    assert ids(queue.queue(NAME)) == ["h1", "h2", "h3", "h4"]
    assert queue.queue(NAME)[0].status == "confirmed"
    write(queue, commit(3, outcomes=(ended("h1", "acted"), ended("h2"), ended("h3", "unanswered"))))
    assert ids(queue.queue(NAME)) == ["h4"]
    found = {item.id: item.status for item in queue.recent(NAME, 10)}
    assert found == {"h1": "ended", "h2": "ended", "h3": "unanswered", "h4": "open"}
    first = queue.get("h1")
    assert first is not None
    assert [item.outcome for item in first.outcomes] == ["confirmed", "acted"]


def test_an_image_that_follows_is_shown_and_takes_nothing_away(queue: HitQueue) -> None:
    write(queue, commit(1, hits=(hit(1, overview="o1"), hit(2))))
    write(queue, commit(2, imaged=(imaged("h1", "p1"), imaged("h9"))))
    write(queue, commit(3, imaged=(imaged("h1", None, "o2"),)))
    first = queue.get("h1")
    assert first is not None
    assert (first.patch, first.overview) == ("p1", "o2")
    assert queue.queue(NAME)[0] == first


def test_all_of_one_transaction_counts(queue: HitQueue) -> None:
    write(queue, commit(1, hits=(hit(1),), imaged=(imaged("h1"),), outcomes=(ended("h1"),)))
    found = queue.get("h1")
    assert found is not None
    assert (found.patch, found.status, queue.queue(NAME)) == ("p", "ended", [])


def test_recent_hits_are_of_one_authority_and_newest_first(queue: HitQueue) -> None:
    """One name begins like the other."""
    others = [hit(n, authority=OTHER, id=f"o{n}") for n in range(1, 4)]
    write(queue, commit(1, hits=(hit(2), others[0], hit(1), others[2])))
    write(queue, commit(2, hits=(hit(3, voi="v2"), others[1])))
    assert ids(queue.recent(NAME, 10)) == ["h3", "h2", "h1"]
    assert ids(queue.recent(NAME, 2)) == ["h3", "h2"]
    assert ids(queue.recent(OTHER, 10)) == ["o3", "o2", "o1"]
    assert ids(queue.recent(NAME, 10, voi="v1")) == ["h2", "h1"]
    assert ids(queue.recent(NAME, 1, voi="v2")) == ["h3"]
    assert queue.recent("tfl", 10) == []
    assert queue.recent("zzz", 10) == []
    assert queue.recent(NAME, 0) == []


def history() -> Taken:
    return [
        commit(3, hits=(hit(1), hit(2, authority=OTHER))),
        commit(4, hits=(hit(3),), imaged=(imaged("h1"),)),
        commit(7, outcomes=(ended("h1", "confirmed"),)),
        commit(8, hits=(hit(4, late=True),), outcomes=(ended("h2"),)),
        commit(9, outcomes=(ended("h1", "acted"),), imaged=(imaged("h3"),)),
    ]


@pytest.mark.parametrize("durable", range(6))
@pytest.mark.parametrize("again_from", range(6))
def test_a_replay_from_anywhere_before_adds_nothing_twice(
    tmp_path: Path, durable: int, again_from: int
) -> None:
    taken = history()
    expected = hit_queue(tmp_path / "expected")
    write(expected, *taken)
    first = hit_queue(tmp_path / "hits")
    write(first, *taken[:durable])
    first.close()
    again = hit_queue(tmp_path / "hits")
    assert again.position == (taken[durable - 1][0] if durable else 0)
    for item in taken[min(again_from, durable) :]:
        write(again, item)
    assert content(again) == content(expected)
    again.close()
    expected.close()


def test_what_was_not_shown_is_there_at_the_next_start(tmp_path: Path) -> None:
    """A kill between the write and the news of it."""
    first = hit_queue(tmp_path / "hits")
    first.write(history())
    assert first.queue(NAME) == []
    first.close()
    again = hit_queue(tmp_path / "hits")
    assert ids(again.queue(NAME)) == ["h3", "h4"]
    again.close()


def test_a_kill_inside_a_write_leaves_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = hit_queue(tmp_path / "hits")
    write(queue, *history()[:1])
    before = content(queue)

    def killed(data: Any) -> bytes:
        if data.id == "h3":
            raise KeyboardInterrupt
        return encode(data)

    from wicketgate.hotlists import hit_store

    encode = hit_store._encode
    monkeypatch.setattr(hit_store, "_encode", killed)
    with pytest.raises(KeyboardInterrupt):
        queue.write(history())
    monkeypatch.undo()
    queue.close()
    again = hit_queue(tmp_path / "hits")
    assert (content(again), again.position) == (before, 3)
    write(again, *history())
    assert ids(again.recent(NAME, 10)) == ["h4", "h3", "h1"]
    again.close()


steps = st.one_of(
    st.tuples(st.just("hit"), st.sampled_from([NAME, OTHER]), st.integers(0, 5), st.booleans()),
    st.tuples(st.just("outcome"), st.integers(0, 9), st.sampled_from(["confirmed", "misread"])),
    st.tuples(st.just("image"), st.integers(0, 9)),
)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(happenings=st.lists(steps, max_size=12), cuts=st.lists(st.integers(0, 12), max_size=3))
def test_however_it_is_cut_and_replayed_it_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, happenings: list[Any], cuts: list[int]
) -> None:
    taken: Taken = []
    for sequence, step in enumerate(happenings, 1):
        match step:
            case ("hit", name, minutes, late):
                made = hit(sequence, authority=name, raised_us=AT_US + minutes, late=late)
                taken.append(commit(sequence, hits=(made,)))
            case ("outcome", number, said):
                taken.append(commit(sequence, outcomes=(ended(f"h{number}", said),)))
            case ("image", number):
                taken.append(commit(sequence, imaged=(imaged(f"h{number}"),)))
    folder = tmp_path_factory.mktemp("queues")
    at_once, piece = hit_queue(folder / "one"), hit_queue(folder / "other")
    write(at_once, *taken)
    for cut in cuts:
        write(piece, *taken[: cut + 1])
        piece.close()
        piece = hit_queue(folder / "other")
    write(piece, *taken)
    assert content(piece) == content(at_once)
    piece.close()
    at_once.close()


# --- forgetting -----------------------------------------------------------------------------------------------


def test_what_is_past_its_term_and_ended_is_forgotten(queue: HitQueue) -> None:
    hits = [hit(n, raised_us=AT_US + n * DAY_US) for n in range(4)]
    others = [hit(n, authority=OTHER, id=f"o{n}", raised_us=AT_US + n * DAY_US) for n in range(4)]
    write(queue, commit(1, hits=(*hits, *others)))
    write(queue, commit(2, outcomes=tuple(ended(name) for name in ("h0", "h2", "o0", "o1", "o3"))))
    due = queue.due_before(AT_US + 2 * DAY_US, {"h1", "h3", "o2"})
    assert due == {NAME: (1, AT_US), OTHER: (2, AT_US)}, "as many as go, told before they do"
    queue.forget(AT_US + 2 * DAY_US, {"h1", "h3", "o2"})
    assert queue.due_before(AT_US + 2 * DAY_US, {"h1", "h3", "o2"}) == {}
    assert ids(queue.recent(NAME, 10)) == ["h3", "h2", "h1"]
    assert ids(queue.recent(OTHER, 10)) == ["o3", "o2"]
    assert queue.get("h0") is queue.get("o1") is None
    assert ids(queue.queue(NAME)) == ["h1", "h3"]


def test_a_hit_whose_outcome_is_not_written_yet_is_kept(queue: HitQueue) -> None:
    """Housekeeping asks the fold, which is ahead of this projection."""
    write(queue, commit(1, hits=(hit(1),)))
    queue.forget(AT_US + DAY_US, ())
    write(queue, commit(2, outcomes=(ended("h1"),)))
    assert queue.queue(NAME) == []
    assert queue.get("h1") is not None
    queue.forget(AT_US + DAY_US, ())
    assert queue.get("h1") is None
    assert queue.recent(NAME, 10) == []


def test_forgetting_may_go_through_everything(queue: HitQueue) -> None:
    queue.forget(AT_US, ())
    write(queue, commit(1, hits=tuple(hit(n) for n in range(300)), outcomes=()))
    write(queue, commit(2, outcomes=tuple(ended(f"h{n}") for n in range(300))))
    queue.forget(AT_US + DAY_US, ())
    assert queue.recent(NAME, 1000) == []
    queue.forget(AT_US + DAY_US, ())


def test_what_was_forgotten_does_not_come_back_with_a_replay(queue: HitQueue) -> None:
    taken = [commit(1, hits=(hit(1),)), commit(2, outcomes=(ended("h1"),))]
    write(queue, *taken)
    queue.forget(AT_US + DAY_US, ())
    write(queue, *taken, commit(3, outcomes=(ended("h1"),), imaged=(imaged("h1"),)))
    assert (queue.get("h1"), queue.queue(NAME), queue.position) == (None, [], 3)


def test_the_hit_of_a_row_that_is_erased_is_gone_at_once_and_a_replay_brings_none(queue: HitQueue) -> None:
    hits = [hit(n, seq=n + 1) for n in range(4)]
    taken = [commit(1, hits=tuple(hits)), commit(2, outcomes=(ended("h1"),))]
    write(queue, *taken)
    rows = (RowErased(number=1, feed=NAME, row=2), RowErased(number=1, feed=NAME, row=3))
    others = (RowErased(number=1, feed="", row=0), RowErased(number=1, feed=OTHER, row=1))
    write(queue, commit(3, erased=(*rows, *others)))
    assert ids(queue.queue(NAME)) == ["h0", "h3"]
    assert queue.get("h1") is queue.get("h2") is None
    assert ids(queue.recent(NAME, 10)) == ["h3", "h0"]
    write(queue, *taken, commit(4, outcomes=(ended("h2"),)))
    assert (ids(queue.queue(NAME)), queue.get("h2")) == (["h0", "h3"], None)


def test_a_hit_that_is_raised_and_erased_in_one_step_is_never_there(queue: HitQueue) -> None:
    write(queue, commit(1, hits=(hit(1, seq=7),)), commit(2, erased=(RowErased(number=1, feed=NAME, row=7),)))
    assert queue.queue(NAME) == queue.recent(NAME, 10) == []


# --- waiting --------------------------------------------------------------------------------------------------


async def test_whoever_waits_is_woken_by_the_next_change(queue: HitQueue) -> None:
    waiting = [asyncio.create_task(queue.wait(queue.changes, 30)) for _ in range(3)]
    await asyncio.sleep(0)
    write(queue, commit(1, hits=(hit(1),)))
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
    await asyncio.wait_for(queue.wait(0, 30), 10)  # what has changed already is not waited for


async def test_waiting_ends_by_itself(queue: HitQueue) -> None:
    await asyncio.wait_for(queue.wait(queue.changes, 0.01), 10)
    assert queue.changes == 0


def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    made = hit_queue(tmp_path / "hits")
    assert (tmp_path / "hits").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "hits" / "data.mdb").stat().st_mode & 0o777 == 0o600
    made.close()
    with pytest.raises(lmdb.Error):
        made.get("h1")


def test_what_a_hit_shows_stands_in_no_page_in_the_open_and_ends_with_its_hour(tmp_path: Path) -> None:
    queue = hit_queue(tmp_path / "hits")
    raised = hit(1, plate="KLM3XYZ", listed="KLM3XYZ")
    write(queue, commit(1, hits=(raised,)))
    assert queue.get("h1") is not None
    assert b"KLM3XYZ" not in (tmp_path / "hits" / "data.mdb").read_bytes()
    queue.forget(raised.raised_us + 2 * HOUR_US, [])
    assert queue.get("h1") is not None, "an open hit was forgotten"
    queue.close()
    for path in (tmp_path / "hits-keys").glob("*.key"):
        path.unlink()
    later = hit_queue(tmp_path / "hits")
    assert (later.get("h1"), later.queue(raised.authority), later.recent(raised.authority, 9)) == (
        None,
        [],
        [],
    )
    later.close()
