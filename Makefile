# make demo | test | test-fast | fuzz | coverage | lint | docs | bench | clean
# Everything runs in .venv, made on first use. Another interpreter: make PYTHON=/path/to/python test

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo
CASE := $(DEMO)/sim-0001

# The first interpreter that is recent enough, not too recent for TensorFlow, and can make virtual environments.
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.10; do \
	$$python -c '$(SUITABLE)' 2>/dev/null && echo $$python && break; done)
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt

# Public scans for the tests marked real_data, where they lie beside the checkout.
ifneq ($(wildcard ../shared/data),)
export SPINAL_TF_REAL_DATA ?= $(abspath ../shared/data)
endif

# Processes that share the tests, each with TensorFlow and its own fixtures; 0 runs them in pytest's own process.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadscope

.PHONY: demo test test-fast fuzz coverage lint docs bench clean

demo: $(VENV)/package
	rm -rf $(DEMO)
	$(BIN)/spinal-tf simulate $(DEMO) --cases 1 --seed 1
	$(BIN)/spinal-tf segment $(CASE)/t2.nii.gz
	$(BIN)/spinal-tf classify $(CASE)/t2.nii.gz --with-mask
	@printf '\nSimulated was: '; tail -n 1 $(DEMO)/cohort.csv | cut -d, -f6
	@printf '\nWritten:\n'; find $(DEMO) -type f | sort
	@printf '\nLook at %s\n' "$(CURDIR)/$(CASE)/t2_gradcam.png"

test: $(VENV)/package-test
	$(PYTEST) -ra --durations=10

test-fast: $(VENV)/package-test
	$(PYTEST) -ra -m "not slow"

# Damaged files of each kind: some twenty minutes of one core for 10,000. The suite reads 40.
FILES ?= 10000
fuzz: $(VENV)/package-test
	nice $(BIN)/python tests/fuzz/run_fuzz.py --kind saved-model --files $$(($(FILES) / 20))
	nice $(BIN)/python tests/fuzz/run_fuzz.py --files $(FILES)

coverage: $(VENV)/package-test
	$(PYTEST) --cov --cov-report=term-missing:skip-covered

lint: $(VENV)/package-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p spinal_tf
	$(BIN)/lint-imports
	$(BIN)/pymarkdown --strict-config scan *.md docs data_prep weights

docs: $(VENV)/package
	$(BIN)/python docs/generate_cli.py

bench: $(VENV)/package-test
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/one_case.py
	$(BIN)/python benchmarks/network.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/overlap.py
	$(BIN)/python benchmarks/evaluation.py
	$(BIN)/python benchmarks/simulate.py
	$(BIN)/python benchmarks/serving_export.py
	$(BIN)/python benchmarks/serving_requests.py

clean:
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage

# One stamp for each set of packages, largest and least often changed first, so that a change of a tool's version
# downloads that tool only. The checkout itself is linked, not copied: what is edited is what runs.
$(VENV)/package: setup.cfg pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "No Python 3.10 to 3.12 with venv found; on Debian or Ubuntu install python3-venv," \
		"or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the package and what it needs into $(VENV); the first time that is a download of about 700 MB."
	$(INSTALL) --editable .
	@touch $@

$(VENV)/package-test: $(VENV)/package
	$(INSTALL) --editable '.[test]'
	@touch $@

$(VENV)/package-dev: $(VENV)/package-test
	$(INSTALL) --editable '.[dev]'
	@touch $@
