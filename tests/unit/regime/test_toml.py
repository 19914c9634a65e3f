from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.vectors import make_documents as world
from wicketgate.base.signing import canonical
from wicketgate.regime.documents.document import parse_toml
from wicketgate.regime.documents.toml import dump_toml

TEXTS = st.text(st.characters(codec="utf-8"), max_size=30) | st.just("\none\n\ntwo\r\n")
LEAVES = st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS | st.just("2026-07-08T12:00:00.500Z")
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=30,
)


@given(document=st.dictionaries(TEXTS, VALUES, max_size=5))
def test_every_document_comes_back_from_its_toml(document: dict[str, Any]) -> None:
    assert canonical(parse_toml(dump_toml(document, "a heading").encode())) == canonical(document)


@pytest.mark.parametrize("path", sorted(world.EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_example_comes_back_from_its_toml(path: Any) -> None:
    document = parse_toml(path.read_bytes())
    assert parse_toml(dump_toml(document).encode()) == document


def test_tables_within_tables_stand_under_their_own_heading_and_short_ones_on_a_line() -> None:
    draft = {
        "authority": {"name": "x", "instrument": {"kind": "statute", "citation": "c" * 100}},
        "scope": {"hours": [{"zone": "Europe/London", "days": ["mon"]}], "long": [{"x": "y" * 90}, {"z": 1}]},
    }
    text = dump_toml({"consultation": {"id": "c-1"}, "draft": draft}, "one", "two")
    assert text.startswith("# one\n# two\n\n[consultation]\n")
    assert "[draft]\n" not in text
    assert "[draft.authority.instrument]\nkind" in text
    assert 'hours = [{ zone = "Europe/London", days = ["mon"] }]\n' in text
    assert text.count("[[draft.scope.long]]\n") == 2


def test_prose_is_written_in_lines() -> None:
    text = dump_toml({"review": {"findings": 'One "two".\n\nThree \\ four.\n'}})
    assert text == '[review]\nfindings = """\nOne \\"two\\".\n\nThree \\\\ four.\n"""\n'
