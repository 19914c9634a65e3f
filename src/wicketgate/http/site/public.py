"""Handlers of everything public: pages, register and log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Hashable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Final, TypeVar

import msgspec
from msgspec import to_builtins
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import InputError
from wicketgate.commits.past_figures import read_month
from wicketgate.commits.register import dump_month
from wicketgate.http.lost import NOT_FOUND
from wicketgate.http.problems import problem
from wicketgate.http.requests import JSON, json_answer
from wicketgate.http.site.addition import Addition, routes_of, sight_of
from wicketgate.http.site.rendering import PageRendering, RenderingHere
from wicketgate.http.site.shelf import Shelf, Tagged, answer, filled
from wicketgate.http.site.shown import RegisterShown, Shown
from wicketgate.http.site.shows import Shows
from wicketgate.http.site.witnesses import witness_routes
from wicketgate.ledger.tiles import folder_fetch
from wicketgate.pages.orders import ADDRESS, Body, Order, finished
from wicketgate.pages.public import HEADERS, MAP_HEADERS, assets_of

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FOR_EVER = "public, max-age=31536000, immutable"
_HTML = "text/html; charset=utf-8"
_TEXT = "text/plain; charset=utf-8"
OPEN: Final[Mapping[str, str]] = MappingProxyType({"Access-Control-Allow-Origin": "*"})
"""Any page elsewhere may read what is public data: nothing of it hangs on who asks."""
_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}", re.ASCII)
_MOST_TILES = 16 << 20
_THREADS = 2
_T = TypeVar("_T")

Description = Callable[[], Awaitable[Mapping[str, Any]]]
"""Returns the API's description, made when somebody asks: it takes longer than most of a start."""

Arguments = Callable[[], Awaitable[Mapping[str, Any]]]
"""Makes the arguments of an order, once a rendering."""


async def _nothing() -> Mapping[str, Any]:
    return {}


