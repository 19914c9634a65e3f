"""The stable codes of the commands of `wicketgate`: what stands in brackets behind an error."""

from __future__ import annotations

COMMAND = {
    "later-form": ("An evidence pack of a later form than this version reads.", "Use a later version."),
    "malformed": ("A file or an answer cannot be read as what it should be.", "Look at the file named."),
    "not-entitled": ("The gateway says that this token is not entitled.", "Use the right token."),
    "zone-missing": ("A time has no zone.", "Write `Z` or an offset."),
    "usage": ("There is no such command or option, or one is missing.", "Do what the message says."),
    "configuration": ("A setting, a directory or a key file is not usable.", "Do what the message says."),
    "clock-leap": (
        "The machine's clock leapt since the last start, or stands before the log's last second.",
        "Set it right, or give the operator's word: `serve D --accept-clock REASON`.",
    ),
    "no-answer": ("The gateway does not answer.", "Check the address; try again."),
    "unreachable": ("The gateway does not answer, or cannot now.", "Check the address; try again."),
    "no-file": ("A file that is to be looked at cannot be read.", "Name one that can."),
    "not-extended": (
        "The log does not go on from a checkpoint that was seen before: it was cut or rewritten.",
        "Keep both checkpoints, and report it: they prove it.",
    ),
    "no-log": ("The folder holds no log.", "Name a deployment, a log or an address."),
    "passphrase-wrong": ("The passphrase does not open the key file.", "Try again; nothing was signed."),
    "signer-failed": (
        "Whatever holds the private key did not sign, or its signature does not verify.",
        "Look at what the message names; nothing was signed.",
    ),
    "ledger-invalid": (
        "Tiles, checkpoint or proofs contradict one another.",
        "Keep what you have, and report it.",
    ),
    "verification-failed": (
        "What was received is not what was committed, or its proof is missing.",
        "Keep what you have, and report it.",
    ),
    "streams-unavailable": ("The streams do not answer.", "Look at `nats/server.log`, or at the cluster."),
    "stream-full": ("The disk of the streams is full.", "Make room."),
    "question-kind": (
        "A question to the history asks for what does not go together.",
        "Ask by one of `plate`, `plates`, `pattern` and `scenes`; the message says what goes with what.",
    ),
    "history-unavailable": (
        "The history does not answer, or its engine failed.",
        "Ask again in a minute; `/readyz` and the gateway's log say what is behind.",
    ),
    "role-withdrawn": (
        "The sequencer does not know this role, or knows it no longer.",
        "Make it a credential with `wicketgate role new`.",
    ),
    "log-differs": (
        "The log that a reader derived is not the one that the sequencer has signed.",
        "Keep both, and find out why: one of the two has a history of its own. The reader has stopped.",
    ),
    "fenced": ("Another gateway writes to the same streams.", "Stop one of them."),
    "not-started": (
        "A part of the demonstration did not start in time.",
        "Look at its log in the demonstration's folder.",
    ),
    "not-ended": (
        "A part of the demonstration failed, or did not end in time.",
        "Look at its log in the demonstration's folder.",
    ),
    "set-up-refused": (
        "The gateway refuses what sets the demonstration up.",
        "Look at the code that it names.",
    ),
    "post-refused": (
        "The gateway refuses what the simulated cameras post.",
        "Look at the code that it names.",
    ),
    "shape": ("A fault in the program: arrays that do not fit.", "Report it."),
    "internal": ("A fault in the program.", "Report it."),
}
