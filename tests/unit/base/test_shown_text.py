"""Text of somebody else's at a terminal: it stays text, on its own line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.shown_text import on_lines, on_one_line

ANY = st.text(st.characters(codec=None), max_size=40) | st.text("\x1b[2J\n\r\t\u202e\u2028a ", max_size=20)


@given(ANY)
def test_any_text_becomes_one_line_that_prints(text: str) -> None:
    shown = on_one_line(text)
    assert shown.isprintable()
    assert on_one_line(shown) == shown
    if text.isprintable():
        assert shown == text


@given(ANY)
def test_no_further_line_begins_where_ours_do(text: str) -> None:
    first, *further = on_lines(text).split("\n")
    assert first.isprintable()
    assert all(line.isprintable() and line.startswith("    ") for line in further)


def test_what_turns_hides_or_moves_is_seen() -> None:
    assert on_one_line("a\u202eb\u200bc\x9bd\u2028e\ud800") == r"a\u202eb\u200bc\x9bd\u2028e\ud800"
    assert on_one_line("5\u00a0000\tKö") == "5 000 Kö"
