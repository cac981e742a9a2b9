# Region Heads: `make run` and `make test` are all that a fresh machine needs. `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: run test sync kfp-local mlflow clean help setup scm

BIN := .venv/bin
READY := .venv/.ready
PIP_LOG := .venv/install.log
# Only errors are shown; the log has everything.
INSTALL := $(BIN)/python -m pip install -qq --log $(PIP_LOG)
# The steps call `python`; inside the recipes that is the one of .venv, whatever the shell has.
ENV := PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)" DVC_NO_ANALYTICS=1
# Where `make run` runs; another embedded domain has a folder of its own.
PLACE := $(if $(DATA),runs/$(DATA),.)
WRITTEN := data/sample data/splits data/records.parquet data/tagged.parquet data/predictions.parquet \
	data/quarantine.jsonl data/untagged.jsonl models/region_heads reports metrics figures checkpoints \
	local_outputs dvc.lock .dvc/tmp .dvc/cache/runs
WRITTEN_BY_PEOPLE := benchmarks components dev docs examples pipelines region_heads $(wildcard *.md)
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))
PYTHON ?= $(shell for python in python3 python3.12 python3.11; do \
	$$python -c '$(SUPPORTED)' 2>/dev/null && echo $$python && break; done)

run: $(READY) scm  ## The whole line on the data set in params.yaml, or on DATA=tabletop in runs/; then the results
ifdef DATA
	@$(BIN)/python -m pipelines.workspace $(DATA)
endif
	@cd $(PLACE) && $(ENV) python -m pipelines.run

test: $(READY)  ## Lint, types and the fast tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/deptry .
	$(BIN)/codespell $(WRITTEN_BY_PEOPLE)
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal

sync: $(READY)  ## Writes what is derived from the code; CI fails where this would change anything
	@$(BIN)/python -m pipelines.sync

kfp-local: $(READY)  ## The same line as a Kubeflow pipeline, on this machine
	@$(BIN)/region-heads pipeline run

mlflow: $(READY)  ## The MLflow page with runs, models and aliases, at http://localhost:5000
	@$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db --port 5000

clean:  ## Removes what the line wrote; keeps .venv, MLflow's store and data sets of your own
	rm -rf $(WRITTEN) $(addprefix runs/*/,$(WRITTEN))

# DVC refuses to work where there is no git repository, as in sources from an archive, unless it is told so.
scm: $(READY)
	@if git rev-parse >/dev/null 2>&1; then \
		! grep -qs no_scm .dvc/config.local || $(ENV) dvc config --local --unset core.no_scm; \
	else $(ENV) dvc config --local core.no_scm true; fi

setup: $(READY)  ## Only the environment in .venv

# torch comes first and exactly: a range, or another order, can make pip fetch several builds of it.
# The stamp is written last, so an installation that was killed is taken up again.
$(READY): requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11 or 3.12 is needed, found $$(python3 --version 2>&1)." >&2; \
		echo "Name one that is installed: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi
	@echo "Installing into .venv, once: some minutes and 2 GB, more where pip takes torch with CUDA. Log: $(PIP_LOG)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "1/3 torch" && $(INSTALL) "$$(grep '^torch==' requirements.lock)"
	@echo "2/3 the packages of requirements.lock" && $(INSTALL) -r requirements.lock
	@echo "3/3 this project" && $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(READY)

help:  ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20
