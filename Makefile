# Orderspine. `make` says what there is; every target takes extra arguments as ARGS="…".
#
# Two environments: .venv is the product alone, .venv-test is all that the tests and checks need. A stamp
# file in each remembers what it was made from, so a second `make demo` starts at once.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory
# Programs start a quarter sooner from compiled files, and tests are prepared once, whatever a shell prefers.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do if command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; break; fi; done)
ARGS ?=
SEEDS ?= 200
SLIPS ?= 10000
MINUTES ?= 10
PIP := -m pip --disable-pip-version-check --no-input --quiet --quiet
TEST := .venv-test/bin
PACKAGES := protocol printing edge_agent hub deploy tests

.PHONY: help install demo check test journeys sim mutants faults bench words lock clean

help: ## Say what there is
	@echo "make TARGET [ARGS=\"…\"]"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-9s %s\n", $$1, $$2}'

install: .venv/.stamp ## Install the product alone into .venv

demo: .venv/.stamp ## Start broker, hub, three stores and a warehouse here; ends with Ctrl+C
	@.venv/bin/orderspine demo $(ARGS)

check: .venv-test/.stamp ## The quick half: style, types, contracts, house rules, unit tests (under a minute)
	@$(TEST)/ruff check .
	@$(TEST)/ruff format --check --quiet .
	@$(TEST)/lint-imports --no-logo
	@$(TEST)/mypy
	@$(TEST)/python -m pytest -q -n 2 tests/test_house_rules.py tests/test_commands.py tests/unit tests/golden $(ARGS)

test: .venv-test/.stamp tools ## Everything CI runs
	@$(TEST)/ruff check .
	@$(TEST)/ruff format --check --quiet .
	@$(TEST)/lint-imports --no-logo
	@mkdir -p build; $(TEST)/mypy >build/types.txt 2>&1 & types=$$!; trap 'kill $$types 2>/dev/null || :' EXIT; \
	$(TEST)/python -m pytest -q --collect-only >build/collected.txt || { tail -40 build/collected.txt; exit 1; }; \
	$(TEST)/python -m pytest -q -n 3 --dist worksteal -m "not processes and not browser" $(ARGS); \
	wait $$types || { cat build/types.txt; exit 1; }
	@$(TEST)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder -m "processes or browser" $(ARGS)

journeys: .venv-test/.stamp tools ## Take every journey through Chromium with every fault struck both ways
	@ORDERSPINE_JOURNEY_FAULTS="wifi wifi+1 line line+1 store store+1 hub hub+1 broker broker+1" $(TEST)/python -m pytest -q tests/browser/edge/test_fulfil_under_faults.py $(ARGS)

sim: .venv-test/.stamp ## Run SEEDS=200 simulated companies and SLIPS=10000 print queues, with faults, on two cores
	@$(TEST)/python -m tests.simulation --seeds $(SEEDS) --jobs 2 $(ARGS)
	@$(TEST)/python -m tests.simulation.paper --seeds $(SLIPS) --jobs 2

mutants: .venv-test/.stamp ## Take each guard away and count the seeds until that shows; ARGS=--keep keeps the table
	@$(TEST)/python -m tests.simulation.mutants --jobs 2 $(ARGS)

faults: .venv-test/.stamp tools ## Let everything go wrong with a company of real processes for MINUTES=10
	@$(TEST)/python -m tests.faults.run --minutes $(MINUTES) $(ARGS)

bench: .venv-test/.stamp ## Measure each row beside its bare limit; prints a table and writes bench.json
	@$(TEST)/python -m deploy.bench $(ARGS)

words: .venv-test/.stamp ## Gather the texts for translation and compile what is translated
	@$(TEST)/pybabel -q extract -F protocol/kit/locale/babel.cfg -k _ --no-location --sort-output -o .venv-test/orderspine.pot protocol printing edge_agent hub deploy
	@$(TEST)/pybabel -q update --no-fuzzy-matching --ignore-pot-creation-date -D orderspine -l de -w 1000 -i .venv-test/orderspine.pot -d protocol/kit/locale
	@$(TEST)/python -m protocol.kit.text

lock: ## Pin every dependency with hashes again, from pyproject.toml
	uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --extra demo --extra postgres pyproject.toml -o deploy/requirements.lock
	uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url --extra demo --extra postgres --group dev pyproject.toml -o deploy/requirements-dev.lock

clean: ## Remove both environments and what the tools left behind
	rm -rf .venv .venv-test .oracles .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build *.egg-info test-artifacts bench.json

# --- what the targets above stand on ---------------------------------------------------------------------
#
# The lock names everything, so nothing is resolved (`--no-deps`): pip would look for the newest version of
# `package[extra]` first, and refuse it for want of a hash on the day one is released.

.venv/.stamp: deploy/requirements.lock pyproject.toml
	@$(MAKE) --silent _python
	@echo "Installing the product into .venv (once, about half a minute)" >&2
	@[ -x .venv/bin/python ] || $(PYTHON) -m venv .venv
	@.venv/bin/python $(PIP) install --require-hashes --no-deps -r deploy/requirements.lock
	@.venv/bin/python $(PIP) install --no-deps -e .
	@touch $@

.venv-test/.stamp: deploy/requirements-dev.lock pyproject.toml
	@$(MAKE) --silent _python
	@echo "Installing the product and its tests into .venv-test (once, about a minute)" >&2
	@[ -x .venv-test/bin/python ] || $(PYTHON) -m venv .venv-test
	@.venv-test/bin/python $(PIP) install --require-hashes --no-deps -r deploy/requirements-dev.lock
	@.venv-test/bin/python $(PIP) install --no-deps -e .
	@touch $@

.PHONY: tools _programs _python

tools: _programs .oracles/.stamp

_programs:
	@PATH="$$PATH:/usr/sbin"; missing=""; \
	command -v mosquitto >/dev/null || missing="$$missing mosquitto"; \
	command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$$missing chromium-headless-shell fonts-dejavu-core"; \
	command -v zbarimg >/dev/null || missing="$$missing zbar-tools"; \
	command -v zint >/dev/null || missing="$$missing zint"; \
	command -v npm >/dev/null || missing="$$missing nodejs npm"; \
	command -v hledger >/dev/null || missing="$$missing hledger"; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing$$missing" >&2; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	else \
	  echo "The tests need$$missing, which are not here." >&2; \
	  echo "  -> As root: apt-get install$$missing" >&2; exit 1; \
	fi

# Encoders and a client of others that the tests of printing are compared with: exact versions, by their hashes.
.oracles/.stamp: tests/oracles/package.json tests/oracles/package-lock.json | _programs
	@echo "Installing the oracles of printing into .oracles (once, a few seconds)" >&2
	@mkdir -p .oracles && cp tests/oracles/package.json tests/oracles/package-lock.json .oracles/
	@cd .oracles && npm ci --ignore-scripts --no-audit --no-fund --silent
	@touch $@

_python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer was not found." >&2; echo "  -> Install it, or say where it is: make PYTHON=/path/to/python3.11 …" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments." >&2; echo "  -> As root: apt-get install python3-venv" >&2; exit 1; }
