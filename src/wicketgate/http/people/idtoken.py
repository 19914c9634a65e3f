"""The id token of a provider: whose it is, for whom, until when, and by which key it was signed.

The library is loaded when the first person comes: call this in a thread.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from wicketgate.base.errors import NotEntitled
from wicketgate.regime.documents.people import Provider

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""What an id token may be signed with: never `none`, never a secret that both have."""
SKEW_S: Final = 60
"""How far a provider's clock may be from ours."""
MOST_TOKEN: Final = 64 * 1024
"""Bytes that an id token may have."""
_MOST_KEYS = 50
_MOST_SUBJECT = 255


class UnknownKey(NotEntitled):
    """An id token of a key that is not among those given: it may be among newer ones."""

    code = "sign-in-refused"


def claims_in(raw: object, published: Mapping[str, Any], provider: Provider, now_s: int) -> dict[str, Any]:
    """Return what an id token says, once it is found good.

    Parameters
    ----------
    published : mapping
        The keys that the provider publishes (RFC 7517, 5).

    Raises
    ------
    UnknownKey
        Where it names none of the provider's keys.
    NotEntitled
        `sign-in-refused` for every other fault of it.
    """
    from joserfc import errors, jwt

    if not isinstance(raw, str) or len(raw) > MOST_TOKEN:
        raise not_good("there is no id token of a size that is taken")
    registry = jwt.JWTClaimsRegistry(
        now=now_s,
        leeway=SKEW_S,
        iss={"essential": True, "value": provider.issuer},
        aud={"essential": True, "value": provider.client},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
    )
    try:
        claims: dict[str, Any] = jwt.decode(raw, _keys_in(published), algorithms=list(ALGORITHMS)).claims
        registry.validate(claims)
        json.dumps(
            claims, ensure_ascii=False
        ).encode()  # what no text can hold is found here, and nowhere later
    except (errors.InvalidKeyIdError, errors.MissingKeyError) as error:
        raise UnknownKey(
            _refusal(f"its id token names none of the provider's keys ({type(error).__name__})")
        ) from error
    except (errors.JoseError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise not_good(f"its id token is not good ({type(error).__name__})") from error
    subject = claims["sub"]
    if not subject.isascii() or len(subject) > _MOST_SUBJECT:
        raise not_good("its subject is no subject")
    audience, party = claims["aud"], claims.get("azp")
    if party not in (None, provider.client) or (
        isinstance(audience, list) and len(audience) > 1 and party is None
    ):
        raise not_good("its id token is for another client")
    return claims


def _keys_in(published: Mapping[str, Any]) -> Any:
    """Return the keys that can verify a signature; one that cannot be read takes no other with it."""
    from joserfc import errors, jwk

    found = []
    listed = published.get("keys")
    for one in listed[:_MOST_KEYS] if isinstance(listed, list) else ():
        if not isinstance(one, dict) or one.get("kty") == "oct" or one.get("use", "sig") != "sig":
            continue
        try:
            found.append(jwk.import_key(one))
        except (errors.JoseError, ValueError, KeyError, TypeError):
            continue
    if not found:
        raise errors.MissingKeyError("no key can be read")
    return jwk.KeySet(found)


def not_good(why: str) -> NotEntitled:
    """Return the refusal of what a provider answered."""
    return NotEntitled(_refusal(why), code="sign-in-refused")


def _refusal(why: str) -> str:
    return f"the provider's answer is not taken: {why}"
