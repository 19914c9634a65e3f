"""The first word to an edge's process."""

from __future__ import annotations

import msgspec

from wicketgate.base.limits import ConnectionLimits


class EdgeBegin(msgspec.Struct, kw_only=True, frozen=True):
    """The edge's first word.

    Attributes
    ----------
    certificate, key : str
        Where they are.
    inner : str
        The address of the socket of this machine where its connections are answered, in hexadecimal.
    proxies : tuple of str
        Networks from which many come by one address.
    """

    certificate: str
    key: str
    inner: str
    limits: ConnectionLimits
    proxies: tuple[str, ...]
