"""addition: a demonstration's site has what a package adds, and a real deployment never looks for one."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.routed import Unasked
from tests.system import pages_fixture as fixture
from wicketgate.base.clock import SystemClock
from wicketgate.base.errors import ConfigurationError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.state import State
from wicketgate.http.people.desk import OfficersDesk
from wicketgate.http.site import addition as module
from wicketgate.http.site.addition import ENTRY_POINTS, Addition, Sight, find_addition, routes_of
from wicketgate.http.site.description import description_of
from wicketgate.http.site.public import Public
from wicketgate.http.site.shown import Shown
from wicketgate.pages.duty import DutyPages
from wicketgate.pages.public import CONTENT_SECURITY_POLICY
from wicketgate.regime.parsed import Parsed
from wicketgate_demo.site.addition import PACKAGE, add

PATHS = ("/demonstration/live", "/demonstration/cameras.json")
OTHER = "tests.unit.http.test_addition"


class Site:
    """A gateway as the public part of the site sees it, with a charter that a test may change."""

    def __init__(self, folder: Path, *, demonstration: bool) -> None:
        camera = Camera(source="tfl", id="c0", groups=(), latitude=51.5, longitude=-0.1, active=True)
        self.state = State(cameras=[camera])
        organisations = {"tfl": SimpleNamespace(id="tfl", name="Transport for London")}
        self.charter = SimpleNamespace(
            demonstration=demonstration, organisations=organisations, title="A gateway"
        )
        parsed = Parsed()
        parsed.charter = lambda _: self.charter  # type: ignore[method-assign, assignment, return-value]
        self.sight = Sight(state=lambda: self.state, parsed=parsed, clock=SystemClock(), folder=folder)
        self.gateway: Any = SimpleNamespace(
            commits=SimpleNamespace(committed=self.state, parsed=parsed),
            clock=self.sight.clock,
            deployment=SimpleNamespace(log=folder, folder=folder),
            settings=SimpleNamespace(address=""),
        )

    async def get(self, path: str, addition: Addition | None) -> httpx.Response:
        """Return the answer of the site with an addition; the register is that of the pages' tests."""
        public = Public(self.gateway, addition, description=description_of(addition))

        async def view() -> Shown:
            return Shown.of(fixture.example_register(hours=3) | {"demonstration": self.charter.demonstration})

        public.view = view  # type: ignore[method-assign]
        transport = httpx.ASGITransport(app=Starlette(routes=public.routes()))
        async with httpx.AsyncClient(transport=transport, base_url="http://gate.example") as client:
            return await client.get(path)


def install(monkeypatch: pytest.MonkeyPatch, *values: str) -> None:
    """Let these entry points be the installed ones."""
    found = EntryPoints(
        EntryPoint(name=f"one{n}", value=value, group=ENTRY_POINTS) for n, value in enumerate(values)
    )
    monkeypatch.setattr(module, "entry_points", lambda group: found.select(group=group))


def broken(sight: Sight) -> object:
    """A factory that makes something else."""
    return "no addition"


def elsewhere(sight: Sight) -> Addition:
    """A factory whose routes lie where others are."""
    made = add(sight)
    moved = Route("/v1/feeds", made.routes[0].endpoint)
    return replace(made, routes=[moved])


# --- looking for it ---------------------------------------------------------------------------------------


def test_the_demonstration_that_is_installed_beside_it_is_found(tmp_path: Path) -> None:
    found = find_addition(Site(tmp_path, demonstration=True).sight)
    assert found is not None
    assert found.package == PACKAGE
    assert tuple(route.path for route in found.routes) == PATHS
    assert tuple(one.path for one in found.operations) == PATHS


def test_where_vehicles_are_real_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(module, "entry_points", lambda group: asked.append(group))
    assert find_addition(Site(tmp_path, demonstration=False).sight) is None
    assert asked == []


