"""The fold: what each transaction does to it, and what it refuses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.simulator import OWN_SIGNERS, document_transaction, envelope, founding
from tests.vectors import make_documents as documents
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.signing import canonical, dump_envelope
from wicketgate.commits.figures import Counts
from wicketgate.commits.hits import HotlistState, OpenHit
from wicketgate.commits.state import SIGHTINGS_KEPT, State, dump_state, load_state
from wicketgate.commits.transactions import (
    CameraSet,
    CamerasRegistered,
    FeedBatch,
    FiguresClosed,
    HitImaged,
    HitRaised,
    HotlistChanged,
    IntakeCounts,
    Outcome,
    QuarantinedRead,
    Refused,
    RowErased,
    TargetingClosed,
    TokenIssued,
    Transaction,
)
from wicketgate.ledger.second import SecondClosed
from wicketgate.regime.documents.document import sign_document
from wicketgate.regime.moment import RegimeAt
from wicketgate.regime.parsed import Parsed
from wicketgate.regime.standing import in_force_from, review_due

AT_US = parse_rfc3339("2026-07-08T12:00:00Z")
PERIOD = {"kind": "figures", "from": rfc3339(AT_US), "until": rfc3339(AT_US + 1)}
NAME = "tfl-met-ct"


WANTED = "tfl-met-wanted"
LISTED: dict[str, Any] = {"authority": WANTED, "revision": 1, "blob": "aa", "whole": True, "entries": 3}
ENDED = Outcome(hit="h1", outcome="misread", reason="", by="officer", at_us=AT_US)


class Fold:
    """A state, one transaction after another."""

    def __init__(self) -> None:
        self.state = State()
        self.parsed = Parsed()
        self.at_us = AT_US
        self.document(founding())

    def apply(self, **members: Any) -> None:
        """Apply a transaction of now."""
        self.state.apply(Transaction(at_us=self.at_us, **members), self.state.sequence + 1)

    def document(self, data: bytes) -> None:
        """Let a document take effect."""
        transaction = document_transaction(data, self.state.entries, self.at_us)
        self.state.apply(transaction, self.state.sequence + 1)

    def authority(self, **changes: Any) -> None:
        """Let a version of the authority take effect."""
        self.document(unsigned("authority", **changes))

    def act(self, kind: str, name: str, **changes: Any) -> None:
        """Let an act take effect."""
        self.document(unsigned(kind, **{f"{kind}__id": name, **changes}))

    def status(self, number: int = 0, at: str | int | None = None) -> str:
        """Return how a version stands."""
        moment = self.at_us if at is None else parse_rfc3339(at) if isinstance(at, str) else at
        return self.at(moment).status(self.state.authorities[NAME], number)

    def at(self, at_us: int) -> RegimeAt:
        """Return the regime at a moment."""
        return RegimeAt(self.state.regime, self.parsed, at_us)


def unsigned(kind: str, **changes: Any) -> bytes:
    """Return an example document with members changed; the fold looks at no signature."""
    puts = [documents.put(path.replace("__", "."), value) for path, value in changes.items()]
    return dump_envelope(sign_document(documents.changed(documents.example(kind), *puts), []))


@pytest.fixture
def fold() -> Fold:
    return Fold()


def test_the_charter_begins_everything(fold: Fold) -> None:
    state = fold.state
    assert state.charter_envelope == founding()
    assert (state.regime.charters[-1].entry, state.entries, state.sequence) == (0, 1, 1)
    assert state.counting_from_us == AT_US
    assert state.second_us == AT_US
    assert fold.parsed.charter(state).origin == "tfl.example/wicketgate"
    assert fold.parsed.charter(state) is fold.parsed.charter(load_state(dump_state(state)))


@pytest.mark.parametrize(
    ("transaction", "sequence"),
    [
        (Transaction(at_us=AT_US), 1),
        (Transaction(at_us=AT_US), 3),
        (Transaction(at_us=AT_US - 1), 2),
        (Transaction(at_us=AT_US, first_entry=0, entries=(b"{}",)), 2),
        (Transaction(at_us=AT_US, first_entry=2, entries=(b"{}",)), 2),
        (Transaction(at_us=AT_US, batches=(FeedBatch(feed="x", number=1, rows=1, data=b""),)), 2),
        (
            Transaction(
                at_us=AT_US,
                second=SecondClosed(number=2, second_us=AT_US, entry=1, facts=(), seed=b"", sealed=b""),
            ),
            2,
        ),
        (Transaction(at_us=AT_US, hotlist=HotlistChanged(**LISTED | {"revision": 2})), 2),
        (Transaction(at_us=AT_US, hotlist=HotlistChanged(**LISTED | {"revision": 0})), 2),
        (Transaction(at_us=AT_US, outcomes=(ENDED,)), 2),
    ],
)
def test_what_does_not_follow_is_refused_and_changes_nothing(
    fold: Fold, transaction: Transaction, sequence: int
) -> None:
    before = dump_state(fold.state)
    with pytest.raises(InputError):
        fold.state.apply(transaction, sequence)
    assert dump_state(fold.state) == before


def test_batches_of_a_feed_follow_one_another(fold: Fold) -> None:
    fold.authority()
    fold.apply(batches=(FeedBatch(feed=NAME, number=1, rows=7, data=b""),))
    fold.apply(batches=(FeedBatch(feed=NAME, number=2, rows=3, data=b""),))
    feed = fold.state.feeds[NAME]
    assert (feed.batches, feed.rows, feed.recipient, feed.unit) == (2, 10, "met", "national-security-units")
    for number in (2, 4):
        with pytest.raises(InputError):
            fold.apply(batches=(FeedBatch(feed=NAME, number=number, rows=1, data=b""),))


def test_erased_rows_are_known_until_commits_holds_them_no_longer(fold: Fold) -> None:
    fold.authority()
    fold.apply(batches=(FeedBatch(feed=NAME, number=1, rows=3, data=b""),))
    number = fold.state.sequence
    for wrong in (
        RowErased(number=number, feed=NAME, row=4),
        RowErased(number=number, feed=NAME, row=0),
        RowErased(number=number, feed="nobody", row=1),
        RowErased(number=number + 1, feed=NAME, row=1),
        RowErased(number=0, feed=NAME, row=1),
        RowErased(number=number, feed="", row=-1),
    ):
        with pytest.raises(InputError, match="erases a row that is none"):
            fold.apply(erased=(wrong,))
    good = (RowErased(number=number, feed=NAME, row=3), RowErased(number=number, feed="", row=0))
    fold.apply(erased=good)
    fold.apply(erased=(good[0], RowErased(number=1, feed="", row=0)))
    wanted: dict[int, list[Any]] = {number: [(NAME, 3), ("", 0)], 1: [("", 0)]}
    assert fold.state.erased == load_state(dump_state(fold.state)).erased == wanted
    fold.apply(erased_from=number)
    assert list(fold.state.erased) == [number]
    fold.apply(erased_from=number + 1)
    assert not fold.state.erased


def test_facts_stay_open_until_their_second_is_closed(fold: Fold) -> None:
    fold.apply(facts=(b"a",))
    fold.apply(facts=(b"b", b"c"))
    assert fold.state.facts == [b"a", b"b", b"c"]
    closed = SecondClosed(number=1, second_us=AT_US, entry=1, facts=(), seed=b"", sealed=b"")
    fold.apply(first_entry=1, entries=(b"{}",), second=closed, facts=(b"next",))
    assert fold.state.facts == [b"next"]
    assert (fold.state.seconds, fold.state.second_us) == (1, AT_US + SECOND_US)
    fold.apply(opens_us=AT_US + 9 * SECOND_US)
    assert fold.state.second_us == AT_US + 9 * SECOND_US


def test_positions_move_only_when_they_are_said(fold: Fold) -> None:
    fold.apply(reads_to=5, reads_offset=2)
    fold.apply()
    assert (fold.state.reads_to, fold.state.reads_offset) == (5, 2)
    fold.apply(reads_to=6)
    assert (fold.state.reads_to, fold.state.reads_offset) == (6, 0)


def test_figures_count_what_was_taken_decided_released_and_refused(fold: Fold) -> None:
    fold.authority()
    fold.apply(
        reads=10,
        withheld=4,
        intake=IntakeCounts(
            accepted={"tfl/c0": 6, "tfl/c1": 4},
            repeated={"tfl/c0": 2},
            quarantined={"tfl/": {"unknown-camera": 1}, "tfl/c0": {"too-old": 2, "plate-empty": 1}},
        ),
        batches=(FeedBatch(feed=NAME, number=1, rows=6, data=b""),),
        refused=(Refused(authority=f"{NAME}@1", reason="out-of-scope", rows=4),),
        quarantine_from=1,
        quarantined=tuple(
            QuarantinedRead(source="tfl", camera="c0", code="c", detail="", at_us=0, read=b"{}")
            for _ in range(4)
        ),
    )
    expected = Counts(
        taken=10,
        repeated=2,
        quarantined=4,
        decided=10,
        withheld=4,
        released={NAME: 6},
        refused={f"{NAME}@1": {"out-of-scope": 4}},
    )
    state = fold.state
    assert state.counts == state.totals == expected
    assert state.camera_counts == {
        "tfl/c0": {"accepted": 6, "repeated": 2, "too-old": 2, "plate-empty": 1},
        "tfl/c1": {"accepted": 4},
        "tfl/": {"unknown-camera": 1},
    }
    assert state.quarantined == 4
    entry = canonical({**PERIOD, "taken": 10})
    figures = FiguresClosed(from_us=AT_US, until_us=AT_US + 1, entry=state.entries)
    fold.apply(first_entry=state.entries, entries=(entry,), figures=figures, reads=3)
    assert state.counts == Counts(decided=3)
    assert state.totals.decided == 13
    assert state.periods[0].figures == {**PERIOD, "taken": 10}
    assert state.counting_from_us == AT_US + 1


# --- hotlists and hits --------------------------------------------------------------------------------------


def change(revision: int, whole: bool = False, entries: int = 3) -> HotlistChanged:
    return HotlistChanged(
        authority=WANTED, revision=revision, blob=f"b{revision}", whole=whole, entries=entries
    )


def hit(number: int, **members: Any) -> HitRaised:
    given: dict[str, Any] = {
        "id": f"h{number}",
        "authority": WANTED,
        "version": 1,
        "seq": number,
        "voi": "v1",
        "kind": "murder",
        "priority": 2,
        "quality": "exact",
        "raised_us": AT_US,
        "due_us": AT_US + 3600 * SECOND_US,
        "place": "tfl/c0",
        "taken_us": AT_US + number,
        "listed": "KLM3",
    }
    return HitRaised(**given | members)


def outcome(number: int, said: Any) -> Outcome:
    return Outcome(hit=f"h{number}", outcome=said, reason="", by="officer", at_us=AT_US)


def test_a_list_is_what_was_put_last_and_the_changes_since(fold: Fold) -> None:
    fold.apply(hotlist=change(1))
    fold.apply(hotlist=change(2, entries=4))
    assert fold.state.hotlists[WANTED] == HotlistState(
        revision=2, entries=4, changed_us=fold.at_us, blobs=[("b1", False), ("b2", False)]
    )
    fold.apply(hotlist=change(3, whole=True, entries=1))
    fold.apply(hotlist=change(4, entries=0))
    assert fold.state.hotlists[WANTED] == HotlistState(
        revision=4, entries=0, changed_us=fold.at_us, blobs=[("b3", True), ("b4", False)]
    )
    for wrong in (4, 6):
        with pytest.raises(InputError, match="hotlist"):
            fold.apply(hotlist=change(wrong))


def test_a_list_changes_nothing_of_the_gates_tables(fold: Fold) -> None:
    """They need not be compiled again."""
    before = fold.state.revision
    fold.apply(hotlist=change(1))
    assert fold.state.revision == before


def test_a_hit_is_open_until_it_ends(fold: Fold) -> None:
    fold.apply(hits=(hit(1), hit(2, quality="possible", patch="ref")))
    assert fold.state.open_hits["h1"] == OpenHit(
        authority=WANTED,
        voi="v1",
        quality="exact",
        place="tfl/c0",
        due_us=AT_US + 3600 * SECOND_US,
        taken_us=AT_US + 1,
    )
    assert fold.state.open_hits["h2"].imaged
    fold.apply(hits=(hit(3, clone="why"),))
    assert fold.state.open_hits.pop("h3").clone
    fold.apply(
        imaged=(
            HitImaged(hit="h1", patch=None, overview="ref"),
            HitImaged(hit="h9", patch="r", overview=None),
        )
    )
    assert fold.state.open_hits["h1"].imaged
    fold.apply(outcomes=(outcome(1, "confirmed"),))
    assert fold.state.open_hits["h1"].confirmed
    fold.apply(outcomes=(outcome(1, "acted"), outcome(2, "unanswered")))
    assert fold.state.open_hits == {}
    with pytest.raises(InputError, match="no open hit"):
        fold.apply(outcomes=(outcome(1, "misread"),))
    assert load_state(dump_state(fold.state)) == fold.state


def test_a_hit_may_end_in_the_transaction_that_raised_it(fold: Fold) -> None:
    fold.apply(hits=(hit(1),), imaged=(HitImaged(hit="h1", patch="r", overview=None),), outcomes=(ENDED,))
    assert fold.state.open_hits == {}


def test_hits_are_counted_by_quality_and_what_is_said_of_them(fold: Fold) -> None:
    fold.apply(hits=(hit(1), hit(2, quality="possible"), hit(3, late=True), hit(4, late=True, clone="why")))
    fold.apply(hits=(hit(5, authority="other"),))
    fold.apply(outcomes=(outcome(1, "confirmed"), outcome(2, "misread"), outcome(3, "not-acted")))
    fold.apply(outcomes=(outcome(1, "acted"), outcome(5, "unanswered")))
    state = fold.state
    assert state.counts == state.totals
    assert state.totals.hits == {
        WANTED: {"exact": 3, "possible": 1, "late": 2, "clone": 1},
        "other": {"exact": 1},
    }
    assert state.totals.outcomes == {
        WANTED: {"confirmed": 1, "misread": 1, "not-acted": 1, "acted": 1},
        "other": {"unanswered": 1},
    }


def test_how_hits_are_judged_moves_with_the_figures_of_targeting_alone(fold: Fold) -> None:
    """Whatever the authority, in vehicles and steps; an outcome by itself tells a camera's source nothing."""
    untold = dict.fromkeys(("exact-confirmed", "exact-misread", "possible-confirmed", "possible-misread"))
    fold.apply(hits=tuple(hit(n, voi=f"v{n}") for n in range(12)))
    fold.apply(hits=(hit(20, quality="possible"), hit(21, place="tfl/c1"), hit(22, authority="other")))
    before = fold.state.judged
    for n in range(12):
        fold.apply(outcomes=(outcome(n, "misread"),))
    fold.apply(outcomes=tuple(outcome(n, "confirmed") for n in (20, 21, 22)))
    close_figures(fold, targeted_until_us=AT_US + 1)
    assert fold.state.judged == before
    assert before.of_camera("tfl/c0") == untold
    closed = TargetingClosed(from_us=AT_US, until_us=AT_US + 1, entry=fold.state.entries)
    body = canonical({"kind": "targeting", "step": 10})
    fold.apply(first_entry=fold.state.entries, entries=(body,), targeting=closed)
    told = fold.state.judged
    assert (told.from_us, told.until_us) == (AT_US, AT_US + 1)
    assert told.of_camera("tfl/c0") == untold | {"exact-misread": 10}
    assert told.of_camera("tfl/c1") == untold
    assert load_state(dump_state(fold.state)).judged == told
    assert fold.state.judged_before[-1] == told


