"""A history of an earlier form: made into this version's when it is opened, with every row that it had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from tests import old_history
from tests.unit.history.test_engine import KEY, NOW_US, everything, item, rows
from wicketgate.history import schema
from wicketgate.history.asking import ClampedQuestion
from wicketgate.history.engine import HistoryEngine
from wicketgate.history.messages import HistoryPosition, read_id
from wicketgate.history.position import FORM, read_position, write_position

_FILES = "min_bytes_for_wide_part = 1000000000000"


def test_an_old_history_is_opened_with_all_of_it_and_is_as_a_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "history"
    with monkeypatch.context() as then:
        then.setattr(schema, "TABLES", old_history.TABLES)
        old = HistoryEngine(folder, KEY)
        old.begin(0)
        old.take(1, 1, rows(item(1, [("A1", 0, NOW_US), ("B2", 2, NOW_US - 1)])))
        columns = "SELECT name, type FROM system.columns WHERE table = 'reads'"
        assert dict(old._rows(columns))["confidence"] == "Float64"
        # A kill in the midst of the upgrade leaves some of it: it is made again.
        old._client().command(schema.CHANGES[2][0], settings=schema.SETTINGS)
        old.close()
    write_position(folder, HistoryPosition(form=1, done=1, until=1))
    engine = HistoryEngine(folder, KEY)
    assert engine.position == HistoryPosition(done=1, until=1)
    assert read_position(folder) == engine.position
    assert engine.position is not None
    assert engine.position.form == FORM
    found = engine.page(everything()).to_pylist()
    assert [(row["plate"], row["read_id"], row["confidence"]) for row in found] == [
        ("B2", read_id(1, 1), 0.9),
        ("A1", read_id(1, 0), 0.9),
    ]
    engine.take(2, 2, rows(item(2, [("A1", 1, NOW_US)])))
    engine.merge()
    assert engine.count(everything()) == (2, 3)
    assert dict(engine._rows(columns))["confidence"] == "LowCardinality(Float64)"
    made = dict(engine._rows("SELECT name, create_table_query FROM system.tables"))
    assert _FILES in made["reads"]
    for name in schema.PARTED_TABLES:
        assert "default_compression_codec = 'ZSTD(1)'" in made[name]
        assert "auto_statistics_types = ''" in made[name]
    engine.close()


def test_parts_with_a_file_for_each_column_keep_them_and_new_ones_have_one_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "history"
    with monkeypatch.context() as then:
        then.setattr(schema, "TABLES", old_history.TABLES_2)
        old = HistoryEngine(folder, KEY)
        # As of many reads: what decides is a size that a test does not reach.
        old._client().command("ALTER TABLE reads MODIFY SETTING min_bytes_for_wide_part = 0")
        old.begin(0)
        old.take(1, 1, rows(item(1, [("A1", 0, NOW_US), ("B2", 2, NOW_US - 1)])))
        old.close()
    write_position(folder, HistoryPosition(form=2, done=1, until=1))
    engine = HistoryEngine(folder, KEY)
    engine.take(2, 2, rows(item(2, [("A1", 1, NOW_US), ("C3", 2, NOW_US)])))
    engine.merge()
    kinds = (
        "SELECT source, slot, part_type FROM system.parts INNER JOIN "
        "(SELECT DISTINCT source, slot, _part AS name FROM reads) AS held USING name "
        "WHERE active AND table = 'reads' ORDER BY ALL"
    )
    assert [kind for *_, kind in engine._rows(kinds)] == ["Wide", "Compact", "Wide"]
    assert [row["plate"] for row in engine.page(everything()).to_pylist()] == ["B2", "A1", "A1", "C3"]
    assert engine.count(everything()) == (3, 4)
    engine.close()


def test_old_plates_get_their_order_of_ends_one_part_after_another_and_are_found_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "history"
    kept = [("AB12CDE", 0, NOW_US), ("XY34CDE", 0, NOW_US), ("AB12CDF", 0, NOW_US), ("ZZ99CDE", 2, NOW_US)]
    with monkeypatch.context() as then:
        then.setattr(schema, "TABLES", old_history.TABLES_3)
        old = HistoryEngine(folder, KEY)
        old.begin(0)
        old.take(1, 1, rows(item(1, kept)))
        old.close()
    write_position(folder, HistoryPosition(form=3, done=1, until=1))
    engine = HistoryEngine(folder, KEY)
    engine.take(2, 2, rows(item(2, [("NEW7CDE", 1, NOW_US)])))
    ends = asked("*CDE")
    meant = {"AB12CDE", "XY34CDE", "ZZ99CDE", "NEW7CDE"}
    keeps = {"tfl": 0, "eastholm": 0}
    assert len(engine._plates_without_ends()) == 2
    for without in (2, 1, 0, 0):
        assert len(engine._plates_without_ends()) == without
        assert {row["plate"] for row in engine.page(ends).to_pylist()} == meant
        engine.end_terms(keeps)
    engine.close()
    again = HistoryEngine(folder, KEY)
    again.merge()
    assert again._plates_without_ends() == []
    assert {row["plate"] for row in again.page(ends).to_pylist()} == meant
    again.close()


def test_the_end_of_a_pattern_is_looked_for_in_the_order_of_ends(tmp_path: Path) -> None:
    engine = HistoryEngine(tmp_path / "history", KEY)
    engine.begin(0)
    # More than one mark's rows: else there is nothing to be saved.
    engine.take(1, 1, rows(item(1, [(f"AB{n:05}", 0, NOW_US) for n in range(40_000)])))
    for pattern, ordered in (("*00123", True), ("*0?123", True), ("?B00123*", False), ("A*00123", True)):
        before = _rows_read(engine)
        assert engine.count(asked(pattern)).vehicles == 1 + 9 * (pattern == "*0?123")
        # One mark of the plates in the order of ends, or all of them; and a few of the reads.
        assert (_rows_read(engine) - before < 30_000) == ordered, pattern
    engine.close()


def _rows_read(engine: HistoryEngine) -> int:
    return int(engine._rows("SELECT sum(value) FROM system.events WHERE event = 'SelectedRows'")[0][0])


def asked(pattern: str) -> ClampedQuestion:
    """Return a question by a pattern, of all that there is."""
    anything = everything()
    return msgspec.structs.replace(anything, question=replace(anything.question, pattern=pattern))
