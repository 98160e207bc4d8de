# Needs python3 (3.11 or newer) and make; everything else goes into .venv. `make` alone lists the targets.
#   PRESET=laptop  DATA=cifar10  DATA_DIR=...  IMAGENET=...  N_TRAIN=...  N_TEST=...   for the figures       EXTRAS=cuda   for setup
#   FIGURE="fig2 lee2019/fig3"   of check-reference, none for all
#   ARGS=...       is handed on to pytest, or to the benchmarks        PYTHON=...     the Python of a new .venv

PYTHON ?= python3
VENV ?= .venv
PRESET ?= quick
DATA ?=
IMAGENET ?=
N_TRAIN ?=
N_TEST ?=
# Prepared TensorFlow data sets. Empty: $TFDS_DATA_DIR, then TensorFlow Datasets' usual place. A folder that a figure is
# given is downloaded into, so the shared one is named only where it has the data already (presets take cifar10).
SHARED_DATA := ../shared/tfds
HAS_DATA = $(wildcard $(SHARED_DATA)/$(or $(notdir $(DATA)),cifar10)/*/dataset_info.json)
DATA_DIR ?= $(if $(TFDS_DATA_DIR),,$(if $(HAS_DATA),$(SHARED_DATA)))
EXTRAS ?=
ARGS ?=

PY := $(VENV)/bin/python
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check --no-compile
INSTALLED := $(VENV)/.installed$(addprefix -,$(EXTRAS))
INSTALLED_DEV := $(VENV)/.installed-dev

# configs/ortiz2021/fig2.toml makes the targets ortiz2021-fig2 and fig2.
PRESETS := $(sort $(wildcard configs/*/*.toml))
FIGURES := $(subst /,-,$(PRESETS:configs/%.toml=%))
NUMBERS := $(sort $(notdir $(basename $(PRESETS))))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup report check-reference test test-fast test-shapes test-oldest test-newest test-python3.12 lint docs notebooks bench clean $(FIGURES) $(NUMBERS)

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9.%<>-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo '  make fig<n>             Draw that figure of each paper that has one: $(NUMBERS)'
	@echo '  make <paper>-<figure>   Draw one figure: $(FIGURES)'
	@echo
	@echo 'Figures take PRESET=quick (default), laptop or paper, DATA=<data set or .npz file>, DATA_DIR=<TFDS folder>,'
	@echo 'IMAGENET=<folder with train/ and val/>, N_TRAIN=<images> and N_TEST=<images>.'

report: $(INSTALLED)  ## Make report.html, one page of all figures that are computed
	$(PY) -m ntk_repro report

check-reference: $(INSTALLED)  ## Compute every figure at `quick` anew and compare with docs/reference (40 minutes on two cores)
	$(PY) -m ntk_repro check-reference --preset "$(PRESET)" $(if $(FIGURE),--figures $(FIGURE))

setup: $(INSTALLED) $(INSTALLED_DEV)  ## Make .venv with everything, development tools too (EXTRAS=cuda for a GPU)

define draw
	$(PY) -m ntk_repro run $(1) --preset "$(PRESET)" $(if $(DATA),--data "$(DATA)") $(if $(DATA_DIR),--data-dir "$(DATA_DIR)") \
	  $(if $(IMAGENET),--imagenet "$(IMAGENET)") $(if $(N_TRAIN),--n-train "$(N_TRAIN)") $(if $(N_TEST),--n-test "$(N_TEST)")
endef

define figure_target
$(subst /,-,$(1)): $$(INSTALLED)
	$$(call draw,$(1))
endef
$(foreach figure,$(PRESETS:configs/%.toml=%),$(eval $(call figure_target,$(figure))))

$(NUMBERS): $(INSTALLED)
	$(call draw,$@)

# Pins that hang on the version of JAX.
OF_JAX := ^(jax|jaxlib|flax|optax|orbax-checkpoint|tf2jax|lineax)==

# Neighbouring tests share compiled programs: each process gets one stretch of them, and helps another when it is done.
PYTEST := -m pytest -n logical --maxprocesses 4 --dist worksteal

test: $(INSTALLED_DEV)  ## Run all tests
	$(PY) $(PYTEST) $(ARGS)

test-fast: $(INSTALLED_DEV)  ## Run the tests that take a second or less, some of every study among them
	$(PY) $(PYTEST) -m "not slow" $(ARGS)

