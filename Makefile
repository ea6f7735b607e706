# `make` lists what there is. Everything is made inside this folder, but for downloads (POS_CACHE_DIR).

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error GNU make 3.82 or later is needed, this is $(MAKE_VERSION))
endif

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV_VERSION := 0.13.9
DISTRIBUTIONS := loader sandbox
# An environment that was moved, or whose Python was replaced, is as good as none: its stamp goes.
$(shell [ ! -e $(READY) ] || { grep -qF '$(CURDIR)/$(BIN)/' $(BIN)/pos-sandbox \
	&& $(BIN)/python -I -c 'import pos_loader, pos_sandbox'; } >/dev/null 2>&1 || rm -f $(READY))
# The first interpreter that runs and is 3.11 or 3.12 (a version manager's stub may exist and not run); it is
# looked for where there is no environment yet.
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
PYTHON ?= $(if $(wildcard $(READY)),,$(shell for python in python3.11 python3.12 python3; do \
	"$$python" -c '$(SUITABLE)' 2>/dev/null && { echo "$$python"; break; }; done))
# Schema in MariaDB with real POS tables; empty builds the sample.
POS_SCHEMA ?=
# Size of the benchmark, and runs of each contender.
LINES ?= 2000000
RUNS ?= 5
# Its size on the sharded cluster, which an emulator may run.
CLUSTER_LINES ?= 200000
# A second, larger size, at which time and memory for each line are compared; empty leaves that out.
MORE_LINES ?=
DBT_VARS = $(if $(POS_SCHEMA),--vars '{pos_schema: "$(POS_SCHEMA)"}')

# Turns `pos-sandbox status --json` into exports, so that the demo meets the sandbox's servers and no others.
CONNECTIONS := import json, sys; \
	print("export", *(f"POS_{name.upper()}={value}" for name, value in json.load(sys.stdin)["endpoints"].items()))

# Pads the columns of tab-separated output, table by table; on a terminal the programs do so themselves.
ALIGN := function flush(  n, i, last, line) { \
	for (n = 1; n <= count; n++) { line = ""; last = split(rows[n], cells, "\t"); \
	for (i = 1; i <= last; i++) line = line sprintf("%-" width[i] "s  ", cells[i]); \
	sub(/ +$$/, "", line); print line } \
	count = 0; delete width } \
	NF > 1 { rows[++count] = $$0; for (i = 1; i <= NF; i++) if (length($$i) > width[i]) width[i] = length($$i); next } \
	{ flush(); print } END { flush() }

# Servers live in sbin, which a user's PATH may lack.
export PATH := $(CURDIR)/$(BIN):$(PATH):/usr/local/sbin:/usr/sbin:/sbin
export DBT_SEND_ANONYMOUS_USAGE_STATS ?= false

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r target text; do
		printf '%-14s %s\n' "$$target" "$$text"
	done

.PHONY: demo
demo: setup ## The whole way on sample data, or on yours: make demo POS_SCHEMA=shop
	@section() { printf '\n\033[1m%s\033[0m\n' "$$1"; }
	[ -t 1 ] || section() { printf '\n%s\n%s\n' "$$1" "$${1//?/-}"; }
	table() { if [ -t 1 ]; then "$$@"; else "$$@" | awk -F '\t' '$(ALIGN)'; fi; }
	section 'Servers'
	table pos-sandbox up
	connections=$$(pos-sandbox status --json | python -c '$(CONNECTIONS)')
	eval "$$connections"
	section 'dbt build: $(or $(POS_SCHEMA),the sample)'
	mkdir -p target/demo
	cp profiles.example.yml target/demo/profiles.yml
	export DBT_PROFILES_DIR="$(CURDIR)/target/demo" POS_PROFILES_DIR="$(CURDIR)/target/demo" POS_TARGET=dev
	dbt --no-use-colors build $(DBT_VARS) > target/demo/dbt.log || { cat target/demo/dbt.log; exit 1; }
	grep -oE 'Finished running .*|Done\. PASS=.*' target/demo/dbt.log
	section 'Load'
	table pos-loader load --max-delete-share 1
	section 'Verify'
	table pos-loader verify --quiet
	section 'Published'
	table pos-loader status --sample
	section 'Stop'
	echo 'make down     (make status shows the servers, make up starts them again)'

.PHONY: test
test: setup ## Run every test, two files at a time, each side with servers of its own on free ports
	@$(MAKE) programs BROWSER=yes
	pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

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
	@dbt build $(DBT_VARS)

