PYTHON ?= python3
BIN := .venv/bin
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
# The tests start many Pythons, and each would compile all modules again where this is set.
test reproduce: export PYTHONDONTWRITEBYTECODE =

.PHONY: figures test reproduce lint bench workshop docs clean

figures: .venv/base  ## reproduce the figures of the paper, quick size, and judge its claims
	$(BIN)/python -m experiments run elhage2022

test: .venv/dev  ## all tests but those of `make reproduce`
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadgroup
	@echo "Left out: figures, lessons and many playgrounds trained to the end, the site and the code on its pages," \
		"clusters, browsers, and what compiles many programs (make reproduce)," \
		"two figures that take minutes, and all at five seeds, an hour ($(BIN)/python -m pytest -m long)."

reproduce: .venv/dev  ## the second stage of the tests: what trains to the end, and the site
	$(BIN)/python -m pytest -q -rs -n 2 --dist loadgroup -m "reproduction or slow"

lint: .venv/dev  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/base  ## speed against the notebook's loop in PyTorch (CPU) and SAELens, as ratios in one run
	$(BIN)/pip install -q -e '.[bench]' --extra-index-url $(TORCH_INDEX)
	-$(BIN)/pip install -q -e '.[saelens]'  # where it does not install, its part is left out
	$(BIN)/python -m experiments.benchmark

workshop: .venv/workshop  ## the lessons, copied to toymodels-workshop and opened in JupyterLab
	$(BIN)/toymodels workshop

docs: .venv/docs  ## the site, into build/docs; the first time the lessons run for what they show, about three minutes
	$(BIN)/python -m experiments.workshop --outputs
	$(BIN)/python -m sphinx -q -W --keep-going -b html experiments/site build/docs

clean:  ## forget the virtual environment and cached trainings
	rm -rf .venv .cache build

.venv/base: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e .
	touch $@

.venv/dev: .venv/base
	$(BIN)/python -m pip install -q -e '.[dev]'
	touch $@

.venv/workshop: .venv/base
	$(BIN)/python -m pip install -q -e '.[workshop]'
	touch $@

.venv/docs: .venv/base
	$(BIN)/python -m pip install -q -e '.[docs]'
	touch $@
