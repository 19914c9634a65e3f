"""Registers that answer as the British one does: a vehicle enquiry, and a keeper enquiry of one vehicle and one day.

The vehicle enquiry has the shape of the public service; the keeper enquiry is what a contract must be fitted to here.
Pure.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from wicketgate.base.errors import InputError
from wicketgate.gateway.keepers.adapters import (
    Enquiry,
    KeeperOfRegister,
    RegisterRequest,
    VehicleOfRegister,
)

VEHICLES: Final = "/vehicle-enquiry/v1/vehicles"
KEEPERS: Final = "/keeper-enquiry/v1/keepers"
_Word = Annotated[str, msgspec.Meta(max_length=60)]
_Line = Annotated[str, msgspec.Meta(max_length=200)]


class _VehicleAnswer(msgspec.Struct, frozen=True, kw_only=True):
    registration: _Word = msgspec.field(name="registrationNumber")
    make: _Word = ""
    model: _Word = ""
    colour: _Word = ""
    fuel: _Word = msgspec.field(name="fuelType", default="")
    euro_status: _Word = msgspec.field(name="euroStatus", default="")


class _KeeperSaid(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    address: Annotated[tuple[_Line, ...], msgspec.Meta(max_length=8)]


class _KeeperAnswer(msgspec.Struct, frozen=True, kw_only=True):
    registration: _Word = msgspec.field(name="registrationNumber")
    date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] = msgspec.field(name="dateOfEvent")
    keeper: _KeeperSaid


_vehicle = msgspec.json.Decoder(_VehicleAnswer)
_keeper = msgspec.json.Decoder(_KeeperAnswer)


def vehicle_request(plate: str, key: str) -> RegisterRequest:
    """Return the enquiry about a vehicle, in which there is no person."""
    return RegisterRequest(VEHICLES, {"x-api-key": key}, {"registrationNumber": plate})


def vehicle_in(body: bytes, plate: str) -> VehicleOfRegister:
    """Return what an answer says of the vehicle that was asked about; InputError for anything else."""
    said = _decoded(_vehicle, body)
    if said.registration != plate:
        raise InputError("a register answers of another vehicle")
    return VehicleOfRegister(
        make=said.make,
        model=said.model,
        colour=said.colour,
        fuel=said.fuel,
        euro_status=said.euro_status,
    )


def keeper_request(enquiry: Enquiry, key: str) -> RegisterRequest:
    """Return the enquiry about the keeper of one vehicle on one day."""
    return RegisterRequest(
        KEEPERS,
        {"x-api-key": key},
        {
            "registrationNumber": enquiry.plate,
            "reasonCode": enquiry.cause,
            "enquirer": enquiry.enquirer,
            "reference": enquiry.reference,
            "dateOfEvent": enquiry.date,
        },
    )


def keeper_in(body: bytes, enquiry: Enquiry) -> KeeperOfRegister:
    """Return who an answer says the keeper was, of this vehicle on this day; InputError for anything else."""
    said = _decoded(_keeper, body)
    if (said.registration, said.date) != (enquiry.plate, enquiry.date):
        raise InputError("a register answers of another vehicle or day")
    return KeeperOfRegister(name=said.keeper.name, address=said.keeper.address, date=said.date)


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Not even the place is told: what stands there may be a name.
        raise InputError("a register answers in another form than its adapter reads") from error
