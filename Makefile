# Every target makes the virtual environment .venv first, and again when what it is made from has changed.

BIN := .venv/bin

.PHONY: demo test tests lint notebooks docs bench lab clean

demo: .venv/.made
	$(BIN)/burgee demo

# The one test command, here and in .ci/run.
test: lint tests

tests: .venv/.made
	$(BIN)/python -m pytest -n 3
	$(BIN)/python -m pytest -n 2 --dist loadfile --nbval --nbval-current-env --nbval-sanitize-with notebooks/nbval.cfg notebooks

lint: .venv/.made
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Run the notebooks anew and keep their outputs: after a change of what they show.
notebooks: .venv/.made
	$(BIN)/python notebooks/renew.py

# The API pages and the pages of docs/, into build/docs.
docs: .venv/.made
	rm -rf build/docs
	$(BIN)/python docs/build.py

bench: .venv/.bench
	set -e; for script in tests/benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

lab: .venv/.made
	$(BIN)/burgee lab notebooks

# What the targets above made, but the virtual environment; your workspaces (.burgee) stay.
clean:
	rm -rf build dist demo .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find sdk tests examples notebooks docs -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

.venv/.made: pyproject.toml constraints.txt
	@echo "Making .venv: a minute or two"
	python=$$(.ci/python) && $$python -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

.venv/.bench: .venv/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	touch $@
