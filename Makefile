# Each target works alone on a fresh machine: the environment is made by whichever target needs it first.
# Another Python: make test PYTHON=/path/to/python3.12     Another folder: make test VENV=/tmp/venv

VENV   ?= .venv
PYTHON ?=
BIN    := $(VENV)/bin
READY  := $(VENV)/.eeinfer-ready

.PHONY: help test demo lint format docs wheel clean
.DEFAULT_GOAL := help

help:
	@echo "make test     run the tests"
	@echo "make demo     train on digits, export, measure: three minutes on two cores"
	@echo "make lint     ruff and mypy --strict"
	@echo "make format   let ruff rewrite the sources"
	@echo "make docs     build the documentation into build/docs, without a warning"
	@echo "make wheel    build dist/*.whl"
	@echo "make clean    remove the environment and everything built"

test: $(READY)
	$(BIN)/pytest -n auto --dist worksteal

demo: $(READY)
	$(BIN)/eeinfer demo

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -f .ci/mkdocs.yml  # the theme advertises its successor

wheel: $(READY)
	$(BIN)/pip wheel --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Installed again only when pyproject.toml is newer than the last complete installation.
$(READY): pyproject.toml .ci/make-venv
	.ci/make-venv "$(VENV)" $(if $(PYTHON),"$(PYTHON)")
	@touch $(READY)
