"""What custody keeps: whole, once, sealed, and no longer than its term."""

from __future__ import annotations

import io
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wicketgate.base.clock import DAY_US, HOUR_US, parse_rfc3339, rfc3339
from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.base.periods import Period
from wicketgate.clients.custody.feeding import CustodyCameras
from wicketgate.clients.custody.file import FILE
from wicketgate.clients.custody.keeping import CustodyNotices, SealedImages
from wicketgate.clients.custody.rows import history_batch
from wicketgate.clients.custody.sealing import CustodySeal
from wicketgate.clients.custody.showing import told_in
from wicketgate.clients.custody.store import CustodyStore, place_number
from wicketgate.clients.custody.tables import FORM
from wicketgate.clients.custody.values import AnsweredRow, NewBatch
from wicketgate.clients.recipient.images import WantedImage
from wicketgate.clients.recipient.receive import Received
from wicketgate.clients.verify.feeds import Last
from wicketgate.feeds.batches import read_batches
from wicketgate.history.questions import parse_question
from wicketgate.ledger.merkle import leaf_hash, root
from wicketgate.reads.columns import decode_batch

BEGIN_US = parse_rfc3339("2026-07-08T00:00:00Z")
KEY = bytes(range(32))
FEED, LOG = "tfl-met-ct", "log.example/wicketgate"
REF = "00112233445566778899aabb"


def row(seq: int, plate: str = "AB12CDE", **beside: Any) -> dict[str, Any]:
    read = {
        "plate": plate,
        "confidence": 0.9,
        "captured_at": rfc3339(BEGIN_US),
        "source": "tfl",
        "camera": "ccz-0001",
        "camera_name": "One",
        "position": [-0.1, 51.5],
    }
    return {"seq": seq, "salt": "00" * 16, "authority": f"{FEED}@1", "read": read, **beside}


def received(number: int, *rows: dict[str, Any]) -> Received:
    lines = [msgspec.json.encode(one) for one in rows]
    header = {
        "batch": number,
        "authority": f"{FEED}@1",
        "rows": len(lines),
        "root": root([leaf_hash(line) for line in lines]).hex(),
        "released_at": rfc3339(BEGIN_US + number * HOUR_US),
        "commit": number,
    }
    data = b"".join(line + b"\n" for line in (msgspec.json.encode(header), *lines))
    (batch,) = read_batches(io.BytesIO(data))
    return Received(batch=batch, data=data)


def keep(store: CustodyStore, *batches: Received, images: tuple[str, ...] = ()) -> None:
    new = [
        NewBatch(one, 1, BEGIN_US + one.batch.number * HOUR_US, Period(us=DAY_US), images) for one in batches
    ]
    number = batches[-1].batch.number
    at_us = BEGIN_US + number * HOUR_US
    store.keep(new, Last(batch=number, seq=number, commit=number, released_at="", released_us=at_us))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CustodyStore]:
    made = CustodyStore(tmp_path, FEED, LOG, CustodySeal(KEY))
    yield made
    made.close()


def test_a_batch_is_kept_once_or_not_at_all(store: CustodyStore) -> None:
    keep(store, received(1, row(1)), received(2, row(2)))
    with pytest.raises(sqlite3.IntegrityError):
        keep(store, received(3, row(3)), received(2, row(2)))
    assert store.held() == (2, 2)
    assert store.last is not None
    assert store.last.batch == 2
    assert [one.batch.number for one in store.batches(1, 9)] == [1, 2]


def test_nothing_is_found_before_its_proof_and_it_never_goes_back(store: CustodyStore) -> None:
    keep(store, received(1, row(1)), received(2, row(2)))
    assert store.proved == 0
    assert [one["batch"] for one in store.unproved_headers()] == [1, 2]
    store.prove(1, b"checkpoint")
    store.prove(0, b"checkpoint")
    assert store.proved == 1
    assert [one["batch"] for one in store.unproved_headers()] == [2]


def test_rows_end_at_their_term_with_images_answers_and_what_stands_beside(store: CustodyStore) -> None:
    keep(store, received(1, row(1, ref=REF)), images=("2026-07-08/a.png",))
    keep(store, received(2, row(2, ref=REF, again=True)), images=("2026-07-08/a.png", "2026-07-08/b.png"))
    places = [place_number(1, 0), place_number(2, 0)]
    answered = [AnsweredRow(place, 1, b"\0" * 32) for place in places]
    store.keep_answer("ab", answered, BEGIN_US + 2 * DAY_US)
    ends_us = BEGIN_US + HOUR_US + DAY_US
    assert set(store.lines(places, ends_us - 1)) == set(places)
    assert set(store.lines(places, ends_us)) == {places[1]}, "what is past its term is shown no more at once"
    gone = store.end(ends_us)
    assert (gone.rows, list(gone.images)) == (1, [])
    assert store.deleted_until_us() == BEGIN_US + 2 * HOUR_US
    gone = store.end(ends_us + HOUR_US)
    assert (gone.rows, sorted(gone.images)) == (1, ["2026-07-08/a.png", "2026-07-08/b.png"])
    assert store.deleted_until_us() == BEGIN_US + 2 * HOUR_US + 1
    assert store.answer("ab", BEGIN_US + 2 * DAY_US - 1) == answered
    assert store.answer("ab", BEGIN_US + 2 * DAY_US) is None
    assert store.later(places) == {}


