# Everything from a clean clone with Python 3.11+ and make.  PYTHON=python3.12 make test picks another.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test browser pictures lint format bench reproduce docs clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Reinstalled only when what is installed from changes.  pip is given the groups as words, because
# the pip that comes with Python 3.11 does not know --group.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("unfrozen needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[scale,topology,workbench]" \
	  $$($(BIN)/python -c 'import tomllib; g = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]; print(*g["test"], *g["lint"])')
	@touch $(READY)

demo: $(READY)  ## Find a fact in a real language model, rewrite it, measure it, take it back
	$(BIN)/unfrozen demo

test: lint docs  ## Lint, types, floors, documentation, then every test
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

browser: $(READY)  ## Test the workbench in Chromium on the real model; pictures in reports/browser
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt \
	  $$($(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["browser"])')
	$(BIN)/python -m pytest -q browser

pictures: browser  ## Draw the pictures of the README again, with the product itself
	rm -rf reports/life
	$(BIN)/unfrozen trace "The Eiffel Tower is located in the city of" --subject "Eiffel Tower" --out docs/pictures/trace.png
	$(BIN)/unfrozen map explore --worlds hexagonal --seed 3 --out docs/pictures/walk.png
	$(BIN)/unfrozen agent run reports/life
	$(BIN)/unfrozen agent watch reports/life --errand 12 --out docs/pictures/errand.gif
	cp reports/browser/knowledge-edit.png docs/pictures/workbench.png

lint: $(READY)  ## Style, format, types, and the floor that each file stands on
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache

format: $(READY)  ## Put the code in its form
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

bench: $(READY)  ## Time and memory, as ratios against a peer in the same run
	$(BIN)/python -m benchmarks

reproduce: $(READY)  ## Check every claim of every paper (hours; resumes)
	$(BIN)/unfrozen reproduce --all

docs: $(READY)  ## Run the tutorials and build the documentation
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt sphinx myst-parser furo sphinx-gallery
	$(BIN)/python -m sphinx -W -q -j 2 -b html docs docs/_build/html

clean:  ## Remove what was made (not the cache of models)
	rm -rf $(VENV) demo reports docs/_build docs/tutorials dist build .pytest_cache .ruff_cache .hypothesis .benchmarks
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
