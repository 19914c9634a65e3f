"""The process that submits checkpoints: `python -m wicketgate.gateway.witnessing.process`; it begins with one line.

Whatever a witness does, it does it to this process: it has no state, no key and no stream, and reads the public log.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import msgspec

from wicketgate.gateway.witnessing.submitter import Submitter
from wicketgate.gateway.witnessing.words import AnswerHeard, Submitting, line


async def _serve(begin: Submitting) -> None:
    from httpx2 import AsyncClient, Limits

    async def tell(heard: AnswerHeard) -> None:
        # A pipe whose reader has gone ends this process.
        sys.stdout.buffer.write(line(heard))
        sys.stdout.buffer.flush()

    client = AsyncClient(
        timeout=10,
        follow_redirects=False,
        limits=Limits(max_connections=2 * len(begin.witnesses), max_keepalive_connections=0),
        headers={"Accept-Encoding": "identity", "Content-Type": "text/plain; charset=utf-8"},
    )
    await Submitter(begin, tell, client).run()


def main() -> None:
    """Run until the gateway ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    begin = msgspec.json.decode(sys.stdin.buffer.readline(), type=Submitting)
    try:
        asyncio.run(_serve(begin))
    except* BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
