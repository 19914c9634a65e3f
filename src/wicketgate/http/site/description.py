"""The API's description as the site shows it: made when somebody asks, off the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec

from wicketgate.base.roles import KnownRole
from wicketgate.base.streams.calls import AskHandler
from wicketgate.http.openapi.document import OPERATIONS, describe
from wicketgate.http.site.addition import Addition
from wicketgate.http.site.public import Description


def description_of(addition: Addition | None) -> Description:
    """Return what makes the description: of the product's operations, and of an addition's."""
    operations = (*OPERATIONS, *(addition.operations if addition is not None else ()))

    async def described() -> Mapping[str, Any]:
        return await asyncio.to_thread(describe, operations)

    return described


def told_description(describes: Description) -> AskHandler:
    """Return what answers a reader that asks for the description."""

    async def told(role: KnownRole, data: bytes) -> bytes:
        return msgspec.json.encode(await describes())

    return told
