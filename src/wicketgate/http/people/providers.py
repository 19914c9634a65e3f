"""Signing in by an organisation's own provider: OpenID Connect, code flow with PKCE and a nonce.

Nothing is kept of a sign-in under way: its state is a challenge that comes back, bound to the browser by a cookie.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from wicketgate.base.budget import Budget
from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, NotEntitled, Unreachable
from wicketgate.gateway.people import PeopleInForce, SignedInAs, kept_claims
from wicketgate.http.failures import Failures
from wicketgate.http.people.challenges import Challenges
from wicketgate.http.people.fetching import ClientSecret, Fetching, silent
from wicketgate.http.people.idtoken import SKEW_S, UnknownKey, claims_in, not_good
from wicketgate.http.people.published import ProviderPublished, Publications, require_safe
from wicketgate.regime.documents.people import Provider

SCOPE: Final = "openid profile"
MOST_AT_ONCE: Final = 16
"""Codes that are exchanged at once at one provider."""
_MOST_WAITING: Final = 64
_MOST_OF_A_PEER: Final = 16
_MOST_OF_ALL: Final = 256


@dataclass(frozen=True, slots=True)
class SettingOut:
    """Where a browser is sent, the state that comes back, and the cookie that binds the sign-in to the browser."""

    url: str
    state: str
    cookie: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameBack:
    """What a browser brought from a provider.

    Attributes
    ----------
    state, code, issuer : str
        From the address; `issuer` is empty where it has none (RFC 9207).
    cookie : str
        What `SettingOut` bound it with.
    back : str
        The gateway's own address to which it came.
    peer : str
        Where the request came from (`peers.peer_of`).
    """

    state: str
    code: str
    issuer: str
    cookie: str
    back: str
    peer: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom a provider vouches for, and when it saw them itself, microseconds; 0 where it does not say."""

    proved: SignedInAs
    present_us: int


