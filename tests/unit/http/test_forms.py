"""Multipart forms: parts as they were sent, and an InputError for anything else."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wicketgate.base.errors import InputError
from wicketgate.http.forms import MAX_PARTS, FormPart, parts_of
from wicketgate.reads.posts import no_turn

TYPE = "multipart/form-data; boundary=b"


def form(*parts: tuple[str, bytes], end: bytes = b"--b--\r\n") -> bytes:
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"\r\nContent-Type: image/JPEG; x=y\r\n\r\n%s\r\n'
        % (name.encode(), data)
        for name, data in parts
    )
    return body + end


def parts_in(body: bytes, content_type: str) -> list[FormPart]:
    return asyncio.run(parts_of(body, content_type, no_turn))


@given(
    st.lists(
        st.tuples(st.from_regex(r"[a-z0-9 .é-]{1,20}", fullmatch=True), st.binary(max_size=200)), max_size=6
    )
)
def test_parts_are_what_was_sent(parts: list[tuple[str, bytes]]) -> None:
    files = [(name, ("file", data, "image/png")) for name, data in parts]
    request = httpx.Request(
        "POST", "http://gate/", files=[*files, ("reads", ("r", b"[]", "application/json"))]
    )
    found = parts_in(request.read(), request.headers["content-type"])
    wanted = [FormPart(name=name, media_type="image/png", body=data) for name, data in parts]
    assert found == [*wanted, FormPart(name="reads", media_type="application/json", body=b"[]")]


def test_media_types_are_small_and_without_parameters() -> None:
    assert parts_in(form(("a", b"x")), TYPE) == [FormPart(name="a", media_type="image/jpeg", body=b"x")]
    assert (
        parts_in(b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n--b--', TYPE)[0].media_type
        == ""
    )


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(("a", b"x")), "multipart/form-data"),
        (form(("a", b"x")), "multipart/form-data; boundary="),
        (form(("a", b"x")), "multipart/form-data; boundary=" + "x" * 300),
        (form(("a", b"x")), "multipart/form-data; boundary=c"),
        (form(("a", b"x"), end=b""), TYPE),
        (form(("a", b"x"), end=b"--b"), TYPE),
        (form(("", b"x")), TYPE),
        (b"", TYPE),
        (b"--b\r\n\r\nx\r\n--b--", TYPE),
        (b"--b\r\nbroken\r\n\r\nx\r\n--b--", TYPE),
        (b"--b\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(20)) + b"\r\nx\r\n--b--", TYPE),
        (b'--b\r\nContent-Disposition: form-data; name="' + b"x" * 10_000 + b'"\r\n\r\nx\r\n--b--', TYPE),
        (form(*[("a", b"")] * (MAX_PARTS + 1)), TYPE),
    ],
)
def test_what_is_no_form(body: bytes, content_type: str) -> None:
    with pytest.raises(InputError) as caught:
        parts_in(body, content_type)
    assert caught.value.code == "malformed"


def test_as_many_parts_as_may_be() -> None:
    assert len(parts_in(form(*[("a", b"")] * MAX_PARTS), TYPE)) == MAX_PARTS


@given(st.binary(max_size=300), st.text(max_size=60))
def test_any_bytes_are_parts_or_an_input_error(body: bytes, content_type: str) -> None:
    for kind in (content_type, TYPE):
        for data in (body, b"--b\r\n" + body, form(("a", body), end=body)):
            try:
                parts_in(data, kind)
            except InputError:
                continue
