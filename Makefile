# The two commands of the README are `make run` and `make test`; both rest on `make setup`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FLAGS := flags=$$(scripts/compiler_flags.sh) && CFLAGS="$$CFLAGS $$flags" CXXFLAGS="$$CXXFLAGS $$flags"
PIP := $(FLAGS) $(BIN)/python -m pip --disable-pip-version-check --quiet
LISTS := packaging/debian-packages
.DEFAULT_GOAL := help
.PHONY: help setup server llama run test check format pin readme screenshots translations clean

help:
	@echo "make run     set everything up and start Puna"
	@echo "make test    set everything up and run all tests"
	@echo "make setup   only set up: afterwards $(BIN)/puna works"
	@echo "make check   style, types and import directions"

# ------------------------------------------------------------------ set-up

$(VENV)/.app: pyproject.toml packaging/constraints.txt $(LISTS)-build.txt $(LISTS)-qt.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || \
	    { echo "Puna needs Python 3.11, 3.12 or 3.13; name one with PYTHON=..." >&2; exit 1; }
	@PYTHON=$(PYTHON) scripts/system_packages.sh $(LISTS)-build.txt $(LISTS)-qt.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Puna into $(VENV) (llama.cpp is compiled the first time: some minutes)"
	@$(PIP) install --upgrade pip
	@$(PIP) install -c packaging/constraints.txt -e '.[desktop]'
	@touch $@

$(VENV)/.dev: $(VENV)/.app $(LISTS)-test.txt
	@PYTHON=$(PYTHON) scripts/system_packages.sh $(LISTS)-test.txt
	@$(PIP) install -c packaging/constraints.txt -e '.[dev,conformance]'
	@touch $@

# What a server needs and no window; for a service: make server VENV=/opt/puna
server:
	@PYTHON=$(PYTHON) scripts/system_packages.sh $(LISTS)-build.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the server into $(VENV) (llama.cpp is compiled the first time: some minutes)"
	@$(PIP) install -c packaging/constraints.txt '.[server]'

# llama.cpp again with flags of its own, for a GPU: make llama CMAKE_ARGS=-DGGML_VULKAN=ON
llama: $(VENV)/.app
	@$(PIP) install --force-reinstall --no-deps --no-cache-dir -c packaging/constraints.txt \
	    llama-cpp-python

setup: $(VENV)/.app
	@$(BIN)/python scripts/starter_model.py

# ------------------------------------------------------------------ use

run: setup
	@$(BIN)/puna app

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: $(VENV)/.dev check
	$(BIN)/python scripts/test_models.py
	$(BIN)/pytest

# ------------------------------------------------------------------ upkeep

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The newest versions that pyproject.toml allows.
pin:
	rm -rf .cache/pin
	$(PYTHON) -m venv .cache/pin
	.cache/pin/bin/pip install --quiet -e '.[dev,conformance]'
	{ echo '# Versions that the tests ran with, written by `make pin`; ranges are in pyproject.toml.'; \
	  .cache/pin/bin/pip freeze --exclude-editable; } > packaging/constraints.txt
	rm -rf .cache/pin

readme: $(VENV)/.dev
	$(BIN)/python scripts/readme_tables.py README.md

# Texts of the window that are new or gone; translate what it then calls unfinished.
TEXTS := resources/translations/puna_
LUPDATE = $(BIN)/pyside6-lupdate -locations none -no-obsolete $$(git ls-files 'app/puna/gui/*.py' 'app/puna/desktop/*.py')
translations: $(VENV)/.dev
	$(LUPDATE) -ts $(TEXTS)zh_CN.ts
	$(LUPDATE) -pluralonly -ts $(TEXTS)en.ts
	$(BIN)/pyside6-lrelease $(TEXTS)*.ts

screenshots: $(VENV)/.dev
	xvfb-run -a $(BIN)/python scripts/screenshots.py docs/screenshots

clean:
	rm -rf $(VENV) .cache build dist .coverage* .mypy_cache .pytest_cache .ruff_cache
