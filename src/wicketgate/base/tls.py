"""The settings of TLS for whoever listens."""

from __future__ import annotations

import ssl
from pathlib import Path

from wicketgate.base.errors import ConfigurationError


def server_context(certificate: Path, key: Path, where: str) -> ssl.SSLContext:
    """Return the settings of TLS for a certificate with its chain, and its key; 1.2 and later.

    Parameters
    ----------
    where : str
        What the error begins with: the place of both in the settings.

    Raises
    ------
    ConfigurationError
        If the certificate or its key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # Without a password given, OpenSSL would ask for one at the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: `{certificate}` and `{key}` are no certificate and its key, in PEM without a pass phrase"
        ) from error
    return context
