"""The command as a process: what it loads, how it ends, what it prints of errors, what a shell completes."""

from __future__ import annotations

import os
import pty
import select
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench import startup
from bench.harness import WICKETGATE, Running, make
from tests.running import CHARGING, secret_file, until, wicketgate
from tests.terminals import type_into
from tests.vectors import make_documents as documents
from wicketgate.cli.commands import all_commands

BESIDE = Path(sys.executable).with_name("wicketgate")
HEAVY = {
    *("asyncio", "cryptography", "httpx", "jinja2", "lmdb", "logging", "msgspec", "nats", "numpy", "pyarrow"),
    *(
        "shtab",
        "starlette",
        "uvicorn",
        "uvloop",
        "wicketgate.base.clock",
        "wicketgate.gateway.node",
        "wicketgate.base.signing",
    ),
}
NOWHERE = "http://127.0.0.1:9"


# --- start-up ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        *(
            "--version",
            "--help",
            "vreify",
            "",
            "--verison",
            "verify",
            "verify x --feedfile f",
            "key new --help",
        ),
        *(f"{command.name} --help" for command in all_commands()),
    ],
)
def test_nothing_heavy_is_loaded_for_what_needs_nothing(line: str) -> None:
    words = [sys.executable, "-P", "-X", "importtime", "-m", "wicketgate", *line.split()]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    loaded = {
        row.rpartition("|")[2].strip() for row in done.stderr.splitlines() if row.startswith("import time:")
    }
    assert "wicketgate.cli.commands" in loaded
    assert not loaded & HEAVY
    assert "Traceback" not in done.stderr


def test_a_command_that_runs_loads_what_it_needs() -> None:
    # So that the test above can fail.
    words = [sys.executable, "-P", "-X", "importtime", "-m", "wicketgate", "key", "show", "no-such-file"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert "cryptography" in done.stderr
    assert done.returncode == 2


def test_it_starts_at_once() -> None:
    # It takes 4 to 7 times as long as Python alone; loading everything takes 80 to 180 times.
    cases = startup.run(rounds=5)["cases"]
    slow = {name: case for name, case in cases.items() if case["times"] > 20}
    assert not slow


# --- exit codes and errors --------------------------------------------------------------------------------


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the code in brackets behind the one line of an error."""
    assert "Traceback" not in done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("wicketgate: ")
    assert line.endswith("]")
    return line.rpartition("[")[2].removesuffix("]")


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that is signed by a key which no charter names."""
    folder = tmp_path_factory.mktemp("signed")
    key, envelope = folder / "KEY", folder / "ENVELOPE"
    assert wicketgate("key", "new", "tfl/data-protection", "--out", key).returncode == 0
    signing = wicketgate("sign", documents.EXAMPLES / "authority.toml", "--key", key, "--out", envelope)
    assert signing.returncode == 0, signing.stderr
    return envelope


def test_0_is_good(shared: Running) -> None:
    for words in (("--version",), ("check", documents.EXAMPLES / "authority.toml"), ("verify", shared.url)):
        done = wicketgate(*words)
        assert done.returncode == 0, done.stderr


def test_1_is_a_check_that_failed_or_a_no(shared: Running, signed: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"

    def copied() -> bool:
        # The log grows while it is copied: then once more.
        shutil.rmtree(log, ignore_errors=True)
        try:
            shutil.copytree(shared.folder / "log", log)
        except (shutil.Error, FileNotFoundError):
            return False
        return wicketgate("verify", log).returncode == 0

    until(copied, 120)
    tile = next(path for path in sorted(log.glob("tile/entries/**/*")) if path.is_file())
    tile.chmod(0o644)
    tile.write_bytes(tile.read_bytes()[:-1] + b"?")
    done = wicketgate("verify", log)
    assert done.returncode == 1, done.stdout
    assert "Verification FAILED: log." in done.stdout
    token = secret_file(tmp_path / "token", shared.tokens[CHARGING])
    done = wicketgate("submit", signed, "--to", shared.url, "--token-file", token)
    assert (done.returncode, error_of(done)) == (1, "signature-invalid")
    done = wicketgate("receive", "no-such-feed", "--from", shared.url, "--token-file", token)
    assert (done.returncode, error_of(done)) == (1, "not-entitled")
    done = wicketgate("attest", "no-such-authority", "--from", shared.url, "--token-file", token)
    assert done.returncode == 1, done.stdout
    assert error_of(done)
    secret_file(tmp_path / "token", "unknown")
    done = wicketgate("simulate", shared.url, "--token-file", token, "--seconds", 1)
    assert (done.returncode, error_of(done)) == (1, "not-entitled")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "usage"),
        ("vreify", "usage"),
        ("verify", "usage"),
        ("verify x --no-such-option", "usage"),
        ("receive f --from gate.example --token-file t", "usage"),
        (f"receive f --from {NOWHERE} --token-file no-such-file", "configuration"),
        (f"verify {NOWHERE} --key no-such-file", "configuration"),
        ("check no-such-file", "configuration"),
        ("sign no-such-file --key k --out o", "configuration"),
        (f"submit no-such-file --to {NOWHERE} --token-file t", "configuration"),
        ("revoke x --out no-such-folder/x.toml --reason y", "configuration"),
        ("consult no-such-file --title t --closes P6W --assessment a --out o.toml", "configuration"),
        (f"attest a --from {NOWHERE} --token-file t --until 2026-01-01T00:00:00Z", "configuration"),
        (f"why --read no-such-file --authority a --from {NOWHERE} --token-file t", "configuration"),
        ("init d --charter no-such-file", "configuration"),
        ("new d", "configuration"),
        ("new d --answers no-such-file", "configuration"),
        ("new d --template village", "usage"),
        ("token", "usage"),
        (f"token list --from {NOWHERE} --token-file no-such-file", "configuration"),
        (f"camera add x --position 51.5 --from {NOWHERE} --token-file t", "usage"),
        (f"camera import no-such-file --from {NOWHERE} --token-file t", "configuration"),
        (f"hotlist put a no-such-file --from {NOWHERE} --token-file t", "configuration"),
        (f"hits outcome x --outcome maybe --from {NOWHERE} --token-file t", "usage"),
        (f"quarantine --limit 0 --from {NOWHERE} --token-file t", "usage"),
        ("doctor", "configuration"),
        ("serve no-such-folder", "configuration"),
        ("bench no-such-benchmark", "configuration"),
        ("demo --report r.json", "configuration"),
        (f"simulate {NOWHERE} --token-file no-such-file", "configuration"),
    ],
)
def test_2_is_usage(line: str, code: str) -> None:
    done = wicketgate(*line.split())
    assert (done.returncode, error_of(done)) == (2, code)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    "line",
    [
        f"verify {NOWHERE}",
        "verify no-such-folder",
        f"check {documents.EXAMPLES / 'authority.toml'} --against {NOWHERE}",
        f"submit ENVELOPE --to {NOWHERE} --token-file TOKEN",
        f"review a --against {NOWHERE} --out o.toml --findings x",
        f"why --read READ --authority a --from {NOWHERE} --token-file TOKEN",
        f"attest a --from {NOWHERE} --token-file TOKEN",
        f"disclose a --from {NOWHERE} --token-file TOKEN --to met --law l --rows 1",
        f"simulate {NOWHERE} --token-file TOKEN --seconds 1",
        f"token list --from {NOWHERE} --token-file TOKEN",
        f"camera list --from {NOWHERE} --token-file TOKEN",
        f"hits list --from {NOWHERE} --token-file TOKEN",
    ],
)
def test_3_is_that_nothing_could_be_looked_at(line: str, signed: Path, tmp_path: Path) -> None:
    files = {"ENVELOPE": signed, "READ": tmp_path / "read", "TOKEN": tmp_path / "token"}
    files["READ"].write_text("{}")
    secret_file(files["TOKEN"], "a-token")
    done = wicketgate(*(files.get(word, word) for word in line.split()))
    assert done.returncode == 3, (done.stdout, done.stderr)
    if "NOT verified" not in done.stdout:
        assert error_of(done) in {"no-answer", "no-log"}


