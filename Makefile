# Two commands for a fresh machine with Python 3.11 or newer: `make demo` and `make test`. What takes longer than an
# instant (whole trainings, experiments, notebooks, child processes, the browser) is tested by `make test-slow`.
PYTHON ?= python3
NEWEST ?= python3.12
BIN := .venv/bin
WORKERS := --numprocesses 2 --dist loadfile --no-loadscope-reorder

.PHONY: demo test test-slow test-oldest test-newest try-newest install-newest parity check format docs clean

demo: .venv/.installed-demo
	$(BIN)/python experiments/quickstart.py

test: .venv/.installed-test
	$(BIN)/python -m pytest $(WORKERS)

test-slow: .venv/.installed-test
	$(BIN)/python -m pytest $(WORKERS) --slow

test-oldest: .venv-oldest/.installed
	.venv-oldest/bin/python -m pytest $(WORKERS)
	.venv-oldest/bin/python -m pytest $(WORKERS) --slow

test-newest: install-newest
	.venv-newest/bin/python -m pytest $(WORKERS)
	.venv-newest/bin/python -m pytest $(WORKERS) --slow

# What CI has time for: a family through every verb and transfer, the devices, and the layers whose form is by version
try-newest: install-newest
	.venv-newest/bin/python -m pytest $(WORKERS) -m "not slow" tests/contract tests/models/test_layers.py tests/devices

parity: .venv/.installed-parity
	$(BIN)/python -m pytest tests/parity

check: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

format: .venv/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: .venv/.installed-docs
	$(BIN)/python -m mkdocs build --strict

$(BIN)/python:
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'genjax needs Python 3.11 or newer, this is ' + sys.version.split()[0] + '. Name another: make PYTHON=python3.12 demo')"
	$(PYTHON) -m venv .venv

.venv/.installed-demo: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[demo]"
	touch $@

.venv/.installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[test]"
	touch .venv/.installed-demo $@

.venv/.installed-parity: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[parity]"
	touch .venv/.installed-demo .venv/.installed-test $@

.venv/.installed-docs: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch .venv/.installed-demo $@

.venv-oldest/.installed: pyproject.toml requirements/oldest.txt | $(BIN)/python
	$(BIN)/python -m venv .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[test]" --constraint requirements/oldest.txt
	touch $@

# The newest of everything, which needs Python 3.12 or newer: pip is asked anew each time
install-newest:
	test -x .venv-newest/bin/python || $(NEWEST) -m venv .venv-newest
	.venv-newest/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager --editable ".[test]"

clean:
	rm -rf .venv .venv-oldest .venv-newest build genjax_images.egg-info
