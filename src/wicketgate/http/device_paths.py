"""Paths that devices have of their own, and cannot be told to change: each is a push of its maker."""

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
