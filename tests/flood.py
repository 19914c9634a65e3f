"""Strangers who ask as fast as they are answered: a process of its own, run by `tests/system/test_flood.py`.

`python -m tests.flood HOST PORT SECONDS CLIENTS` reads requests from its standard input, one a line in JSON (`method`,
`path`, `headers`, `body`), and prints how many answers there were by status. Each client is a peer of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter
from typing import Any

_STATUS = re.compile(rb"HTTP/1.1 (\d+)")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)


def head(request: dict[str, Any], number: int) -> bytes:
    """Return a request as it is sent; `{n}` in it is its number, so that no two are the same."""
    body = request.get("body", "").replace("{n}", str(number))
    lines = [f"{request.get('method', 'GET')} {request['path'].replace('{n}', str(number))} HTTP/1.1"]
    headers = {"Host": "gate.example", "Accept-Encoding": "gzip", **request.get("headers", {})}
    if body:
        headers["Content-Length"] = str(len(body))
    lines += [f"{name}: {value.replace('{n}', str(number))}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


async def ask(
    address: tuple[str, int], peer: str, requests: list[dict[str, Any]], until_s: float, found: Counter[int]
) -> None:
    """Send one request after another until the time is up; a connection that is closed is opened again."""
    loop, number = asyncio.get_running_loop(), hash(peer) % 1000
    while loop.time() < until_s:
        try:
            reader, writer = await asyncio.open_connection(*address, local_addr=(peer, 0))
        except OSError:
            await asyncio.sleep(0.05)
            continue
        try:
            while loop.time() < until_s:
                number += 1
                writer.write(head(requests[number % len(requests)], number))
                answered = await reader.readuntil(b"\r\n\r\n")
                status, length = _STATUS.match(answered), _LENGTH.search(answered)
                found[int(status[1]) if status else 0] += 1
                if length is None:
                    break
                if int(length[1]):
                    await reader.readexactly(int(length[1]))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def flood(host: str, port: int, seconds: float, clients: int) -> Counter[int]:
    """Return the answers by status."""
    requests = [json.loads(line) for line in sys.stdin]
    found: Counter[int] = Counter()
    until_s = asyncio.get_running_loop().time() + seconds
    asking = [ask((host, port), f"127.0.2.{n + 1}", requests, until_s, found) for n in range(clients)]
    tasks = [asyncio.create_task(one) for one in asking]
    await asyncio.wait(tasks, timeout=seconds + 5)
    for task in tasks:
        task.cancel()
    return found


if __name__ == "__main__":
    host, port, seconds, clients = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(flood(host, int(port), float(seconds), int(clients)))))
