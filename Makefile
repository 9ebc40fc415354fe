# Every target works alone and on a fresh clone: it makes .venv and installs what it needs first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
NEED := sh launcher/need.sh
CHECKED := bthwani_jobs processors scheduler web launcher tests docs $(wildcard benchmarks)
# Tests that need more than Python: Node, a Redis of the system, Chromium.
NEED_MORE := conformance interop browser
# What `make test-all` runs, in this order.
PARTS := test demo conformance interop browser lint types imports bench-quick

# A part that hangs fails, where the system has `timeout`.
LIMIT := $(if $(shell command -v timeout),timeout 1800)

# A .venv that was moved here, or whose interpreter is gone, is made anew.
ifeq ($(wildcard .venv/bin/python),)
  BROKEN := broken-venv
else ifneq ($(wildcard .venv/.where),)
  ifneq ($(shell cat .venv/.where),$(shell pwd -P))
    BROKEN := broken-venv
  endif
endif

.PHONY: help install install-test run demo test test-all contract conformance interop chaos browser \
        bench-quick lint format types imports lock clean broken-venv

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):.*## +/  \1\t/' | expand -t 17

.venv/.run: requirements.lock requirements-embedded.lock $(BROKEN)
	@sh launcher/make_venv.sh run

.venv/.test: requirements-test.lock $(BROKEN)
	@sh launcher/make_venv.sh test

install: .venv/.run  ## .venv with what `make run` needs

install-test: .venv/.test  ## .venv with the tools of the tests as well

run: .venv/.run  ## the whole application on this machine; Ctrl-C stops it (ARGS=--no-demo: without an order)
	@exec $(BIN)/python -m launcher run $(ARGS)

demo: .venv/.run  ## the same without staying: one order through, every result read back, .data/demo.json
	@exec $(BIN)/python -m launcher demo

test: .venv/.test  ## all that needs only Python, under ten minutes
	$(PYTEST) -n 2 $(NEED_MORE:%=--ignore=tests/%) tests

contract: .venv/.test  ## Bull's contract, statement by statement
	$(PYTEST) -n 2 tests/parity

conformance: .venv/.test  ## the same scenarios on Bull itself and here, traces compared (Node)
	@$(NEED) node:nodejs npm:npm
	$(PYTEST) tests/conformance

interop: .venv/.test  ## RQ's own tools on our jobs, on Redis and on Valkey
	@$(NEED) redis-server:redis-server
	$(PYTEST) -n 2 tests/interop

chaos: .venv/.test  ## processes killed at every call they make to Redis
	$(PYTEST) -n 2 tests/chaos

browser: .venv/.test  ## the dashboard in Chromium, the invoice as a picture
	@$(NEED) chromium:chromium pdftoppm:poppler-utils
	$(PYTEST) tests/browser

bench-quick: .venv/.test  ## ours beside Bull and stock RQ, in interleaved rounds
	@$(NEED) node:nodejs npm:npm redis-server:redis-server
	$(BIN)/python -m benchmarks.quick

lint: .venv/.test  ## ruff: rules and formatting
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)

format: .venv/.test  ## put the code into ruff's format
	$(BIN)/ruff format $(CHECKED)
	$(BIN)/ruff check --fix $(CHECKED)

types: .venv/.test  ## mypy
	$(BIN)/mypy

imports: .venv/.test  ## the import contract
	$(BIN)/lint-imports --config setup.cfg

test-all: .venv/.test  ## everything above; names every part that failed
	@failed=""; \
	for part in $(PARTS); do \
	    echo; echo "== make $$part"; \
	    $(LIMIT) $(MAKE) "$$part" || failed="$$failed $$part"; \
	done; \
	echo; \
	if [ -n "$$failed" ]; then echo "Failed:$$failed"; exit 1; fi; \
	echo "All parts passed: $(PARTS)"

lock: .venv/.test  ## renew the lock files from setup.cfg
	$(BIN)/python -m venv .cache/lock && .cache/lock/bin/pip install --quiet pip-tools
	sh launcher/lock.sh .cache/lock/bin/pip-compile

clean:  ## remove .venv and the tools' caches; .data (the shop's data) stays
	rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .import_linter_cache build *.egg-info
