# Two commands on a fresh machine: `make demo` and `make test`. Each sets up .venv first.
PYTHON ?= python3
BIN := .venv/bin
ROOM ?= all
QUICK ?= 0
PART ?= all
NIGHTLY ?= 0
JSON ?=

.PHONY: demo test test-all lint bench reliability clean

demo: .venv/ready
	$(BIN)/croupier demo

test: .venv/ready
	PYTEST_ADDOPTS="$(PYTEST_ADDOPTS)" $(BIN)/pytest -n 2 -m "not slow" --durations=10

test-all: .venv/ready
	$(BIN)/pytest -n 2 --durations=20

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: .venv/bench
	$(BIN)/python -m benchmarks --room $(ROOM) $(if $(filter 1,$(QUICK)),--quick) $(if $(JSON),--json $(JSON))

reliability: .venv/ready
	$(BIN)/python -m reliability --part $(PART) $(if $(filter 1,$(NIGHTLY)),--nightly) $(if $(JSON),--json $(JSON))

clean:
	rm -rf .venv

# torch first and by its exact version: the CPU build satisfies every later requirement, a newer one would be fetched.
.venv/ready: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet torch==2.13.0
	$(BIN)/python -m pip install --quiet --editable . --group test
	touch $@

.venv/bench: .venv/ready
	$(BIN)/python -m pip install --quiet --group bench
	touch $@
