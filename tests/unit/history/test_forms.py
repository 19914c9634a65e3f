"""A history of an earlier form: made into this version's when it is opened, with every row that it had."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import old_history
from tests.unit.history.test_engine import KEY, NOW_US, everything, item, rows
from wicketgate.history import schema
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
        "(SELECT DISTINCT source, slot, _part AS name FROM reads) AS held USING name WHERE active ORDER BY ALL"
    )
    assert [kind for *_, kind in engine._rows(kinds)] == ["Wide", "Compact", "Wide"]
    assert [row["plate"] for row in engine.page(everything()).to_pylist()] == ["B2", "A1", "A1", "C3"]
    assert engine.count(everything()) == (3, 4)
    engine.close()
