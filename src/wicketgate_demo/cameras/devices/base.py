"""The messages of a camera's device for one read, whatever its maker."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final, Protocol

import msgspec

from wicketgate.base.clock import to_datetime
from wicketgate_demo.world import pictures
from wicketgate_demo.world.traffic import Read

UNKNOWN: Final = "not-in-any-list"
"""The camera that a device claims to be when that is what goes wrong on purpose."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One message of a device.

    Attributes
    ----------
    body : bytes
        As it goes over the wire.
    content_type : str
        Of an HTTP post.
    camera : str
        What `?camera=` says; empty where the payload itself says it.
    topic : str
        Of an MQTT message; empty for HTTP.
    """

    body: bytes
    content_type: str = ""
    camera: str = ""
    topic: str = ""


class Site(msgspec.Struct, frozen=True, gc=False):
    """The site of a device.

    Attributes
    ----------
    number : int
        Its number in the list of cameras.
    camera : str
        Its id in the source's register.
    has_images : bool
        Whether it sends pictures.
    run : str
        Goes before every id of its own: two runs on one gateway must differ in it.
    """

    number: int
    camera: str
    has_images: bool
    run: str

    @property
    def serial(self) -> str:
        """The twelve hexadecimal digits of this device alone.

        No other device of this run has them.
        """
        return f"02574b{self.number & 0xFFFFFF:06x}"


class Device(Protocol):
    """A camera's device.

    The same read always makes the same messages.
    """

    def messages(self, read: Read) -> tuple[Message, ...]:
        """Return the messages of a read, in order."""

    def texts(self, read: Read) -> tuple[str, ...]:
        """Return the other texts of the plate, in normal form.

        The device says them on the way.
        """

    def keepalive(self, at_us: int) -> Message | None:
        """Return a sign of life, or None for devices without one."""


class Format(msgspec.Struct, frozen=True):
    """One wire format.

    Attributes
    ----------
    name : str
        As `--format` takes it.
    adapter : str
        The path behind `/v1/push/`; empty for `/v1/reads`.
    credential : str
        How such devices show their token: `bearer`, `basic`, `key` (in the address) or `mqtt`.
    step_us : int
        To what part of a second such devices say the time.
    clumsy : bool
        Whether reads that are wrong on purpose, but for repeats, can be said in it.
    slack_us : int
        How far the gateway's time of a read may lie before the device's last word: it follows vehicles.
    answers : bool
        Whether the answer says what became of the read.
    make : callable
        Makes a device of a site.
    """

    name: str
    adapter: str
    credential: str
    step_us: int
    clumsy: bool
    slack_us: int
    answers: bool
    make: Callable[[Site], Device]


def camera_of(site: Site, read: Read) -> str:
    """Return the device's own name in a read."""
    return UNKNOWN if read.flaw == "unknown-camera" else site.camera


def patch(site: Site, read: Read) -> bytes:
    """Return the picture of the plate, as it is and not as read."""
    return pictures.patch(read.vehicle.plate, f"{site.serial} {read.number}", 200 + 20 * (read.number % 3))


def overview(site: Site, read: Read) -> bytes:
    """Return the picture of the street."""
    return pictures.overview(read.number, f"{site.serial} {read.number}")


def local_time(at_us: int, hours: int = 0) -> str:
    """Return a time to the second as `2026-11-22T05:00:00+01:00`.

    The zone lies `hours` east of UTC.
    """
    at = to_datetime(at_us - at_us % 1_000_000) + timedelta(hours=hours)
    return f"{at:%Y-%m-%dT%H:%M:%S}{'-' if hours < 0 else '+'}{abs(hours):02d}:00"


def form(parts: list[tuple[str, str, str, bytes]], boundary: str) -> tuple[str, bytes]:
    """Return content type and body of a multipart form.

    Each part has a name, a file name, a media type and data.
    """
    out: list[bytes] = []
    for name, file, media_type, data in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{file}"' if file else "")
        out.append(
            f"--{boundary}\r\nContent-Disposition: {disposition}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        )
        out.append(data)
        out.append(b"\r\n")
    out.append(f"--{boundary}--\r\n".encode())
    return f"multipart/form-data; boundary={boundary}", b"".join(out)


def dump(value: Any) -> bytes:
    """Return a value as JSON."""
    return msgspec.json.encode(value)