def test_an_image_that_follows_is_no_read_of_its_own(store: CustodyStore) -> None:
    other = REF.replace("0", "1")
    keep(store, received(1, row(1, ref=REF), row(2, ref=other, again=True)))
    keep(store, received(2, row(3, "XY99ZZZ", ref=REF, again=True), {"seq": 4, "erased": "00" * 32}))
    first, second = store.batches(1, 2)
    assert first.unnamed == frozenset(), "one that stood in no earlier row is a read"
    assert second.unnamed == {0}
    assert store.later([place_number(1, 0)]) == {place_number(1, 0): [place_number(2, 0)]}
    cameras = CustodyCameras(store)
    found = [decode_batch(history_batch(one, cameras.number)) for one in (first, second)]
    assert [list(one.plate) for one in found] == [["AB12CDE", "AB12CDE"], ["", ""]]
    cameras.save()
    (camera,) = store.cameras()
    assert (camera.label, camera.longitude, camera.latitude) == ("tfl@1", -0.1, 51.5)
    assert CustodyCameras(store).number(1, row(9)["read"]) == camera.number
    assert CustodyCameras(store).number(2, row(9)["read"]) != camera.number, "each version has its own term"


def test_nothing_lies_in_the_clear_and_what_was_changed_is_refused(
    store: CustodyStore, tmp_path: Path
) -> None:
    keep(store, received(1, row(1)))
    store.keep_answer("ab", [AnsweredRow(1, 1, b"\0" * 32)], 1 << 60)
    for path in tmp_path.iterdir():
        assert b"AB12CDE" not in path.read_bytes()
    other = CustodyStore(tmp_path, FEED, LOG, CustodySeal(bytes(32)))
    with pytest.raises(ConfigurationError, match="of another key"):
        list(other.batches(1, 1))
    other.close()
    with sqlite3.connect(tmp_path / FILE) as file:
        file.execute("UPDATE batches SET data = (SELECT data FROM answers)")
    file.close()
    with pytest.raises(ConfigurationError, match="was changed"):
        list(store.batches(1, 1))


@pytest.mark.parametrize(("feed", "log"), [("other", LOG), (FEED, "other.example/log")])
def test_a_folder_is_the_custody_of_one_feed_of_one_log(
    store: CustodyStore, tmp_path: Path, feed: str, log: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"the custody of `{FEED}` of the log `{LOG}`"):
        CustodyStore(tmp_path, feed, log, CustodySeal(KEY))


def test_a_later_form_and_what_is_no_database_are_refused(store: CustodyStore, tmp_path: Path) -> None:
    store.note(form=99)
    with pytest.raises(ConfigurationError, match="99"):
        CustodyStore(tmp_path, FEED, LOG, CustodySeal(KEY))
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / FILE).write_bytes(b"no database" * 1000)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        CustodyStore(broken, FEED, LOG, CustodySeal(KEY))


def test_a_range_has_so_many_rows_at_most_and_one_batch_at_least(store: CustodyStore) -> None:
    keep(store, *(received(number, row(1), row(2)) for number in range(1, 6)))
    assert store.range_of(1, 5, 4) == 2
    assert store.range_of(1, 5, 1) == 1
    assert store.range_of(2, 5, 100) == 5
    assert store.range_of(6, 9, 100) == 9, "where nothing is held any more there is nothing to hand over"


def test_the_journal_goes_on_and_tells_what_was_kept(store: CustodyStore) -> None:
    keep(store, received(1, row(1)), received(2, row(2)))
    store.prove(2, b"")
    assert store.record_kept() == 2
    first = store.journal()
    assert store.record_kept() == 2
    assert store.journal() == first, "nothing new is no record"
    store.end(BEGIN_US + 90 * DAY_US)
    assert store.journal()[:1] == first
    assert len(store.journal()) == 2


def test_images_lie_sealed_and_go_with_their_folders(tmp_path: Path) -> None:
    images = SealedImages(tmp_path / "images", FEED, CustodySeal(KEY))
    image = WantedImage(ref="r", sha256="ab" * 32, size=5, name=f"2026-07-08/{'ab' * 32}.png")
    assert images.read(image) is None
    images.keep(image, b"image")
    images.sync()
    assert images.has(image)
    assert images.read(image) == b"image"
    assert images.names() == [image.name]
    assert b"image" not in (tmp_path / "images" / image.name).read_bytes()
    images.remove([image.name, "2026-07-09/none.png"])
    assert images.names() == []
    assert not (tmp_path / "images" / "2026-07-08").exists()


