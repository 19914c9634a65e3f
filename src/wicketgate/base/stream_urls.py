"""The URLs of the streams' servers: no password crosses a network in clear."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from wicketgate.base.errors import ConfigurationError


def streams_url(url: str) -> str:
    """Return the URLs of a cluster's servers, once no password can cross a network in clear by any of them."""
    urls = [_server_url(one.strip()) for one in url.split(",")]
    if len({one.partition(":")[0] for one in urls}) > 1:
        raise ConfigurationError("`url` in [streams] must be `tls://` for all servers, or for none")
    return ",".join(urls)


def _server_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        known = parts.port is not None and parts.scheme in ("tls", "nats") and bool(parts.hostname)
    except ValueError:
        known = False
        parts = urlsplit("")
    if not known or parts.username is not None or parts.password is not None:
        raise ConfigurationError(
            "`url` in [streams] must be `tls://host:port`, or `nats://127.0.0.1:port`, without a user; several with "
            "commas between them"
        )
    if parts.scheme == "nats" and not is_loopback(parts.hostname or ""):
        raise ConfigurationError(
            "`url` in [streams] sends passwords and reads in clear to another machine: use `tls://`"
        )
    return url


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name, `127.0.0.1.example` among them
        return False
