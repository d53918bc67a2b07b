# make run: the default experiment. make test: what a change needs; make test-all: all tests. Each
# sets up .venv the first time.

PYTHON ?= python3
CORES ?= all
INSTALLED := .venv/.installed
OWN := . $(wildcard plugins/*)

.PHONY: run rank test test-all install lint

run: $(INSTALLED)
	.venv/bin/python workflow/scripts/unlock.py
	.venv/bin/snakemake --cores $(CORES)

# make rank IMAGES=folder: which pre-trained model to start from, for these images.
# Snakemake would read a folder 2024_05 as a number, but not ./2024_05.
rank: export IMAGES := $(IMAGES)
rank: $(INSTALLED)
	@test -n "$$IMAGES" || { echo "Name a folder: make rank IMAGES=folder"; exit 1; }
	.venv/bin/python workflow/scripts/unlock.py
	case "$$IMAGES" in /*|~*|./*|../*) ;; *) IMAGES="./$$IMAGES" ;; esac; \
	.venv/bin/snakemake rank --cores $(CORES) --config "images=$$IMAGES"

# All units; of real runs one of a tiny experiment, one on Slurm and a page in a browser.
test: $(INSTALLED)
	.venv/bin/python -m pytest -m "not slow and not full"

test-all: $(INSTALLED)
	.venv/bin/python -m pytest

lint: $(INSTALLED)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/snakefmt --check Snakefile workflow/rules
	.venv/bin/snakemake --lint

install: $(INSTALLED)

# uv installs the several GB of torch in well under a minute. Byte-code is compiled here, once:
# starting Python with torch takes twice as long without.
$(INSTALLED): envs/requirements.txt $(OWN:=/pyproject.toml)
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ...")'
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv: 6 GB, most of it torch; with a fast connection a few minutes"
	.venv/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv/bin/uv pip install --python .venv/bin/python --compile-bytecode -r envs/requirements.txt
	.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps $(addprefix --editable ,$(OWN))
	touch $@
