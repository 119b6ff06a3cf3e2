# The verbs of this book.  `make help` lists them.

PRESET ?= quick
PYTHON ?= python3
DIR ?=

BIN := .venv/bin
STAMP := .venv/.installed
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Jobs, not threads, share the cores; an interrupted job is done again.
SNAKEMAKE = snakemake --cores all --nolock --rerun-incomplete --quiet rules host reason

.DEFAULT_GOAL := help
.PHONY: help install book study test lab data publish bench sync lint clean

help: ## list the verbs
	@grep -hE '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18
	@echo "  PRESET=smoke|quick|study|full chooses the size of book, study and publish (now: $(PRESET))"

install: $(STAMP) ## create .venv and install the book's package in it

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

book: $(STAMP) ## execute every chapter and build the site
	$(SNAKEMAKE) --config preset=$(PRESET)
	@echo "The book is ready: $(CURDIR)/build/$(PRESET)/site/index.html"

study: $(STAMP) ## execute the study and copy its records to book/records/study
	$(SNAKEMAKE) --config preset=study
	parity-nb keep study
	@echo "The book is ready: $(CURDIR)/build/study/site/index.html"

test: $(STAMP) ## run all tests
	pytest

lab: $(STAMP) ## open JupyterLab, .py and .ipynb paired
	jupyter lab notebooks

data: $(STAMP) ## get the optional data sets
	parity-nb data

publish: $(STAMP) ## copy the built site to DIR=
	@test -n "$(DIR)" || { echo "say where: make publish DIR=folder"; exit 2; }
	parity-nb publish "$(DIR)" --preset $(PRESET)

bench: $(STAMP) ## time our code and the sources' side by side
	@for file in benchmarks/*.py; do echo "== $$file"; python "$$file" || exit 1; done

sync: $(STAMP) ## derive every .ipynb from its .py
	jupytext --to ipynb --update notebooks/*/*.py

lint: $(STAMP) ## check style and pairs, as before a commit
	pre-commit run --all-files

clean: ## delete everything that was built, data sets included
	rm -rf build _build .snakemake .pytest_cache .ruff_cache
