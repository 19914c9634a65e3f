"""Answer sources: their cameras, and what was quarantined of theirs."""

from __future__ import annotations

import msgspec

from wicketgate.commits.transactions import CameraSet

_cameras_decoder = msgspec.json.Decoder(list[CameraSet])
