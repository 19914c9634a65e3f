"""Signing in by an organisation's own provider: OpenID Connect, code flow with PKCE and a nonce.

Nothing is kept of a sign-in under way: its state is a challenge that comes back, bound to the browser by a cookie.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from wicketgate.base.clock import SECOND_US
from wicketgate.base.errors import InputError, NotEntitled, Unreachable
from wicketgate.gateway.people import PeopleInForce, SignedInAs
from wicketgate.http.people.challenges import Challenges

SCOPE: Final = "openid profile"
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""What an id token may be signed with: never `none`, never a secret that both have."""
_KNOWN_S: Final = 600.0
_TIMEOUT_S: Final = 10.0
_SKEW_S: Final = 60


@dataclass(frozen=True, slots=True)
class SettingOut:
    """Where a browser is sent, and the cookie that binds the sign-in to it."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class _Published:
    """What a provider publishes of itself, and when it was fetched, by the monotonic clock."""

    metadata: Mapping[str, Any]
    keys: Mapping[str, Any]
    at_s: float


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
        self._known: dict[str, _Published] = {}
        self._fetching = asyncio.Lock()

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
        NotEntitled
            Where no document in force has such a provider.
        Unreachable
            Where the provider does not say who it is.
        """
        issuer, client = self._provider(organisation, provider)
        known = await self._of(issuer)
        state = _text(self._challenges.make(_about(organisation, provider, fresh)))
        cookie = secrets.token_urlsafe(24)
        asked = {
            "response_type": "code",
            "client_id": client,
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
        return SettingOut(f"{known.metadata['authorization_endpoint']}?{urlencode(asked)}", cookie)

    async def come_back(
        self, organisation: str, provider: str, back: str, *, state: str, code: str, cookie: str, fresh: bool
    ) -> SignedInAs:
        """Return what a provider vouches for, of a browser that it sent back.

        Raises
        ------
        NotEntitled
            `sign-in-refused` where state, cookie, code or id token are not good.
        Unreachable
            Where the provider does not answer.
        """
        issuer, client = self._provider(organisation, provider)
        self._challenges.spend(_bytes(state), _about(organisation, provider, fresh))
        known = await self._of(issuer)
        token = await self._exchange(
            known, f"{organisation}/{provider}", client, code, back, self._derived("verifier", state, cookie)
        )
        claims = await self._claims(known, issuer, client, token)
        if not hmac.compare_digest(str(claims.get("nonce")), self._derived("nonce", state, cookie)):
            raise _not_good("its nonce is of another sign-in")
        if fresh and not _is_recent(claims.get("auth_time"), self._now_us()):
            raise _not_good("the person did not prove anew that they are there")
        return SignedInAs(organisation, provider=provider, claims=claims)

    def _provider(self, organisation: str, provider: str) -> tuple[str, str]:
        people = self._people.in_force(organisation)
        known = None if people is None else people.providers.get(provider)
        if known is None:
            raise InputError("no document in force has this provider", code="not-found")
        return known.issuer, known.client

    def _derived(self, what: str, state: str, cookie: str) -> str:
        return _text(hmac.digest(self._secret, f"{what} {state} {cookie}".encode(), "sha256"))

    async def _exchange(
        self, known: _Published, name: str, client: str, code: str, back: str, verifier: str
    ) -> Mapping[str, Any]:
        from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
        from authlib.integrations.httpx_client import AsyncOAuth2Client  # type: ignore[import-untyped]
        from httpx2 import HTTPError

        secret = self._secrets_of(name)
        method = "none" if secret is None else "client_secret_basic"
        async with AsyncOAuth2Client(
            client, secret, token_endpoint_auth_method=method, timeout=_TIMEOUT_S
        ) as session:
            try:
                answer: Mapping[str, Any] = await session.fetch_token(
                    known.metadata["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    redirect_uri=back,
                    code_verifier=verifier,
                )
            except OAuthError as error:
                raise _not_good(f"the provider says {str(error.error)[:40]}") from error
            except HTTPError as error:
                raise Unreachable(
                    f"the provider does not answer: {type(error).__name__}", code="provider-unreachable"
                ) from error
        return answer

    async def _claims(
        self, known: _Published, issuer: str, client: str, token: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        from joserfc import errors, jwk, jwt

        raw = token.get("id_token")
        if not isinstance(raw, str):
            raise _not_good("there is no id token")
        try:
            keys = jwk.KeySet.import_key_set(known.keys)  # type: ignore[arg-type]
            claims = jwt.decode(raw, keys, algorithms=ALGORITHMS).claims
            registry = jwt.JWTClaimsRegistry(
                now=self._now_us() // SECOND_US,
                leeway=_SKEW_S,
                iss={"essential": True, "value": issuer},
                aud={"essential": True, "value": client},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
            )
            registry.validate(claims)
        except (errors.JoseError, ValueError, KeyError, TypeError) as error:
            raise _not_good(f"its id token is not good ({type(error).__name__})") from error
        if isinstance(claims.get("aud"), list) and len(claims["aud"]) > 1 and claims.get("azp") != client:
            raise _not_good("its id token is for another client")
        return claims

    async def _of(self, issuer: str) -> _Published:
        """Return what a provider publishes, fetched anew every ten minutes."""
        async with self._fetching:
            known = self._known.get(issuer)
            if known is None or time.monotonic() - known.at_s > _KNOWN_S:
                known = self._known[issuer] = await _fetch(issuer)
            return known


async def _fetch(issuer: str) -> _Published:
    from httpx2 import AsyncClient, HTTPError

    try:
        async with AsyncClient(timeout=_TIMEOUT_S) as client:
            found = await client.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            metadata = found.raise_for_status().json()
            keys = (await client.get(metadata["jwks_uri"])).raise_for_status().json()
    except (HTTPError, ValueError, KeyError, TypeError) as error:
        raise Unreachable(
            f"the provider does not say who it is: {type(error).__name__}", code="provider-unreachable"
        ) from error
    endpoints = ("authorization_endpoint", "token_endpoint")
    if metadata.get("issuer") != issuer or not all(isinstance(metadata.get(one), str) for one in endpoints):
        raise Unreachable(
            "the provider says that it is another one than the document names", code="provider-unreachable"
        )
    return _Published(metadata, keys, time.monotonic())


def _is_recent(auth_time: object, now_us: int) -> bool:
    # The library does not compare it with `max_age`.
    return isinstance(auth_time, int) and abs(now_us - auth_time * SECOND_US) <= 2 * _SKEW_S * SECOND_US


def _about(organisation: str, provider: str, fresh: bool) -> str:
    return f"{organisation}/{provider}{' anew' if fresh else ''}"


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise InputError("the state of this sign-in is not ours") from error


def _not_good(why: str) -> NotEntitled:
    return NotEntitled(f"the provider's answer is not taken: {why}", code="sign-in-refused")


def _silent(what: str) -> Unreachable:
    return Unreachable(f"the provider {what}", code="provider-unreachable")
