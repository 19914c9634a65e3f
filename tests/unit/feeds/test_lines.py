"""Rows made as columns are the rows made one by one, up to blanks between members; and batches of either are whole."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.keys import seeded
from tests.strategies import ascii_plates, batch_of, long_plates
from tests.unit.commits.test_state import Fold, unsigned
from wicketgate.base.byte_columns import TextTable
from wicketgate.base.clock import DAY_US, SECOND_US, parse_rfc3339
from wicketgate.commits.transactions import CameraSet, CamerasRegistered
from wicketgate.feeds.batches import check_batch, read_batches
from wicketgate.feeds.lines import Portion, line_columns, row_lines
from wicketgate.feeds.rendering import Rendering
from wicketgate.feeds.rows import PlainRows, RowMaker, Rows, StateAt
from wicketgate.feeds.writing import write_batches
from wicketgate.gate.decide import decide
from wicketgate.gate.tables import tables_at
from wicketgate.ledger.facts import check_promise, release_fact
from wicketgate.ledger.merkle import leaf_hashes
from wicketgate.reads.columns import ReadBatch
from wicketgate.regime.moment import RegimeAt

AT_US = parse_rfc3339("2026-07-08T12:00:00Z")
ORIGIN = "log.example/wicketgate"
KEY = seeded(b"\x01" * 32)
CAMERAS = TextTable(('"source":"tfl","camera":"c0"', '"source":"tfl","camera":"a long name: é"'))
PLACED = TextTable(
    (
        CAMERAS[0] + ',"camera_name":"Gate \\"north\\"","position":[-0.1,51.5]',
        CAMERAS[1] + ',"camera_name":"c1"',
    )
)
_STRING = re.compile(rb'("(?:[^"\\]|\\.)*")')

texts = st.text(max_size=12).map(lambda text: json.dumps(text, ensure_ascii=False))
confidences = (
    st.floats(0, 1)
    | st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
    | st.sampled_from([float("nan"), 0.0, -0.0, 1.0])
)
reads = st.fixed_dictionaries(
    {
        "camera": st.integers(0, 1),
        "captured_us": st.integers(AT_US - 10**7, AT_US)
        | st.sampled_from([AT_US - 1000, AT_US - 10**6, AT_US - DAY_US, -1]),
        "plate": ascii_plates | long_plates,
        "confidence": confidences,
        "lane": st.none() | st.integers(-9, 99).map(str) | texts,
        "direction": st.sampled_from([None, '"towards"', '"away"']),
        "vehicle": st.none() | texts.map(lambda make: f'{{"make":{make}}}'),
        "marks": st.sampled_from([None, '["retransmitted"]', '["retransmitted","confidence-unknown"]']),
    }
)
usual = st.fixed_dictionaries(
    {
        "camera": st.integers(0, 1),
        "captured_us": st.integers(AT_US - 10**7, AT_US),
        "plate": ascii_plates,
        "confidence": st.integers(0, 100).map(lambda hundredths: hundredths / 100),
        "lane": st.just("1"),
        "direction": st.just('"towards"'),
        "vehicle": st.none(),
        "marks": st.none(),
    }
)
fields = st.frozensets(st.sampled_from(["plate", "time", "place", "vehicle"]))


def batch_from(made: list[dict[str, Any]]) -> ReadBatch:
    """Return reads as a batch."""
    batch = batch_of(
        [(read["camera"], read["captured_us"], AT_US) for read in made], [read["plate"] for read in made]
    )
    said = {name: [read[name] for read in made] for name in ("lane", "direction", "vehicle", "marks")}
    return replace(batch, confidence=np.array([read["confidence"] for read in made]), **said)


def without_blanks(line: bytes) -> bytes:
    """Return a line without the blanks outside its strings."""
    return b"".join(
        part if part.startswith(b'"') else part.replace(b" ", b"") for part in _STRING.split(line)
    )


@given(
    st.lists(reads, min_size=1, max_size=6) | st.lists(usual, min_size=1, max_size=6), fields, st.booleans()
)
@example([], frozenset({"plate"}), False)
@settings(max_examples=300)
def test_both_ways_show_the_same_of_a_read(
    made: list[dict[str, Any]], fields: frozenset[str], placed: bool
) -> None:
    rendering = Rendering(batch_from(made), CAMERAS, PLACED)
    shown = rendering.shown(fields, placed=placed)
    one_by_one, encoded = rendering.reads(shown), rendering.encoded(shown)
    if encoded is None:  # they differ too much in length, or lie outside the usual years, or there are none
        return
    assert [without_blanks(text) for text in encoded.tolist()] == [text.encode() for text in one_by_one]


@given(st.lists(usual, min_size=1, max_size=6), fields, st.booleans())
def test_usual_reads_are_made_as_columns(
    made: list[dict[str, Any]], fields: frozenset[str], placed: bool
) -> None:
    rendering = Rendering(batch_from(made), CAMERAS, PLACED)
    assert rendering.encoded(rendering.shown(fields, placed=placed)) is not None


@given(st.data())
def test_both_ways_make_the_same_lines(data: st.DataObject) -> None:
    made = data.draw(st.lists(usual, min_size=1, max_size=6))
    rendering = Rendering(batch_from(made), CAMERAS, PLACED)
    shown = rendering.shown(frozenset({"plate", "time"}))
    encoded = rendering.encoded(shown)
    assert encoded is not None
    parts = []
    for name in data.draw(st.lists(st.sampled_from(["a@1", "tfl-ct@12"]), min_size=1, max_size=3)):
        rows = sorted(data.draw(st.sets(st.integers(0, len(made) - 1), min_size=1)))
        late = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
        first = data.draw(st.integers(1, 20) | st.integers(9_990, 10_001) | st.integers(1, 10**15))
        parts.append(Portion(name, first, np.array(rows), np.array(late)))
    total = sum(len(part.rows) for part in parts)
    salts = data.draw(st.binary(min_size=16 * total, max_size=16 * total))
    refs = data.draw(st.none() | st.just("".join(f"{n:024x}" for n in range(total))))
    named = PlainRows(rendering, shown, np.arange(total), np.zeros(total, bool), refs and refs.encode())
    more = named.more()
    plain = rendering.reads(shown)
    at = 0
    written = line_columns(encoded, parts, salts, named.refs)
    for part, (leaves, body) in zip(parts, written, strict=True):
        expected = row_lines(
            reference=part.reference,
            first_row=part.first_row,
            reads=[plain[row] for row in part.rows.tolist()],
            late=part.late.tolist(),
            salts=salts[16 * at : 16 * (at + len(part.rows))],
            more=None if more is None else more[at : at + len(part.rows)],
        )
        lines = body.removesuffix(b"\n").split(b"\n")
        assert tuple(map(without_blanks, lines)) == expected
        assert [line.split(b",")[0] for line in lines] == [line.split(b",")[0] for line in expected]
        assert leaves == leaf_hashes(lines)
        at += len(part.rows)


# --- the batches of a transaction -----------------------------------------------------------------------------


def released(reads: int, scopes: dict[str, dict[str, Any]]) -> tuple[Fold, list[Any], list[bytes], int]:
    """Return the batches of reads of two cameras under authorities of these scopes."""
    fold = Fold()
    cameras = tuple(CameraSet(id=f"c{n}", groups=("ccz-boundary", f"g{n}")) for n in range(2))
    fold.apply(cameras=CamerasRegistered(source="tfl", cameras=cameras))
    for name, scope in scopes.items():
        fold.document(unsigned("authority", authority__name=name, **scope))
    state = fold.state
    standing = tables_at(RegimeAt(state.regime, fold.parsed, fold.at_us), state.cameras, frozenset())
    batch = batch_of([(n % 2, fold.at_us - n, fold.at_us) for n in range(reads)])
    rendering = Rendering(batch, standing.camera_json, standing.placed_json)
    moment = StateAt(state=state, standing=standing, at_us=fold.at_us)
    made: dict[str, Rows] = {}
    for release in decide(batch, standing.table, fold.at_us, DAY_US).releases:
        RowMaker(b"s" * 32).rows(
            release, rendering, batch, moment, made.setdefault(release.reference, Rows())
        )
    batches, facts = write_batches(
        made, moment, state.sequence + 1, origin=ORIGIN, signer=KEY, merge_delay_us=7 * SECOND_US
    )
    return fold, batches, facts, len(made)


@pytest.mark.parametrize("reads", [1, 7, 120])
def test_each_authority_gets_its_own_whole_and_promised_batch(reads: int) -> None:
    """Of equal scope, of disjoint scope, of other fields, and of names of differing length."""
    scopes: dict[str, dict[str, Any]] = {
        "a": {},
        "b-of-a-much-longer-name-than-the-first": {},
        "c-one": {"scope__groups": ["g0"]},
        "c-two": {"scope__groups": ["g1"], "scope__fields": ["plate"]},
        "d-images": {"scope__fields": ["plate", "patch-image"]},
        "c-none": {"scope__groups": ["g7"]},
    }
    fold, batches, facts, _ = released(reads, scopes)
    found = {batch.feed: next(read_batches(io.BytesIO(batch.data))) for batch in batches}
    sizes = {name: len(batch.lines) for name, batch in found.items()}
    halves = {"c-one": -(-reads // 2), "c-two": reads // 2}
    wanted = {"a": reads, "d-images": reads, "b-of-a-much-longer-name-than-the-first": reads, **halves}
    assert sizes == {name: rows for name, rows in wanted.items() if rows}
    for name, batch in found.items():
        check_batch(batch)
        assert check_promise(ORIGIN, batch.header, KEY.public) == 7 * SECOND_US
        assert batch.header["authority"] == f"{name}@1"
        assert batch.header["commit"] == fold.state.sequence + 1
        rows = [json.loads(line) for line in batch.lines]
        assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
        refs = [row["ref"] for row in rows if "ref" in row]
        assert len(refs) == (len(rows) if name == "d-images" else 0)
        if name == "c-two":
            assert {tuple(row["read"]) for row in rows} == {("plate", "confidence")}
    salts = [json.loads(line)["salt"] for batch in found.values() for line in batch.lines]
    salts += [batch.header["promise"]["salt"] for batch in found.values()]
    assert len(set(salts)) == len(salts)
    assert facts == [release_fact(batch.header) for batch in found.values()]


def test_plain_rows_that_others_join_are_spelt_out() -> None:
    rendering = Rendering(batch_of([(0, AT_US, AT_US)] * 3), CAMERAS)
    shown = rendering.shown(frozenset({"plate"}))
    rows = PlainRows(rendering, shown, np.array([0, 2]), np.array([False, True]))
    into = Rows()
    into.add(rows)
    assert (len(into), into.reads) == (2, [])
    into.add(rows)
    assert (len(into), into.plain, into.late) == (4, None, [False, True] * 2)
    assert into.reads == rendering.reads(shown)[:1] * 4
