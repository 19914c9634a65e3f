"""Frigate: events over MQTT.

They are `new`, `update` and `end` of one vehicle, and the plate when it is recognised.
"""

from __future__ import annotations

from typing import Any

from wicketgate_demo.cameras.devices.base import Device, Format, Message, Site, dump
from wicketgate_demo.world.traffic import Read

PREFIX = "frigate"


class Frigate:
    """A recorder in software.

    Its camera is named as its source registered it.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return the messages of one vehicle, in order.

        Sent again on purpose, it is the end alone.
        """
        at_s = round(read.at_us // 1000 / 1e3, 3)
        began_s = round(at_s - 1.6, 3)
        name = f"{began_s:.3f}-{self._site.run[-6:]}{read.number:x}"
        first = self._state(read, name, began_s, began_s, None, known=False)
        seen = self._state(read, name, began_s, at_s, None, known=True)
        gone = {**seen, "end_time": at_s}
        plate = {
            "type": "lpr",
            "id": name,
            "name": None,
            "plate": read.plate,
            "score": read.confidence,
            "camera": self._site.camera,
            "timestamp": at_s,
            "plate_box": [917, 487, 1053, 543],
        }
        events = f"{PREFIX}/events"
        end = Message(dump({"type": "end", "before": seen, "after": gone}), topic=events)
        if read.flaw == "repeat":
            return (end,)
        return (
            Message(dump({"type": "new", "before": first, "after": first}), topic=events),
            Message(dump(plate), topic=f"{PREFIX}/tracked_object_update"),
            Message(dump({"type": "update", "before": first, "after": seen}), topic=events),
            end,
        )

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> None:
        """Return nothing: the connection has its own."""

    def _state(
        self, read: Read, name: str, began_s: float, at_s: float, end_s: float | None, *, known: bool
    ) -> dict[str, Any]:
        return {
            "id": name,
            "camera": self._site.camera,
            "frame_time": at_s,
            "label": "car",
            "sub_label": None,
            "top_score": 0.91,
            "false_positive": False,
            "start_time": began_s,
            "end_time": end_s,
            "score": 0.87,
            "box": [424, 500, 736, 812],
            "area": 97_344,
            "ratio": 1.0,
            "region": [264, 450, 667, 853],
            "current_zones": ["road"],
            "entered_zones": ["road"],
            "thumbnail": None,
            "has_snapshot": False,
            "has_clip": False,
            "active": True,
            "stationary": False,
            "motionless_count": 0,
            "position_changes": 1,
            "attributes": {"license_plate": 0.86} if known else {},
            "current_estimated_speed": 22.4,
            "average_estimated_speed": 21.9,
            "velocity_angle": 180 if read.towards else 0,
            "recognized_license_plate": read.plate if known else None,
            "recognized_license_plate_score": read.confidence if known else None,
        }


def make(site: Site) -> Device:
    """Return the device of a site."""
    return Frigate(site)


FORMAT = Format(
    name="frigate",
    adapter="frigate",
    credential="mqtt",
    step_us=1000,
    clumsy=False,
    slack_us=0,
    answers=False,
    make=make,
)
