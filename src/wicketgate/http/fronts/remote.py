"""The gateway as a front sees it: a view of its state, and an intake at the other end of a link."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from wicketgate.base.clock import Clock
from wicketgate.base.errors import StreamError
from wicketgate.commits.cameras import Camera
from wicketgate.commits.transactions import QuarantinedRead
from wicketgate.http.fronts.frames import Frames
from wicketgate.http.fronts.messages import (
    Failed,
    Stale,
    Take,
    TakePushed,
    Taken,
    View,
    encode,
    items_of,
    take_of,
)
from wicketgate.reads.cameras import CameraNames
from wicketgate.reads.checks import Checked, ClockLimits
from wicketgate.reads.columns import Gathered
from wicketgate.reads.intake import LINGER_S, PostAnswer
from wicketgate.reads.observations import Observation, Parsed
from wicketgate.reads.parse import FEW
from wicketgate.reads.plates import pack_all
from wicketgate.reads.pushes import PlainPushes

_AT_ONCE: Final = 500
