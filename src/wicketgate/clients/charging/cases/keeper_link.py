"""Ask the gateway's keeper desk for one keeper: by showing a row, for a case, after a person looked.

docs/spec/keepers.md. The vehicle is compared first, at the gateway: where it differs no name comes, and a
person decides whether it is a clone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import msgspec

from wicketgate.base.errors import InputError, Unreachable
from wicketgate.clients.charging.cases.casebook import Keeper
from wicketgate.clients.charging.proofs import ChargeProof
from wicketgate.clients.verify.remote import HttpAnswer

PATH: Final = "/v1/keepers"
_MOST: Final = 64 * 1024
_MEMBERS: Final = ("overview_image", "patch_image")


class Poster(Protocol):
    """A gateway to which a body is sent once (`verify.remote.Remote` with one attempt)."""

    def post(self, path: str, body: bytes, *, most: int) -> HttpAnswer:
        """Return the answer to a body of JSON."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class KeeperRefused:
    """No name: the gateway's code, and its words."""

    code: str
    words: str


class _ToldKeeper(msgspec.Struct, frozen=True):
    name: str
    address: list[str]


class _Answer(msgspec.Struct, frozen=True):
    id: str
    keeper: _ToldKeeper


class _Problem(msgspec.Struct, frozen=True):
    detail: str = ""


def image_ref(row: ChargeProof) -> str:
    """Return the reference of an image that a row names; empty where it names none."""
    read = msgspec.json.decode(row.row).get("read", {})
    for member in _MEMBERS:
        image = read.get(member)
        if isinstance(image, dict) and isinstance(image.get("ref"), str):
            return str(image["ref"])
    return ""


def ask_keeper(
    gateway: Poster, row: ChargeProof, *, cause: str, case: str, decided: str = ""
) -> Keeper | KeeperRefused:
    """Return the keeper on the day of a row, or why none is told.

    Parameters
    ----------
    row : ChargeProof
        Of the confirmed review.
    case : str
        Under which number it is asked; no plate.
    decided : str
        Why the name is asked for although the vehicles differ: of a person who signed in.

    Raises
    ------
    Unreachable
        If the gateway, or the register behind it, does not answer: ask again later.
    InputError
        If the answer is none.
    """
    authority = str(row.header.get("authority", "")).partition("@")[0]
    said: dict[str, Any] = {
        "authority": authority,
        "cause": cause,
        "case": case,
        "header": row.header,
        "row": row.row,
        "path": row.path,
    }
    ref = image_ref(row)
    if ref:
        said["image"] = ref
    if decided:
        said["decided"] = decided
    answer = gateway.post(PATH, msgspec.json.encode(said), most=_MOST)
    if answer.status == 200:
        try:
            told = msgspec.json.decode(answer.body, type=_Answer)
        except msgspec.MsgspecError as error:
            raise InputError("the gateway's answer names no keeper") from error
        return Keeper(name=told.keeper.name, address=told.keeper.address, link=told.id)
    if answer.status == 429:
        raise Unreachable("the gateway is busy")
    try:
        words = msgspec.json.decode(answer.body, type=_Problem).detail
    except msgspec.MsgspecError:
        words = ""
    return KeeperRefused(code=answer.code or "refused", words=words)
