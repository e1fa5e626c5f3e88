# Resonanz. `make run` runs the main job, `make test` passes the tests; `make help` lists all.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup setup-dev run test up down doctor sources lint format lock evaluate drift train bench clean

export RESONANZ_HOME ?= $(CURDIR)/var
ifdef SOURCES
export RESONANZ_SOURCES := $(abspath $(SOURCES))
endif
BIN := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  SOURCES=my.toml  uses your sources instead of the demo company's"

setup:
	@requirements/install.sh runtime

setup-dev:
	@requirements/install.sh runtime dev

run: setup ## extract, check, score, build and publish once; ends with a summary
	@$(BIN)/resonanz run

test: setup-dev ## run the tests
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadscope --no-loadscope-reorder $(TESTS)

up: setup ## start Airflow with its UI on 127.0.0.1 and leave it running
	@$(BIN)/resonanz up

down: setup ## end what `make up` started
	@$(BIN)/resonanz down

doctor: setup ## what is configured, reachable and stale, and what to do about it
	@$(BIN)/resonanz doctor

sources: setup ## ask each source's platform whether token, permissions and quota suffice
	@$(BIN)/resonanz sources check

lint: setup-dev ## ruff, mypy (strict on the package), sqlfluff
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 2 dbt_project

format: setup-dev ## bring code and SQL into shape
	@$(BIN)/ruff check --fix-only . && $(BIN)/ruff format .
	@$(BIN)/sqlfluff fix --processes 2 dbt_project

lock: setup ## resolve requirements/*.in anew into pinned, hashed *.txt
	@requirements/lock.sh

evaluate: setup-dev ## figures of the sentiment model beside baselines; MODEL=owner/name@commit CSV=mine.csv TRAIN=more.csv
	@$(BIN)/python -m evaluation $(if $(MODEL),--model "$(MODEL)") $(if $(CSV),--csv "$(CSV)") $(if $(TRAIN),--train "$(TRAIN)")

drift: setup ## how sentiment and languages of late differ from the weeks before
	@$(BIN)/resonanz drift

train: ## make the sentiment model anew (training/README.md)
	@training/install.sh && .venv-training/bin/python -m training

bench: setup-dev ## benchmarks, side by side in one run
	@$(BIN)/python -m bench

clean: ## remove .venv and caches; var/ with your data stays
	@rm -rf .venv .venv-training .mypy_cache .ruff_cache .pytest_cache
