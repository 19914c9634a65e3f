"""A post on the hot route, from its head to its answer."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from wicketgate.http.connections import HttpConnection


class HotPost:
    """One post on the hot route (`http.hot`), where the server expects its own cycle of request and response.

    Parameters
    ----------
    source, credential : str
        Whose post it is, and the hash of the token that said so.
    take : callable
        Takes it, once its body is there; whoever takes it gives back what it holds.
    give_back : callable
        Gives back what the request of a scope holds.
    """

    __slots__ = (
        "_give_back",
        "_is_left",
        "_take",
        "body",
        "connection",
        "credential",
        "disconnected",
        "keep_alive",
        "message_event",
        "response_complete",
        "response_started",
        "scope",
        "source",
    )

    def __init__(
        self,
        connection: HttpConnection,
        source: str,
        credential: str,
        scope: MutableMapping[str, Any],
        take: Callable[[HotPost], None],
        give_back: Callable[[MutableMapping[str, Any]], None],
        *,
        lasts: bool,
    ) -> None:
        self.connection = connection
        self.source = source
        self.credential = credential
        self.scope = scope
        self.body = bytearray()
        self.message_event = _NOBODY
        self.keep_alive = lasts
        self.disconnected = self.response_started = self.response_complete = False
        self._take = take
        self._give_back = give_back
        self._is_left = False  # to whoever takes it, or by its client

    def again(self) -> HotPost:
        """Return another post with the same head, on the same connection."""
        return HotPost(
            self.connection, self.source, self.credential, self.scope, self._take, self._give_back, lasts=True
        )

    def complete(self) -> None:
        """Have the post taken: its body is all there."""
        self._is_left = True
        self._take(self)

    def abandon(self) -> None:
        """Give back what is held for a body that will not come; nothing where it is there."""
        if not self._is_left:
            self._is_left = True
            self._give_back(self.scope)


class _Nobody:
    """Whoever waits for more of a post's body: it is looked at once it is all there."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY: Final = _Nobody()


class Hot(Protocol):
    """The hot route, as a connection sees it."""

    def begin(
        self, connection: HttpConnection, url: bytes, headers: Sequence[tuple[bytes, bytes]], *, lasts: bool
    ) -> HotPost | None:
        """Return the post that a head begins, or None where it is left to the ordinary way."""
