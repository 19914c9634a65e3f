"""Hikvision: an ISAPI EventNotificationAlert.

It is one part of a form whose other parts are the pictures.
"""

from __future__ import annotations

from wicketgate.base.clock import to_datetime
from wicketgate_demo.cameras.devices.base import (
    Device,
    Format,
    Message,
    Site,
    camera_of,
    form,
    local_time,
    overview,
    patch,
)
from wicketgate_demo.world.traffic import Read

_BOUNDARY = "boundary"


class Hikvision:
    """A Hikvision camera.

    It is set to UTC as London's are in winter. One in three is set to an hour east, which it says.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._zone = 1 if site.number % 3 == 0 else 0
        self._mac = ":".join(site.serial[n : n + 2] for n in range(0, 12, 2))
        self._address = f"10.{site.number >> 14 & 255}.{site.number >> 7 & 127}.{site.number & 127}"

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return the alert with its pictures.

        They are the plate's and, of every second camera with pictures, the street's.
        """
        site, vehicle = self._site, read.vehicle
        parts: list[tuple[str, str, str, bytes]] = []
        if site.has_images:
            parts.append(
                ("licensePlatePicture.jpg", "licensePlatePicture.jpg", "image/jpeg", patch(site, read))
            )
            if site.number % 40 < 20:
                parts.append(
                    ("detectionPicture.jpg", "detectionPicture.jpg", "image/jpeg", overview(site, read))
                )
        stamp = f"{to_datetime(read.at_us - read.at_us % 1_000_000):%Y%m%d%H%M%S}000"
        believe = max(1, round(read.confidence * 100))
        plate = read.plate or "unknown"
        pictures = "".join(
            f"<pictureInfo><fileName>{name}</fileName><type>{name[:-4]}</type><dataType>0</dataType>"
            f"<picRecogMode>1</picRecogMode><absTime>{stamp}</absTime>"
            f"<pId>{stamp}{site.serial}{number}</pId></pictureInfo>"
            for number, (name, _, _, _) in enumerate(parts)
        )
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">\n'
            f"<ipAddress>{self._address}</ipAddress><portNo>443</portNo><protocol>HTTPS</protocol>\n"
            f"<macAddress>{self._mac}</macAddress><channelID>1</channelID>\n"
            f"<dateTime>{local_time(read.at_us, self._zone)}</dateTime>\n"
            "<activePostCount>1</activePostCount><eventType>ANPR</eventType><eventState>active</eventState>\n"
            "<eventDescription>ANPR</eventDescription><channelName>Network Camera</channelName>\n"
            f"<ANPR><country>48</country><licensePlate>{plate}</licensePlate><line>{read.lane}</line>\n"
            f"<direction>{'forward' if read.towards else 'reverse'}</direction>"
            f"<confidenceLevel>{believe}</confidenceLevel><plateType>unknown</plateType>\n"
            f"<plateColor>{'white' if read.towards else 'yellow'}</plateColor><licenseBright>0</licenseBright>\n"
            f"<plateCharBelieve>{','.join([str(believe)] * max(1, len(read.plate)))}</plateCharBelieve>\n"
            f"<vehicleType>{_TYPES.get(vehicle.kind, 'vehicle')}</vehicleType><detectDir>8</detectDir>\n"
            f"<vehicleInfo><index>{read.number}</index><colorDepth>1</colorDepth>"
            f"<color>{_COLOURS.get(vehicle.colour, vehicle.colour)}</color><length>0</length></vehicleInfo>\n"
            f"<pictureInfoList>{pictures}</pictureInfoList>"
            f"<originalLicensePlate>{plate}</originalLicensePlate></ANPR>\n"
            f"<UUID>{site.run}{site.serial}{read.number:010d}</UUID><picNum>{len(parts)}</picNum>\n"
            f"<isDataRetransmission>{'true' if read.flaw == 'repeat' else 'false'}</isDataRetransmission>\n"
            "</EventNotificationAlert>\n"
        ).encode()
        content_type, body = form([("anpr.xml", "anpr.xml", "text/xml", xml), *parts], _BOUNDARY)
        return (Message(body, content_type, camera_of(site, read)),)

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> Message:
        """Return the heartbeat of the alert stream."""
        xml = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<EventNotificationAlert version="2.0" xmlns="http://www.hikvision.com/ver20/XMLSchema">\n'
            f"<ipAddress>{self._address}</ipAddress><portNo>443</portNo><protocol>HTTPS</protocol>\n"
            f"<macAddress>{self._mac}</macAddress><channelID>1</channelID>\n"
            f"<dateTime>{local_time(at_us, self._zone)}</dateTime><activePostCount>0</activePostCount>\n"
            "<eventType>videoloss</eventType><eventState>inactive</eventState>"
            "<eventDescription>videoloss alarm</eventDescription>\n</EventNotificationAlert>\n"
        )
        return Message(xml.encode(), "application/xml", self._site.camera)


_TYPES = {"van": "van", "bus": "bus", "lorry": "truck"}
_COLOURS = {"grey": "gray", "silver": "gray"}


def make(site: Site) -> Device:
    """Return the device of a site."""
    return Hikvision(site)


FORMAT = Format(
    name="hikvision",
    adapter="hikvision",
    credential="basic",
    step_us=1_000_000,
    clumsy=True,
    slack_us=0,
    answers=True,
    make=make,
)
