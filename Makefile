# Thin: each target is one call of Ansible or of a tool in the virtual environment that dev/bootstrap.py makes.

PYTHON ?= python3
VENV   ?= .venv
# Further words for ansible-playbook, as in: make lab ARGS='-e progressive_lab=second'
ARGS   ?=

BIN := $(VENV)/bin
# Named here so that neither ~/.ansible nor another environment's collections are picked up instead.
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/$(VENV)/collections
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.DEFAULT_GOAL := help
.PHONY: help venv quickstart lab lab-down test unit molecule bench lint docs format lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

venv: ## the virtual environment, and the checkout as a collection in it
	@$(PYTHON) dev/bootstrap.py --venv $(VENV)

quickstart: venv ## bring the lab up and take a good and a bad release through a canary
	$(BIN)/ansible-playbook progressive.delivery.quickstart $(ARGS)

lab: venv ## bring the lab up
	$(BIN)/ansible-playbook progressive.delivery.lab $(ARGS)

lab-down: venv ## take the lab down and remove what it left
	$(BIN)/ansible-playbook progressive.delivery.lab_destroy $(ARGS)

test: venv ## everything that CI runs
	$(BIN)/python dev/suite.py

unit: venv ## the unit tests alone (seconds)
	$(BIN)/pytest tests/unit

molecule: venv ## the Molecule scenarios, in a lab of their own
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/molecule test --all

bench: venv ## measure side by side, into build/bench.json (quiet machine, please)
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.bench

lint: venv ## the static checks alone
	$(BIN)/python dev/suite.py lint

docs: venv ## the documentation site, into build/docs/html
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python dev/docs.py

format: venv ## lay the Python code out
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: venv ## write dev/requirements.lock anew, with the newest versions that dev/requirements.in allows
	$(BIN)/pip install --quiet uv
	cd dev && ../$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
	    --fork-strategy requires-python --no-annotate --no-header requirements.in -o requirements.lock

clean: ## what the targets above made, except the cache folder and running labs
	rm -rf .venv .venv-* build