def test_a_demonstration_needs_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert find_addition(Site(tmp_path, demonstration=True).sight) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (("wicketgate_demo.site.addition:add", f"{OTHER}:broken"), "remove all but one"),
        (("wicketgate_demo.nowhere:add",), "cannot be loaded"),
        (("wicketgate_demo.site.addition:nothing",), "cannot be loaded"),
        ((f"{OTHER}:broken",), "adds no site"),
        ((f"{OTHER}:elsewhere",), "adds no site"),
    ],
)
def test_a_package_that_is_broken_is_named_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: tuple[str, ...], words: str
) -> None:
    install(monkeypatch, *values)
    with pytest.raises(ConfigurationError, match=words):
        find_addition(Site(tmp_path, demonstration=True).sight)


# --- what is shown ----------------------------------------------------------------------------------------


async def test_a_demonstration_moves_with_the_package_and_shows_figures_without(tmp_path: Path) -> None:
    site = Site(tmp_path, demonstration=True)
    moving = await site.get("/", add(site.sight))
    assert "script-src 'self'" in moving.headers["content-security-policy"]
    assert 'data-feed="/demonstration/live"' in moving.text
    assert "since this gateway began" in moving.text
    still = await site.get("/", None)
    assert still.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "The published figures from" in still.text
    assert "Demonstration: invented vehicles" in still.text
    assert "<script" not in still.text
    assert "data-feed" not in still.text
    for path in PATHS:
        assert (await site.get(path, None)).status_code == 404
    assert "The same day under each mode" in (await site.get("/why-not-less", add(site.sight))).text
    assert "The same day" not in (await site.get("/why-not-less", None)).text


async def test_assets_and_description_come_along(tmp_path: Path) -> None:
    site = Site(tmp_path, demonstration=True)
    for path in (path for path in fixture.ASSETS if "/live." in path or "/london-sketch." in path):
        assert (await site.get(path, add(site.sight))).content == fixture.ASSETS[path].content
        assert (await site.get(path, None)).status_code == 404
    described = (await site.get("/openapi.json", add(site.sight))).json()["paths"]
    assert set(PATHS) <= described.keys()
    assert not set(PATHS) & (await site.get("/openapi.json", None)).json()["paths"].keys()
    assert PATHS[0] in (await site.get("/docs", add(site.sight))).text
    assert PATHS[0] not in (await site.get("/docs", None)).text


def test_what_lies_under_the_map_of_a_hit_is_the_addition_s(tmp_path: Path) -> None:
    site = Site(tmp_path, demonstration=True)

    def duty(addition: Addition | None) -> DutyPages:
        gateway: Any = Unasked()
        gateway.commits, gateway.clock = site.gateway.commits, site.sight.clock
        gateway.deployment = SimpleNamespace(index_secret=bytes)
        nothing: Any = Unasked()
        return OfficersDesk(gateway, nothing, nothing, addition).officers.pages

    ground = duty(add(site.sight))._ground
    assert ground is not None
    assert "/london-sketch." in ground
    assert ground in fixture.ASSETS
    assert duty(None)._ground is None


async def test_the_charter_is_asked_at_each_request(tmp_path: Path) -> None:
    site = Site(tmp_path, demonstration=True)
    addition = add(site.sight)
    assert (await site.get(PATHS[1], addition)).json()["cameras"][0]["id"] == "c0"
    site.charter.demonstration = False
    for path in PATHS:
        answer = await site.get(path, addition)
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    page = await site.get("/", addition)
    assert page.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "Nothing here moves as vehicles pass" in page.text
    assert "The same day" not in (await site.get("/why-not-less", addition)).text


def test_every_route_of_an_addition_is_guarded(tmp_path: Path) -> None:
    site = Site(tmp_path, demonstration=True)
    addition = add(site.sight)
    guarded = routes_of(addition, site.sight)
    assert [route.path for route in guarded] == [route.path for route in addition.routes]
    assert not {route.endpoint for route in guarded} & {route.endpoint for route in addition.routes}
