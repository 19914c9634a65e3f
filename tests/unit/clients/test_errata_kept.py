"""A recipient's file of notices: torn ends, strangers' files, and answers that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import ConfigurationError, InputError
from wicketgate.clients.recipient.errata import ErrataFile, ErrataKeeper
from wicketgate.clients.verify.remote import HttpAnswer

FEED = "tfl-charging"


def notice(number: int, authority: str = FEED, **more: object) -> dict[str, object]:
    return {"authority": authority, "number": number, "seq": 4, "ground": "misread", **more}


def test_a_torn_end_is_cut_off_and_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "rows.errata"
    kept = ErrataFile(path, FEED)
    kept.write([notice(1), notice(2, row=9)])
    kept.close()
    assert path.stat().st_mode & 0o777 == 0o600
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        again = ErrataFile(path, FEED)
        assert again.last == whole[:cut].count(b"\n")
        again.write([notice(number) for number in range(again.last + 1, 3)])
        again.close()
        assert [json.loads(line)["number"] for line in path.read_bytes().splitlines()] == [1, 2]


@pytest.mark.parametrize(
    "line", ["{}", "no", json.dumps(notice(0)), json.dumps(notice(1, "other")), "[" * 9_999]
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.errata"
    path.write_text(line + "\n")
    with pytest.raises(ConfigurationError, match="something else"):
        ErrataFile(path, FEED)


@pytest.mark.parametrize(
    "given_", [notice(1, "other"), notice(0), notice(1, ground="AB12CDE is right"), {"number": 1}]
)
def test_a_notice_that_is_none_is_not_kept(tmp_path: Path, given_: dict[str, object]) -> None:
    kept = ErrataFile(tmp_path / "rows.errata", FEED)
    with pytest.raises(InputError):
        kept.write([given_])
    assert (kept.last, (tmp_path / "rows.errata").read_bytes()) == (0, b"")
    kept.write([notice(1)])
    with pytest.raises(InputError, match="not asked for"):
        kept.write([notice(1)])
    kept.close()


@given(
    st.binary(max_size=200)
    | st.builds(
        lambda value: json.dumps(value).encode(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["errata", "more", "x"]), inner),
        ),
    )
)
def test_whatever_answers_is_notices_or_an_error(body: bytes) -> None:
    answer = HttpAnswer(status=200, body=body)
    try:
        shown = ErrataKeeper._shown(answer)
    except InputError:
        return
    assert all(isinstance(one, dict) for one in shown.errata)
