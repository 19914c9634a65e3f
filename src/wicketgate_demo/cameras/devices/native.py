"""The gateway's own JSON, as posted to `/v1/reads`.

A modern camera posts it.
"""

from __future__ import annotations

import json

from wicketgate.base.clock import SECOND_US, rfc3339
from wicketgate_demo.cameras.devices.base import Device, Format, Message, Site, camera_of
from wicketgate_demo.world.traffic import Read
from wicketgate_demo.world.vehicles import spaced


class Native:
    """A camera for `/v1/reads`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._second, self._text = -1, ""

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return one JSON object."""
        vehicle = read.vehicle
        shown = spaced(read.plate) if read.plate and read.number % 2 else read.plate
        body = (
            f'{{"id":"{self._site.run}-{read.number}","camera":{json.dumps(camera_of(self._site, read))},'
            f'"captured_at":"{self._time(read.at_us)}","plate":"{shown}","confidence":{read.confidence:.2f},'
            f'"lane":{read.lane},"direction":"{"towards" if read.towards else "away"}",'
            f'"vehicle":{{"make":"{vehicle.make}","model":"{vehicle.model}","colour":"{vehicle.colour}",'
            f'"kind":"{vehicle.kind}"}}}}'
        )
        return (Message(body.encode(), "application/json"),)

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> None:
        """Return nothing: its reads are its only sign of life."""

    def _time(self, at_us: int) -> str:
        """Return a time to the millisecond."""
        second, rest_us = divmod(at_us, SECOND_US)
        if second != self._second:
            self._second, self._text = second, rfc3339(second * SECOND_US)[:-1]
        return f"{self._text}.{rest_us // 1000:03d}Z" if rest_us >= 1000 else f"{self._text}Z"


def make(site: Site) -> Device:
    """Return the device of a site."""
    return Native(site)


FORMAT = Format(
    name="native",
    adapter="",
    credential="bearer",
    step_us=1000,
    clumsy=True,
    slack_us=0,
    answers=True,
    make=make,
)
