"""Devices of further makers, each of which posts one message for a passage.

Each in the shape of its maker, written anew here; docs/adapters.md says what of it is read.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from wicketgate.base.clock import to_datetime
from wicketgate_demo.cameras.devices.base import (
    Device,
    Format,
    Message,
    Site,
    camera_of,
    dump,
    overview,
    patch,
)
from wicketgate_demo.world.traffic import Read

ZONE: Final = "Europe/London"
"""Of the clocks of devices that send no zone: their cameras are registered with it."""
_LONDON: Final = ZoneInfo(ZONE)
_SECOND_US: Final = 1_000_000
_Body = Callable[[Site, Read], Any]


class OneMessage:
    """A device that says a passage in one message.

    Parameters
    ----------
    body : callable
        Returns what is posted for a read: text as it stands, and anything else as JSON.
    sign : callable, optional
        Returns what is posted as a sign of life.
    """

    def __init__(
        self, body: _Body, sign: Callable[[Site], Any] | None, content_type: str, site: Site
    ) -> None:
        self._body = body
        self._sign = sign
        self._type = content_type
        self._site = site

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return the one message."""
        return (self._message(self._body(self._site, read), camera_of(self._site, read)),)

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> Message | None:
        """Return its heartbeat, where it has one."""
        return None if self._sign is None else self._message(self._sign(self._site), self._site.camera)

    def _message(self, value: Any, camera: str) -> Message:
        body = value.encode() if isinstance(value, str) else dump(value)
        return Message(body, self._type, camera)


def _picture(data: bytes, site: Site) -> str:
    return base64.b64encode(data).decode() if site.has_images else ""


def _utc(read: Read) -> datetime:
    return to_datetime(read.at_us).astimezone(UTC)


def _dahua(site: Site, read: Read) -> Any:
    car = {
        "PlateNumber": read.plate,
        "MachineName": site.serial,
        "Lane": read.lane,
        "DrivingDirection": ["Approach" if read.towards else "Leave", "in", "out"],
        "VehicleColor": read.vehicle.colour,
        "VehicleSign": read.vehicle.make,
    }
    data = {
        "EventID": read.number,
        "RealUTC": read.at_us // _SECOND_US,
        "Object": {"ObjectType": "Plate", "Text": read.plate, "Confidence": round(read.confidence * 255)},
        "TrafficCar": car,
    }
    event = {"Action": "Pulse", "Code": "TrafficJunction", "Data": data}
    return {"method": "client.notifyEventStream", "params": {"SID": 1, "eventList": [event]}}