# tests/shapes.py says which functions are checked.
NUMERICAL := gram dynamics training gp nads
test-shapes: $(INSTALLED_DEV)  ## Run the tests of the numerical rooms with types and shapes checked (jaxtyping, beartype)
	$(PY) $(PYTEST) -p tests.shapes --jaxtyping-packages="$(NUMERICAL:%=ntk_repro.%,)tests.shapes.checked_if_private" \
	  $(NUMERICAL:%=tests/%) $(ARGS)

test-oldest: .venv-oldest/.installed-dev  ## Run all tests on the oldest JAX declared, in .venv-oldest
	.venv-oldest/bin/python $(PYTEST) $(ARGS)

test-newest:  ## Run all tests on the newest releases of JAX, Flax and Optax, in .venv-newest
	$(call new_environment,$(or $(PYTHON312),$(PYTHON)),.venv-newest,PYTHON)
	@grep -vE '$(OF_JAX)' constraints.txt > .venv-newest/constraints.txt
	@.venv-newest/bin/python $(PIP_INSTALL) --upgrade -c .venv-newest/constraints.txt -e ".[dev]" jax flax optax
	.venv-newest/bin/python $(PYTEST) $(ARGS)

test-python3.12: .venv-python3.12/.installed-dev  ## Run all tests on Python 3.12 and its newest JAX, in .venv-python3.12
	.venv-python3.12/bin/python $(PYTEST) $(ARGS)

lint: $(INSTALLED_DEV)  ## Check style (ruff), types (pyright) and who imports whom (import-linter)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo --no-cache pyproject.toml
	$(PY) -m pyright --pythonpath $(PY)

docs: $(INSTALLED_DEV)  ## Build the documentation, docs/_build/html
	$(PY) -m sphinx --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

notebooks: $(INSTALLED_DEV)  ## Make notebooks of the tutorial and the Figures 2, docs/_build/notebooks
	$(PY) docs/notebooks.py

bench: $(INSTALLED_DEV)  ## Measure the Gram matrix against neural-tangents and the machine's peak
	$(PY) -m benchmarks $(or $(ARGS),gram training import_time)

clean:  ## Remove environments, caches and builds; runs/ and figures/out/ stay
	rm -rf $(VENV) .venv-oldest .venv-newest .venv-python3.12 build dist docs/_build .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Environments. A stamp in each says that it was installed from today's pyproject.toml and constraints.txt.
define new_environment
	@$(1) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' 2>/dev/null || { \
	  echo "ntk_repro needs Python 3.11 or newer, and $(1) is not one: install it, or name one with make $(3)=..." >&2; exit 1; }
	@$(2)/bin/python -m pip --version >/dev/null 2>&1 || $(1) -m venv --clear $(2) || { \
	  echo "$(1) cannot make a virtual environment: install its venv module (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "installing into $(2): a minute or two"
endef

$(INSTALLED): pyproject.toml constraints.txt
	$(call new_environment,$(PYTHON),$(VENV),PYTHON)
	@$(PY) $(PIP_INSTALL) -c constraints.txt -e ".$(if $(EXTRAS),[$(EXTRAS)])"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt
	$(call new_environment,$(PYTHON),$(VENV),PYTHON)
	@$(PY) $(PIP_INSTALL) -c constraints.txt -e ".[dev]"
	@touch $(VENV)/.installed $@

# The lower ends that pyproject.toml declares for JAX, Flax and Optax; all else as pinned, but for what hangs on JAX.
.venv-oldest/.installed-dev: pyproject.toml constraints.txt
	$(call new_environment,$(PYTHON),.venv-oldest,PYTHON)
	@sed -nE 's/^  "(jax|flax|optax)>=([0-9.]+)".*/\1==\2/p' pyproject.toml > .venv-oldest/constraints.txt
	@grep -vE '$(OF_JAX)' constraints.txt >> .venv-oldest/constraints.txt
	@.venv-oldest/bin/python $(PIP_INSTALL) -c .venv-oldest/constraints.txt -e ".[dev]"
	@touch $@

# pyenv puts a python3.12 on PATH that runs only where that version is switched on, so what is found is tried.
PYTHON312 = $(shell for python in python3.12 "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12*/bin/python3.12; do \
  if "$$python" -c '' 2>/dev/null; then echo "$$python"; break; fi; done)

.venv-python3.12/.installed-dev: pyproject.toml constraints.txt
	$(call new_environment,$(or $(PYTHON312),python3.12),.venv-python3.12,PYTHON312)
	@.venv-python3.12/bin/python $(PIP_INSTALL) -c constraints.txt -e ".[dev]"
	@touch $@

.DEFAULT:
	@echo "make: there is no target '$@'; make help lists them" >&2; exit 2