def test_the_last_sightings_are_kept_and_forgotten_after_a_day(fold: Fold) -> None:
    fold.apply(hits=tuple(hit(n) for n in range(SIGHTINGS_KEPT + 3)))
    fold.apply(hits=(hit(50, voi="v2", quality="possible"), hit(51, authority="other")))
    seen = fold.state.sightings[WANTED]["v1"]
    assert [before.hit for before in seen] == [f"h{n}" for n in range(3, SIGHTINGS_KEPT + 3)]
    assert [before.exact for before in fold.state.sightings[WANTED]["v2"]] == [False]
    fold.at_us += DAY_US + 5
    close_figures(fold)
    assert list(fold.state.sightings[WANTED]) == ["v1", "v2"]
    fold.at_us += SIGHTINGS_KEPT
    close_figures(fold)
    assert list(fold.state.sightings[WANTED]) == ["v2"]


def close_figures(fold: Fold, **more: Any) -> None:
    figures = FiguresClosed(from_us=AT_US, until_us=AT_US + 1, entry=fold.state.entries, **more)
    fold.apply(first_entry=fold.state.entries, entries=(canonical(PERIOD),), figures=figures)


def test_a_read_that_comes_again_is_not_counted_again(fold: Fold) -> None:
    fold.authority()
    fold.apply(
        reads=5,
        batches=(FeedBatch(feed=NAME, number=1, rows=7, data=b"", again=2),),
    )
    assert (fold.state.totals.released, fold.state.totals.again) == ({NAME: 5}, {NAME: 2})
    assert fold.state.feeds[NAME].rows == 7


