"""Orders for pages, and the process that renders them.

`python -m wicketgate.pages.orders` reads orders from its standard input and writes pages to its standard output, until
the input ends: so it ends with the gateway, however that ends. It reaches nothing but what an order holds.
"""

from __future__ import annotations

import gzip
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import msgspec

from wicketgate.commits.transactions import ResponseGiven
from wicketgate.pages.duty import DutyPages
from wicketgate.pages.people import PeoplePages
from wicketgate.pages.public import FrontPart, Pages
from wicketgate.pages.responses import publish

_BEGIN, _END = "\ue000", "\ue001"
SLOT = f"{_BEGIN}{{}}{_END}"
"""How a text stands in a page that is put in later, escaped: of a private use, so that no document has it by chance."""
ADDRESS = SLOT.format("address")
FAULT_SLOTS = ("text", "name", "organisation", "fault")
"""The slots of a response's form that was not taken."""
WORTH_COMPRESSING = 500
"""Bytes below which gzip makes nothing smaller."""

_MOST_MEMORY = 2 << 30
_NICE = 5
_LENGTH = struct.Struct(">I")


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order for one page.

    Attributes
    ----------
    page : str
        Which: a name of `PAGES`.
    register : bytes or None
        The register to show, as JSON; None for the last one that was sent.
    demonstration : bool
        Put the banner of a demonstration on it.
    package : str or None
        Whose templates and assets are added.
    arguments : mapping
        What the page shows besides.
    """

    page: str
    register: bytes | None = None
    demonstration: bool = False
    package: str | None = None
    arguments: dict[str, Any] = {}


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A finished body, with its gzip where that is smaller."""

    content: bytes
    compressed: bytes | None = None

    def __len__(self) -> int:
        return len(self.content) + len(self.compressed or b"")


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order that could not be carried out: the type of the error, never its text, which may hold what was posted."""

    error: str


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """An order that was carried out; the body is None where there is no such page."""

    body: Body | None


def _part(value: object) -> FrontPart | None:
    return None if value is None else msgspec.convert(value, FrontPart)


_Make = Callable[[Pages, Mapping[str, Any], dict[str, Any]], str | None]


def _consultation(pages: Pages, register: Mapping[str, Any], said: dict[str, Any]) -> str | None:
    responses = said.pop("responses", None)
    if responses is not None and "held" in responses:
        held = msgspec.convert(responses.pop("held"), list[ResponseGiven])
        responses["shown"] = [publish(one) for one in held]
    faulty, hidden = said.pop("faulty", False), said.pop("hidden", False)
    slots = {name: SLOT.format(name) for name in FAULT_SLOTS} if faulty else {}
    fault = slots.pop("fault", "")
    written = {**slots, "publish": "no" if hidden else "yes"} if faulty else {}
    return pages.consultation(register, responses=responses, written=written, fault=fault, **said)


def _published(pages: Pages, register: Mapping[str, Any], said: dict[str, Any]) -> str:
    held = msgspec.convert(said["held"], list[ResponseGiven])
    return "".join(publish(one).line() for one in held)


PAGES: Mapping[str, _Make] = {
    "front": lambda pages, register, said: pages.front(register, said["now_us"], _part(said["part"])),
    "authorities": lambda pages, register, said: pages.authorities(register, **said),
    "figures": lambda pages, register, said: pages.figures(register),
    "authority": lambda pages, register, said: pages.authority(register, **said),
    "why-not-less": lambda pages, register, said: pages.why_not_less(register, _part(said["part"])),
    "drift": lambda pages, register, said: pages.drift(register),
    "your-read": lambda pages, register, said: pages.your_read(register, **said),
    "about": lambda pages, register, said: pages.about(register, **said),
    "verify": lambda pages, register, said: pages.how_to_verify(register),
    "witnesses": lambda pages, register, said: pages.witnesses(register, said["seen"]),
    "docs": lambda pages, register, said: pages.docs(said["openapi"]),
    "not-found": lambda pages, register, said: pages.not_found(),
    "consultations": lambda pages, register, said: pages.consultations(register, **said),
    "consultation": _consultation,
    "response-taken": lambda pages, register, said: pages.response_taken(register, **said),
    "published": _published,
    "plain": lambda pages, register, said: said["text"],
}
"""What can be ordered, each from the register and the order's arguments."""
FOR_OFFICERS: Mapping[str, Callable[[bool, dict[str, Any]], str]] = {
    "sign-in": lambda demonstration, said: PeoplePages(demonstration=demonstration).sign_in(
        officer=SLOT.format("officer") if said["fault"] else "",
        next=SLOT.format("next"),
        asked=SLOT.format("asked"),
        **said,
    ),
    "enrol": lambda demonstration, said: PeoplePages(demonstration=demonstration).enrol(**said),
    "duty-problem": lambda demonstration, said: DutyPages(demonstration=demonstration).problem(
        said["status"], said["title"], said["detail"], None
    ),
}
"""The pages for officers that anybody can ask for."""


class Press:
    """Renders orders, one after another, and remembers the last register."""

    def __init__(self) -> None:
        self._register: Mapping[str, Any] = {}

    def render(self, order: Order) -> Body | None:
        """Return the page of an order, or None where there is no such page."""
        if order.register is not None:
            self._register = without_marks(msgspec.json.decode(order.register))
        arguments = without_marks(order.arguments)
        if order.page in FOR_OFFICERS:
            return finished(FOR_OFFICERS[order.page](order.demonstration, arguments).encode())
        pages = Pages(demonstration=order.demonstration, base_url=ADDRESS, package=order.package)
        html = PAGES[order.page](pages, self._register, arguments)
        return None if html is None else finished(html.encode("utf-8", "surrogatepass"))


def without_marks(data: Any) -> Any:
    """Return data of JSON without the marks of slots, in names as in texts.

    So whatever somebody says somewhere, the slots of a page are its template's.
    """
    if isinstance(data, str):
        return data.replace(_BEGIN, "").replace(_END, "") if _BEGIN in data or _END in data else data
    if isinstance(data, Mapping):
        return {without_marks(name): without_marks(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [without_marks(one) for one in data]
    return data


def finished(content: bytes) -> Body:
    """Return a body with its gzip, where that is smaller.

    One with an address to be put in has none: it would be another one for each address.
    """
    if len(content) < WORTH_COMPRESSING or ADDRESS.encode() in content:
        return Body(content=content)
    compressed = gzip.compress(content, 6, mtime=0)
    return Body(content=content, compressed=compressed if len(compressed) < len(content) else None)


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame of a stream, or None at its end."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = stream.read(length)
    return data if len(data) == length else None


def frame(data: bytes) -> bytes:
    """Return a frame: the length, and the data."""
    return _LENGTH.pack(len(data)) + data


def main() -> int:
    """Render orders until the input ends."""
    # A signal to the terminal's whole group is for the gateway, which ends this by closing the input.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(_NICE)  # reads, commits and seconds come first
    resource.setrlimit(resource.RLIMIT_DATA, (_MOST_MEMORY, _MOST_MEMORY))
    orders, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever prints does not write into an answer
    decoder, press = msgspec.msgpack.Decoder(Order), Press()
    while (data := read_frame(orders)) is not None:
        answer: Done | Failed
        try:
            answer = Done(body=press.render(decoder.decode(data)))
        except Exception as error:  # noqa: BLE001 - the one handler of this process: the gateway is told
            answer = Failed(error=type(error).__name__)
        answers.write(frame(msgspec.msgpack.encode(answer)))
        answers.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
