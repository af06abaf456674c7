# Everything a developer runs; `make` alone lists it.
PYTHON ?= $(shell python3.11 --version >/dev/null 2>&1 && echo python3.11 || echo python3)
bin := .venv/bin

.PHONY: help setup demo test faults up down lint bench mutants test-compose golden lock
.DEFAULT_GOAL := help
SURVIVORS := 2

help: ## List the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: ## Make .venv and .jars, or check that they are up to date
	@command -v $(PYTHON) >/dev/null || { echo "There is no python3: install Python 3.11 with venv, then try again." >&2; exit 1; }
	@$(PYTHON) setup/environment.py

demo: setup ## Watch a model through its life: data, champion, drift, retraining
	@$(bin)/updraft demo flights

up: setup ## Start Airflow and MLflow on this machine
	@$(bin)/updraft up

down: ## Stop what `make up` started
	@$(bin)/updraft down

test: lint ## Check the code, then run the tests in two processes
	@$(bin)/pytest -n 2

faults: setup ## Run the long tests: they kill real processes and backfill ten days; half an hour
	@$(bin)/pytest -m faults

lint: setup ## Check style, types and the layers of packages
	@$(bin)/ruff check
	@$(bin)/ruff format --check
	@$(bin)/mypy updraft spark_jobs
	@$(bin)/lint-imports

bench: setup ## Run all benchmarks of bench/, or one: make bench B=submit
	@for name in $(or $(B),$(filter-out harness compared courses real_rows,$(basename $(notdir $(wildcard bench/*.py))))); do \
		$(bin)/python bench/$$name.py || exit 1; done

mutants: setup ## Change gate and retraining policy in every small way, and check that their tests fail; ten minutes
	@rm -rf mutants && $(bin)/mutmut run
	@$(bin)/mutmut results | grep -c survived | grep -qx $(SURVIVORS) || { $(bin)/mutmut results; \
		echo "Expected $(SURVIVORS) survivors, those of docs/benchmarks.md. Look at each with mutmut show, and fix the tests." >&2; exit 1; }

test-compose: setup ## Run the complete system in new containers; needs Docker
	@$(bin)/python tests/compose/check.py

golden: setup ## Write the reviewed files again: the DAGs' structure, the names of hyperparameters
	@UPDRAFT_WRITE_GOLDEN=1 $(bin)/pytest -q tests/training/test_hyperparameters.py tests/dags

lock: setup ## Bring requirements.txt up to pyproject.toml; versions that still fit are kept
	@UV_CUSTOM_COMPILE_COMMAND="make lock" $(bin)/uv pip compile --quiet pyproject.toml --extra dev --universal \
		--python-version 3.11 --generate-hashes --no-annotate -o requirements.txt
