# Everything runs in .venv, which the first call installs from requirements.lock.
# Variables: CORES (default all), PYTHON (default: the first complete Python from 3.11 on), TORCH_INDEX (docs/deployment.md).
.DEFAULT_GOAL := help
.PHONY: help quick test test-slurm test-faults test-gpu check lint format bench bench-gpu lock clean

CORES ?= all
IS_NEW := import sys; sys.exit(sys.version_info < (3, 11))
HAS_VENV := import venv, ensurepip
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11; do \
	$$p -c '$(HAS_VENV); $(IS_NEW)' 2>/dev/null && echo $$p && exit; done; echo python3)
IN_VENV := PATH="$(CURDIR)/.venv/bin:$$PATH"
PIP := .venv/bin/pip --quiet --disable-pip-version-check
STAMP := .venv/installed
PINS := sed -n 's/ *\\$$//; /^[a-z]/p' requirements.lock
OF_TORCH := ^(torch|torchvision|triton)==|^(nvidia|cuda)-
BENCH := .venv-bench

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

quick: $(STAMP) ## run the whole chain at small scale, without downloads
	@$(IN_VENV) snakemake --cores $(CORES) --config preset=quick
	@$(IN_VENV) snakemake --config preset=quick --report results/quick/report.html
	@echo "Tables: results/quick/tables; figures: results/quick/*/figures; Snakemake's report: results/quick/report.html"
	@echo "What was claimed, what was measured, on one page: $(CURDIR)/results/quick/index.html"

test: lint ## check the style and run all tests: seven to twelve minutes on two cores
	@$(IN_VENV) OMP_NUM_THREADS=1 pytest -rs --numprocesses auto --dist loadfile --no-loadscope-reorder

test-slurm: $(STAMP) ## run the workflow on a SLURM started here, which root on Debian or Ubuntu can: half an hour
	@$(IN_VENV) OMP_NUM_THREADS=1 pytest -m slurm -rs tests/slurm

check: lint ## the same without whole workflows and compilation: for while you work
	@$(IN_VENV) OMP_NUM_THREADS=1 pytest --numprocesses auto --dist loadfile --no-loadscope-reorder -m 'not slow and not workflow'

test-faults: $(STAMP) ## injure jobs, disks, files and downloads some 300 times, and 2,000 configurations; see tests/faults
	@$(IN_VENV) OMP_NUM_THREADS=1 pytest tests/faults --numprocesses auto --dist worksteal --write-table

lint: $(STAMP) ## check the style and the types
	@$(IN_VENV) ruff check .
	@$(IN_VENV) ruff format --check .
	@$(IN_VENV) mypy
	@$(IN_VENV) snakefmt --check Snakefile workflow
	@$(IN_VENV) snakemake --lint

format: $(STAMP) ## repair the style
	@$(IN_VENV) ruff check --fix .
	@$(IN_VENV) ruff format .
	@$(IN_VENV) snakefmt Snakefile workflow

test-gpu: $(STAMP) ## run the tests that need a GPU, the cheapest first: eight minutes at most
	@$(IN_VENV) pytest -x -rs --durations=10 tests/gpu tests/layers/test_transforms.py tests/training/test_step.py

bench: $(BENCH)/installed ## time layers against other packages', and training steps
	@OMP_WAIT_POLICY=passive $(BENCH)/bin/python benchmarks/layers.py
	@OMP_WAIT_POLICY=passive $(BENCH)/bin/python benchmarks/layers.py --inference
	@OMP_WAIT_POLICY=passive $(BENCH)/bin/python benchmarks/training_step.py

bench-gpu: $(STAMP) ## time the U-Nets and the layers on a GPU: eight minutes
	@$(IN_VENV) python benchmarks/gpu.py

lock: ## pin what pyproject.toml asks for (needs uv); present pins stay where they fit
	uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra fast --extra workflow --group build --no-annotate \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		--output-file requirements.lock pyproject.toml
	{ sed '/- pip:/q' envs/kanpipe.yaml; $(PINS) | sed 's/^/      - /'; } > envs/kanpipe.new
	mv envs/kanpipe.new envs/kanpipe.yaml

clean: ## remove the environment and caches; data and results stay
	rm -rf .venv $(BENCH) .pytest_cache .ruff_cache build *.egg-info

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c '$(IS_NEW)' 2>/dev/null || { echo "kanpipe needs Python 3.11 or \
	newer, which $(PYTHON) is not: install one and name it, as in: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(HAS_VENV)' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install its \
	venv module (on Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing the pinned packages into .venv: once, some minutes, about 3 GB to download on Linux, 6 GB on the disk"
	@rm -f $@
	@$(PYTHON) -m venv .venv
ifdef TORCH_INDEX
	@$(PINS) | grep -E '^(torch|torchvision)==' > .venv/torch.txt
	@awk '/^[a-z]/ { kept = !/$(OF_TORCH)/ } kept' requirements.lock > .venv/others.txt
	@$(PIP) install --no-deps --index-url $(TORCH_INDEX) -r .venv/torch.txt
	@$(PIP) install --no-deps -r .venv/others.txt
else
	@$(PIP) install -r requirements.lock
endif
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# The other packages stay out of the environment that the workflow runs in.
$(BENCH)/installed: $(STAMP)
	@echo "Installing the packages to compare with into $(BENCH)"
	@$(PYTHON) -m venv $(BENCH)
	@$(BENCH)/bin/pip --quiet --disable-pip-version-check install -r requirements.lock
	@$(PINS) > $(BENCH)/pins.txt
	@$(BENCH)/bin/pip --quiet --disable-pip-version-check install --no-build-isolation \
		--constraint $(BENCH)/pins.txt --editable .[benchmarks]
	@touch $@
