# Every target works on a fresh clone: git, make and Python >= 3.11 are all it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: install demo test test-all docs wheel fuzz lint clean help

help:            ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

install: $(STAMP) ## create .venv and install motiongen with its development tools

# what is imported is compiled when it is; most of what is installed never is
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --no-compile --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: install    ## train, sample, evaluate on the embedded data; writes runs/demo/report.html
	$(BIN)/motiongen demo --out runs/demo

test: install    ## lint and the fast tests
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow and not benchmarks"

test-all: install ## everything, slow tests and benchmarks too
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright
	$(BIN)/python -m pytest

fuzz: install    ## 10,000 damaged files for each reader; writes checkpoints/results/fuzz.json
	$(BIN)/python tests/fuzz_readers.py --count 10000 --out checkpoints/results/fuzz.json

docs: install    ## the documentation, with warnings as errors; writes site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict -q -d site

wheel: install   ## a wheel with the released models in it; writes dist/
	$(BIN)/python -m build --wheel -o dist

lint: install    ## ruff and pyright only
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/pyright

clean:           ## remove what make created
	rm -rf $(VENV) runs site dist build
