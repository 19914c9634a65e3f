"""The operator's command `token`: new, list and withdraw, over the gateway's API."""

from __future__ import annotations

import argparse
import json

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask


def run_new(args: argparse.Namespace) -> int:
    """Issue a token, and write it to a file of mode 0600, or print it once."""
    if args.out is not None and args.out.exists():
        raise ConfigurationError(f"`{args.out}` is there already: nothing is overwritten")
    body = ask(args.url, "/v1/tokens", read_secret(args.token_file), 201, json={"name": args.name})
    if args.out is not None:
        try:
            write_secret(args.out, body["token"])
        except OSError as error:
            raise ConfigurationError(
                f"`{args.out}` cannot be written ({error.strerror}): withdraw the token and issue another"
            ) from error
    if args.json:
        shown = {"name": body["name"], "file": str(args.out)} if args.out is not None else body
        print(json.dumps(shown, indent=2))
    elif args.out is not None:
        say(f"The token of {body['name']} is in `{args.out}`. Hand it over, and keep no copy.")
    else:
        print(body["token"])
    return 0


def run_list(args: argparse.Namespace) -> int:
    """Print the names that have tokens, and how many."""
    body = ask(args.url, "/v1/tokens", read_secret(args.token_file), 200)
    if args.json:
        print(json.dumps(body, indent=2))
        return 0
    for one in body["names"]:
        say(f"{one['name']}: {one['tokens']}")
    return 0


def run_withdraw(args: argparse.Namespace) -> int:
    """Withdraw every token of a name."""
    body = ask(args.url, "/v1/tokens/withdraw", read_secret(args.token_file), 200, json={"name": args.name})
    if args.json:
        print(json.dumps(body, indent=2))
    else:
        say(f"Every token of {body['name']} is worthless from now on.")
    return 0