def test_quarantined_images_are_no_reads(fold: Fold) -> None:
    intake = IntakeCounts(accepted={"tfl/c0": 1}, quarantined={"tfl/c0": {"image-unbound": 4, "too-old": 2}})
    fold.apply(intake=intake)
    assert fold.state.totals.quarantined == 2
    assert fold.state.camera_counts["tfl/c0"]["image-unbound"] == 4


def cameras(fold: Fold) -> Mapping[str, tuple[int, bool]]:
    return {f"{c.source}/{c.id}": (n, c.active) for n, c in enumerate(fold.state.cameras)}


def test_a_camera_keeps_its_number_for_ever(fold: Fold) -> None:
    def register(source: str, *names: str, group: str = "g") -> None:
        listed = tuple(CameraSet(id=name, groups=(group,)) for name in names)
        fold.apply(cameras=CamerasRegistered(source=source, cameras=listed))

    register("tfl", "a", "b")
    register("other", "a")
    before = fold.state.revision
    register("tfl", "c", "b", group="h")
    assert fold.state.revision > before
    assert cameras(fold) == {
        "tfl/a": (0, False),
        "tfl/b": (1, True),
        "other/a": (2, True),
        "tfl/c": (3, True),
    }
    assert fold.state.cameras[1].groups == ("h",)
    assert fold.state.cameras[0].groups == ("g",)  # what it was when it was last listed
    register("tfl", "a")
    assert cameras(fold)["tfl/a"] == (0, True)
    assert cameras(fold)["tfl/b"] == (1, False)


