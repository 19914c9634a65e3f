"""Plate Recognizer Stream: a form with JSON and a picture.

The field is `json`, and the picture the file `upload`.
"""

from __future__ import annotations

from wicketgate.base.clock import rfc3339
from wicketgate_demo.cameras.devices.base import (
    Device,
    Format,
    Message,
    Site,
    camera_of,
    dump,
    form,
    overview,
)
from wicketgate_demo.world.traffic import Read

_BOUNDARY = "7f1a0c5be4d24e0b8c55"


class PlateRecognizer:
    """A computer with the software beside a camera."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return one webhook call.

        Plates come in small letters.
        """
        site, vehicle, sure = self._site, read.vehicle, read.confidence
        name = camera_of(site, read)
        captured_at = rfc3339(read.at_us - read.at_us % 1000).removesuffix("Z") + "+00:00"
        file = f"{site.camera}_screenshots/{site.run}-{read.number}.jpg"
        left = 300 + int(400 * read.chance)
        plate = read.plate.lower()
        value = {
            "hook": {"target": "gateway", "id": name, "event": "recognition", "filename": file},
            "data": {
                "camera_id": name,
                "filename": file,
                "timestamp": captured_at,
                "timestamp_local": captured_at,
                "results": [
                    {
                        "box": {"xmin": left, "xmax": left + 120, "ymin": 400, "ymax": 428},
                        "candidates": [{"plate": plate, "score": sure}],
                        "color": [{"color": vehicle.colour, "score": 0.71}],
                        "dscore": 0.81,
                        "model_make": [{"make": vehicle.make, "model": vehicle.model, "score": 0.52}],
                        "orientation": [{"orientation": "Front" if read.towards else "Rear", "score": 0.9}],
                        "plate": plate,
                        "region": {"code": "gb", "score": 0.94},
                        "score": sure,
                        "vehicle": {
                            "box": {"xmin": left - 150, "xmax": left + 270, "ymin": 180, "ymax": 470},
                            "score": 0.88,
                            "type": _TYPES.get(vehicle.kind, "Sedan"),
                        },
                        "direction": 90 if read.towards else 270,
                        "source_url": "rtsp://camera/stream",
                        "position_sec": round(read.number * 0.04, 2),
                    }
                ],
            },
        }
        parts = [("json", "", "application/json", dump(value))]
        if site.has_images:
            parts.append(("upload", f"{read.number}.jpg", "image/jpeg", overview(site, read)))
        content_type, body = form(parts, _BOUNDARY)
        return (Message(body, content_type, name),)

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> None:
        """Return nothing: the webhook serves vehicles only."""


_TYPES = {"van": "Van", "bus": "Bus", "lorry": "Big Truck", "taxi": "Sedan"}


def make(site: Site) -> Device:
    """Return the device of a site."""
    return PlateRecognizer(site)


FORMAT = Format(
    name="platerecognizer",
    adapter="platerecognizer",
    credential="bearer",
    step_us=1000,
    clumsy=False,
    slack_us=0,
    answers=True,
    make=make,
)
