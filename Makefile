# Every task of the project. `make help` lists them.
#
#   PYTHON=/path/to/python3.12 make setup     another interpreter (3.11 or newer)
#   make test ARGS="-k pairing"               more words for pytest
#   make sim SEEDS=100 SECONDS=600            docs/simulator.md says what the others mean

PYTHON ?= python3
ARGS ?=
WORKERS ?= 2
VENV := .venv
PY := $(VENV)/bin/python
# Nothing of the caller's Python settings may reach the environment.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP VIRTUAL_ENV

.DEFAULT_GOAL := setup
.PHONY: help setup dev lint test full sim run bench fuzz mutants vectors lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

setup: $(VENV)/.run ## the environment, with the command at .venv/bin/tiercel

dev: $(VENV)/.dev ## setup, and the tools for tests

$(VENV)/.run: requirements/run.txt pyproject.toml tools/setup.sh
	@PYTHON="$(PYTHON)" sh tools/setup.sh run

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@PYTHON="$(PYTHON)" sh tools/setup.sh dev

lint: dev ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m mypy

test: lint ## everything that must hold; ends with pytest's closing line
	$(PY) -m pytest -n $(WORKERS) --dist worksteal -q $(ARGS)

full: dev ## the full-size tests, which take long
	$(PY) -m pytest -m full -q $(ARGS)

sim: dev ## simulated worlds: SEEDS=n SECONDS=t, or SEED=n to repeat one, with SHRINK=1 to make it small
	@$(PY) -m tiercel.testing.world $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(SEED),--seed $(SEED)) $(if $(DAYS),--days $(DAYS)) $(if $(SHRINK),--shrink) $(ARGS)

run: setup ## the main job, shown in a terminal
	@$(PY) tools/demo.py $(ARGS)

bench: dev ## measures, beside other programs
	$(PY) bench/run.py $(ARGS)

fuzz: dev ## feeds every decoder rubbish
	$(PY) fuzz/run.py $(ARGS)

mutants: dev ## changes the code in small wrong ways: does a test notice?
	$(PY) tools/mutants/run.py $(ARGS)

vectors: dev ## makes vectors/ again; fails if a file changes
	$(PY) tools/vectors/make.py $(ARGS)
	@test -z "$$(git status --porcelain -- vectors)" || { git status --short -- vectors; \
	  echo "The vectors changed: change spec/, its version and the code with them, in one commit."; exit 1; }

lock: ## uv.lock and requirements/ again from pyproject.toml (needs uv)
	sh tools/lock.sh

clean: ## takes away what these tasks made
	rm -rf $(VENV) dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests tools bench fuzz -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