class Public:
    """The handlers of public routes, over one gateway or one reader."""

    def __init__(
        self,
        gateway: Shows,
        addition: Addition | None = None,
        rendering: PageRendering | None = None,
        *,
        description: Description,
    ) -> None:
        self._gateway = gateway
        self._sight = sight_of(gateway)
        self._addition = addition
        self._package = addition.package if addition is not None else None
        self._assets = assets_of(self._package).by_path
        self._description = description
        self._fetch = folder_fetch(gateway.deployment.log)
        self._address = gateway.settings.address
        self._rendering = rendering or RenderingHere()
        self.shelf = Shelf()
        self._tiles = Shelf(most_bytes=_MOST_TILES)
        # Of its own: whoever reads tiles takes no thread from those who write them.
        self._threads = ThreadPoolExecutor(_THREADS, "tiles")
        self._demonstration = self._sight.is_demonstration()
        self._shown_now = RegisterShown(
            gateway.commits, gateway.clock, lambda: gateway.projections.ledger, lambda: gateway.ledger_vkey
        )

    def routes(self) -> list[Route]:
        """Return every public route."""
        return [
            Route("/", self.front),
            Route("/authorities", self.authorities),
            Route("/authorities/{name}/{version}", self.authority),
            Route("/figures", self.figures),
            Route("/figures/{month}.json", self.month),
            Route("/why-not-less", self.why_not_less),
            Route("/drift", self.drift),
            Route("/your-read", self.your_read),
            Route("/about", self.about),
            Route(NOT_FOUND, self.not_found),
            Route("/verify", self.verify),
            Route("/docs", self.docs),
            Route("/assets/{path:path}", self.asset),
            Route("/register.json", self.register),
            Route("/openapi.json", self.openapi),
            Route("/log/key", self.key),
            Route("/log/checkpoint", self.checkpoint),
            Route("/log/tile/{path:path}", self.tile),
            Route("/log/fact/{leaf}", self.fact),
            *witness_routes(self, self._gateway),
            *(routes_of(self._addition, self._sight) if self._addition is not None else ()),
        ]

    async def view(self) -> Shown:
        """Return the register as it is shown now."""
        return await self._shown_now.now()

    # --- pages ----------------------------------------------------------------------------------------------------

    async def page(
        self,
        request: Request,
        name: str,
        shown: Shown | None = None,
        arguments: Arguments = _nothing,
        *,
        key: Hashable = (),
        headers: Mapping[str, str] = HEADERS,
        status: int = 200,
        texts: Mapping[str, str] | None = None,
    ) -> Response:
        """Answer with a page, rendered once a revision whoever asks.

        Parameters
        ----------
        name : str
            Of an order.
        shown : Shown, optional
            The register that it shows; one without shows nothing that changes.
        arguments : callable
            Returns the order's arguments; called for each rendering.
        key : hashable
            What the page is of beside its name: there must be no more of these than there are things.
        texts : mapping, optional
            What is put into the page's slots for this request.
        """
        revision = "" if shown is None else shown.revision

        async def make() -> Body | None:
            return await self.order(name, shown, await arguments())

        served = await self.shelf.get((name, key), revision, make, lasts=shown is None)
        if served is None:
            return await self.not_found(request)
        if ADDRESS.encode() in served.body.content:
            served = await self._addressed(request, served, (name, key), texts or {})
        elif texts:
            served = filled(served, **texts)
        return answer(request, served, _HTML, headers, status=status)

    async def order(self, name: str, shown: Shown | None, arguments: Mapping[str, Any]) -> Body | None:
        """Render a page off the loop, and keep it nowhere."""
        order = Order(
            page=name,
            demonstration=self._demonstration,
            package=self._package,
            arguments=dict(arguments),
        )
        return await self._rendering.render(order, None if shown is None else shown.sent)

    async def not_found(self, request: Request) -> Response:
        """Answer with the page for an unknown address."""
        return await self.page(request, "not-found", status=404)

    async def _addressed(
        self, request: Request, served: Tagged, key: Hashable, texts: Mapping[str, str]
    ) -> Tagged:
        """Return a page with the address by which it was asked for, and the texts for its other slots.

        A compressed one is kept of addresses that are the gateway's own: the Host header is the caller's to choose, and
        so are texts.
        """
        own = self._address or _own_address(request)
        asked = self._address or _asked_address(request)
        addressed = filled(served, **texts, address=asked.rstrip("/"))
        if asked != own or texts:
            return addressed

        async def make() -> Body | None:
            return await self.order("plain", None, {"text": addressed.body.content.decode()})

        return await self.shelf.get((key, own), served.etag, make, lasts=True) or addressed

    async def front(self, request: Request) -> Response:
        """`/`."""
        shown, addition = await self.view(), self._shown()

        async def arguments() -> Mapping[str, Any]:
            part = await addition.front(shown.register) if addition is not None else None
            return {"now_us": self._gateway.clock.now_us(), "part": to_builtins(part)}

        headers = HEADERS if addition is None else MAP_HEADERS
        return await self.page(request, "front", shown, arguments, key=addition is None, headers=headers)

    async def authorities(self, request: Request) -> Response:
        """`/authorities`."""

        async def arguments() -> Mapping[str, Any]:
            return {"now_us": self._gateway.clock.now_us()}

        return await self.page(request, "authorities", await self.view(), arguments)

    async def figures(self, request: Request) -> Response:
        """`/figures`."""
        return await self.page(request, "figures", await self.view())

    async def authority(self, request: Request) -> Response:
        """`/authorities/{name}/{version}`."""
        shown = await self.view()
        name, version = request.path_params["name"], request.path_params["version"]
        there = any(
            (one["name"], str(one["version"])) == (name, version) for one in shown.register["authorities"]
        )
        if not there:
            return await self.not_found(request)
        return await self.page(
            request, "authority", shown, _given(name=name, version=version), key=(name, version)
        )

    async def drift(self, request: Request) -> Response:
        """`/drift`."""
        return await self.page(request, "drift", await self.view())

    async def your_read(self, request: Request) -> Response:
        """`/your-read`."""
        history = self._gateway.keeps_history
        return await self.page(
            request, "your-read", await self.view(), _given(history=history), key=("history", history)
        )

    async def why_not_less(self, request: Request) -> Response:
        """`/why-not-less`."""
        shown, addition = await self.view(), self._shown()

        async def arguments() -> Mapping[str, Any]:
            part = await addition.why_not_less(shown.register) if addition is not None else None
            return {"part": to_builtins(part)}

        return await self.page(request, "why-not-less", shown, arguments, key=addition is None)

    def _shown(self) -> Addition | None:
        """Return the addition, while the charter in force lets it show."""
        return self._addition if self._sight.is_demonstration() else None

    async def about(self, request: Request) -> Response:
        """`/about`."""
        contact, history = self._gateway.settings.contact, self._gateway.keeps_history
        arguments = _given(contact=contact, history=history)
        return await self.page(request, "about", await self.view(), arguments, key=("about", history))

    async def verify(self, request: Request) -> Response:
        """`/verify`."""
        return await self.page(request, "verify", await self.view())

    async def docs(self, request: Request) -> Response:
        """`/docs`."""

        async def arguments() -> Mapping[str, Any]:
            return {"openapi": await self._description()}

        return await self.page(request, "docs", arguments=arguments)

    async def asset(self, request: Request) -> Response:
        """`/assets/…`."""
        asset = self._assets.get(request.scope["path"])
        if asset is None:
            return problem("not-found", "no such asset")
        body = await self._in_thread(lambda: Body(content=asset.content, compressed=asset.compressed))
        served = Tagged(body, asset.etag.strip('"'))
        return answer(request, served, asset.media_type, HEADERS, cache_control=asset.cache_control)

    async def _in_thread(self, make: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, make)

    # --- data -----------------------------------------------------------------------------------------------------

    async def register(self, request: Request) -> Response:
        """`/register.json`."""
        shown = await self.view()

        # Compressed as soon as it is built, in a thread that the interpreter's lock does not hold.
        served = await self.shelf.get(
            "register", shown.sent.number, lambda: self._in_thread(lambda: finished(shown.data)), lasts=True
        )
        assert served is not None
        return answer(request, served, JSON, OPEN)

    async def month(self, request: Request) -> Response:
        """`/figures/{month}.json`: the figures of a closed month, read from the log."""
        name, shown = request.path_params["month"], await self.view()
        # Only what the register shows is there: the log covers it.
        there = any(one["month"] == name for one in shown.register["months"])
        month = next((one for one in self._gateway.commits.committed.months if one.month == name), None)
        if not there or month is None:
            return problem(
                "not-found", "no such month, or it is not closed: the register has its figures then"
            )
        ledger = self._gateway.projections.ledger

        def build() -> Body:
            return finished(dump_month(month, read_month(ledger, month), shown.register["origin"]))

        served = await self._tiles.get(("figures", name), "", lambda: self._in_thread(build), lasts=True)
        assert served is not None
        return answer(request, served, JSON, OPEN, cache_control=_FOR_EVER)

    async def openapi(self, request: Request) -> Response:
        """`/openapi.json`."""

        async def make() -> Body | None:
            text = msgspec.json.encode(await self._description()).decode()
            return await self.order("plain", None, {"text": text})

        served = await self.shelf.get("openapi", "", make, lasts=True)
        assert served is not None
        return answer(request, served, JSON, OPEN)

    async def key(self, request: Request) -> Response:
        """`/log/key`."""
        return Response(self._gateway.ledger_vkey + "\n", media_type=_TEXT, headers=OPEN)

    async def checkpoint(self, request: Request) -> Response:
        """`/log/checkpoint`: the newest, with what cosignatures it has already."""
        own = self._gateway.projections.ledger.checkpoint
        newest = (await self._gateway.witnessed()).newest
        served = Tagged.of(Body(content=newest if newest.startswith(own) else own))
        return answer(request, served, _TEXT, OPEN)

    async def tile(self, request: Request) -> Response:
        """`/log/tile/…`."""
        path = f"tile/{request.path_params['path']}"
        try:
            served = await self._tiles.get(
                path, "", lambda: self._in_thread(lambda: finished(self._fetch(path))), lasts=True
            )
        except (FileNotFoundError, InputError):
            return problem("not-found", "no such tile")
        assert served is not None
        return answer(request, served, "application/octet-stream", OPEN, cache_control=_FOR_EVER)

    async def fact(self, request: Request) -> Response:
        """`/log/fact/{leaf}`: the way from a fact's hash to the ledger.

        The fact is that of a release.

        Whoever can name the hash holds the batch that it commits to; nobody else can guess it.
        """
        leaf = request.path_params["leaf"]
        if not _HASH.fullmatch(leaf):
            return problem("not-found", "a fact is named by its leaf hash, 64 hexadecimal digits")
        answer = await self._gateway.projections.prove(bytes.fromhex(leaf))
        if answer is None:
            return problem("not-due", "no such fact, or not yet")
        return json_answer(answer)


def _given(**arguments: Any) -> Arguments:
    """Return arguments that are known already."""

    async def given() -> Mapping[str, Any]:
        return arguments

    return given


def _asked_address(request: Request) -> str:
    """Return the address by which a caller asked: that of the `Host` header, or our own where it is no host's."""
    host = request.headers.get("host", "")
    return f"{request.url.scheme}://{host}" if _HOST.fullmatch(host) else _own_address(request)


def _own_address(request: Request) -> str:
    """Return the address at which the connection reached the gateway."""
    server = request.scope.get("server")
    host, port = server if server else ("", None)
    return f"{request.url.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