def erratum(seq: int, corrects: int, plate: str = "") -> dict[str, Any]:
    said = {"seq": corrects, "ground": "misread"}
    if plate:
        said |= {"read": {**row(seq)["read"], "plate": plate, "confidence": None}}
    return {"seq": seq, "salt": "00" * 16, "authority": f"{FEED}@1", "erratum": said}


def test_an_erratum_is_found_with_its_row_once_proved_and_ends_with_it(store: CustodyStore) -> None:
    keep(store, received(1, row(1), row(2)))
    keep(store, received(9, erratum(3, 2, "R1GHT")))
    assert store.errata_of([1, 2], BEGIN_US) == {}, "what is not proved is shown to nobody"
    store.prove(9, b"")
    assert store.errata_of([1, 2], BEGIN_US) == {2: [msgspec.json.encode(erratum(3, 2, "R1GHT"))]}
    ends_us = BEGIN_US + HOUR_US + DAY_US
    assert store.errata_of([2], ends_us) == {}, "released later, it ends with what it corrects"
    assert store.end(ends_us).rows == 3
    assert store._all("SELECT * FROM errata") == []


def test_notices_without_a_row_are_kept_with_the_row_that_they_name(
    store: CustodyStore, tmp_path: Path
) -> None:
    keep(store, received(1, row(1), row(2)))
    notices = CustodyNotices(store, tmp_path / FILE, FEED)
    told = {"authority": FEED, "ground": "no-plate", "at": rfc3339(BEGIN_US)}
    notices.write(
        [
            {**told, "number": 1, "seq": 1},
            {**told, "number": 2, "seq": 2, "row": 3},
            {**told, "number": 3, "seq": 7},
        ]
    )
    assert notices.last == 3
    shown = {"seq": 1, "erratum": {"seq": 1, "ground": "no-plate"}}
    assert store.errata_of([1, 2, 7], BEGIN_US) == {1: [msgspec.json.encode(shown)]}
    with pytest.raises(InputError, match="not asked for"):
        notices.write([{**told, "number": 3, "seq": 1}])
    store.end(BEGIN_US + 2 * DAY_US)
    assert store._all("SELECT * FROM notices") == []


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"plate": "AB12CDE"}, False),
        ({"plate": "R1GHT"}, True),
        ({"pattern": "R1G*"}, True),
        ({"cameras": ["ccz-0001"]}, True),
        (None, False),
    ],
)
def test_an_answer_tells_the_right_plate_where_it_was_asked_for(
    asked: dict[str, Any] | None, told: bool
) -> None:
    line = msgspec.json.encode(erratum(3, 2, "R1GHT"))
    span = {"from": rfc3339(BEGIN_US), "to": rfc3339(BEGIN_US + HOUR_US)}
    shown = told_in(line, None if asked is None else parse_question({**span, **asked}))
    assert (shown == line) == told
    assert (b"R1GHT" in shown) == told
    assert msgspec.json.decode(shown)["erratum"]["ground"] == "misread"


def test_a_file_of_form_1_is_made_one_of_this_form_with_its_errata(tmp_path: Path) -> None:
    shutil.copy(Path(__file__).parents[2] / "fixtures/custody-1/custody.db", tmp_path / FILE)
    store = CustodyStore(tmp_path, FEED, LOG, CustodySeal(KEY))
    assert store.said("form") == FORM == 2
    assert store.errata_of([1, 2], BEGIN_US) == {2: [msgspec.json.encode(erratum(3, 2, "R1GHT"))]}
    assert store.ends_of(2) == BEGIN_US + HOUR_US + DAY_US
    rows = store.answer("ab" * 16, BEGIN_US)
    assert rows is not None
    assert [row.seq for row in rows] == [2]
    assert store.question_of("ab" * 16) is None
    keep(store, received(3, row(4)))
    store.close()
    again = CustodyStore(tmp_path, FEED, LOG, CustodySeal(KEY))
    assert again.held() == (3, 4)
    again.close()


def test_when_a_plate_was_first_named_is_known_for_as_long_as_a_list_would_have_it(
    store: CustodyStore, tmp_path: Path
) -> None:
    store.name_plates(["AB12CDE"], BEGIN_US)
    store.name_plates(["AB12CDE", "R1GHT"], BEGIN_US + HOUR_US)
    assert store.named_at(["AB12CDE", "R1GHT", "X1"], BEGIN_US + DAY_US) == {
        "AB12CDE": BEGIN_US,
        "R1GHT": BEGIN_US + HOUR_US,
    }
    assert store.named_at(["AB12CDE"], BEGIN_US + 28 * DAY_US) == {}
    for path in tmp_path.iterdir():
        assert b"AB12CDE" not in path.read_bytes()
    store.end(BEGIN_US + 29 * DAY_US)
    assert store._all("SELECT * FROM named") == []