class Providers:
    """The providers of every organisation.

    Parameters
    ----------
    secrets_of : callable
        Returns the client's secret at a provider, by `organisation/provider`; None for a public client.
    """

    def __init__(
        self, people: PeopleInForce, now_us: Callable[[], int], secrets_of: Callable[[str], str | None]
    ) -> None:
        self._people = people
        self._secrets_of = secrets_of
        self._now_us = now_us
        self._challenges = Challenges(now_us)
        self._secret = secrets.token_bytes(32)
        self._fetching = Fetching()
        self._published = Publications(self._fetching)
        self._failures = Failures()
        self._waiting = Budget(_MOST_OF_ALL)
        self._gates: dict[str, asyncio.Semaphore] = {}

    async def set_out(self, organisation: str, provider: str, back: str, *, fresh: bool) -> SettingOut:
        """Return where to send a browser that wants to sign in.

        Parameters
        ----------
        back : str
            The gateway's own address to which the provider sends it back.
        fresh : bool
            Whether the person must prove anew that they are there.

        Raises
        ------
        InputError
            `not-found` where no document in force has such a provider.
        Unreachable
            Where the provider does not say who it is.
        """
        known = self._provider(organisation, provider)
        published = await self._of(known.issuer)
        state = _text(self._challenges.make(_about(organisation, known, fresh)))
        cookie = secrets.token_urlsafe(24)
        asked = {
            "response_type": "code",
            "client_id": known.client,
            "redirect_uri": back,
            "scope": SCOPE,
            "state": state,
            "nonce": self._derived("nonce", state, cookie),
            "code_challenge": _text(
                hashlib.sha256(self._derived("verifier", state, cookie).encode()).digest()
            ),
            "code_challenge_method": "S256",
            **({"prompt": "login", "max_age": "0"} if fresh else {}),
        }
        endpoint = published.metadata["authorization_endpoint"]
        return SettingOut(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", state, cookie)

    async def come_back(self, organisation: str, provider: str, came: CameBack, *, fresh: bool) -> Vouched:
        """Return what a provider vouches for, of a browser that it sent back.

        Raises
        ------
        NotEntitled
            `sign-in-refused` where state, cookie, code or id token are not good.
        TooManyFailures
            Where that was so too often for one peer: the provider is not asked.
        Unreachable
            Where the provider does not answer.
        """
        known = self._provider(organisation, provider)
        self._failures.demand(came.peer, self._now_us())
        try:
            about = _about(organisation, known, fresh)
            made_us = self._challenges.check(_bytes(came.state), about)
            published = await self._of(known.issuer)
            _require_issuer(published, known.issuer, came.issuer)
            async with self._turn(known.issuer, came.peer):
                token = await self._exchange(published, organisation, known, came)
            claims = await self._claims(published, known, token)
            nonce = self._derived("nonce", came.state, came.cookie)
            if not hmac.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
                raise not_good("its nonce is of another sign-in")
            present_us = _seen_us(claims.get("auth_time"), self._now_us())
            if fresh and present_us < made_us - SKEW_S * SECOND_US:
                raise not_good("the person did not prove anew that they are there")
            self._challenges.spend(_bytes(came.state), about)  # of two answers at once one is late
        except NotEntitled:
            self._failures.count(came.peer, self._now_us())
            raise
        proved = SignedInAs(
            organisation,
            provider=provider,
            issuer=known.issuer,
            client=known.client,
            claims=kept_claims(claims),
        )
        return Vouched(proved, present_us)

    async def _claims(
        self, published: ProviderPublished, known: Provider, token: Mapping[str, Any]
    ) -> dict[str, Any]:
        raw, now_s = token.get("id_token"), self._now_us() // SECOND_US
        try:
            return await asyncio.to_thread(claims_in, raw, published.keys, known, now_s)
        except UnknownKey:
            newer = await self._published.anew(known.issuer, published)
            if newer is published:
                raise
        return await asyncio.to_thread(claims_in, raw, newer.keys, known, now_s)

    async def _exchange(
        self, published: ProviderPublished, organisation: str, known: Provider, came: CameBack
    ) -> Mapping[str, Any]:
        takes = published.metadata.get("token_endpoint_auth_methods_supported")
        posted = (
            isinstance(takes, list) and "client_secret_post" in takes and "client_secret_basic" not in takes
        )
        answer = await self._fetching.post(
            published.metadata["token_endpoint"],
            {
                "grant_type": "authorization_code",
                "code": came.code,
                "redirect_uri": came.back,
                "code_verifier": self._derived("verifier", came.state, came.cookie),
            },
            ClientSecret(known.client, self._secrets_of(f"{organisation}/{known.id}"), posted),
        )
        if answer.status >= 500 or 300 <= answer.status < 400:
            raise silent(f"answers with {answer.status}")
        if answer.status != 200:
            raise not_good(f"it says {error_in(answer.value)}")
        return answer.value

    @asynccontextmanager
    async def _turn(self, issuer: str, peer: str) -> AsyncIterator[None]:
        """Hold one of the places of those who exchange a code at a provider, within the shares of each peer."""
        shares = (issuer, _MOST_WAITING), (f"peer {peer}", _MOST_OF_A_PEER)
        if self._waiting.take(1, *shares) is not None:
            raise Unreachable("too many sign in there at once: try again in a moment", code="busy")
        gate = self._gates.setdefault(issuer, asyncio.Semaphore(MOST_AT_ONCE))
        try:
            async with gate:
                yield
        finally:
            self._waiting.give(1, *shares)
            if not self._waiting.taken_by(issuer):
                self._gates.pop(issuer, None)

    async def _of(self, issuer: str) -> ProviderPublished:
        require_safe(issuer, "issuer")
        return await self._published.of(issuer)

    def _provider(self, organisation: str, provider: str) -> Provider:
        people = self._people.in_force(organisation)
        known = None if people is None else people.providers.get(provider)
        if known is None:
            raise InputError("no document in force has this provider", code="not-found")
        return known

    def _derived(self, what: str, state: str, cookie: str) -> str:
        return _text(hmac.digest(self._secret, f"{what} {state} {cookie}".encode(), "sha256"))


def _require_issuer(published: ProviderPublished, issuer: str, told: str) -> None:
    """Refuse an answer that another provider sent the browser back with (RFC 9207)."""
    must = published.metadata.get("authorization_response_iss_parameter_supported") is True
    if (told or must) and told != issuer:
        raise not_good("another provider sent it")


def error_in(value: Mapping[str, Any]) -> str:
    """Return the code of an error of OAuth's, as long as it looks like one.

    >>> error_in({"error": "invalid_grant"}), error_in({"error": "<b>"})
    ('invalid_grant', 'no')
    """
    error = value.get("error")
    good = isinstance(error, str) and len(error) <= 40 and error.isascii()
    return str(error) if good and str(error).replace("_", "").isalnum() else "no"


def _seen_us(auth_time: object, now_us: int) -> int:
    """Return when a provider saw somebody itself; 0 where it does not say, or says what cannot be."""
    if isinstance(auth_time, bool) or not isinstance(auth_time, int | float):
        return 0
    ahead_us = SKEW_S * SECOND_US
    return min(int(auth_time * SECOND_US), now_us) if 0 < auth_time * SECOND_US <= now_us + ahead_us else 0


def _about(organisation: str, known: Provider, fresh: bool) -> str:
    # The issuer too: a later document may have given the name to another provider meanwhile.
    return f"{organisation}/{known.id} {known.issuer} {known.client}{' anew' if fresh else ''}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InputError("the state of this sign-in is not ours") from error
