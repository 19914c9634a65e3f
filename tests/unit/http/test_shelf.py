"""A public body is made once a revision, however many ask, and kept within bounds; tags and gzip say what is sent."""

from __future__ import annotations

import asyncio
import gzip
import itertools

import pytest
from starlette.requests import Request

from wicketgate.base.errors import StreamError
from wicketgate.http.site.shelf import FORGOTTEN_S, FRESH_S, STALE_S, Shelf, Tagged, answer, filled
from wicketgate.pages.orders import SLOT, Body, finished


class Press:
    """Makes bodies and counts them; each waits to be let go."""

    def __init__(self) -> None:
        self.made = 0
        self.let_go = asyncio.Event()
        self.let_go.set()
        self.now_s = 100.0
        self.shelf = Shelf(now_s=lambda: self.now_s, most_bytes=100, most_bodies=10)

    async def make(self) -> Body | None:
        self.made += 1
        number = self.made
        await self.let_go.wait()
        return Body(content=f"body {number}".encode())

    async def get(self, key: str = "a", revision: object = 1, *, lasts: bool = False) -> bytes:
        tagged = await self.shelf.get(key, revision, self.make, lasts=lasts)
        assert tagged is not None
        return tagged.body.content


@pytest.fixture
async def press() -> Press:
    return Press()


async def test_many_who_ask_at_once_get_one_rendering(press: Press) -> None:
    press.let_go.clear()
    asking = [asyncio.create_task(press.get()) for _ in range(50)]
    await asyncio.sleep(0)
    press.let_go.set()
    assert set(await asyncio.gather(*asking)) == {b"body 1"}
    assert press.made == 1


async def test_a_revision_that_holds_is_rendered_once_in_a_while(press: Press) -> None:
    for _ in range(100):
        await press.get()
        press.now_s += FRESH_S / 200
    assert press.made == 1
    press.now_s += FRESH_S
    assert await press.get() == b"body 1", "the last one, while a fresh one is made"
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await press.get() == b"body 2"
    press.now_s += STALE_S
    assert await press.get() == b"body 3", "too old to be shown at all"


async def test_what_lasts_is_never_made_again(press: Press) -> None:
    assert await press.get(lasts=True) == b"body 1"
    press.now_s += 1e6
    assert await press.get(lasts=True) == b"body 1"


async def test_a_new_revision_is_never_answered_with_an_old_body(press: Press) -> None:
    assert await press.get(revision=1) == b"body 1"
    press.let_go.clear()
    early = asyncio.create_task(press.get(revision=2))
    await asyncio.sleep(0)
    late = [asyncio.create_task(press.get(revision=3)) for _ in range(5)]
    await asyncio.sleep(0)
    press.let_go.set()
    assert await early == b"body 2"
    assert set(await asyncio.gather(*late)) == {b"body 3"}
    assert press.made == 3


async def test_who_goes_away_does_not_take_the_page_from_the_others(press: Press) -> None:
    press.let_go.clear()
    first, second = asyncio.create_task(press.get()), asyncio.create_task(press.get())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    press.let_go.set()
    assert await second == b"body 1"


async def test_a_body_that_cannot_be_made_is_tried_again(press: Press) -> None:
    async def fails() -> Body | None:
        raise StreamError("not now", code="busy")

    with pytest.raises(StreamError):
        await press.shelf.get("a", 1, fails)
    assert await press.get() == b"body 1"

    async def none() -> Body | None:
        return None

    assert await press.shelf.get("none", 1, none) is None
    assert await press.shelf.get("none", 1, none) is None


async def test_what_is_kept_is_bounded_in_number_and_bytes(press: Press) -> None:
    for n in range(200):
        await press.get(f"{n}")
    assert len(press.shelf._spots) <= 10
    assert press.shelf._bytes <= 100
    assert press.shelf._bytes == sum(
        len(spot.served.body) for spot in press.shelf._spots.values() if spot.served is not None
    )


async def test_what_nobody_asks_for_is_let_go(press: Press) -> None:
    await press.get("old", lasts=True)
    press.now_s += FORGOTTEN_S / 2
    await press.get("young", lasts=True)
    press.now_s += FORGOTTEN_S / 2 + 1
    await press.get("other", lasts=True)
    assert list(press.shelf._spots) == ["young", "other"]
    assert press.shelf._bytes == len(b"body 2") + len(b"body 3")


def asked(**headers: str) -> Request:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": raw, "query_string": b""})


def test_tags_are_strong_and_of_each_form_its_own() -> None:
    tagged = Tagged.of(finished(b"words " * 200))
    plain = answer(asked(), tagged, "text/html", {})
    zipped = answer(asked(accept_encoding="br, gzip"), tagged, "text/html", {})
    assert plain.body == tagged.body.content
    assert gzip.decompress(bytes(zipped.body)) == tagged.body.content
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != zipped.headers["etag"]
    assert plain.headers["vary"] == "Accept-Encoding"
    assert answer(asked(accept_encoding="gzip;q=0"), tagged, "text/html", {}).body == tagged.body.content
    for tag in (plain.headers["etag"], f'"x", {plain.headers["etag"]}', f"W/{plain.headers['etag']}", "*"):
        again = answer(asked(if_none_match=tag), tagged, "text/html", {})
        assert (again.status_code, again.body) == (304, b"")
        assert again.headers["etag"] == plain.headers["etag"]
    assert answer(asked(if_none_match='"x"'), tagged, "text/html", {}).status_code == 200


def test_what_is_put_into_a_slot_is_escaped() -> None:
    page = Tagged.of(finished(f"<p>{SLOT.format('name')}</p>".encode()))
    put = filled(page, name="<script>\ud800")
    assert put.body.content == b"<p>&lt;script&gt;?</p>"
    assert put.etag != page.etag
    assert filled(page, other="x") is page


def test_a_text_that_is_put_in_is_never_looked_at_for_slots() -> None:
    marks = [SLOT.format(name) for name in ("a", "b", "address")]
    page = Tagged.of(finished(f"<p>{marks[0]}</p><q>{marks[1]}</q><r>{marks[0]}</r>{marks[2]}".encode()))
    texts = {"a": "".join(marks) * 2, "b": "".join(reversed(marks)), "address": "http://h.example"}
    for names in itertools.permutations(texts):
        put = filled(page, **{name: texts[name] for name in names})
        assert put.body.content.decode() == (
            f"<p>{texts['a']}</p><q>{texts['b']}</q><r>{texts['a']}</r>http://h.example"
        )
    assert filled(page, b="x").body.content.decode() == (
        f"<p>{marks[0]}</p><q>x</q><r>{marks[0]}</r>{marks[2]}"
    ), "a slot that nothing is put into stays"


def test_a_filled_body_is_as_long_as_its_texts() -> None:
    page = Tagged.of(finished("".join(SLOT.format(name) for name in ("text", "name", "address")).encode()))
    for n in (100, 1000, 10_000):
        texts = {"text": SLOT.format("name") * n, "name": SLOT.format("address") * n, "address": "h" * n}
        assert len(filled(page, **texts).body) == sum(len(text.encode()) for text in texts.values())


def test_only_what_is_held_for_all_is_not_counted() -> None:
    page = Tagged.of(finished(SLOT.format("name").encode()))
    for served, shared in ((page, True), (filled(page, other="x"), True), (filled(page, name="x"), False)):
        request = asked()
        answer(request, served, "text/html", {})
        assert request.scope.get("shares_answer", False) is shared