.PHONY: load
load: setup ## Publish the marts that were built
	@pos-loader load

.PHONY: bench
bench: setup ## Measure the loader against its databases' limits and its peers: make bench LINES=2000000 RUNS=5
	@$(MAKE) benchmarking PEERS=yes
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
	@python -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install -qq uv==$(UV_VERSION)
	compile() {
		$(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
			--custom-compile-command 'make lock' --output-file "$$@"
	}
	compile requirements.txt $(DISTRIBUTIONS:%=%/pyproject.toml) --group dbt --group dev
	compile benchmarks/requirements.txt --constraint requirements.txt --group bench
	for peer in spark ingestr; do compile "benchmarks/$$peer.txt" --group "$$peer"; done

.PHONY: clean
clean: ## Stop the sandbox and remove all that was made here but profiles.yml
	@if $(BIN)/python -c 'import pos_sandbox.cli' 2>/dev/null; then
		$(BIN)/python -m pos_sandbox down --erase
	elif [ -e "$${POS_SANDBOX_DIR:-.sandbox}" ]; then
		echo "make: the sandbox stays, for $(VENV) does not run; remove it too by make setup clean" >&2
	fi
	rm -rf $(VENV) target logs dbt_packages .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# The scripts need a MariaDB client library to be compiled against; Spark, where there is Java, a JDBC driver.
.PHONY: benchmarking
benchmarking:
	@$(MAKE) programs COMPILER=yes
	pip install -qq --require-hashes --requirement benchmarks/requirements.txt

.PHONY: programs
programs:
	@[ -e $(READY) ] || $(PYTHON) -c '$(SUITABLE)' 2>/dev/null || {
		echo "make: error: no Python 3.11 or 3.12 on PATH; install one, or name it: make PYTHON=..." >&2
		exit 2
	}
	missing=()
	has() { command -v "$$1" >/dev/null; }
	has mariadbd && has mariadb-install-db || missing+=(mariadb-server-core)
	has my_print_defaults || missing+=(mariadb-client-core)
	if [ -z "$${POS_MONGO_BIN:-}" ] && ! { has mongod && has mongos; }; then
		has npm || missing+=(npm)
		[ "$$(uname -m)" != x86_64 ] || has qemu-aarch64 || missing+=(qemu-user)
	fi
	if [ -n "$(BROWSER)" ] && ! has chromium && ! has chromium-browser && ! has google-chrome; then
		missing+=(chromium)
	fi
	if [ -n "$(COMPILER)" ]; then
		has mariadb_config || missing+=(libmariadb-dev)
		has pkg-config || missing+=(pkg-config)
		has cc || missing+=(gcc libc6-dev)
		headers=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("include"))')
		[ -e "$$headers/Python.h" ] || missing+=(python3-dev)
	fi
	if [ -n "$(PEERS)" ] && has java; then
		[ -e /usr/share/java/mariadb-java-client.jar ] || missing+=(libmariadb-java)
	fi
	if [ ! -e $(READY) ] && ! $(PYTHON) -c 'import ensurepip' 2>/dev/null; then
		missing+=(python3-venv)
	fi
	[ $${#missing[@]} -gt 0 ] || exit 0
	if ! has apt-get; then
		echo "make: error: these Debian packages' programs are missing: $${missing[*]}; install them" >&2
		exit 2
	fi
	echo "installing by apt: $${missing[*]}"
	as_root=(env DEBIAN_FRONTEND=noninteractive)
	[ "$$(id -u)" = 0 ] || as_root=(sudo "$${as_root[@]}")
	"$${as_root[@]}" apt-get -qq update
	"$${as_root[@]}" apt-get -qq install -y --no-install-recommends "$${missing[@]}" >/dev/null

# The stamp goes first and comes back last: without it an environment is half made, and made anew.
$(READY): requirements.txt $(DISTRIBUTIONS:%=%/pyproject.toml)
	@[ -e $@ ] || $(PYTHON) -m venv --clear $(VENV)
	rm -f $@
	echo "setting up $(VENV) with $$($(BIN)/python --version) (a minute, once)"
	export PIP_DISABLE_PIP_VERSION_CHECK=1
	$(BIN)/python -m pip install -qq --require-hashes --requirement requirements.txt
	$(BIN)/python -m pip install -qq --no-deps --no-build-isolation $(DISTRIBUTIONS:%=--editable %)
	touch $@

profiles.yml:
	@cp profiles.example.yml $@
