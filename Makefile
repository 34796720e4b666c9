# Everything is done by Python (local/); this file names it. `make` alone lists the targets.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/sh

PY := .venv/bin/python
HOME_OPTION := $(if $(STACK_HOME),--home "$(STACK_HOME)")

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

.PHONY: push
push: environments ## print the pushes that arrived; EMAIL=ana@demo.example has somebody's sent here
	@$(PY) -m local push $(HOME_OPTION) $(EMAIL)

.PHONY: check
check: environments ## format, lint, types, import rules and unit tests: under a minute
	@$(PY) -m local.gates check

.PHONY: test
test: environments ## everything: check, then integration, template and end-to-end tests
	@$(PY) -m local.gates test

.PHONY: coverage
coverage: environments ## measure which branches of rules and stores the tests take; writes HTML, too
	@$(PY) -m pytest -n 2 --dist loadfile tests/unit tests/integration --cov --cov-report=term --cov-report=html

.PHONY: screenshots
screenshots: environments ## take a screenshot of every screen of the console, with seeded data; OUT=folder
	@$(PY) -m local screenshots $(if $(OUT),--out "$(OUT)")

.PHONY: demo-video
demo-video: environments ## record the main user journey in a browser, for TikTok's app review; OUT=file
	@$(PY) -m local demo-video $(if $(OUT),--out "$(OUT)")

.PHONY: fmt
fmt: environments ## format the code and fix lint errors
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

.PHONY: pins
pins: environments ## regenerate requirements.lock: hashes of the wheels for Lambda
	@$(PY) -m local pins

.PHONY: audit
audit: environments ## ask pip-audit and npm, where they can run, what is known against packages
	@$(PY) -m local audit

.PHONY: openapi
openapi: environments ## regenerate openapi.json from the routes and models
	@$(PY) -m commands openapi

.PHONY: event-schemas
event-schemas: environments ## regenerate the schemas of public events, docs/events
	@$(PY) -m commands events schemas

.PHONY: package
package: environments ## build the CloudFormation template, the zips and the console; OUT=folder copies them there, ARCH=x86_64
	@$(PY) -m local package $(if $(OUT),--out "$(OUT)") $(if $(LAYER),--layer "$(LAYER)") $(if $(ARCH),--arch "$(ARCH)")

STAGE_OPTION = --stage "$(or $(STAGE),$(error name a stage, such as STAGE=prod))" $(ARGS)

.PHONY: deploy
deploy: environments ## bring this clone into an AWS account, or an update of it; STAGE=prod
	@$(PY) -m deploy deploy $(STAGE_OPTION)

.PHONY: diff
diff: environments ## tell what make deploy would change; STAGE=prod
	@$(PY) -m deploy diff $(STAGE_OPTION)

.PHONY: rollback
rollback: environments ## go back to the deployment before the latest; STAGE=prod
	@$(PY) -m deploy rollback $(STAGE_OPTION)

.PHONY: restore
restore: environments ## have a stage use its tables as they were; STAGE=prod AT=2026-11-28T10:00:00Z
	@$(PY) -m deploy restore $(STAGE_OPTION) --at "$(or $(AT),$(error name an instant, such as AT=2026-11-28T10:00:00Z))"

.PHONY: destroy
destroy: environments ## delete a stage's stack, keep what people made; STAGE=prod
	@$(PY) -m deploy destroy $(STAGE_OPTION)

.PHONY: doctor
doctor: environments ## tell what is left to do by hand; STAGE=prod
	@$(PY) -m deploy doctor $(STAGE_OPTION)

.PHONY: tiktok-review
tiktok-review: environments ## prepare TikTok's app review: pages, a reviewer, words to type; STAGE=prod
	@$(PY) -m deploy tiktok-review $(STAGE_OPTION)

.PHONY: secret
secret: environments ## keep the TikTok app's client secret, read from standard input; STAGE=prod
	@$(PY) -m deploy secret $(STAGE_OPTION)

.PHONY: logs
logs: environments ## print a function's log of the last half hour; STAGE=prod FUNCTION=APIHandler
	@$(PY) -m deploy logs $(STAGE_OPTION) --function "$(FUNCTION)"

.PHONY: console-url
console-url: environments ## print where a stage's people open Greenroom; STAGE=prod
	@$(PY) -m deploy console-url $(STAGE_OPTION)

.PHONY: bench
bench: environments ## compare validation, staging and the console with baselines; count calls of requests; SIZE=percent
	@missed=0; for part in videos staging console "program $(if $(SIZE),--size $(SIZE))" performs starts; do \
		$(PY) -m bench.$$part || missed=1; \
	done; exit $$missed

.PHONY: faults
faults: environments ## test staging with faults at every effect, scenarios and a soak test; ARGS="--only soak --seed 7"
	@$(PY) -m tests.faults $(ARGS)

.PHONY: plays
plays: environments ## compare random programs with a reference model; PLAYS=500, SEED=number
	@PLAYS="$(or $(PLAYS),500)" SEED="$(or $(SEED),0)" $(PY) -m pytest tests/integration/test_program_machine.py

.PHONY: console
console: environments ## build the web console, print where it is; reuses the build while nothing changed
	@$(PY) -m local console

.PHONY: mutants
mutants: environments ## mutation testing of rules, stores and clients; ARGS="--module M"
	@$(PY) -m tests.mutants $(ARGS)

.PHONY: fuzz
fuzz: environments ## rewrite good videos harmlessly and damage others, 5,000 times each; COUNT=number
	@REWRITINGS="$(or $(COUNT),5000)" FUZZ="$(or $(COUNT),5000)" $(PY) -m pytest --numprocesses 2 \
		tests/integration/test_fuzz_rewritings.py tests/integration/test_fuzz_videos.py

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
