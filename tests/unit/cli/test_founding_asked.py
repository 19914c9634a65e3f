"""The questions of `new`, and the line of progress."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.cli import main
from wicketgate.cli.founding import _asked
from wicketgate.cli.progress import ProgressLine
from wicketgate.clients.founding.answers import parse_answers
from wicketgate.clients.founding.papers import papers_of

PEOPLE = ("Ada Ashworth", "Ben Brightwell", "Clara Colborne", "Dev Dunmore", "Edith Eastlake")
COUNCIL = (
    *("Millbrook Town Council", "", "Westshire Police", "", "Millbrook Scrutiny Panel"),
    *("gate.millbrook.example", "four", "4", "", "week", "day"),
    *(line for person in PEOPLE for line in (person, "")),
)


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_a_council_is_asked_and_what_cannot_be_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(monkeypatch, *COUNCIL)
    answers = _asked("council")
    assert (answers.home.id, answers.police.unit, answers.cameras) == (
        "millbrook-town-council",
        "roads-policing",
        4,
    )
    assert (answers.figures, answers.retention) == ("day", "PT0S")
    assert [post.holder for post in answers.offices] == list(PEOPLE)
    asked = capsys.readouterr().err
    assert asked.count("How many cameras") == asked.count("It can never be changed") == 2


def test_a_region_is_asked_for_its_councils_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    councils = ("Eastholm", "", "Marshbridge", "", "")
    people = [line for number in range(9) for line in (f"Person {number}", "")]
    region = ("Westshire Police", "", "Commissioner", "gate.example", "40", "", "hour", *people)
    typed(monkeypatch, *councils, *region)
    answers = _asked("police-region")
    assert [one.id for one in answers.sources] == ["eastholm", "marshbridge"]
    assert answers.home.id == "westshire-police"


def test_answers_that_end_too_soon_make_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, *COUNCIL[:4])
    with pytest.raises(ConfigurationError, match="ended before the questions"):
        _asked("council")


def test_the_answers_are_kept_and_make_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.unit.clients.test_founding import AT_US, given, keys_of

    said = tmp_path / "answers.toml"
    said.write_bytes(given("council"))
    assert main(["new", str(tmp_path / "new"), "--answers", str(said)]) == 0
    kept = parse_answers((tmp_path / "new" / "answers.toml").read_bytes())
    assert kept == parse_answers(said.read_bytes())
    keys = keys_of(kept)
    assert papers_of(kept, keys, AT_US) == papers_of(parse_answers(said.read_bytes()), keys, AT_US)
    shown = capsys.readouterr()
    assert "NOT ENCRYPTED" in shown.err
    assert "wicketgate init gateway --charter charter.dsse.json" in shown.out


def test_nothing_is_told_of_progress_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressLine("bytes", 200_000) as progress:
        assert b"".join(progress.parts(b"x" * 200_000)) == b"x" * 200_000
    assert capsys.readouterr().err == ""


def test_progress_is_one_line_that_is_written_over(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("wicketgate.cli.progress._EVERY_S", 0.0)
    with ProgressLine("bytes", 100_000) as progress:
        for _ in progress.parts(b"x" * 100_000):
            pass
    shown = capsys.readouterr().err
    assert "65,536 of 100,000 bytes" in shown
    assert shown.endswith("\r\x1b[K")
    assert "\n" not in shown
