# Two commands: `make demo` and `make test`. Both set everything up first; set-up is skipped while nothing has changed.
PYTHON ?= python3
RUN := .venv/bin/python -m
# Every process starts faster with its libraries compiled; they are kept out of the way, and kept although the machine
# may forbid it (images for containers often do).
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/bytecode
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-unit test-postgres test-contracts test-integration test-web bench-gas bench-clearing bench-tco bench-agent bench-service bench-web simulate simulate-verification gas-snapshot config-reference charts manifests audit audit-deps lint npm web clients typescript-types deb clean

help:
	@echo "make demo               the whole story on a local chain, with real programs"
	@echo "make test               every suite but test-postgres; ends in one line of totals"
	@echo "make test-unit | test-postgres | test-contracts | test-integration | test-web"
	@echo "make setup              environments, compiler, contracts, examples (done by the above)"
	@echo "make bench-gas          what the contracts cost, beside a bare transfer"
	@echo "make bench-clearing     rounds of the auction beside an exact solver and simple rules (several minutes)"
	@echo "make bench-tco          what a day of jobs costs on demand, by simple rules and by auction (several minutes)"
	@echo "make bench-agent        what a provider's agent costs beside its jobs: starts, containers, memory (several minutes)"
	@echo "make bench-service      what the market takes: orders, settled jobs, latency, heartbeats, idle agents, recovery, a soak (PART=orders)"
	@echo "make bench-web          what the dApp's first visit loads, how soon it answers, what axe finds (needs chromium)"
	@echo "make simulate SEEDS=1000    the whole market under simulated faults; SEED=41 SEEDS=1 plays one seed again"
	@echo "make simulate-verification  leases of liars, lazy and colluding oracles beside what the formulas say of them"
	@echo "make audit              the contracts' audit: proofs, mutants, coverage, slither; one part: PART=slither"
	@echo "make audit-deps         known vulnerabilities of everything locked, by pip-audit and npm audit (asks the network)"
	@echo "make gas-snapshot       write anew what the tests hold calls to cost"
	@echo "make config-reference   write anew the page of all settings"
	@echo "make charts             install what renders the Helm chart and has the schemas of Kubernetes, in build/charts"
	@echo "make manifests          write the Kustomize base anew from the chart"
	@echo "make npm                the package for dApp authors, in build/npm/contracts"
	@echo "make web                the dApp's pages anew, in marketplace/web/static, with its types checked and its unit tests run"
	@echo "make clients            clients in Python and TypeScript out of the OpenAPI document, in build/clients"
	@echo "make deb                the Debian package of a provider, in build/deb"
	@echo "make lint               ruff"
	@echo "make clean              remove everything that set-up made"

setup:
	@command -v $(PYTHON) >/dev/null || { echo "setup: $(PYTHON) is not found: Python 3.11 or newer is needed."; exit 1; }
	@$(PYTHON) scripts/setup.py

demo: setup
	@$(RUN) scripts.demo

test: setup
	@$(RUN) scripts.run_tests

test-unit test-postgres test-contracts test-integration test-web: test-%: setup
	@$(RUN) scripts.run_tests $*

lint: setup
	@.venv/bin/ruff check .

web: setup
	@$(RUN) scripts.build_web --check

npm: typescript-types
	@$(RUN) scripts.build_npm

clients: typescript-types
	@build/uv/bin/uv pip install --quiet --target build/clients/tools --require-hashes -r requirements/clients.lock
	@$(RUN) scripts.clients

# What writes types out of the OpenAPI document.
typescript-types: setup
	@mkdir -p build/clients/typescript
	@cp scripts/clients/package.json scripts/clients/package-lock.json .npmrc build/clients/typescript
	@cd build/clients/typescript && npm ci --ignore-scripts --silent

deb: setup
	@$(RUN) scripts.service.build_deb

clean:
	rm -rf .venv .venv-brownie node_modules build marketplace/web/node_modules marketplace/web/static

bench-gas: setup
	@$(RUN) scripts.bench.gas

bench-clearing: setup
	@$(RUN) scripts.bench.clearing

bench-tco: setup
	@$(RUN) scripts.bench.tco

bench-agent: setup
	@$(RUN) scripts.bench.agent

simulate: setup
	@$(RUN) tests.simulation --first $(or $(SEED),0) --seeds $(or $(SEEDS),100) --steps $(or $(STEPS),300)

simulate-verification: setup
	@$(RUN) scripts.simulate.verification

audit: setup
	@$(RUN) scripts.audit $(PART)

audit-deps: setup
	@$(RUN) scripts.audit_deps

gas-snapshot: setup
	@HIVE_WRITE_GAS_SNAPSHOT=1 $(RUN) scripts.gas_snapshot

config-reference: setup
	@$(RUN) scripts.docs.configuration

charts: setup
	@build/uv/bin/uv pip install --quiet --target build/charts --require-hashes -r requirements/charts.lock

manifests: charts
	@$(RUN) scripts.operations.charts --write

bench-service: setup
	@$(RUN) scripts.bench.service $(if $(PART),--part $(PART)) $(if $(SMALL),--small) $(if $(MINUTES),--minutes $(MINUTES))

bench-web: setup
	@$(RUN) scripts.bench.web $(if $(LOADS),--loads $(LOADS))
