"""The form of a shown register."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from wicketgate.base.errors import InputError
from wicketgate.clients.verify.register import Register

OLD = Path(__file__).parents[2] / "fixtures" / "v03" / "register.json"


def shown(**members: Any) -> bytes:
    """Return the register of 0.3, with other members."""
    return json.dumps(json.loads(OLD.read_bytes()) | members).encode()


def test_that_of_0_3_says_none_and_is_read() -> None:
    assert Register(shown()).of_03


def test_that_of_this_version_is_read() -> None:
    assert not Register(shown(form=2)).of_03


def test_a_later_one_is_refused_with_both() -> None:
    with pytest.raises(InputError, match=r"`/register.json` is of form 3.* up to form 2"):
        Register(shown(form=3))


@pytest.mark.parametrize("form", [0, -1, True, "2", None, 2.0])
def test_what_is_no_form_is_refused(form: object) -> None:
    with pytest.raises(InputError, match="no number of a form"):
        Register(shown(form=form))
