# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
RECORDS := $(CURDIR)/.cache/records

.PHONY: demo test check bench bench-long test-machines tested-with clean

demo: .venv/ready
	$(BIN)/python -m ecertmail.demo

test: .venv/ready
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/check.py

bench: .venv/ready
	$(BIN)/python -m benchmarks

# README and the operator guide on empty machines with Debian 12 and 13, as root; about an hour.
test-machines: .venv/ready
	mkdir -p $(RECORDS)
	ECERTMAIL_RECORDS=$(RECORDS) $(BIN)/python -m pytest tests/machine

# From the records of the last .ci/run and `make test-machines`.
tested-with: .venv/ready
	$(BIN)/python docs/tested_with.py $(RECORDS)

bench-long: .venv/ready
	$(BIN)/python -m benchmarks.soak

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

clean:
	rm -rf .venv .cache build dist