def _zhenshi(site: Site, read: Read) -> Any:
    result = {
        "license": read.plate,
        "confidence": round(read.confidence * 100),
        "plateid": read.number,
        "isoffline": 0,
        "timeStamp": {"Timeval": {"sec": read.at_us // _SECOND_US, "usec": read.at_us % _SECOND_US}},
        "imageFile": _picture(overview(site, read), site),
        "imageFragmentFile": _picture(patch(site, read), site),
    }
    return {
        "AlarmInfoPlate": {"serialno": site.serial, "deviceName": "IVS", "result": {"PlateResult": result}}
    }


def _tattile(site: Site, read: Read) -> str:
    at = _utc(read)
    said = {
        "PLATE_STRING": read.plate,
        "DATE": f"{at:%Y-%m-%d}",
        "TIME": f"{at:%H-%M-%S}-{at.microsecond // 1000:03d}",
        "DEVICE_SN": site.serial,
        "DEVICE_NAME": "Kerb & Co",
        "OCRSCORE": f"{read.confidence * 100:.1f}",
        "DIRECTION": "APPROACH" if read.towards else "GOAWAY",
        "LANE_ID": str(read.lane),
        "IMAGE_OCR": _picture(patch(site, read), site),
        "IMAGE_CTX": _picture(overview(site, read), site),
    }
    return "<Msg>" + "".join(f"<{name}>{text}</{name}>" for name, text in said.items()) + "</Msg>"


def _milesight(site: Site, read: Read) -> Any:
    at = to_datetime(read.at_us).astimezone(_LONDON)
    return {
        "device": "Network Camera",
        "time": f"{at:%Y-%m-%d %H:%M:%S}",
        "time_msec": f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}",
        "plate": read.plate,
        "confidence": f"{read.confidence:.2f}",
        "direction": "Approach" if read.towards else "Away",
        "detection_region": str(read.lane),
        "vehicle_type": read.vehicle.kind,
        "vehicle_color": read.vehicle.colour,
        "Vehicle Brand": read.vehicle.make,
        "speed": "-",
        "plate_image": _picture(patch(site, read), site),
        "full_image": _picture(overview(site, read), site),
    }


def _genetec(site: Site, read: Read) -> Any:
    at = _utc(read)
    return {
        "CameraName": site.serial,
        "DateUtc": f"{at:%d/%m/%Y}",
        "TimeUtc": f"{at:%H:%M:%S}",
        "Plate": read.plate,
        "State": "GB",
        "ConfidenceScore": str(round(read.confidence * 100)),
        "ContextImage": _picture(overview(site, read), site),
        "Attributes": {
            "Vehicle Color": read.vehicle.colour,
            "Vehicle Make": read.vehicle.make,
            "Vehicle Model": read.vehicle.model,
            "Vehicle Type": read.vehicle.kind,
            "Relative Motion": "Getting Closer" if read.towards else "Moving Away",
        },
    }


def _unifi(site: Site, read: Read) -> Any:
    at_ms = read.at_us // 1000
    trigger = {
        "device": site.serial.upper(),
        "value": read.plate,
        "key": "license_plate_unknown",
        "group": {"name": read.plate},
        "eventId": f"{site.run}-{read.number}",
        "timestamp": at_ms,
    }
    alarm: dict[str, Any] = {"name": "Plates", "triggers": [trigger]}
    if site.has_images:
        alarm["thumbnail"] = "data:image/jpeg;base64," + _picture(overview(site, read), site)
    return {"alarm": alarm, "timestamp": at_ms}


def _blueiris(site: Site, read: Read) -> Any:
    at = _utc(read)
    car = {"api": "objects", "found": {"success": True, "predictions": [{"label": "car", "confidence": 0.8}]}}
    plate = {"label": f"Plate: {read.plate}", "plate": read.plate, "confidence": round(read.confidence, 4)}
    return {
        "ai_dump": [car, {"api": "alpr", "found": {"success": True, "predictions": [plate]}}],
        "camera": site.serial,
        "ALERT_PATH": f"@{site.run}-{read.number}.jpg",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
        "Image": _picture(overview(site, read), site),
    }


def _rekor(site: Site, read: Read) -> Any:
    at_ms, sure = read.at_us // 1000, round(read.confidence * 100, 2)
    best: dict[str, Any] = {"plate": read.plate, "confidence": sure}
    if site.has_images:
        best["plate_crop_jpeg"] = _picture(patch(site, read), site)
    return {
        "data_type": "alpr_group",
        "version": 2,
        "epoch_start": at_ms,
        "epoch_end": at_ms + 400,
        "agent_uid": site.serial,
        "camera_id": site.number,
        "best_plate": best,
        "best_plate_number": read.plate,
        "best_confidence": sure,
        "best_uuid": f"{site.run}-{site.number}-{read.number}",
        "vehicle": {
            "make": [{"name": read.vehicle.make, "confidence": 98.0}],
            "color": [{"name": read.vehicle.colour, "confidence": 91.0}],
            "body_type": [{"name": read.vehicle.kind, "confidence": 90.0}],
        },
    }


def _bof2(site: Site, read: Read) -> str:
    said = {
        "signatureOfSender": "invented",
        "username": "invented",
        "vrm": read.plate,
        "feedIdentifier": "1",
        "sourceIdentifier": "1",
        "cameraIdentifier": str(site.number),
        "captureTime": _utc(read).isoformat(timespec="milliseconds"),
        "confidencePercentage": str(round(read.confidence * 100)),
        "motionTowardCamera": "true" if read.towards else "false",
    }
    call = "".join(f"<{name}>{text}</{name}>" for name, text in said.items())
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        f'<b:sendCapture xmlns:b="http://input.webservices.bof2.anite.com">{call}</b:sendCapture>'
        "</soapenv:Body></soapenv:Envelope>"
    )


_JSON: Final = "application/json"
_XML: Final = "text/xml; charset=utf-8"


def _format(
    name: str,
    step_us: int,
    body: _Body,
    *,
    sign: Callable[[Site], Any] | None = None,
    content_type: str = _JSON,
    answers: bool = True,
) -> Format:
    def make(site: Site) -> Device:
        return OneMessage(body, sign, content_type, site)

    return Format(
        name=name,
        adapter=name,
        credential="basic",
        step_us=step_us,
        clumsy=False,
        slack_us=0,
        answers=answers,
        make=make,
    )


def _active(site: Site) -> Mapping[str, str]:
    return {"Active": "keepAlive", "DeviceID": site.serial}


FORMATS_OF_MAKERS: Final = (
    _format("dahua", _SECOND_US, _dahua, sign=_active, answers=False),
    _format(
        "zhenshi", 1, _zhenshi, sign=lambda site: {"heartbeat": {"serialno": site.serial}}, answers=False
    ),
    _format("tattile", 1000, _tattile, content_type=_XML),
    _format("milesight", 1000, _milesight),
    _format("genetec", _SECOND_US, _genetec),
    _format("unifi", 1000, _unifi),
    _format("blueiris", 1000, _blueiris),
    _format("rekor", 1000, _rekor, sign=lambda site: {"data_type": "heartbeat", "site_id": site.serial}),
    _format("bof2", 1000, _bof2, content_type=_XML, answers=False),
)
"""One of each maker."""
