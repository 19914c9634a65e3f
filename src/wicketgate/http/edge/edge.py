"""Where a process listens: at its addresses, or behind an edge that speaks TLS there."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Final

import msgspec

from wicketgate.base.children import dying_with_parent
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.settings import Settings
from wicketgate.base.tls import server_context
from wicketgate.http.edge.begin import EdgeBegin
from wicketgate.http.listening import BACKLOG, listen

log = logging.getLogger(__name__)

_MODULE: Final = "wicketgate.http.edge.process"
_LOOK_S: Final = 0.1
_PAUSES_S: Final = (0.1, 0.5, 2.0, 5.0)
_STEADY_S: Final = 60.0


class Entrance:
    """Where a process listens.

    Without a certificate it accepts at the addresses of the settings. With one a process of its own, the edge, listens
    there, and hands on what comes over TLS to a socket of this machine alone.

    Attributes
    ----------
    sockets : list of socket
        Where connections are to be accepted (`told.accept_at`).
    url : str
        The base URL.
    restarts : int
        How often the edge was replaced.

    Raises
    ------
    ConfigurationError
        If it cannot listen where the settings say, or the certificate or its key cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        public = listen(settings.host, settings.port)
        port = public[0].getsockname()[1]
        self.sockets = public
        self.url = f"http://{settings.host}:{port}"
        self.restarts = 0
        self._public: list[socket.socket] = []
        self._process: subprocess.Popen[bytes] | None = None
        if settings.certificate is None or settings.certificate_key is None:
            return
        try:
            server_context(settings.certificate, settings.certificate_key, "wicketgate.toml")
        except ConfigurationError:
            for one in public:
                one.close()
            raise
        inner = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        inner.bind("")  # Linux chooses a free name that no file has
        inner.listen(BACKLOG)
        self.url = f"https://{settings.host}:{port}"
        self.sockets, self._public = [inner], public
        name: bytes = inner.getsockname()
        self._word = msgspec.json.encode(
            EdgeBegin(
                certificate=str(settings.certificate.resolve()),
                key=str(settings.certificate_key.resolve()),
                inner=name.hex(),
                limits=settings.limits,
                proxies=tuple(map(str, settings.proxies)),
            )
        )
        self._begin()

    def _begin(self) -> None:
        self._process = process = subprocess.Popen(  # noqa: S603 - this program itself
            [sys.executable, "-P", "-m", _MODULE, *(str(one.fileno()) for one in self._public)],
            pass_fds=[one.fileno() for one in self._public],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            preexec_fn=dying_with_parent(),
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended: `keep` sees that
            process.stdin.write(self._word)
            process.stdin.close()

    async def keep(self, told: Callable[[int], object] = lambda count: None) -> None:
        """Replace the edge when it ends, for ever; without one, wait.

        Parameters
        ----------
        told : callable
            Told how many were replaced since it was told last.
        """
        loop = asyncio.get_running_loop()
        quick, began_s = 0, loop.time()
        while True:
            await asyncio.sleep(_LOOK_S)
            if self._process is None or self._process.poll() is None:
                continue
            log.error("the edge has ended (%d), and is replaced", self._process.returncode)
            quick = quick + 1 if loop.time() - began_s < _STEADY_S else 0
            await asyncio.sleep(_PAUSES_S[min(quick, len(_PAUSES_S) - 1)])
            self.restarts += 1
            began_s = loop.time()
            self._begin()
            told(1)

    def close(self) -> None:
        """Listen no more, and end the edge with every connection."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        for one in (*self.sockets, *self._public):
            one.close()
