# One word for each habit of the project: `make help` lists them.

PYTHON      ?= python3
TORCH       ?= 2.13.0
PYTEST_ARGS ?= -n auto --dist worksteal

VENV   := .venv
BIN    := $(VENV)/bin
NODE   := tests/node/node_modules
LOCKED := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

# What the linters read: each list is what exists now, so that a new folder joins by being made.
CODE      := src tests .ci bench examples actions
WORKFLOWS := $(wildcard .github/workflows/*.yml)
CALLERS   := $(wildcard src/modelbook/templates/github/workflows/*.yml)
SCRIPTS   := $(wildcard src/modelbook/templates/github/*.sh)
ACTIONS   := $(wildcard actions/*/action.yml)

.DEFAULT_GOAL := help
.PHONY: help demo install test campaign bench lint lint-style lint-types lint-imports lint-workflows format \
        schemas lock clean

help: ## list these words
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo ## install what the demonstration needs, then run it
	$(BIN)/modelbook demo

install: $(VENV)/.dev $(NODE)/.installed ## install everything that tests and linters need

test: install ## run the whole test suite
	$(BIN)/python -m pytest $(PYTEST_ARGS)

campaign: install ## run the long fault-injection tests
	$(BIN)/python -m pytest $(PYTEST_ARGS) -m campaign

bench: install ## measure start-up, speed and memory, and print them
	$(BIN)/python -m bench

lint: lint-style lint-types lint-imports lint-workflows ## run every linter (`make -k lint`: past the first failure)

lint-style: install
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/python -m pytest -q tests/lint/test_tree.py

lint-types: install
	$(BIN)/mypy $(CODE)

lint-imports: install
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/lint/test_purity.py

lint-workflows: install
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS) $(CALLERS)
	$(if $(ACTIONS),$(BIN)/check-jsonschema --builtin-schema vendor.github-actions $(ACTIONS))
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml src/modelbook/templates/github/dependabot.yml
	$(BIN)/shellcheck $(SCRIPTS)
	$(BIN)/zizmor --offline . $(CALLERS)
	$(BIN)/python -m tests.lint.workflow_language $(WORKFLOWS) $(ACTIONS)
	$(BIN)/python -m pytest -q tests/lint/test_workflows.py

format: install ## rewrite the code in the project's style
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

schemas: $(VENV)/.demo ## write the JSON Schemas from the models
	@for schema in schemas/*.schema.json; do name=$${schema##*/}; \
	  $(BIN)/modelbook schema "$${name%.schema.json}" > "$$schema.new" && mv "$$schema.new" "$$schema" || exit 1; done

lock: $(BIN)/python ## pin the newest versions of everything (TORCH=… chooses torch's)
	$(BIN)/python .ci/lock.py $(TORCH) constraints.txt
	cd tests/node && npm install --package-lock-only --ignore-scripts

clean: ## remove the environments and the caches
	rm -rf $(VENV) $(NODE) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)

# The build backend is installed first and used from here, so that it too is the locked version.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(LOCKED) hatchling
	$(LOCKED) --no-build-isolation --editable '.[demo]'
	touch $@

# The test parts contain the demonstration's, so both stamps are true. One of them (jsonpath-rw, of mlcroissant) comes
# as source alone, for setuptools.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(LOCKED) hatchling setuptools
	$(LOCKED) --no-build-isolation --editable '.[dev]'
	$(BIN)/python -m pip check
	touch $(VENV)/.demo $@

# Node carries two test parts that exist nowhere else; without it their tests skip, and in CI a skip is a failure.
$(NODE)/.installed: tests/node/package.json tests/node/package-lock.json
	@if command -v npm >/dev/null; \
	then cd tests/node && npm ci --ignore-scripts --no-audit --no-fund && touch node_modules/.installed; \
	else echo "npm is not installed: the tests and the linter that need Node will not run"; fi
