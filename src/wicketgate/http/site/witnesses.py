"""Handlers of what is public about witnesses: the page, the policy, cosigned checkpoints and proofs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import to_builtins
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.errors import LedgerError
from wicketgate.http.problems import problem
from wicketgate.http.requests import json_answer
from wicketgate.http.site.shelf import Tagged, answer
from wicketgate.http.site.shows import Shows
from wicketgate.ledger.notes import unverified_checkpoint
from wicketgate.ledger.policies import make_policy
from wicketgate.ledger.tlog_proofs import make_tlog_proof
from wicketgate.pages.orders import Body

if TYPE_CHECKING:
    from wicketgate.http.site.public import Public

_TEXT: Final = "text/plain; charset=utf-8"
_ENTRY: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class _Witnesses:
    """The handlers, over one gateway or one reader."""

    def __init__(self, public: Public, gateway: Shows) -> None:
        self._public = public
        self._gateway = gateway

    async def page(self, request: Request) -> Response:
        """`/witnesses`."""

        async def arguments() -> Mapping[str, Any]:
            return {"seen": to_builtins((await self._gateway.witnessed()).seen)}

        return await self._public.page(request, "witnesses", await self._public.view(), arguments)

    async def data(self, request: Request) -> Response:
        """`/witnesses.json`."""
        return json_answer((await self._gateway.witnessed()).seen)

    async def policy(self, request: Request) -> Response:
        """`/log/policy`."""
        rules = self._gateway.commits.parsed.charter(self._gateway.commits.committed).witnesses
        vkey = self._gateway.ledger_vkey
        if rules is None:
            text = f"log {vkey}\nquorum none\n".encode()
        else:
            text = make_policy(vkey, [(one.id, one.url, one.keys) for one in rules.witnesses], rules.needed)
        return answer(request, Tagged.of(Body(content=text)), _TEXT, {})

    async def witnessed(self, request: Request) -> Response:
        """`/log/witnessed`."""
        cosigned = (await self._gateway.witnessed()).cosigned
        if not cosigned:
            return problem("not-found", "no checkpoint of this log is cosigned by as many as must")
        return answer(request, Tagged.of(Body(content=cosigned)), _TEXT, {})

    async def proof(self, request: Request) -> Response:
        """`/log/proof/{entry}`: an entry's way to a checkpoint, to be checked without the log."""
        number = request.path_params["entry"]
        ledger = self._gateway.projections.ledger
        if not _ENTRY.fullmatch(number) or int(number) >= ledger.size:
            return problem("not-found", "the log has no such entry")
        index, note = int(number), (await self._gateway.witnessed()).cosigned
        size = unverified_checkpoint(note).size if note else 0
        if not index < size <= ledger.size:
            note = ledger.checkpoint
            size = unverified_checkpoint(note).size
        try:
            path = await asyncio.to_thread(ledger.inclusion, index, size)
        except LedgerError:  # a tile that was not full is gone: the log grew meanwhile
            return problem("not-found", "the log grew while its proof was made: ask again")
        return answer(request, Tagged.of(Body(content=make_tlog_proof(index, path, note))), _TEXT, {})


def witness_routes(public: Public, gateway: Shows) -> list[Route]:
    """Return every public route about witnesses."""
    made = _Witnesses(public, gateway)
    return [
        Route("/witnesses", made.page),
        Route("/witnesses.json", made.data),
        Route("/log/policy", made.policy),
        Route("/log/witnessed", made.witnessed),
        Route("/log/proof/{entry}", made.proof),
    ]
