"""The keys of one run of the NATS child: its certificate, and its users' nkeys."""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass, field

import nkeys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
# The bytes are trusted, not the dates: a clock that steps must not part the gateway from its child.
_FROM = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_UNTIL = datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A self-signed certificate for the loopback, with its key; both in PEM."""

    certificate: str
    key: str = field(repr=False)

    @staticmethod
    def make() -> Certificate:
        """Make a certificate with a new key.

        Whoever trusts it alone speaks to the holder of that key alone. About a millisecond.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "wicketgate streams")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_FROM)
            .not_valid_after(_UNTIL)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        public = made.public_bytes(serialization.Encoding.PEM)
        return Certificate(certificate=public.decode(), key=private.decode())


def make_seed() -> str:
    """Return the seed of a new nkey of a user."""
    seed: bytes = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)  # type: ignore[no-untyped-call]
    return seed.decode()


def public_nkey(seed: str) -> str:
    """Return the public key of a seed, as the server's configuration names a user."""
    pair = nkeys.from_seed(bytearray(seed.encode()))  # type: ignore[no-untyped-call]
    public: bytes = pair.public_key
    return public.decode()
