"""The operator's command `token`: new, list and withdraw, over the gateway's API."""

from __future__ import annotations

import argparse
import hashlib
import json
import secrets

from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import write_secret
from wicketgate.base.settings import read_secret
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import ask, make_file, read_register
from wicketgate.clients.officer.drafting import new_id
from wicketgate.clients.officer.from_register import learn
from wicketgate.regime.documents.document import open_either
from wicketgate.regime.documents.toml import dump_toml


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
        say(body["token"])
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


def run_admin(args: argparse.Namespace) -> int:
    """Make a new token of the admin, and draft the act by which it replaces those that were lost."""
    for path in (args.out, args.act):
        if path.exists():
            raise ConfigurationError(f"`{path}` is there already: nothing is overwritten")
    at_us = SystemClock().now_us()
    token = secrets.token_urlsafe(32)
    origin = learn(read_register(args.against)).charter.origin if args.log is None else args.log
    act = {
        "log": origin,
        "id": new_id("admin", at_us, secrets.token_hex(2)),
        "at": rfc3339(at_us - at_us % 1_000_000),
        "token": f"sha256:{hashlib.sha256(token.encode()).hexdigest()}",
        "reason": args.reason,
    }
    text = dump_toml(
        {"admin": act}, "A lost token of the admin is replaced. All offices that sign the charter sign."
    )
    open_either(text.encode()).value  # noqa: B018 - refused here rather than by each officer
    try:
        write_secret(args.out, token)
    except OSError as error:
        raise ConfigurationError(f"`{args.out}` cannot be written: {error.strerror}") from error
    make_file(args.act, text.encode())
    if args.json:
        print(json.dumps({"file": str(args.out), "act": str(args.act), **act}, indent=2))
        return 0
    say(f"The new token is in `{args.out}`; it is worth nothing yet.")
    say(
        f"Let all offices that sign the charter sign `{args.act}`, and submit it within a week, with any known token."
    )
    return 0
