"""Signatures of webhooks: HMAC-SHA256 over id, time and body, as Standard Webhooks 1.0 has it. Pure.

docs/spec/alerts.md, section 4, says how a receiver verifies one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from wicketgate.base.errors import ConfigurationError

_PREFIX = "whsec_"


def secret_of(text: str) -> bytes:
    """Return the secret in its text: `whsec_` and 24 to 64 bytes in base64.

    Raises
    ------
    ConfigurationError
        If it is none.
    """
    try:
        secret = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith(_PREFIX) or not 24 <= len(secret) <= 64:
        raise ConfigurationError(f"the secret of a webhook is `{_PREFIX}` and 24 to 64 bytes in base64")
    return secret


def signature_headers(secret: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers that a receiver verifies a webhook by."""
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    digest = base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(at_s), "webhook-signature": f"v1,{digest}"}
