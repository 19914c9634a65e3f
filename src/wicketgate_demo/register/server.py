"""The server of an invented register: a vehicle enquiry without a person, and a keeper enquiry of one vehicle and day.

The shapes are those of `wicketgate.gateway.keepers.adapters.dvla`, written again from docs/spec/keepers.md: the two
would not agree on a slip.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from wicketgate_demo.register.entries import RegisterEntry

SLOW_S: Final = 30.0
"""How late a slow answer comes."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOST_BODY: Final = 4096
_ASKED: Final = ("registrationNumber", "reasonCode", "enquirer", "reference", "dateOfEvent")


class InventedRegister:
    """An invented register over its entries.

    Attributes
    ----------
    enquiries : list of dict
        Every keeper enquiry that it answered or refused: a real one keeps such a list of its enquirers too.
    vehicles_asked : int
        Vehicle enquiries.
    """

    def __init__(self, entries: Mapping[str, RegisterEntry], key: str) -> None:
        self._entries = entries
        self._key = key
        self.enquiries: list[dict[str, str]] = []
        self.vehicles_asked = 0

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/vehicle-enquiry/v1/vehicles", self.vehicle, methods=["POST"]),
                Route("/keeper-enquiry/v1/keepers", self.keeper, methods=["POST"]),
                Route("/enquiries", self.list_enquiries, methods=["GET"]),
            ]
        )

    async def vehicle(self, request: Request) -> Response:
        """`POST /vehicle-enquiry/v1/vehicles` `{"registrationNumber"}`: the vehicle, and no person."""
        body = await self._body(request, ("registrationNumber",))
        if isinstance(body, Response):
            return body
        self.vehicles_asked += 1
        entry = self._entries.get(body["registrationNumber"])
        if entry is None:
            return _error(404, "Vehicle not found")
        if entry.manner in ("busy", "down"):
            return _manner(entry.manner)
        now = entry.now()
        return JSONResponse(
            {
                "registrationNumber": entry.plate,
                "make": now.make.upper(),
                "model": now.model.upper(),
                "colour": now.colour.upper(),
                "fuelType": now.fuel,
                "euroStatus": now.euro_status,
            }
        )

    async def keeper(self, request: Request) -> Response:
        """`POST /keeper-enquiry/v1/keepers`: the keeper of one vehicle on one day, for one reason and reference."""
        body = await self._body(request, _ASKED)
        if isinstance(body, Response):
            return body
        if not _DAY.fullmatch(body["dateOfEvent"]):
            return _error(400, "Invalid date")
        self.enquiries.append(body)
        entry = self._entries.get(body["registrationNumber"])
        held = None if entry is None else entry.on(body["dateOfEvent"])
        if entry is None or held is None:
            return _error(404, "No keeper on that date")
        if entry.manner == "slow":
            await asyncio.sleep(SLOW_S)
        if entry.manner == "torn":
            return Response(b'{"registrationNumber":"', media_type="application/json")
        return JSONResponse(
            {
                "registrationNumber": entry.plate,
                "dateOfEvent": body["dateOfEvent"],
                "keeper": {"name": held.keeper, "address": list(held.address)},
                "vehicle": {
                    "make": held.make.upper(),
                    "model": held.model.upper(),
                    "colour": held.colour.upper(),
                },
            }
        )

    async def list_enquiries(self, request: Request) -> Response:
        """`GET /enquiries`: what was asked so far."""
        if not self._is_known(request):
            return _error(403, "Unauthorised")
        return JSONResponse({"vehicles": self.vehicles_asked, "keepers": self.enquiries})

    async def _body(self, request: Request, members: tuple[str, ...]) -> dict[str, str] | Response:
        if not self._is_known(request):
            return _error(403, "Unauthorised")
        data = b""
        async for part in request.stream():
            data += part
            if len(data) > _MOST_BODY:
                return _error(413, "Too large")
        try:
            value: Any = json.loads(data)
        except (ValueError, RecursionError):
            return _error(400, "Bad request")
        if not isinstance(value, dict) or set(value) != set(members):
            return _error(400, "Bad request")
        if not all(isinstance(one, str) and one for one in value.values()):
            return _error(400, "Bad request")
        return value

    def _is_known(self, request: Request) -> bool:
        return hmac.compare_digest(request.headers.get("x-api-key", ""), self._key)


def _manner(manner: str) -> Response:
    if manner == "busy":
        return JSONResponse({"message": "Too many requests"}, status_code=429, headers={"Retry-After": "1"})
    return JSONResponse({"message": "Service unavailable"}, status_code=503, headers={"Retry-After": "1"})


def _error(status: int, title: str) -> Response:
    return JSONResponse({"errors": [{"status": str(status), "title": title}]}, status_code=status)
