"""The operator's command `init`: make a deployment."""

from __future__ import annotations

import argparse

import uvloop

from wicketgate.base.clock import SystemClock, rfc3339
from wicketgate.base.errors import InputError
from wicketgate.base.files import keep_private, write_secret
from wicketgate.base.settings import load_settings, parse_settings
from wicketgate.base.settings_template import TEMPLATE
from wicketgate.base.signing import parse_envelope
from wicketgate.cli.saying import say
from wicketgate.cli.terminal import read_file
from wicketgate.gateway.deployment import Deployment, note_signer
from wicketgate.gateway.node import Gateway
from wicketgate.ledger.writer import Ledger
from wicketgate.regime.documents.binding import refuse_other_log
from wicketgate.regime.documents.document import open_envelope
from wicketgate.regime.documents.signatures import verify_charter


def run_init(arguments: argparse.Namespace) -> int:
    """Make a deployment, and print the log's key.

    The key is to be published another way as well.
    """
    keep_private()
    envelope = read_file(arguments.charter)
    try:
        signed = parse_envelope(envelope)
    except InputError as error:
        raise InputError(
            f"`{arguments.charter}` is no signed charter (a DSSE envelope): let the offices that its rule of kind "
            "`charter` names sign the TOML with `wicketgate sign`, one after the other"
        ) from error
    document = open_envelope(signed)
    charter = verify_charter(signed)
    refuse_other_log(document, charter.origin)
    if charter.valid_from_us > SystemClock().now_us():
        raise InputError(
            f"the charter holds from {rfc3339(charter.valid_from_us)} on, which is ahead of the clock"
        )
    text = TEMPLATE.encode()
    if arguments.settings is not None:
        text = read_file(arguments.settings)
        parse_settings(text, arguments.folder)
    deployment = Deployment(arguments.folder)
    key = deployment.lay(text)
    signer = note_signer(key, charter.origin)
    Ledger.create(deployment.log, signer, charter.origin).close()
    token = uvloop.run(Gateway.found(load_settings(deployment.folder), envelope))
    write_secret(deployment.folder / "keys" / "admin.token", token)
    # Of all that lies here this is for everybody: whoever verifies begins with it.
    shown = deployment.folder / "log.key"
    shown.write_text(f"{signer.vkey}\n")
    shown.chmod(0o644)
    say(f"Made `{deployment.folder}` under the charter `{charter.name}`, version {charter.version}.")
    say("The log's key, to be published where people can compare it:")
    say(signer.vkey)
    say(f"It is in `{shown}` too.")
    say(f"The admin's token: `{deployment.folder / 'keys' / 'admin.token'}`")
    say(f"Start it: wicketgate serve {deployment.folder}")
    return 0
