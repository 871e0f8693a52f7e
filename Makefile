# Everything runs in .venv, which the first target that needs it makes. Nothing else has to be installed by hand.
#   make capstone   install, then solve the capstone and print its report
#   make test       install what the tests need, then run them
# Versions come from constraints.txt. Another Python: make PYTHON=python3.12 test

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
WORKERS ?= 2

.PHONY: install capstone test lint format bench schema pages notebook docs clean

install: $(VENV)/.core

capstone: $(VENV)/.core
	$(BIN)/argosy solve capstone

test: $(VENV)/.test
	$(BIN)/python -m pytest -n $(WORKERS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .

# Ratios measured in one run; slower machines do not fail. Compared with mlsysim 0.3.0.
bench: $(VENV)/.peers
	$(BIN)/python -m benchmarks

# The copy of the JSON Schema that editors read beside the shipped scenarios.
schema: $(VENV)/.core
	$(BIN)/argosy schema > scenarios/library/.schema.new
	mv scenarios/library/.schema.new scenarios/library/scenario.schema.json

# The figures of README.md and docs/, by running what they say; the pages of the walls.
pages: $(VENV)/.test
	$(BIN)/python -m docs.generate

# What the cells of the students' notebook print and draw.
notebook: $(VENV)/.test
	$(BIN)/python -m docs.notebook

# The site, into build/site; it opens from the folder.
docs: $(VENV)/.docs
	$(BIN)/mkdocs build --quiet --strict

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build

# Stamps: reinstalled only when what is installed, or the pins, have changed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Argosy needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	$(PIP_INSTALL) -e '.[test]'
	@touch $@

$(VENV)/.dev: $(VENV)/.test
	$(PIP_INSTALL) -e '.[test,dev]'
	@touch $@

$(VENV)/.docs: $(VENV)/.core
	$(PIP_INSTALL) -e '.[docs]'
	@touch $@

$(VENV)/.peers: $(VENV)/.core
	$(PIP_INSTALL) -e '.[peers]'
	@touch $@