def test_a_port_that_is_taken_is_said_in_one_line_without_colour(tmp_path: Path) -> None:
    made = make(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, shown = type_into("serve", made.folder, "--port", str(taken.getsockname()[1]))
    assert code == 2
    assert "wicketgate: cannot listen at `127.0.0.1`, port " in shown
    assert "address already in use; choose another --port [configuration]" in shown
    assert "Traceback" not in shown
    assert "\x1b" not in shown, "nothing is coloured, whatever NO_COLOR says"


def test_whoever_stops_reading_stops_it_in_silence() -> None:
    words = [*WICKETGATE, "completion", "bash"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as piped:
        assert piped.stdout is not None
        assert piped.stderr is not None
        piped.stdout.close()
        assert piped.stderr.read() == b""
        assert piped.wait(60) == 1


# --- completion -------------------------------------------------------------------------------------------


class Shell:
    """An interactive bash at a terminal of its own, which completes `wicketgate`."""

    def __init__(self, folder: Path) -> None:
        self._ours, theirs = pty.openpty()
        environment = {
            "PATH": f"{BESIDE.parent}:{os.environ['PATH']}",
            "HOME": str(folder),
            "INPUTRC": os.devnull,
            "PS1": "$ ",
            "TERM": "dumb",
        }
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile", "-i"],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        # The word is in two pieces, so that the echo of this line is not taken for its answer.
        self.type('eval "$(wicketgate completion bash)"; bind "set bell-style none"; echo re""ady\n', "ready")

    def type(self, words: str, awaited: str) -> str:
        """Type; return what is shown until `awaited` is."""
        os.write(self._ours, words.encode())
        shown, until = "", time.monotonic() + 60
        while awaited not in shown:
            assert time.monotonic() < until, f"no {awaited!r} in {shown!r}"
            if select.select([self._ours], [], [], 0.2)[0]:
                shown += os.read(self._ours, 4096).decode()
        return shown

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "log.key").touch()
    (tmp_path / "deployment").mkdir()
    shell = Shell(tmp_path)
    yield shell
    shell.close()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash: install the Debian package bash")
def test_bash_completes_commands_options_values_and_files(shell: Shell) -> None:
    for typed, completed in (
        ("wicketgate ver", "wicketgate verify "),
        ("wicketgate simul", "wicketgate simulate "),
        ("wicketgate key sh", "wicketgate key show "),
        ("wicketgate verify --feed", "wicketgate verify --feed-file "),
        ("wicketgate verify --key lo", "wicketgate verify --key log.key"),
        ("wicketgate serve dep", "wicketgate serve deployment"),
        ("wicketgate receive f --format p", "wicketgate receive f --format parquet "),
    ):
        # Ctrl-U empties the line again.
        shell.type(f"\x15{typed}\t", completed)


@pytest.mark.parametrize("name", ["zsh", "tcsh"])
def test_other_shells_take_their_script(name: str, tmp_path: Path) -> None:
    done = wicketgate("completion", name)
    assert done.returncode == 0, done.stderr
    for command in all_commands():
        assert command.name in done.stdout
    if shutil.which(name) is None:
        pytest.skip(f"no {name}: install the Debian package {name}")
    script = tmp_path / "script"
    script.write_text(done.stdout)
    taken = subprocess.run([name, "-f", str(script)], capture_output=True, text=True, timeout=60)
    assert (taken.returncode, taken.stderr) == (0, "")
