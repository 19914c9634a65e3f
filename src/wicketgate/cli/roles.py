"""The operator's command `role`, and `serve --role`: roles on other hosts, made, listed, ended and run."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses

import uvloop

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import keep_private
from wicketgate.base.role_settings import load_role_settings
from wicketgate.base.roles import FRONT, RoleBook, RoleCredential
from wicketgate.base.settings import Settings
from wicketgate.cli.saying import say
from wicketgate.clients.verify.remote import Remote
from wicketgate.gateway.deployment import Deployment
from wicketgate.gateway.readers.reader import ReaderSettings
from wicketgate.http.fronts.serve import serve_front
from wicketgate.http.readers.serve import serve_reader


def run_new(arguments: argparse.Namespace) -> int:
    """Write a role into the book, and its credential into a new file."""
    keep_private()
    deployment = Deployment(arguments.folder)
    deployment.demand()
    if arguments.out.exists():
        raise ConfigurationError(f"`{arguments.out}` is there already: a credential is never overwritten")
    book = RoleBook(deployment.roles)
    # A crash before the credential is written leaves a role that nobody can be: withdraw it.
    book.admit(arguments.role, arguments.name, deployment.log_signer().name).write(arguments.out)
    say(f"Made `{arguments.out}` for the {arguments.role} `{arguments.name}`.")
    say("It is the only copy. Take it to that host by a safe way, and leave none here.")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """List the roles that are known."""
    deployment = Deployment(arguments.folder)
    deployment.demand()
    for known in RoleBook(deployment.roles).kept():
        say(f"{known.name}  {known.role}")
    return 0


def run_withdraw(arguments: argparse.Namespace) -> int:
    """End a role."""
    deployment = Deployment(arguments.folder)
    deployment.demand()
    if not RoleBook(deployment.roles).withdraw(arguments.name):
        raise ConfigurationError(f"no role `{arguments.name}` is known: `wicketgate role list` has them")
    say(f"Withdrew `{arguments.name}`: it ends within a second.")
    return 0


def run_role(arguments: argparse.Namespace) -> int:
    """Run a front or a reader of another machine's gateway until stopped."""
    keep_private()
    if arguments.role_file is None:
        raise ConfigurationError(
            f"`--role {arguments.role}` needs `--role-file F`: `wicketgate role new` makes it where the sequencer is",
            code="usage",
        )
    settings = load_role_settings(arguments.folder, arguments.streams)
    credential = RoleCredential.read(arguments.role_file)
    if credential.role != arguments.role:
        raise ConfigurationError(f"`{arguments.role_file}` is the credential of a {credential.role}")
    if arguments.port is not None:
        settings = dataclasses.replace(settings, port=arguments.port)

    def ready(base_url: str) -> None:
        say(f"A {credential.role} of `{credential.origin}` answers at {base_url}", flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if credential.role == FRONT:
            return runner.run(serve_front(settings, credential, ready))
        return runner.run(serve_reader(settings, _reading(arguments, settings, credential), ready))


def _reading(arguments: argparse.Namespace, settings: Settings, credential: RoleCredential) -> ReaderSettings:
    assert settings.streams is not None
    return ReaderSettings(
        folder=arguments.folder / "reader",
        streams=settings.streams,
        credential=credential,
        shown=arguments.folder,
        log=None if arguments.log is None else Remote(arguments.log).log(),
        address=settings.address,
        contact=settings.contact,
    )
