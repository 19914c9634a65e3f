"""The HTTP server, without signals of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import uvicorn


class Server(uvicorn.Server):
    """Uvicorn, with signals left to us.

    The streams must outlive the last request.
    """

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take no signals."""
        yield
