"""Axis with the LPR application of FF Group.

It sends NEW, UPDATE and LOST of one vehicle.
"""

from __future__ import annotations

import zlib

from wicketgate.base.clock import to_datetime
from wicketgate_demo.cameras.devices.base import Device, Format, Message, Site, camera_of, dump
from wicketgate_demo.world.traffic import Read

_STATES = (("new", -600_000), ("update", -300_000), ("lost", 0))
_CHANGES = 0.1
"""Of the vehicles, how many are first read without their last character."""


class Axis:
    """A camera with tracking of each vehicle.

    It follows a vehicle through its picture, and is surest of its plate when it leaves.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._mac = ":".join(site.serial[n : n + 2] for n in range(0, 12, 2)).upper()
        # Counted on from a number of this run's own: a vehicle's number within a minute is that vehicle.
        self._first = zlib.crc32(site.run.encode()) % 1_000_000 * 1_000_000

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return the three events of one vehicle.

        Its name for the vehicle is the same in all of them.

        What is sent again on purpose is the last one alone, as after an answer that did not come.
        """
        events = tuple(
            self._event(read, state, step, read.at_us + before_us)
            for step, (state, before_us) in enumerate(_STATES)
        )
        return events[-1:] if read.flaw == "repeat" else events

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return the shorter text of the first event, if there was one."""
        return (read.plate[:-1],) if read.chance < _CHANGES else ()

    def keepalive(self, at_us: int) -> None:
        """Return nothing: the application posts vehicles only."""

    def _event(self, read: Read, state: str, step: int, at_us: int) -> Message:
        site = self._site
        plate = read.plate[:-1] if read.chance < _CHANGES and step == 0 else read.plate
        at = to_datetime(at_us)
        event = {
            "packetCounter": str(3 * read.number + step),
            "capture_timestamp": str(at_us // 1000),
            "frame_timestamp": "0",
            "capture_ts": str(at_us // 1000 * 1_000_000),
            "datetime": f"{at:%Y%m%d %H%M%S}{at_us // 1000 % 1000:03d}",
            "plateText": plate,
            "plateUnicode": plate,
            "plateUTF8": plate,
            "plateASCII": plate,
            "plateCountry": "GBR",
            "plateConfidence": f"{read.confidence - 0.05 * (2 - step):.6f}",
            "carState": state,
            "roiID": str(read.lane),
            "geotag": {"lat": 0.0, "lon": 0.0},
            "imageType": "plate",
            "plateImageType": "jpg",
            "plateImageSize": "0",
            "carMoveDirection": "in" if read.towards else "out",
            "timeProcessing": "0",
            "plateCoordinates": [600 + step * 40, 400 + step * 30, 130 + 8 * step, 28 + step],
            "carID": str(self._first + read.number),
            "GEOtarget": "Camera",
            "imagesURI": [],
            "imageFile": "",
            "camera_info": {
                "SerialNumber": site.serial.upper(),
                "ProdShortName": "AXIS P1455-LE-3",
                "MACAddress": self._mac,
            },
            "sensorProviderID": f"{site.run}_{site.number}",
        }
        return Message(dump(event), "application/json", camera_of(site, read))


def make(site: Site) -> Device:
    """Return the device of a site."""
    return Axis(site)


FORMAT = Format(
    name="axis",
    adapter="axis",
    credential="basic",
    step_us=1000,
    clumsy=False,
    slack_us=600000,
    answers=True,
    make=make,
)
