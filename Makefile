# Every target works on a fresh clone and sets up what it needs.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
CAMPUS_PORT ?= 8001
DATA_DIR ?= var
CONFIG ?=
DEPARTMENTS ?=
BENCH ?= all
ARGS ?= --help
export ARGS
# Beside tests/soak, the test of every run that holds a large figure.
FIGURES := tests/integration/test_fault_matrix.py
# Some tests wait more than they work.
WORKERS ?= 3
USERS ?= 20
SECONDS ?= 30
LOAD_URL ?=
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

.DEFAULT_GOAL := help
.PHONY: help run flask load image test soak lint bench walks screenshots texts docs pins

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/runtime: requirements.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages ..."
	@$(PIP) -r requirements.txt
	@touch $@

$(VENV)/tools: requirements.txt tests/requirements.txt $(VENV)/runtime
	@echo "Installing the pinned test tools ..."
	@$(PIP) -r requirements.txt -r tests/requirements.txt
	@touch $@

run: $(VENV)/runtime ## Start the pretend campus and the service (PORT, CAMPUS_PORT, DATA_DIR, CONFIG: files joined by :, DEPARTMENTS)
	@exec $(BIN)/python -m tests.campus.run --port $(PORT) --campus-port $(CAMPUS_PORT) --data-dir $(DATA_DIR) --config '$(CONFIG)' --departments '$(DEPARTMENTS)'

flask: $(VENV)/runtime ## A command of the demo, in its environment (ARGS="waivers list"; the others as for run)
	@$(BIN)/python -m tests.campus.run --port $(PORT) --campus-port $(CAMPUS_PORT) --data-dir $(DATA_DIR) --config '$(CONFIG)' --departments '$(DEPARTMENTS)' --flask="$$ARGS"

test: $(VENV)/tools ## Run the whole test suite
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

soak: $(VENV)/tools ## Hold every large figure, half an hour at most, and print them as a table
	@$(BIN)/python -m pytest tests/soak $(FIGURES) -n 2 --dist loadfile

lint: $(VENV)/tools ## Check style, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/tools $(if $(filter all slip_pdf,$(BENCH)),$(VENV)-peers/ready) $(if $(filter all lighthouse,$(BENCH)),$(VENV)-lighthouse/ready) ## Measure speed and sizes, one table (BENCH=name for one)
	@$(BIN)/python -m tests.bench $(BENCH)

walks: $(VENV)/tools ## Count the files that each thing the service does runs through (ARGS=--files names them)
	@$(BIN)/python -m tests.walks $(filter --files,$(ARGS))

load: $(VENV)/tools $(VENV)-load/ready ## Let students in, on this machine only (USERS, SECONDS, LOAD_URL)
	@$(BIN)/python -m tests.load --locust $(VENV)-load/bin/locust --users $(USERS) --seconds $(SECONDS) $(addprefix --url ,$(LOAD_URL))

image: $(VENV)/tools $(VENV)-image/ready ## Build the container image on Debian's packages, start compose.yaml, do the main job (root)
	@$(BIN)/python -m tests.image --compose $(VENV)-image/bin/podman-compose

$(VENV)-image/ready: tests/image/requirements.txt
$(VENV)-load/ready: tests/load/requirements.txt
$(VENV)-peers/ready: tests/bench/_peers/requirements.txt
$(VENV)-image/ready $(VENV)-load/ready $(VENV)-peers/ready:
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	@echo "Installing the packages of $< ..."
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Without npm the benchmark of this name fails and says so; the others run.
$(VENV)-lighthouse/ready: tests/bench/_lighthouse/package-lock.json
	@mkdir -p $(@D) && cp $(<D)/package.json $< $(@D)/
	@if command -v npm >/dev/null; then echo "Installing the packages of $< ..." && \
		npm ci --prefix $(@D) --silent --no-fund --no-audit --ignore-scripts && touch $@; fi

screenshots: $(VENV)/tools ## Draw the pictures of the main screens anew
	@$(BIN)/python -m tests.browser.screenshots

texts: $(VENV)/tools ## Gather new texts from the programs and pages into the catalogue, to be translated
	@$(BIN)/python -m tests.catalogue

docs: $(VENV)/tools ## Write the tables of keys and of answers in config/*.md
	@$(BIN)/python -m tests.config_docs
	@$(BIN)/python -m tests.integration.connectors.answer_shapes

pins: ## Compile pyproject.toml into the pinned requirements (needs uv)
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o requirements.txt
	uv pip compile --group test pyproject.toml --universal --python-version 3.11 -c requirements.txt --generate-hashes --no-emit-index-url --no-header -o tests/requirements.txt
	echo 'locust>=2.40,<3' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o tests/load/requirements.txt
	echo 'podman-compose>=1.5,<2' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o tests/image/requirements.txt
	printf 'reportlab>=4,<6\ntypst>=0.13,<0.16\nweasyprint>=65,<71\n' | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header -o tests/bench/_peers/requirements.txt
