"""The delivery of messages to the pipeline of pushes.

What cannot be read goes to the quarantine, and is durable there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from wicketgate.base.errors import FencedError, InputError, StreamError
from wicketgate.base.rounds import Rounds
from wicketgate.reads.adapters import Adapters
from wicketgate.reads.adapters.net import whole
from wicketgate.reads.mqtt.ingress import Take
from wicketgate.reads.mqtt.topics import Route, content_type
from wicketgate.reads.observations import Payload
from wicketgate.reads.pushes import CheckingPushes

_A_ROUND = 128
"""Work in one round of the loop; a message is 1, and 1 more for each `_BYTES`: about 0.1 ms each."""
_BYTES = 8_192
PAUSES_S = (0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)


def delivery(pushes: CheckingPushes, adapters: Adapters, pauses_s: Sequence[float] = PAUSES_S) -> Take:
    """Return a delivery by way of `pushes`.

    It makes a message durable.

    Parameters
    ----------
    pauses_s : sequence of float
        How long is waited before each further try while the streams are away or too much waits already. A client that
        is sent off too soon may forget what was not acknowledged, as Frigate does; a repeat does no harm.
    """

    rounds = Rounds(_A_ROUND)

    async def take(source: str, where: Route, body: bytes, topic: str) -> None:
        work = 1 + len(body) // _BYTES
        await rounds.turn(work)
        payload = Payload(content_type=content_type(body), body=body, topic=topic)
        try:
            parsed = adapters.parse(where.adapter, payload)
        except InputError as fault:
            # Refused, it would be sent again for ever, and hold up everything behind it.
            parsed = (whole(payload, fault),)
        for pause_s in pauses_s:
            try:
                await pushes.take(source, parsed, camera=where.camera)
            except FencedError:
                raise
            except StreamError:
                await asyncio.sleep(pause_s)
                await rounds.turn(work)  # all that the streams held up wake together
            else:
                return
        await pushes.take(source, parsed, camera=where.camera)

    return take
