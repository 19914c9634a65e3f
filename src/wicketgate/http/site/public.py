"""Handlers of everything public: pages, register and log."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import InputError
from wicketgate.commits.register import build_register, dump_register
from wicketgate.gateway.node import Gateway
from wicketgate.http.answers import Health
from wicketgate.http.openapi.document import OPENAPI, OPERATIONS, describe
from wicketgate.http.problems import problem
from wicketgate.http.requests import json_answer
from wicketgate.http.site.addition import Addition, routes_of, sight_of
from wicketgate.ledger.tiles import folder_fetch
from wicketgate.pages.public import HEADERS, MAP_HEADERS, Pages, assets_of

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FOR_EVER = "public, max-age=31536000, immutable"


class Public:
    """The handlers of public routes, over one gateway."""

    def __init__(self, gateway: Gateway, addition: Addition | None = None) -> None:
        self._gateway = gateway
        self._sight = sight_of(gateway)
        self._addition = addition
        self._assets = assets_of(addition.package if addition is not None else None).by_path
        self._openapi = OPENAPI if addition is None else describe((*OPERATIONS, *addition.operations))
        self._fetch = folder_fetch(gateway.deployment.log)
        self._pages: dict[str, Pages] = {}
        self._demonstration = self._sight.is_demonstration()
        self._register: tuple[int, int, dict[str, object]] | None = None

    def routes(self) -> list[Route]:
        """Return every public route."""
        return [
            Route("/", self.front),
            Route("/authorities/{name}/{version}", self.authority),
            Route("/why-not-less", self.why_not_less),
            Route("/drift", self.drift),
            Route("/verify", self.verify),
            Route("/docs", self.docs),
            Route("/assets/{path:path}", self.asset),
            Route("/register.json", self.register),
            Route("/openapi.json", self.openapi),
            Route("/healthz", self.health),
            Route("/log/key", self.key),
            Route("/log/checkpoint", self.checkpoint),
            Route("/log/tile/{path:path}", self.tile),
            Route("/log/fact/{leaf}", self.fact),
            *(routes_of(self._addition, self._sight) if self._addition is not None else ()),
        ]

    async def view(self) -> dict[str, object]:
        """Return the register as covered by its checkpoint.

        It is half a second old at most, and never without a document that has taken effect.
        """
        gateway = self._gateway
        now_us = gateway.clock.now_us()
        state, ledger = gateway.commits.committed, gateway.projections.ledger
        if self._register is not None:
            made_us, revision, register = self._register
            if revision == state.revision and 0 <= now_us - made_us < 500_000:
                return register
        revision = state.revision
        for _ in range(400):
            if ledger.size >= state.entries:
                break
            await asyncio.sleep(0.005)
        register = build_register(
            gateway.commits.committed_at(now_us),
            state,
            checkpoint=ledger.checkpoint,
            log_key=gateway.ledger_vkey,
        )
        self._register = (now_us, revision, register)
        return register

    def pages(self, request: Request) -> Pages:
        """Return the pages for the address of the request.

        It is the address by which the pages were asked for.
        """
        base_url = f"{request.url.scheme}://{request.url.netloc}"
        if base_url not in self._pages:
            if len(self._pages) >= 8:  # the Host header is the caller's to choose
                self._pages.clear()
            package = self._addition.package if self._addition is not None else None
            self._pages[base_url] = Pages(
                demonstration=self._demonstration, base_url=base_url, package=package
            )
        return self._pages[base_url]

    async def front(self, request: Request) -> Response:
        """`/`."""
        register = await self.view()
        addition = self._shown()
        part = await addition.front(register) if addition is not None else None
        html = self.pages(request).front(register, self._gateway.clock.now_us(), part)
        return _html(html, headers=HEADERS if part is None else MAP_HEADERS)

    async def authority(self, request: Request) -> Response:
        """`/authorities/{name}/{version}`."""
        pages = self.pages(request)
        name, version = request.path_params["name"], request.path_params["version"]
        html = pages.authority(await self.view(), name, version)
        return _html(pages.not_found(), 404) if html is None else _html(html)

    async def drift(self, request: Request) -> Response:
        """`/drift`."""
        register = await self.view()
        return _html(await asyncio.to_thread(self.pages(request).drift, register))

    async def why_not_less(self, request: Request) -> Response:
        """`/why-not-less`."""
        register = await self.view()
        addition = self._shown()
        part = await addition.why_not_less(register) if addition is not None else None
        return _html(self.pages(request).why_not_less(register, part))

    def _shown(self) -> Addition | None:
        """Return the addition, while the charter in force lets it show."""
        return self._addition if self._sight.is_demonstration() else None

    async def verify(self, request: Request) -> Response:
        """`/verify`."""
        return _html(self.pages(request).how_to_verify(await self.view()))

    async def docs(self, request: Request) -> Response:
        """`/docs`."""
        return _html(self.pages(request).docs(self._openapi))

    async def asset(self, request: Request) -> Response:
        """`/assets/…`."""
        asset = self._assets.get(request.url.path)
        if asset is None:
            return problem("not-found", "no such asset")
        headers = {
            "ETag": asset.etag,
            "Cache-Control": asset.cache_control,
            "Vary": "Accept-Encoding",
            **HEADERS,
        }
        content = asset.content
        accepted = request.headers.get("accept-encoding", "").split(",")
        if asset.compressed is not None and any(one.split(";")[0].strip() == "gzip" for one in accepted):
            # A representation of its own, so a tag of its own.
            headers |= {"Content-Encoding": "gzip", "ETag": f'"{asset.etag.strip(chr(34))}-gzip"'}
            content = asset.compressed
        return Response(content, media_type=asset.media_type, headers=headers)

    async def register(self, request: Request) -> Response:
        """`/register.json`."""
        return Response(dump_register(await self.view()), media_type="application/json")

    async def openapi(self, request: Request) -> Response:
        """`/openapi.json`."""
        return json_answer(self._openapi)

    async def health(self, request: Request) -> Response:
        """`/healthz`."""
        return json_answer(Health())

    async def key(self, request: Request) -> Response:
        """`/log/key`."""
        return Response(self._gateway.ledger_vkey + "\n", media_type="text/plain; charset=utf-8")

    async def checkpoint(self, request: Request) -> Response:
        """`/log/checkpoint`."""
        return Response(
            self._gateway.projections.ledger.checkpoint,
            media_type="text/plain; charset=utf-8",
            headers={"Cache-Control": "no-cache"},
        )

    async def tile(self, request: Request) -> Response:
        """`/log/tile/…`."""
        path = f"tile/{request.path_params['path']}"
        try:
            data = await asyncio.to_thread(self._fetch, path)
        except (FileNotFoundError, InputError):
            return problem("not-found", "no such tile")
        return Response(data, media_type="application/octet-stream", headers={"Cache-Control": _FOR_EVER})

    async def fact(self, request: Request) -> Response:
        """`/log/fact/{leaf}`: the way from a fact's hash to the ledger.

        The fact is that of a release.

        Whoever can name the hash holds the batch that it commits to; nobody else can guess it.
        """
        leaf = request.path_params["leaf"]
        if not _HASH.fullmatch(leaf):
            return problem("not-found", "a fact is named by its leaf hash, 64 hexadecimal digits")
        answer = self._gateway.projections.proofs.answer(bytes.fromhex(leaf))
        if answer is None:
            return problem("not-due", "no such fact, or not yet")
        return json_answer(answer)


def _html(text: str, status: int = 200, headers: Mapping[str, str] = HEADERS) -> Response:
    return Response(text, status_code=status, media_type="text/html; charset=utf-8", headers=dict(headers))
