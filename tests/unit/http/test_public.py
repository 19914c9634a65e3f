"""Public answers: one rendering a revision, strong tags, gzip, and no page by the caller's choice."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from tests.system import pages_fixture as fixture
from wicketgate.base.clock import SystemClock
from wicketgate.commits.state import State
from wicketgate.http.site.description import description_of
from wicketgate.http.site.public import Public
from wicketgate.http.site.rendering import RegisterSent, RenderingHere
from wicketgate.http.site.shown import Shown
from wicketgate.pages.orders import ADDRESS, Body, Order, without_marks
from wicketgate.pages.public import assets_of
from wicketgate.regime.parsed import Parsed

PAGES = ("/", "/authorities", "/figures", "/verify", "/drift", "/why-not-less", "/docs", "/about")
DATA = ("/openapi.json", "/register.json")
PLAIN, ZIPPED = {"Accept-Encoding": "identity"}, {"Accept-Encoding": "br;q=1, gzip"}


class Counted(RenderingHere):
    """Counts what is rendered."""

    def __init__(self) -> None:
        super().__init__()
        self.orders: list[str] = []

    async def render(self, order: Order, register: RegisterSent | None = None) -> Body | None:
        self.orders.append(order.page)
        return await super().render(order, register)


class Site:
    """The public part of a site over one register."""

    def __init__(self, folder: Path) -> None:
        parsed = Parsed()
        charter = SimpleNamespace(demonstration=False)
        parsed.charter = lambda _: charter  # type: ignore[method-assign, assignment, return-value]
        gateway: Any = SimpleNamespace(
            commits=SimpleNamespace(committed=State(), parsed=parsed),
            clock=SystemClock(),
            deployment=SimpleNamespace(log=folder, folder=folder),
            settings=SimpleNamespace(address="", contact="Data protection <data@council.example>"),
            keeps_history=False,
        )
        self.rendering = Counted()
        self.shown = Shown.of(fixture.example_register(hours=3))
        public = Public(gateway, None, self.rendering, description=description_of(None))

        async def view() -> Shown:
            return self.shown

        public.view = view  # type: ignore[method-assign]
        transport = httpx.ASGITransport(app=Starlette(routes=public.routes()))
        # As the transport calls the server: then the Host is the gateway's own.
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gate.example:80")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    yield site
    await site.client.aclose()


@pytest.mark.parametrize("path", [*PAGES, *DATA])
async def test_what_is_public_has_a_strong_tag_by_which_it_is_not_sent_again(site: Site, path: str) -> None:
    first = await site.client.get(path, headers=PLAIN)
    assert first.status_code == 200
    assert first.headers["etag"].startswith('"')
    again = await site.client.get(path, headers={**PLAIN, "If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert len(site.rendering.orders) <= 1


@pytest.mark.parametrize("path", ["/drift", "/docs", *DATA])
async def test_what_is_public_is_compressed_for_whoever_takes_it(site: Site, path: str) -> None:
    plain = await site.client.get(path, headers=PLAIN)
    zipped = await site.client.get(path, headers=ZIPPED)
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["etag"] != plain.headers["etag"]
    assert plain.headers["vary"] == zipped.headers["vary"] == "Accept-Encoding"
    assert plain.content == zipped.content


async def test_large_assets_are_compressed_for_whoever_takes_it(site: Site) -> None:
    name, asset = next((path, one) for path, one in assets_of().by_path.items() if one.compressed)
    plain = await site.client.get(name, headers=PLAIN)
    zipped = await site.client.get(name, headers=ZIPPED)
    assert plain.content == zipped.content == asset.content
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert plain.headers["etag"] != zipped.headers["etag"]
    assert plain.headers["cache-control"] == asset.cache_control


async def test_what_a_caller_chooses_renders_nothing(site: Site) -> None:
    for path in ("/verify", "/", "/authorities/none/1"):
        await site.client.get(path)
    rendered = len(site.rendering.orders)
    for n in range(30):
        page = await site.client.get("/verify", headers={"Host": f"h{n}.example"})
        assert f"wicketgate verify http://h{n}.example --key" in page.text
        assert "content-encoding" not in page.headers
        assert (await site.client.get("/", headers={"Host": f"h{n}.example"})).status_code == 200
        assert (await site.client.get(f"/authorities/none/{n}")).status_code == 404
    assert len(site.rendering.orders) == rendered
    for host in ('a"<i>', "h" * 256, "\ue000address\ue001".encode(), "a b", "h/x?", ""):
        page = await site.client.get("/verify", headers={"Host": host})
        assert "wicketgate verify http://gate.example:" in page.text, "no host's name counts as none"
    assert len(site.rendering.orders) <= rendered + 1


async def test_what_somebody_says_is_no_slot(site: Site) -> None:
    register = fixture.example_register(hours=3)
    said = json.dumps(register, ensure_ascii=False)
    title = register["authorities"][0]["document"]["authority"]["title"]
    site.shown = Shown.of(json.loads(said.replace(title, f"{title}{ADDRESS * 1000}")), 2)
    for path in ("/authorities", "/verify"):
        page = await site.client.get(path, headers={"Host": "h" * 250})
        assert page.status_code == 200
        assert page.text.count("h" * 250) <= 10
        assert "\ue000" not in page.text


def test_the_marks_of_slots_are_no_part_of_what_is_shown() -> None:
    data = {"a\ue000": ["x\ue001y", 1, None, {"b": "\ue000address\ue001"}], "c": True}
    assert without_marks(data) == {"a": ["xy", 1, None, {"b": "address"}], "c": True}


async def test_a_register_that_shows_something_else_is_another_page(site: Site) -> None:
    register = fixture.example_register(hours=3)
    before = (await site.client.get("/drift")).content
    later = dict(register, as_of="2031-01-01T00:00:00Z", checkpoint="another")
    site.shown = Shown.of(later, 1)
    assert (await site.client.get("/drift")).content == before, "the time alone is no reason"
    assert site.rendering.orders == ["drift"]
    site.shown = Shown.of(register | {"authorities": register["authorities"][:1]}, 2)
    assert (await site.client.get("/drift")).content != before
    assert site.rendering.orders == ["drift", "drift"]


async def test_a_tile_that_is_there_is_read_once_and_kept_for_ever(site: Site, tmp_path: Path) -> None:
    tile = tmp_path / "tile" / "0" / "000"
    assert (await site.client.get("/log/tile/0/000")).status_code == 404
    tile.parent.mkdir(parents=True)
    tile.write_bytes(bytes(32) * 256)
    first = await site.client.get("/log/tile/0/000", headers=PLAIN)
    assert (first.status_code, first.content) == (200, bytes(32) * 256)
    tile.unlink()
    kept = await site.client.get("/log/tile/0/000", headers=ZIPPED)
    assert kept.content == first.content
    assert "immutable" in kept.headers["cache-control"]


async def test_public_data_may_be_read_by_pages_elsewhere(site: Site) -> None:
    for path in DATA:
        answer = await site.client.get(path)
        assert answer.headers["access-control-allow-origin"] == "*"
    # A page is for its own site, and what is signed in is never public data.
    assert "access-control-allow-origin" not in (await site.client.get("/about")).headers


async def test_whom_to_ask_is_said_as_the_operator_set_it(site: Site) -> None:
    page = await site.client.get("/about")
    assert page.status_code == 200
    assert "Data protection &lt;data@council.example&gt;" in page.text
    for part in ("contact", "privacy", "accessibility"):
        assert f'id="{part}"' in page.text
    answer = await site.client.get("/not-found")
    assert (answer.status_code, "Page not found" in answer.text) == (404, True)
