"""Adapters to registers of keepers, one small file each: what is asked, and what an answer means. Pure.

docs/spec/keepers.md, section 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

MOST_ANSWER = 64 * 1024
"""Bytes of one answer of a register."""


class VehicleOfRegister(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a register says of a vehicle; no person is in it."""

    make: str = ""
    model: str = ""
    colour: str = ""
    fuel: str = ""
    euro_status: str = ""


class KeeperOfRegister(msgspec.Struct, frozen=True, kw_only=True):
    """Who kept a vehicle on a day, as a register says it.

    Attributes
    ----------
    date : str
        The day for which it answers.
    """

    name: str
    address: tuple[str, ...]
    date: str


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """What is posted to a register: a path below its URL, fields of the head, and the body in JSON."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Enquiry:
    """What a keeper is asked for.

    Attributes
    ----------
    reference : str
        The link's id: never two of one link.
    date : str
        The day of the event in the register's zone, as `YYYY-MM-DD`.
    """

    plate: str
    cause: str
    enquirer: str
    reference: str
    date: str


class RegisterAdapter(Protocol):
    """The language of one register."""

    def vehicle_request(self, plate: str, key: str) -> RegisterRequest:
        """Return the enquiry about a vehicle, in which there is no person."""

    def vehicle_in(self, body: bytes, plate: str) -> VehicleOfRegister:
        """Return what an answer says of the vehicle that was asked about; InputError for anything else."""

    def keeper_request(self, enquiry: Enquiry, key: str) -> RegisterRequest:
        """Return the enquiry about the keeper of one vehicle on one day."""

    def keeper_in(self, body: bytes, enquiry: Enquiry) -> KeeperOfRegister:
        """Return who an answer says the keeper was, of this vehicle on this day; InputError for anything else."""
