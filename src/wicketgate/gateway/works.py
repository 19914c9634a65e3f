"""Works that go on for as long as a gateway runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from wicketgate.base.errors import WicketgateError

log = logging.getLogger(__name__)


async def guard(work: Callable[[], Awaitable[None]], fail: Callable[[BaseException], None]) -> None:
    """Do a work that goes on for ever; tell of its failure, with which the gateway cannot go on."""
    try:
        await work()
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        log.critical(
            "the gateway cannot go on: %s", error if isinstance(error, WicketgateError) else type(error)
        )
        fail(error)
        raise
