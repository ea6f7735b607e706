# `make` lists the targets. Longer recipes are scripts in scripts/. Everything is made inside this folder, except
# downloads (POS_CACHE_DIR).

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error GNU make 3.82 or later is needed, this is $(MAKE_VERSION))
endif

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready
# An environment that was moved, or whose Python was replaced, does not work: its stamp is removed.
$(shell [ ! -e $(READY) ] || { grep -qF '$(CURDIR)/$(BIN)/' $(BIN)/pos-sandbox \
	&& $(BIN)/python -I -c 'import dbt.adapters.mariadb_marts, pos_loader, pos_sandbox'; } >/dev/null 2>&1 || rm -f $(READY))
# The schema in MariaDB that holds your POS tables; empty means the sample.
POS_SCHEMA ?=
# The benchmark's order lines, and how often each contender runs.
LINES ?= 2000000
RUNS ?= 5
# The order lines on the sharded cluster, which may run in an emulator.
CLUSTER_LINES ?= 200000
# A second, larger size: time and memory per line are compared between the two. Empty skips this.
MORE_LINES ?=
DBT_VARS = $(if $(POS_SCHEMA),--vars '{pos_schema: "$(POS_SCHEMA)"}')

# The servers are in sbin, which a user's PATH may lack.
export PATH := $(CURDIR)/$(BIN):$(PATH):/usr/local/sbin:/usr/sbin:/sbin
export DBT_SEND_ANONYMOUS_USAGE_STATS ?= false

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do
		printf '%-14s %s\n' "$$target" "$$text"
	done

.PHONY: demo
demo: setup ## The whole way on sample data, or on yours: make demo POS_SCHEMA=shop
	@scripts/demo '$(POS_SCHEMA)'

.PHONY: test
test: setup ## Run every test, two files at a time, on servers of their own on free ports
	@scripts/programs browser galera tls
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: faults
faults: setup ## Run the long proofs, which `make test` leaves out
	@scripts/programs browser galera tls
	pytest -m long --timeout 3600

.PHONY: check
check: lint test ## Lint and test

.PHONY: lint
lint: setup ## Check style, types, layers and SQL
	@ruff check .
	ruff format --check .
	mypy
	lint-imports --no-logo
	sqlfluff lint --processes 2 models analyses tests/dbt

.PHONY: up
up: setup ## Start MariaDB and the sharded MongoDB
	@pos-sandbox up

.PHONY: down
down: setup ## Stop them; the data stays
	@pos-sandbox down

.PHONY: status
status: setup ## Show the servers
	@pos-sandbox status

.PHONY: build
build: setup ## Build and test the marts: make build POS_SCHEMA=shop
	@dbt build --exclude-resource-type unit_test $(DBT_VARS)

.PHONY: load
load: setup ## Publish the marts that were built
	@pos-loader load

.PHONY: bench
bench: setup ## Measure the loader against its databases' limits and its peers: make bench LINES=2000000 RUNS=5
	@scripts/programs peers
	$(MAKE) benchmarking
	python -m benchmarks --lines $(LINES) --runs $(RUNS)
	python -m benchmarks.stages --lines $(LINES)
	python -m benchmarks --cluster --lines $(CLUSTER_LINES) --runs $(RUNS)
	python -m benchmarks.dbt_build --lines $(LINES) | tee target/bench/results/dbt_build.jsonl
	$(if $(MORE_LINES),python -m benchmarks.growth --lines $(LINES) --more $(MORE_LINES))

.PHONY: docs
docs: setup ## Build the guides and dbt's lineage as a site, from the marts that were built
	@dbt --quiet docs generate --static --target-path target/docs $(DBT_VARS)
	mkdocs build --strict
	echo "open target/site/index.html"

.PHONY: setup
setup: programs $(READY) profiles.yml ## Install what is missing, here and by apt

.PHONY: lock
lock: setup ## Renew the locked requirements
	@scripts/lock

.PHONY: clean
clean: ## Stop the sandbox and remove all that was made here except profiles.yml
	@scripts/clean

# Two of the scripts that the loader is compared with need a driver that is compiled here.
.PHONY: benchmarking
benchmarking:
	@scripts/programs compiler
	pip install -qq --require-hashes --requirement benchmarks/requirements.txt

.PHONY: programs
programs:
	@scripts/programs

$(READY): requirements.txt adapter/pyproject.toml loader/pyproject.toml sandbox/pyproject.toml
	@scripts/environment

profiles.yml:
	@cp profiles.example.yml $@
