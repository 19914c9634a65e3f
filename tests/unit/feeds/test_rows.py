"""What a release shows beside its fields: references, images, hits; and what of it the fold is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.strategies import Listed, batch_of, entry_of
from tests.unit.commits.test_state import Fold, unsigned
from wicketgate.base.clock import HOUR_US, MINUTE_US, SECOND_US, rfc3339
from wicketgate.commits.transactions import CameraSet, CamerasRegistered, FeedBatch, HitRaised, Outcome
from wicketgate.feeds.lines import row_lines
from wicketgate.feeds.rendering import Rendering
from wicketgate.feeds.rows import REF, RowMaker, Rows, StateAt
from wicketgate.gate.decide import decide
from wicketgate.gate.tables import tables_at
from wicketgate.hotlists import Entry
from wicketgate.reads.columns import ReadBatch
from wicketgate.reads.images.references import StoredImage, open_ref
from wicketgate.reads.keys import CONTENT, JoinedKeys
from wicketgate.regime.moment import RegimeAt

BULK, WANTED = "tfl-met-ct", "tfl-met-wanted"
SECRET = b"s" * 32
PATCH = StoredImage(name=f"tfl/20260708/{1:032x}", sha256="ab" * 32, media_type="image/jpeg", size=3000)
OVERVIEW = StoredImage(name=f"tfl/20260708/{2:032x}", sha256="cd" * 32, media_type="image/png", size=25_000)
EVERY_FIELD = ["plate", "time", "place", "vehicle", "patch-image", "overview-image"]
CAMERAS = (
    CameraSet(id="arch", groups=("ccz-boundary",), latitude=51.5134, longitude=-0.1588, heading=90.0),
    CameraSet(id="tower", groups=("ccz-boundary",), latitude=51.5081, longitude=-0.0760),
    CameraSet(id="nowhere", groups=("ccz-boundary",)),
)


class Gate(Fold):
    """A fold with cameras, and what the gate at work does with a batch of reads."""

    def __init__(self) -> None:
        super().__init__()
        self.apply(cameras=CamerasRegistered(source="tfl", cameras=CAMERAS))
        self.listed: list[Entry] = []
        self.numbered = 0

    def match(self, *fields: str, **changes: Any) -> None:
        """Let the authority of mode match take effect."""
        self.document(unsigned("authority-match", scope__fields=list(fields or EVERY_FIELD), **changes))

    def bulk(self, *fields: str) -> None:
        """Let the authority of mode bulk take effect."""
        self.document(unsigned("authority", scope__fields=list(fields)))

    def reads(self, *plates: str, camera: int = 0, ago_us: int = 0, **columns: Any) -> ReadBatch:
        """Return reads that are recognised as new."""
        captured = self.at_us - ago_us
        batch = batch_of([(camera, captured, self.at_us)] * len(plates), plates)
        self.numbered += len(plates)
        keys = [(self.numbered - n).to_bytes(20, "big") for n in range(len(plates))]
        return replace(
            batch, **{"key": keys} | {name: [value] * len(plates) for name, value in columns.items()}
        )

    def again(self, batch: ReadBatch, **columns: Any) -> ReadBatch:
        """Return the same reads once more, with an image."""
        n = len(batch)
        more = {name: [value] * n for name, value in ({"patch": PATCH.text()} | columns).items()}
        return replace(batch, again=np.ones(n, np.bool_), **more)

    def take(self, *batches: ReadBatch, name: str = WANTED) -> Rows:
        """Decide batches in one transaction; return what one feed gets, and tell the fold."""
        standing = tables_at(
            RegimeAt(self.state.regime, self.parsed, self.at_us), self.state.cameras, frozenset()
        )
        moment = StateAt(state=self.state, standing=standing, at_us=self.at_us)
        into = Rows()
        for batch in batches:
            lists = dict.fromkeys(standing.listing, Listed.of(self.listed))
            decision = decide(batch, standing.table, self.at_us, MINUTE_US, lists)
            for release in decision.releases:
                if standing.names[release.reference] == name:
                    rendering = Rendering(batch, standing.camera_json, standing.placed_json)
                    RowMaker(SECRET).rows(release, rendering, batch, moment, into)
        number = self.state.feeds[name].batches + 1
        feed = FeedBatch(feed=name, number=number, rows=len(into), data=b"", again=into.again)
        self.apply(batches=(feed,) if len(into) else (), hits=tuple(into.hits), imaged=tuple(into.imaged))
        return into

    def rows(self, into: Rows, name: str = WANTED) -> list[dict[str, Any]]:
        """Return rows as they stand in the feed."""
        into.spell()
        first = self.state.feeds[name].rows - len(into) + 1
        lines = row_lines(
            reference=f"{name}@1",
            first_row=first,
            reads=into.reads,
            late=into.late,
            salts=bytes(16 * len(into)),
            more=into.more,
        )
        return [json.loads(line) for line in lines]


@pytest.fixture
def gate() -> Gate:
    made = Gate()
    made.listed = [entry_of("KLM3", made.at_us - HOUR_US, made.at_us + 9 * HOUR_US, priority=1)]
    return made


# --- bulk -----------------------------------------------------------------------------------------------------


def test_without_images_and_lists_rows_are_as_they_were(gate: Gate) -> None:
    gate.bulk("plate", "time")
    into = gate.take(gate.reads("A1", "A2", patch=PATCH.text()), name=BULK)
    assert (into.more, into.again, into.hits, into.imaged) == (None, 0, [], [])
    rows = gate.rows(into, BULK)
    assert [sorted(row) for row in rows] == [["authority", "read", "salt", "seq"]] * 2
    assert [sorted(row["read"]) for row in rows] == [["captured_at", "confidence", "plate"]] * 2


def test_an_image_is_shown_by_reference_and_only_that_of_a_field(gate: Gate) -> None:
    gate.bulk("plate", "patch-image")
    batch = gate.reads("A1", patch=PATCH.text(), overview=OVERVIEW.text())
    (row,) = gate.rows(gate.take(batch, name=BULK), BULK)
    shown = row["read"].pop("patch_image")
    assert row["read"] == {"plate": "A1", "confidence": 1.0}
    assert (shown["sha256"], shown["type"], shown["bytes"]) == (PATCH.sha256, "image/jpeg", 3000)
    assert open_ref(SECRET, BULK, shown["ref"]) == PATCH.name
    assert row["ref"] == ref_of(SECRET, BULK, batch.key[0])
    assert "hit" not in row


def test_an_image_may_be_all_that_is_shown(gate: Gate) -> None:
    gate.bulk("overview-image")
    batch = gate.reads("A1", "A2", overview=OVERVIEW.text())
    object.__setattr__(batch, "overview", [OVERVIEW.text(), None])
    first, second = gate.rows(gate.take(batch, name=BULK), BULK)
    assert list(first["read"]) == ["overview_image"]
    assert second["read"] == {}


def ref_of(secret: bytes, name: str, key: bytes) -> str:
    return RowMaker(secret).refs(name, [key], np.arange(1)).decode()


@pytest.mark.parametrize("size", [CONTENT, 20])
def test_a_reference_is_another_for_each_authority_and_the_same_each_time(size: int) -> None:
    key, other = bytes(range(size)), bytes(range(1, size + 1))
    assert ref_of(SECRET, "a", key) == ref_of(SECRET, "a", key)
    refs = {
        ref_of(SECRET, "a", key),
        ref_of(SECRET, "b", key),
        ref_of(SECRET, "a", other),
        ref_of(b"t" * 32, "a", key),
    }
    assert len(refs) == 4
    assert all(len(ref) == REF for ref in refs)


def test_a_reference_does_not_hang_on_what_stands_beside_the_read() -> None:
    new, former = [bytes([n]) * CONTENT for n in range(1, 5)], [bytes([n]) * 20 for n in range(5, 9)]
    maker = RowMaker(SECRET)
    alone = {key: ref_of(SECRET, "a", key) for key in (*new, *former)}
    for keys in (new, former, [new[0], former[0], new[1], former[1]], JoinedKeys(b"".join(new))):
        for rows in ([0, 1, 2, 3], [2], [1, 3], [0, 2]):
            found = maker.refs("a", keys, np.array(rows)).decode()
            assert [found[n : n + REF] for n in range(0, len(found), REF)] == [alone[keys[n]] for n in rows]


def test_a_read_that_comes_again_goes_to_those_who_may_see_its_image(gate: Gate) -> None:
    gate.bulk("plate", "patch-image")
    batch = gate.reads("A1")
    (row,) = gate.rows(gate.take(batch, name=BULK), BULK)
    assert "patch_image" not in row["read"]
    into = gate.take(gate.again(batch), name=BULK)
    (again,) = gate.rows(into, BULK)
    assert (again["ref"], again["again"], again["read"]["plate"]) == (row["ref"], True, "A1")
    assert again["read"]["patch_image"]["sha256"] == PATCH.sha256
    assert into.again == 1
    assert gate.state.totals.released == {BULK: 1}
    assert gate.state.totals.again == {BULK: 1}
    other = gate.take(gate.again(batch, patch=None, overview=OVERVIEW.text()), name=BULK)
    assert len(other) == 0


def test_a_read_that_comes_again_says_nothing_to_those_who_see_no_image(gate: Gate) -> None:
    gate.bulk("plate", "time")
    batch = gate.reads("A1")
    gate.take(batch, name=BULK)
    assert gate.take(gate.again(batch), name=BULK) == Rows()
    once, twice = gate.take(batch, name=BULK), gate.take(batch, gate.again(batch), name=BULK)
    assert [row["read"] for row in gate.rows(twice, BULK)] == [row["read"] for row in gate.rows(once, BULK)]


# --- hits -----------------------------------------------------------------------------------------------------


def raised(into: Rows) -> HitRaised:
    (hit,) = into.hits
    return hit


def test_a_hit_stands_in_its_row_and_is_raised_with_it(gate: Gate) -> None:
    gate.match()
    gate.take(gate.reads("KLM3"))
    batch = gate.reads(
        "A1",
        "KLM3",
        lane="2",
        direction='"away"',
        vehicle='{"make":"Austin"}',
        patch=PATCH.text(),
        overview=OVERVIEW.text(),
        marks='["retransmitted"]',
    )
    into = gate.take(batch)
    (row,), hit = gate.rows(into), raised(into)
    assert row["hit"] == {
        "id": row["ref"],
        "voi": "vKLM3",
        "quality": "exact",
        "kind": "murder",
        "priority": 1,
        "due": rfc3339(gate.at_us + 15 * MINUTE_US),
    }
    assert row["read"]["marks"] == ["retransmitted"]
    assert (hit.id, hit.seq, row["seq"]) == (row["ref"], 2, 2)
    assert (hit.authority, hit.version, hit.voi, hit.kind, hit.priority) == (WANTED, 1, "vKLM3", "murder", 1)
    assert (hit.quality, hit.late, hit.clone, hit.listed) == ("exact", False, "", "KLM3")
    assert (hit.raised_us, hit.due_us) == (gate.at_us, gate.at_us + 15 * MINUTE_US)
    assert (hit.place, hit.taken_us) == ("tfl/arch", gate.at_us)
    assert (hit.plate, hit.confidence, hit.captured_us) == ("KLM3", 1.0, gate.at_us)
    assert (hit.source, hit.camera, hit.latitude, hit.longitude, hit.heading) == (
        "tfl",
        "arch",
        51.5134,
        -0.1588,
        90.0,
    )
    assert (hit.lane, hit.direction, hit.vehicle) == ("2", '"away"', '{"make":"Austin"}')
    assert hit.marks == ("retransmitted",)
    assert (hit.patch, hit.overview) == (
        row["read"]["patch_image"]["ref"],
        row["read"]["overview_image"]["ref"],
    )
    assert hit.entry == {"reason": "wanted"}


@pytest.mark.parametrize(
    ("field", "members"),
    [
        ("plate", {"plate", "confidence", "marks"}),
        ("time", {"captured_us"}),
        (
            "place",
            {"source", "camera", "camera_name", "latitude", "longitude", "heading", "lane", "direction"},
        ),
        ("vehicle", {"vehicle"}),
        ("patch-image", {"patch"}),
        ("overview-image", {"overview"}),
    ],
)
def test_a_hit_shows_what_the_fields_allow_and_nothing_else(
    gate: Gate, field: str, members: set[str]
) -> None:
    gate.match(field)
    batch = gate.reads(
        "KLM3",
        lane="2",
        direction='"away"',
        vehicle="{}",
        patch=PATCH.text(),
        overview=OVERVIEW.text(),
        marks='["retransmitted"]',
    )
    hit = raised(gate.take(batch))
    shown = {
        name
        for name in (
            "plate", "confidence", "captured_us", "source", "camera", "camera_name", "latitude", "longitude", "heading",
            "lane", "direction", "vehicle", "patch", "overview",
        )
        if getattr(hit, name) is not None
    }  # fmt: skip
    if hit.marks:
        shown.add("marks")
    assert shown == members


def test_an_authority_of_version_0_3_shows_the_camera_by_its_id_until_its_next_version(gate: Gate) -> None:
    """What an authority lets go does not grow with the gateway: name and position come with the next signature."""
    gate.match("plate", "place", authority__log=None)
    into = gate.take(gate.reads("KLM3"))
    assert gate.rows(into)[0]["read"] == {
        "plate": "KLM3",
        "confidence": 1.0,
        "source": "tfl",
        "camera": "arch",
    }
    assert raised(into).camera_name is None
    gate.at_us += MINUTE_US
    gate.match("plate", "place", authority__version=2)
    into = gate.take(gate.reads("KLM3"))
    read = gate.rows(into)[0]["read"]
    assert set(read) == {"plate", "confidence", "source", "camera", "camera_name", "position"}
    camera = gate.state.cameras[0]
    assert read["camera_name"] == raised(into).camera_name == camera.shown_name
    assert read["position"] == [camera.longitude, camera.latitude]


def test_no_confidence_is_none(gate: Gate) -> None:
    gate.match()
    batch = replace(gate.reads("KLM3"), confidence=np.array([np.nan]))
    into = gate.take(batch)
    assert raised(into).confidence is None
    assert gate.rows(into)[0]["read"]["confidence"] is None


def test_a_possible_hit_says_so(gate: Gate) -> None:
    gate.match()
    gate.listed = [entry_of("B5GZ", gate.at_us - 1, gate.at_us + HOUR_US)]
    into = gate.take(gate.reads("85GZ"))
    assert gate.rows(into)[0]["hit"]["quality"] == raised(into).quality == "possible"
    assert (raised(into).plate, raised(into).listed) == ("85GZ", "B5GZ")


def test_a_late_hit_is_marked_in_the_row_and_in_the_queue(gate: Gate) -> None:
    gate.match()
    into = gate.take(gate.reads("KLM3", ago_us=MINUTE_US + 1))
    assert gate.rows(into)[0]["late"] is True
    assert raised(into).late
    assert gate.state.totals.hits == {WANTED: {"exact": 1, "late": 1}}


def test_what_the_unit_wrote_of_a_vehicle_comes_back_to_it(gate: Gate) -> None:
    gate.match("plate")
    gate.listed = [
        entry_of(
            "KLM3",
            gate.at_us - 1,
            gate.at_us + 1,
            make="Ford",
            instructions="do not stop",
            nim="a",
            pnc_id="b",
        )
    ]
    assert raised(gate.take(gate.reads("KLM3"))).entry == {
        "reason": "wanted",
        "make": "Ford",
        "instructions": "do not stop",
    }


def test_any_text_of_an_entry_keeps_the_row_a_row(gate: Gate) -> None:
    gate.match("plate")
    gate.listed = [entry_of("KLM3", gate.at_us - 1, gate.at_us + 1, voi='"}\\é—\u2028')]
    (row,) = gate.rows(gate.take(gate.reads("KLM3")))
    assert row["hit"]["voi"] == '"}\\é—\u2028'


def test_several_hits_of_one_batch_are_numbered_like_their_rows(gate: Gate) -> None:
    gate.match("plate")
    into = gate.take(gate.reads("KLM3", "X1", "KLM3", "KLM3"))
    rows = gate.rows(into)
    assert [(hit.seq, hit.id) for hit in into.hits] == [(row["seq"], row["ref"]) for row in rows]
    assert len({hit.id for hit in into.hits}) == 3


# --- an image that follows ------------------------------------------------------------------------------------


def test_an_image_that_follows_goes_to_the_hit_and_raises_none(gate: Gate) -> None:
    gate.match("plate", "patch-image")
    batch = gate.reads("KLM3")
    first = raised(gate.take(batch))
    gate.at_us += 2 * SECOND_US
    into = gate.take(gate.again(batch))
    (row,) = gate.rows(into)
    assert (into.hits, into.again, row["again"]) == ([], 1, True)
    (imaged,) = into.imaged
    assert (imaged.hit, imaged.patch, imaged.overview) == (first.id, row["read"]["patch_image"]["ref"], None)
    assert row["hit"]["id"] == row["ref"] == first.id
    assert row["hit"]["due"] == rfc3339(first.due_us), "the deadline is that of the hit, not of its image"
    assert gate.state.open_hits[first.id].imaged
    assert gate.state.totals.hits == {WANTED: {"exact": 1}}


def test_an_image_may_come_in_the_same_transaction(gate: Gate) -> None:
    gate.match("plate", "patch-image")
    batch = gate.reads("KLM3")
    into = gate.take(batch, gate.again(batch))
    assert [hit.id for hit in into.hits] == [imaged.hit for imaged in into.imaged]
    assert gate.state.open_hits[raised(into).id].imaged


def test_an_image_of_a_hit_that_has_ended_raises_none(gate: Gate) -> None:
    gate.match("plate", "patch-image")
    batch = gate.reads("KLM3")
    first = raised(gate.take(batch))
    ended = Outcome(hit=first.id, outcome="misread", reason="", by="officer", at_us=gate.at_us)
    gate.apply(outcomes=(ended,))
    into = gate.take(gate.again(batch))
    assert (into.hits, [imaged.hit for imaged in into.imaged]) == ([], [first.id])
    assert gate.state.open_hits == {}


def test_a_hit_that_was_refused_is_raised_with_its_image(gate: Gate) -> None:
    """The feed was full, or the authority suspended, when the read came first."""
    gate.match("plate", "patch-image")
    batch = gate.reads("KLM3")
    into = gate.take(gate.again(batch))
    assert (raised(into).patch is not None, into.imaged, into.again) == (True, [], 1)
    assert gate.state.totals.hits == {WANTED: {"exact": 1}}
    assert gate.state.totals.released == {WANTED: 0}


def test_a_read_that_comes_again_is_no_hit_where_no_image_is_shown(gate: Gate) -> None:
    gate.match("plate")
    batch = gate.reads("KLM3")
    gate.take(batch)
    assert len(gate.take(gate.again(batch))) == 0


# --- journeys -------------------------------------------------------------------------------------------------


def test_two_reads_that_no_vehicle_can_have_made_are_marked(gate: Gate) -> None:
    gate.match()
    assert raised(gate.take(gate.reads("KLM3"))).clone == ""
    gate.at_us += 30 * SECOND_US
    into = gate.take(gate.reads("KLM3", camera=1))
    assert raised(into).clone == "read 5.8 km away 30 seconds earlier"
    assert gate.rows(into)[0]["hit"]["clone"] is True
    assert gate.state.totals.hits == {WANTED: {"exact": 2, "clone": 1}}


def test_two_reads_of_one_transaction_are_compared_too(gate: Gate) -> None:
    gate.match()
    first, second = gate.take(gate.reads("KLM3"), gate.reads("KLM3", camera=1)).hits
    assert (first.clone, bool(second.clone)) == ("", True)


@pytest.mark.parametrize("camera", [0, 2], ids=["the-same", "of-no-known-position"])
def test_what_can_be_is_not_marked(gate: Gate, camera: int) -> None:
    gate.match()
    gate.take(gate.reads("KLM3"))
    assert raised(gate.take(gate.reads("KLM3", camera=camera))).clone == ""


def test_time_enough_is_not_marked(gate: Gate) -> None:
    gate.match()
    gate.take(gate.reads("KLM3"))
    gate.at_us += 5 * MINUTE_US
    assert raised(gate.take(gate.reads("KLM3", camera=1))).clone == ""


def test_a_possible_hit_before_marks_nothing(gate: Gate) -> None:
    gate.match()
    gate.listed = [entry_of("B5GZ", gate.at_us - 1, gate.at_us + HOUR_US)]
    gate.take(gate.reads("85GZ"))
    assert raised(gate.take(gate.reads("B5GZ", camera=1))).clone == ""


@pytest.mark.parametrize("fields", [["plate"], ["plate", "time"], ["place"]])
def test_how_far_and_how_long_are_not_said_without_the_fields(gate: Gate, fields: list[str]) -> None:
    gate.match(*fields)
    gate.take(gate.reads("KLM3"))
    hit = raised(gate.take(gate.reads("KLM3", camera=1)))
    assert hit.clone == "two reads that no one vehicle can have made"
