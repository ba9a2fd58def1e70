# make demo: set up, then the main job on a world that the program makes itself
# make test: set up, lint, types, tests
#
# PYTHON chooses the interpreter that the virtual environment is made with (3.11 or newer).
# PYTEST_ARGS goes to pytest: make test PYTEST_ARGS="-x tests/raster".
# WORKERS is how many processes share the tests; each works with one thread.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
PYTEST_ARGS ?=

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup test lint types check demo api clean

help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' Makefile

setup: $(STAMP)

# The stamp comes last: an installation that was cut short is begun again.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Swath needs Python 3.11 or newer; '$(PYTHON)' is" \
	       "$$($(PYTHON) -c 'import platform; print(platform.python_version())' 2>/dev/null || echo 'not there')." \
	       "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMP)
	$(BIN)/mypy

check: $(STAMP)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

test: lint types check

demo: $(STAMP)
	$(BIN)/swath demo

# The public names are frozen by a test; this writes them anew after a deliberate change.
api: $(STAMP)
	$(BIN)/python tests/house/freeze.py

clean:
	rm -rf $(VENV) build dist src/*.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
