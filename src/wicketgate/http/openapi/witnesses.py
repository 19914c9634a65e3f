"""The table of the operations on witnesses, and what they cosigned."""

from __future__ import annotations

from wicketgate.http.openapi.examples import CHECKPOINT, VKEY
from wicketgate.http.openapi.operation import JSON, PAGE, TEXT, Operation, Sample, tagged
from wicketgate.http.parameters import Parameter
from wicketgate.ledger.witnessed import WitnessingSeen

_ENTRY = Parameter(
    name="entry", words="The number of an entry, from 0.", schema={"type": "integer", "minimum": 0}
)
_POLICY = f"log {VKEY.strip()}\nquorum none\n"
_PROOF = f"c2sp.org/tlog-proof@v1\nindex 0\n\n{CHECKPOINT}"

# fmt: off

WITNESSES = tagged(
    "log",
    (),
    Operation(
        "showWitnesses",
        "GET /witnesses",
        "Who cosigns the log, how far they are, and what one refused",
        gives=PAGE,
    ),
    Operation(
        "getWitnesses",
        "GET /witnesses.json",
        "The same as data",
        "As the gateway hears its witnesses: what is cosigned anybody can verify, the rest is its own word.",
        gives={JSON: WitnessingSeen},
    ),
    Operation(
        "getPolicy",
        "GET /log/policy",
        "The charter's witnesses, as a policy for other tools",
        "Compare its keys with those that the witnesses publish themselves.",
        gives={TEXT: Sample(_POLICY)},
        meaning="A C2SP tlog-policy; `quorum none` where the charter names no witness.",
    ),
    Operation(
        "getWitnessed",
        "GET /log/witnessed",
        "The newest checkpoint that as many witnesses cosigned as must",
        "`/log/checkpoint` is the newest at all, with what lines it has already.",
        gives={TEXT: Sample(CHECKPOINT)},
        meaning="A C2SP tlog-checkpoint with its cosignatures.",
        codes="not-found",
    ),
    Operation(
        "getLogProof",
        "GET /log/proof/{entry}",
        "A proof that an entry stands in the log, to be checked without it",
        "Under the newest cosigned checkpoint where that covers the entry, else under the newest.",
        parameters=(_ENTRY,),
        gives={TEXT: Sample(_PROOF)},
        meaning="A C2SP tlog-proof.",
        codes="not-found",
    ),
)

# fmt: on