def test_tokens_are_issued_and_withdrawn_by_name(fold: Fold) -> None:
    for name, digest in (("admin", "1"), ("source:tfl", "2"), ("source:tfl", "3")):
        fold.apply(token=TokenIssued(name=name, sha256=digest))
    assert fold.state.tokens == {"1": "admin", "2": "source:tfl", "3": "source:tfl"}
    fold.apply(token=TokenIssued(name="source:tfl", sha256=""))
    assert fold.state.tokens == {"1": "admin"}


# --- how an authority stands ----------------------------------------------------------------------------------------


def test_before_and_after_its_validity(fold: Fold) -> None:
    fold.authority(authority__valid_from="2026-07-10T00:00:00Z", authority__review_every=None)
    assert fold.status() == "pending"
    assert fold.status(at="2026-07-09T23:59:59.999999Z") == "pending"
    assert fold.status(at="2026-07-10T00:00:00Z") == "in-force"
    assert fold.status(at="2027-07-03T23:59:59.999999Z") == "in-force"
    assert fold.status(at="2027-07-04T00:00:00Z") == "expired"


def test_it_is_in_force_from_its_commit_and_not_before(fold: Fold) -> None:
    fold.authority()
    named = fold.state.authorities[NAME]
    assert in_force_from(named.versions[0], fold.parsed.authority(named.versions[0])) == AT_US
    assert fold.status() == "in-force"
    assert fold.status(at=AT_US - 1) == "pending"


