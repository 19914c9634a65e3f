"""The mirror that the house's prose is held before."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import measure_prose

ROOM = '''"""What a room holds; and more."""  # noqa: D400

# A reason.


class Gate:
    """The pure function that decides."""

    def open(self):
        """Open it."""

        def latch():
            return 1

        return latch()

    def _bar(self):
        return 2


def undocumented():
    return "# no comment"
'''


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a tree of one module at the top and one room."""
    (tmp_path / "hall").mkdir()
    (tmp_path / "hall" / "__init__.py").write_text("")
    (tmp_path / "hall" / "door.py").write_text(ROOM)
    (tmp_path / "top.py").write_text('"""The top."""\n')
    return tmp_path


def test_a_room_is_measured(tree: Path) -> None:
    found = measure_prose.measure(tree)
    assert list(found) == ["", "hall"]
    assert dict(zip(measure_prose.COLUMNS, found["hall"].row(), strict=True)) == {
        "files": "1",
        "lines": "22",
        "median module": "22",
        "max module": "22",
        "mean function": "3.2",  # open 7, latch 2, _bar 2, undocumented 2
        "max function": "7",
        "public documented": "75 %",  # the module, Gate and open, but not undocumented
        "comments per 1,000 lines": "45",
        "words in a first line": "4.3",
        "with that/what/which/who": "67 %",
        "with a semicolon": "33 %",
        "modules of What/Whether/From": "1",
    }


def test_the_whole_counts_what_stands_beside_the_rooms(tree: Path) -> None:
    whole = measure_prose.measure(tree)[""]
    assert whole.modules == [22, 1]
    assert len(whole.firsts) == 4


def test_the_worst_come_with_what_they_break(tree: Path) -> None:
    worst = measure_prose.worst(measure_prose.measure(tree)[""], 1)
    assert [(one.place, one.faults) for one in worst] == [
        ("hall/door.py:1", ("clause", "semicolon", "question")),
        ("hall/door.py:6 Gate", ("clause",)),
    ]


def test_it_is_a_mirror_and_no_gate(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert measure_prose.main([str(tree), "--worst"]) == 0
    printed = capsys.readouterr().out
    assert "with a semicolon" in printed
    assert "question hall/door.py:1: What a room holds; and more." in printed


def test_no_code_at_all_is_measured_too(tmp_path: Path) -> None:
    assert measure_prose.main([str(tmp_path)]) == 0
