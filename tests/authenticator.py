"""An authenticator in software: it makes passkeys and signs with them, as WebAuthn level 3 says."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

_PRESENT, _VERIFIED, _NEW = 0x01, 0x04, 0x40


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Authenticator:
    """One authenticator with one passkey, for one site."""

    def __init__(self, origin: str, host: str) -> None:
        self._origin = origin
        self._site = hashlib.sha256(host.encode()).digest()
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._id = os.urandom(32)

    def make(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the options of a creation."""
        numbers = self._key.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        flags = bytes([_PRESENT | _VERIFIED | _NEW])
        held = bytes(16) + len(self._id).to_bytes(2, "big") + self._id + cbor2.dumps(public)
        data = self._site + flags + bytes(4) + held
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        told = self._told("webauthn.create", asked["challenge"])
        return self._answer(clientDataJSON=_text(told), attestationObject=_text(attested))

    def sign(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Return the answer to the options of a sign-in."""
        data = self._site + bytes([_PRESENT | _VERIFIED]) + bytes(4)
        told = self._told("webauthn.get", asked["challenge"])
        signed = self._key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(
            clientDataJSON=_text(told),
            authenticatorData=_text(data),
            signature=_text(signed),
            userHandle=None,
        )

    def _told(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self._origin}).encode()

    def _answer(self, **response: Any) -> dict[str, Any]:
        name = _text(self._id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }
