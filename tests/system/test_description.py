"""A real gateway against its own description: what it answers to thousands of requests that are made from it.

The requests are the same each time: the examples, the bounds of every schema, and as many drawn from it, good and bad.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.harness import Running, gateway
from tests import consulting
from tests.running import OVERSEER, SOURCE, client, issue, post, read, signed_in, submit, until
from wicketgate.http.openapi.document import OPERATIONS
from wicketgate.http.openapi.operation import EVENTS, OFFICER
from wicketgate_demo.world import london

DESK = london.PAPERS[london.OF_INTEREST]
HOLDERS = {"source": SOURCE, "recipient": DESK.reader, "overseer": OVERSEER, "admin": "admin"}
CONSULTATION = "more-cameras"
PATIENCE_S = 300
ROOT = Path(__file__).parents[2]

CONFIG = """
hooks = "tests.describing"
continue-on-failure = true
request-timeout = 20
warnings = false

[cache]
enabled = false

[generation]
deterministic = true
max-examples = {examples}
with-security-parameters = false

[phases]
stateful.enabled = false
coverage.enabled = {coverage}
fuzzing.extra-data-sources.responses = false

# What a body must say besides its schema, no schema tells.
[checks]
positive_data_acceptance.enabled = false

[[operations]]
include-method = "GET"
checks.positive_data_acceptance.enabled = true

# These put aside what is wrong; `bad_reads_are_put_aside` looks at that.
[[operations]]
include-operation-id = ["postReads", "pushPayload"]
checks.negative_data_rejection.enabled = false

[dictionaries]
own = {{ values = ["{authority}"] }}

[parameters]
"path.authority" = "{authority}"
"body.authority" = {{ dictionary = "own", probability = 0.8 }}
"query.wait" = 0.1
"""
CALLER = """
[[operations]]
include-operation-id = {asked}
headers = {{ {headers} }}
"""


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A gateway with something of everything."""
    with gateway(8) as made:
        issue(made, DESK.reader)
        submit(made, DESK.draft(made.at_us), *DESK.signers).raise_for_status()
        consulting.publish(made, consulting.consultation(CONSULTATION))
        line = {"plate": "AB12CDE", "kind": "stolen", "priority": 1, "reason": "taken in a burglary"}
        with client(made, DESK.reader) as desk:
            headers = {"Content-Type": "application/x-ndjson"}
            path = f"/v1/hotlists/{DESK.name}"
            desk.put(path, content=json.dumps(line), headers=headers).raise_for_status()
            post(made, [read("AB12CDE"), read("KK55KKK"), read("AB12CDF", "nowhere")])
            until(lambda: desk.get("/v1/hits").json()["hits"])
        yield made


def headers_of(running: Running, kind: str) -> dict[str, str]:
    """Return what a caller of a kind sends."""
    if kind == OFFICER:
        return signed_in(running, DESK.reader)
    return {"Authorization": f"Bearer {running.tokens[HOLDERS[kind]]}"}


def asked() -> dict[str, list[str]]:
    """Return what each kind of caller asks, by operation; nobody asks for an answer without an end."""
    found: dict[str, list[str]] = {}
    for number, one in enumerate(OPERATIONS):
        if not any(EVENTS in content for _, content in one.answers().values()):
            # Of several that may, they come in turn.
            found.setdefault(one.who[number % len(one.who)] if one.who else "", []).append(one.id)
    return found


@pytest.mark.timeout(2 * PATIENCE_S)
@pytest.mark.parametrize(("examples", "least"), [(4, 400), pytest.param(8, 2_500, marks=pytest.mark.slow)])
def test_what_is_answered_is_described(running: Running, tmp_path: Path, examples: int, least: int) -> None:
    from tests import (
        describing,
    )  # it imports `schemathesis`, which takes a second of whoever collects this test

    assert set(HOLDERS.values()) <= set(describing.KEPT)
    config, secrets = (
        CONFIG.format(authority=DESK.name, examples=examples, coverage=str(least > 1_000).lower()),
        dict[str, str](),
    )
    for kind, names in asked().items():
        sent = headers_of(running, kind) if kind else {}
        known = {f"{kind}_{number}".upper(): value for number, value in enumerate(sent.values())}
        headers = ", ".join(f'"{name}" = "${{{secret}}}"' for name, secret in zip(sent, known, strict=True))
        config += CALLER.format(asked=json.dumps(names), headers=headers)
        secrets |= known
    (tmp_path / "schemathesis.toml").write_text(config)
    names = [name for some in asked().values() for name in some]
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "--no-color",
            "run",
            f"{running.url}/openapi.json",
            *(f"--include-operation-id={name}" for name in names),
        ],
        cwd=tmp_path,
        env={**os.environ, **secrets, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2_000:]
    assert f"Tested: {len(names)}" in done.stdout
    requests = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert requests is not None
    assert int(requests[1]) == int(requests[2]) > least
