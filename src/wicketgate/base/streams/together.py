"""Messages appended together: all of them behind one another, or none.

With them a writer is shut out. It has several messages under way, each with the sequence that it expects; if one
message alone took the place of its first, its second would find what it expects, and be stored behind what it does not
know.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from nats.aio.msg import Msg

from wicketgate.base.errors import StreamError
from wicketgate.base.streams.link import Link

_PATIENCE_S = 5.0
_WRONG_SEQUENCE = 10071


async def append_together(
    link: Link, subject: str, items: Sequence[bytes], name: str, expected_last: int
) -> bool:
    """Append messages to a stream behind a sequence; return False where it does not end there.

    Parameters
    ----------
    name : str
        Of these messages, unlike any other: it makes their ids.
    expected_last : int
        Where the stream is to end before them.

    Raises
    ------
    StreamError
        If the streams do not say. Then they hold all of them, or none.
    """
    client = link.client
    answers: asyncio.Queue[bytes] = asyncio.Queue()

    async def take(message: Msg) -> None:
        answers.put_nowait(message.data)

    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=take)
    try:
        for number, item in enumerate(items, 1):
            headers = {
                "Nats-Msg-Id": f"{name}-{number}",
                "Nats-Batch-Id": name,
                "Nats-Batch-Sequence": str(number),
            }
            if number == 1:
                headers["Nats-Expected-Last-Sequence"] = str(expected_last)
            if number == len(items):
                headers["Nats-Batch-Commit"] = "1"
            # A crash in here leaves none of them: without the last one the server drops the others.
            await client.publish(subject, item, reply=inbox, headers=headers)
        while True:
            answer = json.loads(await asyncio.wait_for(answers.get(), _PATIENCE_S) or b"{}")
            error = answer.get("error")
            if error is not None and error.get("err_code") == _WRONG_SEQUENCE:
                return False
            if error is not None:
                raise StreamError(f"the streams refuse a fence: {error.get('description')}")
            if answer.get("seq") == expected_last + len(items):
                return True
    except TimeoutError as error:
        raise StreamError("the streams do not answer to a fence") from error
    finally:
        await subscription.unsubscribe()
