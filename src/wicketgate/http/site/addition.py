"""The addition of a demonstration to its gateway's site.

A package registers it at an entry point. The charter decides first: where vehicles are real nobody looks, so that no
package that happens to be installed can make a count move as they pass (law 5).

A package registers it at an entry point. The charter decides first: where vehicles are real nobody looks, so that no
package that happens to be installed can make a count move as they pass (law 5).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from wicketgate.base.clock import Clock
from wicketgate.base.errors import ConfigurationError
from wicketgate.commits.state import State
from wicketgate.http.open_paths import DEMONSTRATION_PREFIX
from wicketgate.http.problems import problem
from wicketgate.http.site.shows import Shows
from wicketgate.pages.public import FrontPart
from wicketgate.regime.parsed import Parsed

if TYPE_CHECKING:  # a reader describes nothing
    from wicketgate.http.openapi.operation import Operation

ENTRY_POINTS = "wicketgate.site"
"""The group under which a package adds to the site: its one entry point names a `Factory`."""

MakePart = Callable[[Mapping[str, Any]], Awaitable[FrontPart]]
"""Makes the part of a page from the register, at each rendering."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """The sight of a gateway allowed to an addition.

    It holds all that took effect, and nothing by which more could.
    """

    state: Callable[[], State]
    parsed: Parsed
    clock: Clock
    folder: Path

    def is_demonstration(self) -> bool:
        """Return whether the charter in force calls every vehicle invented."""
        return self.parsed.charter(self.state()).demonstration


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """A package's addition to the site of a demonstration.

    Attributes
    ----------
    package : str
        In which its `templates` and `assets` lie.
    front, why_not_less : callable
        Make what the package adds to `/` and to `/why-not-less`.
    routes : sequence of Route
        All of them below `/demonstration/`, which anybody may read.
    operations : sequence of Operation
        The same as the API's description has them.
    ground : str, optional
        The name of the asset, GeoJSON, over which the duty officer's map is drawn.
    """

    package: str
    front: MakePart
    why_not_less: MakePart
    routes: Sequence[Route] = ()
    operations: Sequence[Operation] = ()
    ground: str | None = None


Factory = Callable[[Sight], Addition]


def sight_of(gateway: Shows) -> Sight:
    """Return the sight of a gateway allowed to an addition."""
    return Sight(
        state=lambda: gateway.commits.committed,
        parsed=gateway.commits.parsed,
        clock=gateway.clock,
        folder=gateway.deployment.folder,
    )


def find_addition(sight: Sight) -> Addition | None:
    """Find the addition of an installed package.

    None where vehicles are real.

    Raises
    ------
    ConfigurationError
        If several packages add to it, or the package is broken.
    """
    if not sight.is_demonstration():
        return None
    points = sorted(entry_points(group=ENTRY_POINTS), key=_package_of)
    if not points:
        return None
    if len(points) > 1:
        names = " and ".join(f"`{_package_of(point)}`" for point in points)
        raise ConfigurationError(f"the packages {names} add to the site: remove all but one")
    return _made(points[0], sight)


def _made(point: EntryPoint, sight: Sight) -> Addition:
    package = _package_of(point)
    try:
        factory: Factory = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"what the package `{package}` adds to the site cannot be loaded ({error}): install it again"
        ) from error
    addition: object = factory(sight)
    if not isinstance(addition, Addition) or not all(
        route.path.startswith(DEMONSTRATION_PREFIX) for route in addition.routes
    ):
        raise ConfigurationError(
            f"the package `{package}` declares `{point.name}`, which adds no site: install another version"
        )
    return addition


def _package_of(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module


def routes_of(addition: Addition, sight: Sight) -> list[Route]:
    """Return the routes of an addition.

    Each asks the charter in force at each request.
    """

    def guarded(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[..., Awaitable[Response]]:
        @wraps(endpoint)
        async def answer(request: Request) -> Response:
            if not sight.is_demonstration():
                return problem("not-found", "only a demonstration shows this")
            return await endpoint(request)

        return answer

    return [Route(route.path, guarded(route.endpoint)) for route in addition.routes]
