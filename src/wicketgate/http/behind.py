"""What is behind, as an answer: of a gateway that starts or runs, and of a reader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec import UNSET
from starlette.responses import Response

from wicketgate.http.problems import PartBehind, problem

if TYPE_CHECKING:  # a front reaches nothing of the gateway
    from wicketgate.gateway.progress import Behind

HEALTH_PATHS: Final = ("/healthz", "/readyz")


def problem_of_health(code: str, behind: Sequence[Behind]) -> Response:
    """Return the 503 that names what is behind."""
    words = ", ".join(f"`{one.part}` for {one.seconds} s" for one in behind)
    parts = tuple(
        PartBehind(part=one.part, seconds=one.seconds, share=UNSET if one.share is None else one.share)
        for one in behind
    )
    return problem(code, f"behind: {words}", behind=parts)