def test_a_review_that_does_not_come(fold: Fold) -> None:
    fold.authority()
    due = review_due(
        fold.state.authorities[NAME].versions[0],
        fold.parsed.authority(fold.state.authorities[NAME].versions[0]),
    )
    assert due == parse_rfc3339("2026-10-08T12:00:00Z")
    assert fold.status(at=due - 1) == "in-force"
    assert fold.status(at=due) == "review-overdue"
    assert fold.status(at="2027-07-04T00:00:00Z") == "review-overdue"
    fold.at_us = due + DAY_US
    reviewed = "2026-10-09T10:00:00Z"
    fold.act("review", "rev-1", review__reviewed_at=reviewed, review__at=reviewed)
    assert fold.status() == "in-force"
    assert fold.status(at="2027-01-09T10:00:00Z") == "review-overdue"
    fold.act(
        "review", "rev-0", review__reviewed_at="2026-08-01T00:00:00Z"
    )  # kept back: it takes nothing away
    assert fold.status(at="2027-01-09T09:59:59Z") == "in-force"


def test_suspended_as_long_as_one_suspension_stands(fold: Fold) -> None:
    fold.authority()
    for name in ("s1", "s2"):
        fold.act("suspension", name)
    assert fold.status() == "suspended"
    fold.act("resumption", "r1", resumption__suspension="s1")
    assert fold.status() == "suspended"
    fold.act("resumption", "r2", resumption__suspension="s2")
    assert fold.status() == "in-force"
    named = fold.state.authorities[NAME]
    assert named.act_ids == ["s1", "s2", "r1", "r2"]
    assert [taken.kind for taken in named.acts] == ["suspension", "suspension", "resumption", "resumption"]
    fold.act("suspension", "s3")
    fold.authority(authority__version=2)
    assert fold.status(1) == "suspended"  # later versions too


