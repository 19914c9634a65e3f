"""The form of a directory, and of its parts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wicketgate.base.errors import ConfigurationError
from wicketgate.gateway.forms import (
    FILE,
    FORM,
    MEANS,
    PART_FORMS,
    DirectoryForm,
    read_form,
    refuse_newer,
    refuse_older,
    write_form,
)

SPEC = Path(__file__).parents[3] / "docs" / "spec" / "directory.md"


def test_a_directory_without_a_form_is_that_of_0_3(tmp_path: Path) -> None:
    assert read_form(tmp_path) == DirectoryForm(form=1)


@pytest.mark.parametrize("form", [DirectoryForm(form=1, becoming=2), DirectoryForm(form=2)])
def test_what_is_written_is_read(tmp_path: Path, form: DirectoryForm) -> None:
    write_form(tmp_path, form)
    assert read_form(tmp_path) == form
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("data", [b"", b"2", b"{}", b'{"form":"2"}', b'{"form":2,"more":1}', b"\xff"])
def test_anything_else_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(ConfigurationError, match="does not say a form"):
        read_form(tmp_path)


@pytest.mark.parametrize("later", [DirectoryForm(form=9), DirectoryForm(form=FORM, becoming=9)])
def test_a_later_form_is_refused_with_both(tmp_path: Path, later: DirectoryForm) -> None:
    with pytest.raises(ConfigurationError, match=f"is of form 9.*up to form {FORM}"):
        refuse_newer(tmp_path, later)


def test_this_form_alone_is_run(tmp_path: Path) -> None:
    refuse_newer(tmp_path, DirectoryForm(form=FORM))
    refuse_older(tmp_path, DirectoryForm(form=FORM))
    for older in (DirectoryForm(form=FORM - 1), DirectoryForm(form=FORM - 1, becoming=FORM)):
        refuse_newer(tmp_path, older)
        with pytest.raises(ConfigurationError, match="`wicketgate upgrade "):
            refuse_older(tmp_path, older)


def test_every_form_is_described() -> None:
    assert list(MEANS) == list(range(1, FORM + 1))
    text = SPEC.read_text()
    told = re.findall(r"^\| `([a-z]+)` \| (\d+) \|", text, re.MULTILINE)
    assert {name: int(form) for name, form in told} == dict(PART_FORMS)
    for form, means in MEANS.items():
        assert f"| {form} | {means} |" in text
