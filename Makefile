# VORTEX-7. Two commands do all the set-up: `make start` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup start test check format lint types imports docs bench chaos chaos-matrix chaos-kills chaos-faults chaos-outbox chaos-mutants chaos-mix chaos-day screenshots stranger lock clean

help: ## this text
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

setup: $(STAMP) ## virtual environment from the hashed locks (the others depend on it)

# No dependencies are looked for: the locks name all, and for `package[extra]` pip would take a newer release than theirs.
$(STAMP): requirements.lock requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "the Debian package python3-venv is missing"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock -r requirements-dev.lock
	PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m pip check --quiet
	@touch $@

$(BIN)/pip-compile:
	@$(MAKE) setup

start: setup ## the main job: the paper system, in the foreground
	@exec $(BIN)/vortex start

# Three on two cores: tests of real processes mostly wait for them.
test: setup ## every test
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder

check: format lint types imports docs test ## format, lint, types, import contracts, documentation, tests

format: setup ## formatting, checked only
	$(BIN)/ruff format --check vortex tests docs

lint: setup ## every ruff rule that pyproject does not name with a reason
	$(BIN)/ruff check vortex tests docs

types: setup ## mypy, strict, over source and tests
	$(BIN)/mypy

imports: setup ## who may import whom
	$(BIN)/lint-imports

docs: setup ## the documentation as a site, strictly, into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

bench: setup ## what the runtime costs, as ratios of two sides in one run, into build/bench.json; LONG=1 adds 20 minutes of trading
	$(BIN)/python -m tests.bench $(if $(LONG),--long)

chaos: setup ## a sample of each of the following, at most an hour in all; what they find is kept for the whole run
	$(MAKE) chaos-matrix N=1000
	$(MAKE) chaos-kills N=100
	$(MAKE) chaos-faults N=2000
	$(MAKE) chaos-outbox N=20
	$(MAKE) chaos-mutants N=20
	$(MAKE) chaos-mix N=1 MINUTES=4
	$(MAKE) chaos-day

chaos-matrix: setup ## crash every actor at every message over N seeds (10,000), resumable
	$(BIN)/python -m tests.chaos --seeds $(or $(N),10000) --minutes 57

chaos-kills: setup ## kill the real process around every request of a trade, N times (500), resumable
	$(BIN)/python -m tests.chaos.kills --kills $(or $(N),500) --minutes 57

chaos-faults: setup ## orders in a world that loses, delays, repeats and lies, over N seeds (10,000), resumable
	$(BIN)/python -m pytest -m "chaos or not chaos" tests/e2e/faults
	$(BIN)/python -m pytest -m chaos tests/e2e/test_chaos.py tests/e2e/test_log_trouble.py tests/e2e/test_telling.py tests/e2e/test_redis.py
	$(BIN)/python -m tests.chaos.faults --seeds $(or $(N),10000) --minutes 45

chaos-outbox: setup ## kill a process that writes rows N times (40), with lost replies, refused rows and an outage, resumable: none lost, none twice
	$(BIN)/python -m tests.chaos.outbox --kills $(or $(N),40)
	$(BIN)/python -m pytest -m chaos tests/cli/test_database.py

chaos-mutants: setup ## plant known defects, then change the code of orders, N changes (all) a module, resumable: both must be found
	$(BIN)/python -m tests.chaos --mutants
	$(BIN)/python -m tests.chaos.planted
	$(BIN)/python -m tests.chaos.mutation_run --minutes 40 $(if $(N),--changes $(N))

chaos-mix: setup ## troubles of every kind at once, MINUTES= (20) for each of the N= seeds (1 2 and a random one)
	$(BIN)/python -m tests.chaos.mix --minutes $(or $(MINUTES),20) $(if $(N),$(foreach seed,$(N),--seed $(seed)),--seed 1 --seed 2 --random)

chaos-day: setup ## no trouble, but 24 hours of it: every strategy trades, rows add up to the wallet; needs VORTEX_DATA
	$(BIN)/python -m pytest -m "chaos or not chaos" tests/e2e/test_day.py

screenshots: setup ## the pictures of the web page, from a paper system that has traded; needs chromium
	$(BIN)/python -m docs.screenshots

stranger: setup ## do what README says in a fresh clone, to a paper trade on the page, then type what every page says; takes minutes
	$(BIN)/python -m tests.e2e.stranger
	$(BIN)/python -m pytest -m "chaos or not chaos" tests/e2e/test_documented_commands.py

# Not `setup`: that fails while the locks lack what pyproject names, which is when they are resolved.
lock: $(BIN)/pip-compile ## resolve both locks anew
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-header --extra notify --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --generate-hashes --allow-unsafe --no-emit-index-url --no-emit-find-links --no-header --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml

clean: ## what the tools left behind
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
