"""Viewtron: the XML of the camera (IPC) and the recorder (NVR).

Pictures come in base64, and there are keepalives.
"""

from __future__ import annotations

import base64

from wicketgate_demo.cameras.devices.base import Device, Format, Message, Site, camera_of, overview, patch
from wicketgate_demo.world.pictures import OVERVIEW_SIZE, PATCH_SIZE
from wicketgate_demo.world.traffic import Read

_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
_TYPE = "application/xml"


class ViewtronPost:
    """A Viewtron camera with posts of its own.

    It speaks version 1 of the protocol, with its misspelt event.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._mac = ":".join(site.serial[n : n + 2] for n in range(0, 12, 2))

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return one event."""
        site = self._site
        word = "VEHICE" if site.number % 2 else "VEHICLE"
        items = ""
        if site.has_images:
            items = "<item>" + _target(overview(site, read), OVERVIEW_SIZE, typed=True) + "</item>\n"
        picture = _target(patch(site, read), PATCH_SIZE, typed=True) if site.has_images else ""
        xml = (
            f'{_XML}<config version="1.7" xmlns="http://www.ipc.com/ver10">\n'
            f'<smartType type="openAlramObj">{word}</smartType>\n'
            '<subscribeRelation type="subscribeOption">FEATURE_RESULT</subscribeRelation>\n'
            f'<currentTime type="tint64">{read.at_us}</currentTime>\n'
            f'<listInfo type="list" count="{2 if items else 1}">\n{items}<item>'
            f'<plateNumber type="string"><![CDATA[{read.plate}]]></plateNumber>'
            f'<vehicleListType type="string">tempList</vehicleListType>{picture}</item>\n</listInfo>\n'
            "</config>\n"
        )
        return (Message(xml.encode(), _TYPE, camera_of(site, read)),)

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> Message:
        """Return the heartbeat."""
        site = self._site
        xml = (
            f"{_XML}<DeviceInfo><DeviceName>IPC</DeviceName><DeviceNo.>1</DeviceNo.>"
            f"<SN><![CDATA[{site.serial.upper()}]]></SN><ipAddress>192.168.1.{site.number % 250}</ipAddress>"
            f"<macAddress>{self._mac}</macAddress></DeviceInfo>\n"
        )
        return Message(xml.encode(), _TYPE, site.camera)


class Recorder:
    """A Viewtron recorder with posts for its cameras.

    It speaks version 2.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        mac = ":".join(site.serial[n : n + 2] for n in range(0, 12, 2)).upper()
        self._info = (
            "<deviceInfo><deviceName><![CDATA[Device Name]]></deviceName>"
            f"<ip><![CDATA[192.168.0.{site.number % 250}]]></ip><mac><![CDATA[{mac}]]></mac>"
        )

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return one event."""
        site, vehicle = self._site, read.vehicle
        scene = overview(site, read) if site.has_images else b""
        coded = base64.b64encode(scene).decode()
        source = (
            "<sourceDataInfo><dataType>0</dataType><width>0</width><height>0</height>"
            f"<sourceBase64Length>{len(coded)}</sourceBase64Length>"
            f"<sourceBase64Data>{coded}</sourceBase64Data></sourceDataInfo>\n"
            if scene
            else ""
        )
        picture = _target(patch(site, read), PATCH_SIZE, typed=False) if site.has_images else ""
        xml = (
            f'{_XML}<config version="2.0.0" xmlns="http://www.ipc.com/ver10">\n'
            f"<messageType>alarmData</messageType>\n{self._info}<channelId>1</channelId></deviceInfo>\n"
            f"<smartType>vehicle</smartType><currentTime>{read.at_us}</currentTime>\n{source}"
            f"<licensePlateListInfo><item><targetId>{read.number}</targetId>"
            "<rect><x1>800</x1><y1>500</y1><x2>936</x2><y2>556</y2></rect>"
            f"<licensePlateAttribute><licensePlateNumber><![CDATA[{read.plate}]]></licensePlateNumber>"
            f"<color>{'white' if read.towards else 'yellow'}</color></licensePlateAttribute>"
            "<carRect><x1>1</x1><y1>0</y1><x2>1</x2><y2>0</y2></carRect>"
            f"<carAttribute><carType><![CDATA[{_TYPES.get(vehicle.kind, 'sedan')}]]></carType>"
            f"<color><![CDATA[{vehicle.colour}]]></color><brand><![CDATA[{vehicle.make}]]></brand>"
            f"<model><![CDATA[{vehicle.make.upper()}_{vehicle.model.upper()}]]></model></carAttribute>"
            f"{picture}</item></licensePlateListInfo>\n</config>\n"
        )
        return (Message(xml.encode(), _TYPE, camera_of(site, read)),)

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return nothing: it says a plate once."""
        return ()

    def keepalive(self, at_us: int) -> Message:
        """Return the heartbeat."""
        xml = (
            f'{_XML}<config version="2.0.0" xmlns="http://www.ipc.com/ver10">'
            f"<messageType>keepalive</messageType>{self._info}</deviceInfo></config>\n"
        )
        return Message(xml.encode(), _TYPE, self._site.camera)


def _target(picture: bytes, size: tuple[int, int], *, typed: bool) -> str:
    """Return a picture as the element of both protocols.

    It has attributes in the first one alone.
    """
    coded = base64.b64encode(picture).decode()
    if typed:
        return (
            '<targetImageData><dataType type="uint32">0</dataType><targetType type="uint32">2</targetType>'
            f'<Width type="tuint32">{size[0]}</Width><Height type="tuint32">{size[1]}</Height>'
            f'<targetBase64Length type="uint32">{len(coded)}</targetBase64Length>'
            f'<targetBase64Data type="string"><![CDATA[{coded}]]></targetBase64Data></targetImageData>'
        )
    return (
        f"<targetImageData><dataType>0</dataType><width>{size[0]}</width><height>{size[1]}</height>"
        f"<targetBase64Length>{len(coded)}</targetBase64Length>"
        f"<targetBase64Data>{coded}</targetBase64Data></targetImageData>"
    )


_TYPES = {"van": "van", "bus": "bus", "lorry": "truck", "car": "sedan"}


def make_camera(site: Site) -> Device:
    """Return the camera of a site."""
    return ViewtronPost(site)


def make_recorder(site: Site) -> Device:
    """Return the recorder of a site."""
    return Recorder(site)


IPC = Format(
    name="viewtron-ipc",
    adapter="viewtron",
    credential="key",
    step_us=1,
    clumsy=True,
    slack_us=0,
    answers=False,
    make=make_camera,
)
NVR = Format(
    name="viewtron-nvr",
    adapter="viewtron",
    credential="basic",
    step_us=1,
    clumsy=True,
    slack_us=0,
    answers=False,
    make=make_recorder,
)
