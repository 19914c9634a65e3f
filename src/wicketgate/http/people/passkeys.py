"""Passkeys: enrolled once with a code, then a person signs in by them (WebAuthn level 3).

The library is loaded when the first person comes: a gateway without people does not have it in memory.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from wicketgate.base.errors import InputError, NotEntitled
from wicketgate.commits.people import Passkey
from wicketgate.gateway.filing.people import PeopleFiling
from wicketgate.gateway.people import PeopleInForce, SignedInAs
from wicketgate.http.people.challenges import LIFE_US, Challenges
from wicketgate.regime.documents.people import People, Person

MOST_ANSWER = 16 * 1024
"""Bytes that the answer of an authenticator may have."""
_SIGN_IN: Final = "sign-in"
_LIFE_MS = LIFE_US // 1000


class Passkeys:
    """The ceremonies of one gateway.

    Parameters
    ----------
    name : str
        What browsers call the gateway.
    """

    def __init__(
        self, people: PeopleInForce, filing: PeopleFiling, now_us: Callable[[], int], name: str
    ) -> None:
        self._people = people
        self._filing = filing
        self._now_us = now_us
        self._name = name
        self._challenges = Challenges(now_us)
        self._counted: dict[str, int] = {}
        # Verifying takes a millisecond or two, and the first one loads the library: off the loop, one at a time.
        self._threads = ThreadPoolExecutor(1, "passkeys")

    async def enrol_options(self, code: str, origin: str) -> dict[str, Any]:
        """Return what a browser needs to make a passkey for whoever has a code.

        Raises
        ------
        NotEntitled
            As `PeopleInForce.awaited`.
        """
        people, person, name = self._people.awaited(code)
        challenge = self._challenges.make(_enrolling(people, person))
        options: dict[str, Any] = await self._aside(
            _creation, origin, self._name, person.commitment, name, challenge
        )
        return options

    async def enrol(self, code: str, answer: Mapping[str, Any], origin: str) -> SignedInAs:
        """Take the passkey that an authenticator made, and return what it proves.

        Raises
        ------
        NotEntitled
            `sign-in-refused` where it answers another challenge, another site, or without the person's presence.
        InputError
            `unknown-code` where the code was used meanwhile.
        """
        people, person, _ = self._people.awaited(code)
        assert person.enrol is not None
        challenge = challenge_in(answer)
        id_, public, count = await self._aside(_created, answer, challenge, origin)
        self._challenges.spend(challenge, _enrolling(people, person))
        await self._filing.enrol(
            Passkey(
                id=id_,
                organisation=people.organisation,
                person=person.commitment,
                public=public,
                spent=person.enrol,
                enrolled_us=self._now_us(),
            )
        )
        self._counted[id_] = count
        return SignedInAs(people.organisation, passkey=id_)

    async def sign_in_options(self, origin: str) -> dict[str, Any]:
        """Return what a browser needs to sign somebody in: the authenticator knows whom."""
        options: dict[str, Any] = await self._aside(_request, origin, self._challenges.make(_SIGN_IN))
        return options

    async def sign_in(self, answer: Mapping[str, Any], origin: str) -> SignedInAs:
        """Return what an authenticator's answer proves.

        Raises
        ------
        NotEntitled
            `sign-in-refused` where no such passkey is enrolled, or it answers another challenge, another site, without
            the person's presence, or with a counter that went back.
        """
        id_ = answer.get("id")
        passkey = self._people.passkey(id_) if isinstance(id_, str) else None
        if passkey is None:
            raise NotEntitled("this passkey is not enrolled here", code="sign-in-refused")
        challenge = challenge_in(answer)
        count = await self._aside(
            _asserted, answer, challenge, origin, passkey.public, self._counted.get(passkey.id, 0)
        )
        self._challenges.spend(challenge, _SIGN_IN)
        self._counted[passkey.id] = count
        return SignedInAs(passkey.organisation, passkey=passkey.id)

    def close(self) -> None:
        """End the thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _aside(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *given)


def _enrolling(people: People, person: Person) -> str:
    return f"enrol {people.organisation} {person.commitment} {person.enrol}"


def challenge_in(answer: Mapping[str, Any]) -> bytes:
    """Return the challenge that an answer says it answers; the library compares it with what was signed."""
    import webauthn.helpers as helpers

    try:
        told = helpers.base64url_to_bytes(answer["response"]["clientDataJSON"])
        return helpers.base64url_to_bytes(json.loads(told)["challenge"])
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InputError("this is no answer of an authenticator") from error


def rp_id_of(origin: str) -> str:
    """Return the id of the relying party: the host of an origin.

    >>> rp_id_of("https://gate.example:8443")
    'gate.example'
    """
    return urlsplit(origin).hostname or ""


def _creation(origin: str, gateway: str, person: str, name: str, challenge: bytes) -> Any:
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_registration_options(
        rp_id=rp_id_of(origin),
        rp_name=gateway,
        user_id=bytes.fromhex(person),
        user_name=name,
        challenge=challenge,
        timeout=_LIFE_MS,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.REQUIRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
    )
    return json.loads(webauthn.options_to_json(options))


def _created(answer: Mapping[str, Any], challenge: bytes, origin: str) -> tuple[str, bytes, int]:
    import webauthn
    from webauthn.helpers import bytes_to_base64url, exceptions

    try:
        made = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=rp_id_of(origin),
            expected_origin=origin,
            require_user_verification=True,
        )
    except exceptions.WebAuthnException as error:
        raise _refused(error) from error
    return bytes_to_base64url(made.credential_id), made.credential_public_key, made.sign_count


def _request(origin: str, challenge: bytes) -> Any:
    import webauthn
    from webauthn.helpers import structs

    options = webauthn.generate_authentication_options(
        rp_id=rp_id_of(origin),
        challenge=challenge,
        timeout=_LIFE_MS,
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return json.loads(webauthn.options_to_json(options))


def _asserted(answer: Mapping[str, Any], challenge: bytes, origin: str, public: bytes, count: int) -> int:
    import webauthn
    from webauthn.helpers import exceptions

    try:
        return webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=challenge,
            expected_rp_id=rp_id_of(origin),
            expected_origin=origin,
            credential_public_key=public,
            credential_current_sign_count=count,
            require_user_verification=True,
        ).new_sign_count
    except exceptions.WebAuthnException as error:
        raise _refused(error) from error


def _refused(error: Exception) -> NotEntitled:
    return NotEntitled(
        f"the authenticator's answer is not good: {type(error).__name__}", code="sign-in-refused"
    )
