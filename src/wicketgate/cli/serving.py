"""The operator's command `serve`: run a deployment."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import gc

import uvloop

from wicketgate.base.files import keep_private
from wicketgate.base.settings import load_settings, with_streams
from wicketgate.http.starting import Start


def run_serve(arguments: argparse.Namespace) -> int:
    """Run a deployment until stopped."""
    if arguments.role in {"front", "reader"}:
        from wicketgate.cli.roles import run_role

        return run_role(arguments)
    keep_private()
    settings = load_settings(arguments.folder)
    if arguments.role is not None or arguments.streams is not None:
        settings = with_streams(settings, arguments.streams, standby=arguments.role is not None)
    if arguments.port is not None:
        settings = dataclasses.replace(settings, port=arguments.port)

    def ready(base_url: str, mqtt: str | None) -> None:
        # In one piece: whoever reads the first line alone may close the pipe behind it.
        lines = f"Wicketgate answers at {base_url}\n"
        if mqtt is not None:
            clear = "" if mqtt.startswith("mqtts:") else ", without TLS"
            lines += f"MQTT is taken at {mqtt}{clear}\n"
        print(lines, end="", flush=True)

    start = Start(settings)
    # Reading the program takes longer than anything else in a small start: it is answered meanwhile.
    gc.disable()  # what is imported stays
    from wicketgate.http.serve import serve

    gc.enable()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings, start, ready=ready, accept_clock=arguments.accept_clock))
