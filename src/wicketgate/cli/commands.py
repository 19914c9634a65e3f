"""The table of commands, and the look-up of other packages' commands.

Every start reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from wicketgate.base.errors import ConfigurationError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from wicketgate.cli.parser import Parser

ENTRY_POINTS = "wicketgate.commands"
"""The group under which other packages add commands: each entry point names one `Command`."""

Who = Literal["anyone", "officer", "source", "recipient", "overseer", "operator"]

HEADINGS: dict[Who, str] = {
    "anyone": "For anyone",
    "officer": "For officers, who sign documents",
    "source": "For sources, whose cameras these are",
    "recipient": "For recipients",
    "overseer": "For overseers",
    "operator": "For the operator",
}


# A named tuple and no dataclass: `dataclasses` imports `inspect`, which is a tenth of what a start takes.
class Command(NamedTuple):
    """One command.

    Attributes
    ----------
    who : Who
        Under whose heading `wicketgate --help` lists it.
    summary : str
        One line, beginning with a verb.
    arguments : str
        `module:function`. The function gives a parser the command's arguments, and as default of `run` the
        `module:function` that runs it: parsed arguments to exit code. The first module imports nothing heavy.
    """

    name: str
    who: Who
    summary: str
    arguments: str


def _command(name: str, who: Who, summary: str, module: str) -> Command:
    arguments = f"wicketgate.cli.{module}:add_{name.replace('-', '_')}"
    return Command(name=name, who=who, summary=summary, arguments=arguments)


COMMANDS: tuple[Command, ...] = (
    _command("verify", "anyone", "check a gateway, or a copy of its log", "arguments.anyone"),
    _command("report", "anyone", "rebuild a report from the public log", "arguments.anyone"),
    _command("witness", "anyone", "cosign a log for as long as it only grows", "arguments.anyone"),
    _command(
        "mirror", "anyone", "keep the whole log of a gateway elsewhere, and show it", "arguments.anyone"
    ),
    _command("completion", "anyone", "print what completes these commands in a shell", "arguments.anyone"),
    _command("key", "officer", "make a key for an office, or show its public half", "arguments.officer"),
    _command(
        "check", "officer", "say what a document allows, and what is wrong with it", "arguments.officer"
    ),
    _command("sign", "officer", "say what a document does, and sign it", "arguments.officer"),
    _command("submit", "officer", "hand a signed document to a gateway", "arguments.officer"),
    _command(
        "officer", "officer", "open a page on this machine that shows, signs and sends", "arguments.officer"
    ),
    _command("people", "officer", "draft who of an organisation may do what", "arguments.people"),
    _command("review", "officer", "show an authority's figures, and draft its review", "arguments.drafts"),
    _command("suspend", "officer", "draft what stops an authority until it is lifted", "arguments.drafts"),
    _command("resume", "officer", "draft what lifts a suspension", "arguments.drafts"),
    _command("revoke", "officer", "draft what ends an authority for good", "arguments.drafts"),
    _command("consult", "officer", "draft a consultation on a proposed document", "arguments.drafts"),
    _command("object", "officer", "draft an organisation's objection", "arguments.drafts"),
    _command("decide", "officer", "draft the decision on a consultation", "arguments.drafts"),
    _command("camera", "source", "list, add or import the cameras of a source", "arguments.desk"),
    _command("quarantine", "source", "show what could not be taken of a source, and why", "arguments.desk"),
    _command("adapter", "source", "try an adapter on what a device sent", "arguments.source"),
    _command("drop", "source", "post pictures that cameras put into a folder", "arguments.source"),
    _command("hotlist", "recipient", "put, change or show a unit's list", "arguments.desk"),
    _command("hits", "recipient", "list a unit's hits, and say what became of one", "arguments.desk"),
    _command(
        "receive", "recipient", "receive a feed, and check each batch as it comes", "arguments.recipient"
    ),
    _command(
        "evidence", "recipient", "put a hit or an answer into a pack with its proofs", "arguments.recipient"
    ),
    _command(
        "custody",
        "recipient",
        "keep what a bulk feed releases, to be asked by its law alone",
        "arguments.recipient",
    ),
    _command("charging", "recipient", "charge by a scheme, and forget who paid", "arguments.charging"),
    _command("disclose", "recipient", "say that rows were passed on", "arguments.recipient"),
    _command(
        "attest", "recipient", "attest that rows are deleted, or see which must be", "arguments.recipient"
    ),
    _command("search", "recipient", "ask the past, with a reason", "arguments.searching"),
    _command("approve", "recipient", "approve what others ask of the past, or not", "arguments.searching"),
    _command("answer", "recipient", "fetch the answer of a question", "arguments.searching"),
    _command(
        "keeper", "recipient", "ask for the keeper of one shown row, for one cause", "arguments.recipient"
    ),
    _command("sign-in", "recipient", "sign in, and let this machine act for you", "arguments.people"),
    _command(
        "oversee", "overseer", "open, reconcile, draw, and say publicly what you found", "arguments.overseer"
    ),
    _command("why", "overseer", "ask why a read was released, or was not", "arguments.overseer"),
    _command(
        "new", "operator", "write a charter, keys and first drafts from a few answers", "arguments.founding"
    ),
    _command("init", "operator", "make a deployment from a signed charter", "arguments.operator"),
    _command("serve", "operator", "run a deployment", "arguments.operator"),
    _command("token", "operator", "issue, list and withdraw tokens", "arguments.desk"),
    _command(
        "doctor", "operator", "look what is wrong with a deployment, and say what to do", "arguments.desk"
    ),
    _command("standby", "operator", "make a directory for a second sequencer", "arguments.operator"),
    _command("role", "operator", "let roles run on other hosts, or end them", "arguments.operator"),
    _command(
        "upgrade", "operator", "bring an older deployment to the form of this version", "arguments.operator"
    ),
    _command("backup", "operator", "back up a running deployment, encrypted", "arguments.operator"),
    _command("restore", "operator", "restore a backup into an empty directory", "arguments.operator"),
    _command("bench", "operator", "run a benchmark of the source tree", "bench"),
)
"""The product's own commands, in the order in which they are listed."""