def test_revoked_is_the_end_of_what_there_was(fold: Fold) -> None:
    fold.authority()
    fold.authority(authority__version=2, authority__valid_from="2026-07-20T00:00:00Z")
    fold.at_us += 5
    fold.act("revocation", "end")
    assert [fold.status(0), fold.status(1)] == ["revoked", "revoked"]
    assert fold.status(1, at="2026-07-21T00:00:00Z") == "revoked"
    fold.at_us += 5
    fold.authority(authority__version=3)
    assert [fold.status(number) for number in range(3)] == ["revoked", "revoked", "in-force"]
    assert fold.state.authorities[NAME].versions[0].revoked_us == AT_US + 5
    assert fold.state.authorities[NAME].versions[2].revoked_us is None


def test_the_last_version_in_effect_counts(fold: Fold) -> None:
    fold.authority(authority__valid_from="2026-07-10T00:00:00Z")
    named = fold.state.authorities[NAME]
    assert fold.at(AT_US).current(named) == 0  # none is in effect: the first to come
    fold.authority(authority__version=2, authority__valid_from="2026-07-20T00:00:00Z")
    edge = parse_rfc3339("2026-07-20T00:00:00Z")
    assert fold.at(edge - 1).current(named) == 0
    assert fold.at(edge).current(named) == 1
    assert (fold.status(0, edge - 1), fold.status(1, edge - 1)) == ("in-force", "pending")
    assert (fold.status(0, edge), fold.status(1, edge)) == ("superseded", "in-force")


def test_a_feed_belongs_to_its_first_recipient(fold: Fold) -> None:
    fold.authority()
    fold.document(envelope("authority-own-use", OWN_SIGNERS))
    assert sorted(fold.state.feeds) == ["tfl-charging", NAME]
    fold.apply(batches=(FeedBatch(feed=NAME, number=1, rows=5, data=b""),))
    fold.authority(authority__version=2)
    assert (fold.state.feeds[NAME].batches, fold.state.feeds[NAME].rows) == (1, 5)
