"""The laws of the history: the engine's answers are those of the oracle, whatever is asked.

One engine, with reads that lie close together in every way; hypothesis asks.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracles.history_oracle import KeptRead, answers
from wicketgate.base.clock import DAY_US
from wicketgate.base.periods import Period
from wicketgate.history.asking import Asking, Cursor
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import TakenReads
from wicketgate.history.places import CameraPlace
from wicketgate.history.questions import Question, Scene, SeenVehicle, parse_question
from wicketgate.history.rows import history_rows, read_id
from wicketgate.reads.columns import encode_batch, filled
from wicketgate.reads.messages import ReadsMessage, encode_reads

NOW_US = 1_783_123_200_000_000
KEEP = {"tfl": Period(us=12 * DAY_US), "eastholm": Period(months=1)}
SOURCES = ["tfl", "tfl", "tfl", "eastholm", "eastholm"]
PLATES = ["AB12CDE", "A812CDE", "ABI2CDE", "AB12CD", "B2", "8Z", "BZ", "ABC", "ÄB12CDE", "X" * 16]
VEHICLES = [
    None,
    '{"make":"VW","colour":"Dark Gray"}',
    '{"make":"Volkswagen","kind":"Van"}',
    '{"colour":"grey"}',
]
PLACES = [CameraPlace(cameras=(f"c{n}",)) for n in range(4)]


def make_reads() -> list[KeptRead]:
    chance = random.Random(13)
    return [
        KeptRead(
            read_id=read_id(1 + n // 100, n % 100),
            plate=chance.choice(PLATES),
            captured_us=NOW_US
            - chance.choice([0, 1, 2, 3, DAY_US, 2 * DAY_US, 11 * DAY_US])
            - chance.randrange(4),
            camera=(camera := chance.randrange(5)),
            source=SOURCES[camera],
            vehicle=chance.choice(VEHICLES),
        )
        for n in range(600)
    ]


READS = make_reads()
HIDDEN = {read.read_id for read in READS[::37]}


def item(sequence: int, reads: list[KeptRead]) -> TakenReads:
    batch = filled(
        plate=[read.plate for read in reads],
        camera=[read.camera for read in reads],
        captured_us=[read.captured_us for read in reads],
        received_us=[read.captured_us for read in reads],
        vehicle=[read.vehicle for read in reads],
        key=[b"k" * 32] * len(reads),
    )
    return TakenReads(sequence, encode_reads(ReadsMessage(rows=encode_batch(batch))))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HistoryEngine]:
    folder: Path = tmp_path_factory.mktemp("laws") / "history"
    made = HistoryEngine(folder, bytes(range(32)))
    made.begin(0)
    for n in range(6):
        rows = history_rows([item(n + 1, READS[100 * n : 100 * (n + 1)])], SOURCES, KEEP, NOW_US)
        made.take(n + 1, n + 1, rows)
    made.hide(HIDDEN)
    yield made
    made.close()


edges = st.sampled_from([NOW_US - n for n in (-1, 0, 1, 2, 3, 4, 5)]) | st.sampled_from(
    [NOW_US - n * DAY_US for n in (1, 2, 11, 30)]
)
spans = st.tuples(edges, edges).filter(lambda pair: pair[0] != pair[1]).map(sorted)
numbers = st.lists(st.integers(0, 5), max_size=6)
vehicles = st.builds(
    SeenVehicle,
    make=st.sampled_from(["", "", "volkswagen"]),
    colour=st.sampled_from(["", "", "grey"]),
    kind=st.sampled_from(["", "", "van"]),
)
patterns = st.text("AB128CDE?*Z", min_size=2, max_size=8).filter(
    lambda text: sum(one not in "?*" for one in text) >= 2 and "**" not in text
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    from_us, until_us = draw(spans)
    return Scene(place=draw(st.sampled_from(PLACES)), from_us=from_us, until_us=until_us)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    from_us, until_us = draw(spans)
    vehicle = draw(st.just(SeenVehicle()) | vehicles)
    match draw(st.sampled_from(["plate", "plates", "pattern", "scenes", "none"])):
        case "plate":
            plates = (draw(st.sampled_from([*PLATES, "NOBODY1"])),)
            look = draw(st.booleans())
            return Question(
                plates=plates, lookalikes=look, vehicle=vehicle, from_us=from_us, until_us=until_us
            )
        case "plates":
            plates = tuple(draw(st.lists(st.sampled_from(PLATES), min_size=1, max_size=4, unique=True)))
            look = draw(st.booleans())
            return Question(
                plates=plates, many=True, lookalikes=look, vehicle=vehicle, from_us=from_us, until_us=until_us
            )
        case "pattern":
            return Question(pattern=draw(patterns), vehicle=vehicle, from_us=from_us, until_us=until_us)
        case "scenes":
            several = tuple(draw(st.lists(scenes(), min_size=2, max_size=4)))
            return Question(
                scenes=several,
                at_least=draw(st.integers(2, len(several))),
                vehicle=vehicle,
                from_us=min(one.from_us for one in several),
                until_us=max(one.until_us for one in several),
            )
        case _:
            return Question(vehicle=vehicle, from_us=from_us, until_us=until_us)


@st.composite
def askings(draw: st.DrawFn) -> tuple[Asking, dict[CameraPlace, list[int]]]:
    question = draw(questions())
    places = {scene.place for scene in question.scenes} or {question.place}
    cameras = {place: draw(numbers) for place in sorted(places, key=repr)}
    horizons = draw(st.dictionaries(st.sampled_from(["tfl", "eastholm", "nobody"]), edges, max_size=3))
    asked = [scene.place for scene in question.scenes] or [question.place]
    return Asking(question=question, cameras=[cameras[one] for one in asked], horizons_us=horizons), cameras


@settings(max_examples=60)  # each asks a real engine up to four times
@given(askings(), st.sampled_from([1, 7, 10_000]))
def test_every_answer_is_that_of_the_oracle(
    engine: HistoryEngine, asked: tuple[Asking, dict[CameraPlace, list[int]]], limit: int
) -> None:
    asking, cameras = asked
    expected = answers(asking.question, READS, cameras=cameras, horizons_us=asking.horizons_us, hidden=HIDDEN)
    counted = engine.count(asking)
    assert counted == (len({read.plate for read in expected}), len(expected))
    pages = 3 if limit < len(expected) else 1
    found: list[int] = []
    after = None
    for _ in range(pages):
        page = engine.page(
            Asking(
                question=asking.question,
                cameras=asking.cameras,
                horizons_us=asking.horizons_us,
                after=after,
                limit=limit,
            )
        ).to_pylist()
        if not page:
            break
        assert len(page) <= limit
        found += [row["read_id"] for row in page]
        after = Cursor(page[-1]["captured_us"], page[-1]["read_id"])
        for row in page:
            read = READS[(row["read_id"] >> 16) * 100 - 100 + (row["read_id"] & 0xFFFF)]
            assert (row["plate"], row["captured_us"], row["camera"], row["vehicle"]) == (
                read.plate,
                read.captured_us,
                read.camera,
                read.vehicle,
            )
    assert found == [read.read_id for read in expected][: limit * pages]


@settings(max_examples=20)
@given(askings(), st.data())
def test_less_to_look_at_never_adds_a_row(
    engine: HistoryEngine, asked: tuple[Asking, dict[CameraPlace, list[int]]], data: st.DataObject
) -> None:
    asking, _ = asked
    fewer = [data.draw(st.lists(st.sampled_from(one), unique=True)) if one else [] for one in asking.cameras]
    later = {
        source: at_us + data.draw(st.sampled_from([0, 1, DAY_US]))
        for source, at_us in asking.horizons_us.items()
        if data.draw(st.booleans())
    }
    narrowed = Asking(question=asking.question, cameras=fewer, horizons_us=later)

    def ids(one: Asking) -> set[int]:
        return set(engine.page(one).column("read_id").to_pylist())

    assert ids(narrowed) <= ids(asking)


def test_what_is_asked_is_no_part_of_a_statement(engine: HistoryEngine) -> None:
    # No plate or source that is parsed holds such characters; a statement would bear them all the same.
    odd = "x') OR 1=1 -- \\' {v0:String} \n"
    question = Question(plates=(odd,), vehicle=SeenVehicle(make=odd), from_us=0, until_us=NOW_US + 1)
    asking = Asking(question=question, cameras=[[0, 1, 2, 3, 4]], horizons_us={odd: 0, "tfl": 0})
    assert engine.count(asking) == (0, 0)
    many = parse_question(
        {
            "plates": [f"P{n}" for n in range(999)] + ["B2"],
            "from": "1970-01-01T00:00:00Z",
            "to": "2027-01-01T00:00:00Z",
        }
    )
    asking = Asking(question=many, cameras=[list(range(5_000))], horizons_us={"tfl": 0, "eastholm": 0})
    kept = {read.read_id for read in READS if read.plate == "B2"} - HIDDEN
    assert engine.count(asking) == (1, len(kept))
