# `make help` lists the targets. Needed: Python 3.11, 3.12 or 3.13. uv is used where it is installed.

VENV := .venv
BIN := $(VENV)/bin
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
# Run, not only looked up: a version manager's shim may stand for a version that is not there.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3 python; do \
	$$python -c '$(FITS)' >/dev/null 2>&1 </dev/null && echo $$python && break; done)
UV := $(shell uv --version >/dev/null 2>&1 </dev/null && echo uv)
ifdef UV
MAKE_VENV = uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)
INSTALL = uv pip install --quiet --compile-bytecode --python $(BIN)/python
else
MAKE_VENV = $(PYTHON) -m venv $(VENV)
INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif
# Constrained by itself: before version 23.3, pip does not see that the lock's `name` pins `name[extra]` as well.
LOCKED = --require-hashes -r $(1) -c $(1)
COMPILE = uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --no-emit-index-url \
	--no-emit-find-links --custom-compile-command "make lock"

# A file is one process's, since its tests share what is slow to start; in their order, the long ones do not come last.
SIDE_BY_SIDE = --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help install install-dev demo up down bench soak test lint format lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## make the environment that Storykeep runs in

install-dev: $(VENV)/.installed-dev ## the same with what tests and linters need

demo: install ## two weeks of stories, kept; then the real Airflow for a few ticks, and a report
	$(BIN)/python -m storykeep.local.demo

up: install ## the same, and it stays up and prints its URLs
	$(BIN)/python -m storykeep.local.demo --stay

down: install ## stop whatever a demo left running
	$(BIN)/python -m storykeep.local.down

bench: install-dev ## every promised figure against its alternative, and the two plots; half an hour
	$(BIN)/python bench/bench.py $(BENCH_ARGS)

soak: install-dev ## a simulated week of 1,000 accounts and 120 days of 200 connections, with everything that goes wrong
	$(BIN)/python bench/soak.py $(SOAK_ARGS)

test: install-dev ## every test: unit, integration, dags, dbt, end to end
	$(BIN)/python -m pytest -m 'not e2e' $(SIDE_BY_SIDE) $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m e2e $(PYTEST_ARGS)

lint: install-dev ## style, types and SQL; changes nothing
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar dbt

format: install-dev ## put the style right where a tool can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/sqlfluff fix --disable-progress-bar dbt

lock: ## write the lock files anew from requirements.txt and requirements-dev.txt (needs uv and the network)
	$(COMPILE) requirements-dev.txt -o requirements-dev.lock
	$(COMPILE) requirements.txt -c requirements-dev.lock -o requirements.lock

clean: ## stop what runs and remove all data and the environment
	if [ -x $(BIN)/python ] && [ -d .storykeep ]; then $(BIN)/python -m storykeep.local.down --remove; fi
	rm -rf .storykeep $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Storykeep needs Python 3.11, 3.12 or 3.13 and found none; install one, or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	$(MAKE_VENV)

$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	$(INSTALL) $(call LOCKED,requirements.lock)
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(INSTALL) $(call LOCKED,requirements-dev.lock)
	@touch $@
