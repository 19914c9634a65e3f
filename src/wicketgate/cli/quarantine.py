"""A source's command `quarantine`: what of its own could not be taken, and why."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from wicketgate.base.errors import ConfigurationError, Unreachable, WicketgateError
from wicketgate.base.settings import read_secret
from wicketgate.base.signing import parse_json
from wicketgate.cli.saying import say

_PAGE: Final = 500
_TIMEOUT_S: Final = 30.0


def run_quarantine(args: argparse.Namespace) -> int:
    """Print what is in the source's quarantine, the oldest first."""
    count = 0
    for item in items(args.url, read_secret(args.token_file), args.after):
        if (args.code and item.get("code") != args.code) or (
            args.camera and item.get("camera") != args.camera
        ):
            continue
        count += 1
        if args.json:
            print(msgspec.json.encode(item).decode())
        else:
            camera = item.get("camera") or "no camera"
            say(f"{item.get('number')}  {item.get('at')}  {camera}  {item.get('code')}: {item.get('detail')}")
    if not args.json and not count:
        say("nothing is in the quarantine behind that number")
    return 0


def items(url: str, token: str, after: int) -> Iterator[dict[str, Any]]:
    """Yield what is in a source's quarantine behind a number.

    Raises
    ------
    Unreachable
        If the gateway does not answer.
    WicketgateError
        If it refuses.
    """
    import httpx  # a third of what a command imports

    try:
        with httpx.Client(timeout=_TIMEOUT_S, headers={"Authorization": f"Bearer {token}"}) as client:
            while True:
                answer = client.get(
                    f"{url.rstrip('/')}/v1/quarantine", params={"after": after, "limit": _PAGE}
                )
                if answer.status_code != 200:
                    said = parse_json(answer.content)
                    known = said if isinstance(said, dict) else {}
                    raise WicketgateError(
                        str(known.get("detail", "no detail")), code=str(known.get("code", answer.status_code))
                    )
                lines = [line for line in answer.content.splitlines() if line]
                for line in lines:
                    item = parse_json(line)
                    if isinstance(item, dict):
                        yield item
                        after = int(item["number"])
                if "next" not in answer.links or not lines:
                    return
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ConfigurationError(f"`{url}` is not the address of a gateway: {error}") from error
    except httpx.HTTPError as error:
        raise Unreachable(f"`{url}` does not answer: {error}") from error
