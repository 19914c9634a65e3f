"""Opening a session for whoever proved who they are; where we are, and where they go next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.people import Identity, PeopleInForce, SignedInAs
from wicketgate.http.rates import Rate, TokenAllowance
from wicketgate.http.sessions import Sessions
from wicketgate.regime.documents.people import Workplace

_PROOFS = Rate(burst=60, every_us=5 * SECOND_US)
_LOOPBACK = frozenset({"localhost"})

HOME: Final = "/me"
"""Where people come to who signed in and wanted nothing else: it leads on to what their roles give."""


class DoorOpening:
    """How sessions of people are opened, at one gateway.

    Parameters
    ----------
    address : str
        Where the public reaches the gateway; empty for the address of each request.
    now_us : callable
        Returns the time by the gateway's clock.
    """

    def __init__(
        self,
        people: PeopleInForce,
        filing: PeopleFiling,
        sessions: Sessions,
        address: str,
        now_us: Callable[[], int],
    ) -> None:
        self._people = people
        self._filing = filing
        self._sessions = sessions
        self.address = address.rstrip("/")
        self._allowance = TokenAllowance(now_us, _PROOFS)

    def take_turn(self, person: str) -> None:
        """Take one of the proofs that a person may show in a while: each sign-in is a fact, each proof is verified.

        Raises
        ------
        InputError
            `too-much-at-once`.
        """
        if self._allowance.take(person):
            raise InputError("you have proved who you are too often: wait a moment", code="too-much-at-once")

    async def open(self, proved: SignedInAs, how: str, present_us: int) -> str:
        """Open a session, recorded before it is; return its id.

        Raises
        ------
        NotEntitled
            Where no document in force names whoever it is.
        InputError
            `too-much-at-once` where they signed in too often.
        """
        identity = self._people.identify(proved)
        people = self._people.in_force(proved.organisation)
        if identity is None or people is None:
            raise NotEntitled("no document in force names you", code="sign-in-refused")
        self.take_turn(identity.person)
        await self._filing.signed_in(identity, how, people)
        session_id, _ = self._sessions.open_as(proved, first_place(identity), present_us)
        return session_id

    def origin(self, request: Request) -> str:
        """Return the origin to which passkeys are bound; empty where there is none."""
        if self.address:
            parts = urlsplit(self.address)
            return f"{parts.scheme}://{parts.netloc}"
        asked = urlsplit(str(request.base_url))
        return f"{asked.scheme}://{asked.netloc}" if asked.hostname in _LOOPBACK else ""

    def demand_origin(self, request: Request) -> str:
        """Return the origin; InputError where there is none."""
        origin = self.origin(request)
        if not origin:
            raise InputError("passkeys are used where this gateway is reached by its name")
        return origin


def next_of(there: str) -> str:
    """Return where to go next: a path of our own, without a host; empty for anything else.

    >>> next_of("/duty/hits/a?x=1"), next_of("//evil.example"), next_of("https://evil.example/"), next_of("/\\\\evil")
    ('/duty/hits/a?x=1', '', '', '')
    """
    good = (
        len(there) <= 500
        and there.startswith("/")
        and not there.startswith(("//", "/\\"))
        and there.isascii()
        and there.isprintable()
    )
    return there if good else ""


def first_place(identity: Identity) -> Workplace:
    """Return where somebody works first: a unit, else an office, else the organisation at large."""
    return min(identity.places(), key=lambda place: (place.unit is None, place.office is None, str(place)))
