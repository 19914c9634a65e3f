"""What devices have of their own, and cannot be told to change: paths, each a push of its maker, and a header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.types import Scope

DEVICE_PATHS: Final[Mapping[str, str]] = {
    "/NotificationInfo/DeviceInfo": "/v1/push/dahua",
    "/NotificationInfo/KeepAlive": "/v1/push/dahua",
    "/NotificationInfo/TollgateInfo": "/v1/push/dahua",
}


def take_for_push(scope: Scope) -> None:
    """Let a request to a device's own path go where its maker's pushes go."""
    scope["path"] = DEVICE_PATHS.get(scope["path"], scope["path"])


def api_key_in(scope: Scope) -> tuple[bytes, bytes] | None:
    """Return the token in the header `X-API-Key`, as an authorization would have it; None without one."""
    return next(((b"token", value) for name, value in scope["headers"] if name == b"x-api-key"), None)
