# Everything is done by Python (local/); this file names it. `make` alone lists the targets.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PY := .venv/bin/python
HOME_OPTION := $(if $(STACK_HOME),--home $(STACK_HOME))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: environments
environments: ## make the two virtual environments, or bring them up to date
	@PYTHON="$(PYTHON)" sh local/environments.sh

.PHONY: run
run: environments ## bring the whole stack up here and stay with it until Ctrl-C
	@$(PY) -m local run $(HOME_OPTION)

.PHONY: demo
demo: environments ## do the main job over HTTP; VIDEO=path/to/file, LEAVE=1 leaves the stack running
	@$(PY) -m local demo $(HOME_OPTION) $(if $(VIDEO),--video "$(VIDEO)") $(if $(filter-out 0,$(LEAVE)),--leave)

.PHONY: stop
stop: environments ## stop a stack left running in the background; its state is kept
	@$(PY) -m local stop $(HOME_OPTION)

.PHONY: token
token: ## print a bearer token; EMAIL=ana@demo.example
	@PYTHON="$(PYTHON)" sh local/environments.sh >&2
	@$(PY) -m local token $(HOME_OPTION) $(EMAIL)

.PHONY: mail
mail: environments ## print the mails that the stack would have sent, such as invitations
	@$(PY) -m local mail $(HOME_OPTION)

.PHONY: check
check: environments ## format, lint, types, import rules and unit tests: under a minute
	@$(PY) -m local.gates check

.PHONY: test
test: environments ## everything: check, then integration, template and end-to-end tests
	@$(PY) -m local.gates test

.PHONY: fmt
fmt: environments ## put the code into shape
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: openapi
openapi: environments ## write openapi.json anew from the routes and models
	@$(PY) -m commands openapi

.PHONY: package
package: environments ## build the CloudFormation template and the zips; OUT=folder copies them there
	@$(PY) -m local package $(if $(OUT),--out "$(OUT)") $(if $(LAYER),--layer "$(LAYER)")

.PHONY: bench
bench: environments ## hold validation and staging against the plain way; what requests cost; SIZE=percent
	@$(PY) -m bench.videos
	@$(PY) -m bench.staging
	@$(PY) -m bench.program $(if $(SIZE),--size "$(SIZE)")

.PHONY: faults
faults: environments ## die at every effect of staging, meet every fault, soak; ARGS="--only soak --seed 7"
	@$(PY) -m tests.faults $(ARGS)

.PHONY: plays
plays: environments ## play programs at random beside a plain model of them; PLAYS=500, SEED=number
	@PLAYS="$(or $(PLAYS),500)" SEED="$(or $(SEED),0)" $(PY) -m pytest tests/integration/test_program_machine.py

.PHONY: layer
layer: environments ## build the media layer; ARCH="x86_64 arm64", FFMPEG_SOURCE=path/to/tarball
	@$(PY) -m local layer $(foreach arch,$(ARCH),--arch $(arch))

.PHONY: layer-check
layer-check: environments ## build the media layer twice, compare, prove it; ARCH, FFMPEG_SOURCE
	@$(PY) -m local layer-check $(foreach arch,$(ARCH),--arch $(arch))

.PHONY: clean
clean: environments ## stop the stack and forget its state
	@$(PY) -m local clean $(HOME_OPTION)

.PHONY: pristine
pristine: ## forget everything made here, the virtual environments too
	@if [ -x $(PY) ]; then $(PY) -m local stop; fi
	@rm -rf .venv .local
