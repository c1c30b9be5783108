# Gongdan. `make help` lists what can be made.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

export PYTHON ?= python3
BIN := .venv/bin
PYTHON_STAMP := .venv/.installed
JS_STAMP := tests/js/node_modules/.installed

.PHONY: help setup run demo test lint simulate planted kills networks pairs fuzz hostile bench pictures clean system-packages

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(PYTHON_STAMP) ## Make the environment in .venv (quick when it is there)

$(PYTHON_STAMP): pyproject.toml constraints.txt scripts/system-packages
	scripts/system-packages python
	$(PYTHON) -m venv .venv
	@# setuptools warns at length of every editable install; what it says is known and wanted.
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[server,field,verify,test]'
	@touch $@

$(JS_STAMP): tests/js/package.json tests/js/package-lock.json | system-packages
	cd tests/js && npm ci --silent
	@touch $@

run: setup ## Start the server with demo data on this machine
	@$(BIN)/gongdan-server migrate
	@$(BIN)/gongdan-server demo
	@exec $(BIN)/gongdan-server serve

demo: setup ## Play an offline repair in the terminal, step by step
	@$(BIN)/python scripts/demo.py

PROCESSES ?= auto

test: setup lint $(JS_STAMP) ## Check everything: style, types, tests; PROCESSES= at once
	@# A file's tests stay together: they share servers and browsers. In their order, the last ones are short.
	@# Hundreds of processes are started: where Python may keep no bytecode, each would compile the whole anew.
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(PROCESSES) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

SEED ?= 1
STEPS ?= 1000000
FLEET ?= 0
RUN ?= 2000
JOBS ?= 1

simulate: setup ## Simulate a fleet: SEED= STEPS= FLEET= RUN= JOBS= (docs/testing.md)
	@$(BIN)/python -m tests.simulation --seed $(SEED) --steps $(STEPS) --fleet $(FLEET) --run $(RUN) --jobs $(JOBS)

system-packages:
	@scripts/system-packages tests

lint: setup ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

pairs: setup ## Edit COUNT orders from two sides at once, through several processes
	$(BIN)/pytest tests/operating/test_pairs.py --pairs=$(or $(COUNT),10000)

bench: setup $(JS_STAMP) ## Measure against the figures in docs/performance.md
	$(BIN)/python -m benchmarks

pictures: setup $(JS_STAMP) ## Take the pictures of the guides anew
	$(BIN)/pytest tests/browser --pictures=docs/pictures

FUZZ_S ?= 600
FUZZ_FOLDER := .fuzz

fuzz: setup ## Search for bytes that break a reader, FUZZ_S seconds for each
	@mkdir -p $(FUZZ_FOLDER)
	@for name in $$($(BIN)/python -c 'from tests.hostile.targets import TARGETS; print(*TARGETS)'); do \
		mkdir -p $(FUZZ_FOLDER)/$$name && echo "$$name: $(FUZZ_S) s" && \
		nice -n 10 $(BIN)/python -m tests.hostile.fuzz $$name -max_total_time=$(FUZZ_S) \
			-artifact_prefix=$(FUZZ_FOLDER)/$$name- $(FUZZ_FOLDER)/$$name > $(FUZZ_FOLDER)/$$name.log 2>&1 \
		|| { tail -20 $(FUZZ_FOLDER)/$$name.log; exit 1; }; \
	done

hostile: setup ## Make requests of every kind the description allows and forbids, for long; then search as `fuzz` does
	HOSTILE_EXAMPLES=500 $(BIN)/pytest tests/hostile/test_openapi.py
	$(MAKE) fuzz

planted: setup ## Plant known faults one at a time; the simulation must find each: FAULTS=
	@$(BIN)/python -m tests.simulation.planted_faults $(FAULTS)

networks: setup ## Sync over bad links, for an hour or more: LINKS= (docs/testing.md)
	@$(BIN)/python -m tests.network

kills: setup system-packages ## Kill devices and servers COUNT times and cut their power; nothing may be lost: PARTS=
	$(BIN)/python -m tests.kills $(or $(COUNT),1000) $(SEED) $(PARTS)

clean: ## Remove the environment and all that tools left, but keep var/
	rm -rf .venv build dist *.egg-info tests/js/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .fuzz
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
