"""The operator's command `role`: let roles run on other hosts, list them, end them."""

from __future__ import annotations

import argparse

from wicketgate.base.errors import ConfigurationError
from wicketgate.base.files import keep_private
from wicketgate.base.roles import RoleBook
from wicketgate.gateway.deployment import Deployment


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
    print(f"Made `{arguments.out}` for the {arguments.role} `{arguments.name}`.")
    print("It is the only copy. Take it to that host by a safe way, and leave none here.")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """List the roles that are known."""
    deployment = Deployment(arguments.folder)
    deployment.demand()
    for known in RoleBook(deployment.roles).kept():
        print(f"{known.name}  {known.role}")
    return 0


def run_withdraw(arguments: argparse.Namespace) -> int:
    """End a role."""
    deployment = Deployment(arguments.folder)
    deployment.demand()
    if not RoleBook(deployment.roles).withdraw(arguments.name):
        raise ConfigurationError(f"no role `{arguments.name}` is known: `wicketgate role list` has them")
    print(f"Withdrew `{arguments.name}`: it ends within a second.")
    return 0