def find_command(name: str) -> Command:
    """Return the command of a name, the product's own or another package's.

    Raises
    ------
    ConfigurationError
        Code `usage` if there is none, with the name that was probably meant; `configuration` if its package is broken.
    """
    for command in COMMANDS:
        if command.name == name:
            return command
    # Asked only here: reading what every installed package declares takes longer than all the rest.
    added = _entry_points()
    if name in added:
        return _load(added[name])
    known = [*(command.name for command in COMMANDS), *added]
    raise ConfigurationError(
        f"there is no command `{name[:40]}`{meant(name, known)} `wicketgate --help` lists them", code="usage"
    )


def all_commands() -> Iterator[Command]:
    """Yield every command.

    Of a package that cannot be loaded it is one that says so when it is run.
    """
    yield from COMMANDS
    known = {command.name for command in COMMANDS}
    for name, point in sorted(_entry_points().items()):
        if name in known:
            continue
        try:
            yield _load(point)
        except ConfigurationError as error:
            yield Command(name=name, who="anyone", summary=error.detail, arguments=f"{__name__}:add_nothing")


def add_nothing(parser: Parser) -> None:
    """Give a parser no arguments."""


def resolve(reference: str) -> Any:
    """Import a module, and return the object of `module:name`."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def meant(word: str, known: list[str]) -> str:
    """Return the suggestion between a fault and its remedy.

    It asks whether a known word was meant, if one is close.
    """
    from difflib import get_close_matches

    close = get_close_matches(word, known, n=1, cutoff=0.6)
    return f": did you mean `{close[0]}`?" if close else ";"


def _entry_points() -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}


def _load(point: EntryPoint) -> Command:
    package = point.dist.name if point.dist is not None else point.module
    try:
        command = point.load()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the command `{point.name}` of the package `{package}` cannot be loaded ({error}): install it again"
        ) from error
    if not isinstance(command, Command) or command.name != point.name:
        raise ConfigurationError(
            f"the package `{package}` declares `{point.name}`, which is no command: install another version"
        )
    return command
