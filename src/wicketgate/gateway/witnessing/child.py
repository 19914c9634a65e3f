"""The gateway's side of the process that submits checkpoints: begun, replaced when it ends, ended with the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from typing import Final

import msgspec

from wicketgate.base.children import dying_with_parent
from wicketgate.gateway.witnessing.words import MOST_LINE, AnswerHeard, Submitting, line

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-P", "-m", "wicketgate.gateway.witnessing.process")
_PAUSES_S: Final = (0.2, 1.0, 5.0, 20.0)
_STEADY_S: Final = 60.0
_decoder = msgspec.json.Decoder(AnswerHeard)


class SubmittingChild:
    """The process that submits the checkpoints of one log to the witnesses of one charter.

    Parameters
    ----------
    hear : callable
        Told of each answer.

    Attributes
    ----------
    restarts : int
        How often it ended, and was replaced.
    """

    def __init__(self, begin: Submitting, hear: Callable[[AnswerHeard], None]) -> None:
        self._begin = begin
        self._hear = hear
        self._process: Process | None = None
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Its process id, or None while there is none."""
        return self._process.pid if self._process and self._process.returncode is None else None

    async def run(self) -> None:
        """Keep it going, until this is cancelled."""
        loop = asyncio.get_running_loop()
        quick = 0
        while True:
            began = loop.time()
            try:
                why: int | str = await self._live()
            except OSError as error:  # no process, or no descriptor, just now
                why = type(error).__name__
            self.restarts += 1
            log.error("the process that submits checkpoints ended (%s), and is replaced", why)
            quick = quick + 1 if loop.time() - began < _STEADY_S else 0
            await asyncio.sleep(_PAUSES_S[min(quick, len(_PAUSES_S) - 1)])

    async def _live(self) -> int:
        process = self._process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            limit=MOST_LINE,
            preexec_fn=dying_with_parent(),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(line(self._begin))
            await process.stdin.drain()
            while data := await process.stdout.readline():
                self._hear(_decoder.decode(data))
        except (ValueError, msgspec.DecodeError):
            log.error("the process that submits checkpoints says something else, and is ended")
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # Nothing is lost by a kill: a witness says from where to go on.
            await asyncio.shield(process.wait())
        return process.returncode or 0
