# What a newcomer runs: make demo, make test. Python 3.11 and make are all that is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROUNDS ?= 5
# Where this is set, as in many containers, each of the hundreds of processes that the demonstration and the tests start
# would compile every module anew, which takes longer than most of them run.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup dev demo test test-all check lock clean

setup: $(VENV)/.run
dev: $(VENV)/.dev

$(BIN)/uv: tools/uv.lock
	$(PYTHON) -m venv $(VENV) || { apt-get update -q && apt-get install -y -q python3-venv && rm -rf $(VENV) \
		&& $(PYTHON) -m venv $(VENV); } # Debian's Python comes without it
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tools/uv.lock

$(VENV)/.run: $(BIN)/uv requirements.lock pyproject.toml src/wicketgate_demo/pyproject.toml
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps -e . -e src/wicketgate_demo
	$(BIN)/python -m compileall -q src
	touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --require-hashes -r requirements-dev.lock
	touch $@

demo: setup
	$(BIN)/wicketgate demo $(ARGS)

# Tests wait more than they work, for a second to close or a process to start: three workers keep two cores busy.
test: dev
	WICKETGATE_KILL_ROUNDS=$(ROUNDS) $(BIN)/python tools/run_tests.py -n 3 --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

# Everything, with coverage; ROUNDS=200 for the rounds of kill -9 that a release needs. Then, as root, both commands on
# a bare machine: a minimal Debian 12 in a folder.
test-all: dev
	WICKETGATE_KILL_ROUNDS=$(ROUNDS) $(BIN)/python tools/run_tests.py --coverage $(ARGS)
	tools/bare_machine.sh

check: dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_docs.py
	$(BIN)/python tools/check_sizes.py
	$(BIN)/python tools/list_rooms.py

lock: dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml

clean:
	rm -rf $(VENV) demo .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
