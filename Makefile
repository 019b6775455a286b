# Needs Rust, Python 3, C and C++ compilers and make. Everything else a target fetches itself (tools/get), into
# ${XDG_CACHE_HOME:-~/.cache}/tollkeeper, or it says in one line what to install and how.

BENCH ?= all
ARGS ?=
AWS_REGION ?= us-east-1
HTML ?= target/audit.html

# One build command for demo, tests and benchmarks: another selection of packages or targets would resolve other
# features, and Cargo would compile aws-sdk-ec2 (minutes) a second time.
BUILD = cargo build --workspace --all-targets --locked
# Libraries, and binaries that have none of the same name. `--examples` is there for the same reason as above: it makes
# rustdoc resolve development dependencies as clippy does.
DOC = cargo doc --workspace --no-deps --locked --lib --examples --bin demo --bin bench --bin endpoint-approval
# All that make up the stack; fewer only to try something out.
FUNCTIONS ?= kafka-consumer rate-limiter nat-cost-detector endpoint-remediator
IP_RANGES_TABLE = target/ip-ranges.json
ENV ?= dev
PARAMETERS ?=
# Names a deployment: the commit, and the time, since a commit may be deployed twice with other parameters.
RELEASE ?= $(shell git rev-parse --short HEAD 2>/dev/null || echo none).$(shell date -u +%Y%m%dT%H%M%SZ)

.PHONY: help demo test lint fmt audit bench validate build check-build bootstraps deploy ip-ranges dev-build rust compilers python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: dev-build ## run the whole story once on this machine, no AWS account needed
	@moto=$$(tools/get moto) && redis=$$(tools/get redis) && \
	TOLLKEEPER_MOTO_SERVER="$$moto" TOLLKEEPER_REDIS_SERVER="$$redis" target/debug/demo $(ARGS)

test: dev-build ## run all tests, end-to-end tests included
	@moto=$$(tools/get moto) && redis=$$(tools/get redis) && \
	INSTA_UPDATE=no TOLLKEEPER_MOTO_SERVER="$$moto" TOLLKEEPER_REDIS_SERVER="$$redis" \
		cargo test --workspace --locked --no-fail-fast $(ARGS)

lint: rust compilers python ## check format, code, docs, dependencies and template; warnings are errors
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(DOC)
	@deny=$$(tools/get cargo-deny) && echo "cargo deny check licenses bans sources" && \
	"$$deny" --locked check licenses bans sources
	@lint=$$(tools/get cfn-lint) && echo "cfn-lint template.yaml templates/*.yaml" && "$$lint" template.yaml templates/*.yaml && \
	"$$(dirname "$$lint")/python" tests/template/check.py

fmt: rust ## format the code
	cargo fmt --all

audit: dev-build ## read-only report on your own account: PROFILE=, REGION=, FLOW_LOGS=s3://bucket/prefix, HTML=file
	@target/debug/nat-cost-detector audit --html $(HTML) $(addprefix --profile ,$(PROFILE)) \
		$(addprefix --region ,$(REGION)) $(addprefix --flow-logs ,$(FLOW_LOGS)) \
		$(addprefix --ip-ranges ,$(wildcard $(IP_RANGES_TABLE))) $(ARGS)

bench: dev-build ## compare with what one would use otherwise: BENCH=cold-start, consumer, detector, flow-logs, limiter, remediator, or all
	@moto=$$(tools/get moto) && redis=$$(tools/get redis) && \
	TOLLKEEPER_MOTO_SERVER="$$moto" TOLLKEEPER_REDIS_SERVER="$$redis" target/debug/bench $(BENCH)

validate: python ## check the templates: SAM, cfn-lint, checkov, against code, events and runbook, and created in moto (2-5 minutes)
	@sam=$$(tools/get sam) && AWS_REGION=$(AWS_REGION) SAM_CLI_TELEMETRY=0 "$$sam" validate --lint
	@lint=$$(tools/get cfn-lint) && echo "cfn-lint template.yaml templates/*.yaml" && "$$lint" template.yaml templates/*.yaml
	@bin=$$(dirname "$$(tools/get cfn-lint)") && checkov=$$(tools/get checkov) && deploy=$$(tools/get deploy-path) && \
	"$$bin/python" tests/template/check.py && "$$bin/python" tests/template/unsafe.py "$$checkov" && \
	"$$bin/python" tests/template/create.py "$$deploy/python"

build: rust python ## build the arm64 functions that `make deploy` uploads, into .aws-sam/build
	@[ -f $(IP_RANGES_TABLE) ] || tools/ip-ranges $(IP_RANGES_TABLE) || \
	echo "Packaging without the table of AWS's addresses: findings will not know the region of a destination."
	@tools=$$(tools/get deploy-path) && \
	PATH="$$tools:$$PATH" SAM_CLI_TELEMETRY=0 sam build --build-in-source $(ARGS)

check-build: python ## run the built arm64 functions under an emulator, print the archives' sizes (after make build, 15-30 minutes)
	@qemu=$$(tools/get qemu) && python3 tests/template/arm64.py "$$qemu"

deploy: ## build and deploy the stack: ENV=dev or prod of samconfig.toml, PARAMETERS="Kafka=msk ..." to change some
	@$(MAKE) --no-print-directory build ARGS=
	@tools=$$(tools/get deploy-path) && PATH="$$tools:$$PATH" SAM_CLI_TELEMETRY=0 sam deploy --config-env $(ENV) \
		--parameter-overrides file://parameters/$(ENV).yaml $(PARAMETERS) Release=$(RELEASE) $(ARGS)

ip-ranges: python ## fetch AWS's address ranges and make the compact table that is packaged with the functions
	@tools/ip-ranges $(IP_RANGES_TABLE) $(ARGS)

# What `sam build` calls for each function. All functions are compiled together, so that aws-sdk-ec2 is compiled
# once; for the second to fifth function Cargo finds everything done.
bootstraps: rust
	@rustup target list --installed 2>/dev/null | grep -q '^aarch64-unknown-linux-gnu$$' || \
	rustup target add aarch64-unknown-linux-gnu || \
	{ echo "The arm64 target is missing: install Rust with rustup (https://rustup.rs), which adds it here." >&2; exit 1; }
	cargo lambda build --release --arm64 --locked --no-default-features $(FUNCTIONS:%=--package %)

build-KafkaConsumer: BINARY = kafka-consumer
build-RateLimiter: BINARY = rate-limiter
build-NatCostDetector: BINARY = nat-cost-detector
build-EndpointRemediator: BINARY = endpoint-remediator
build-EndpointApproval: BINARY = endpoint-approval

build-%: bootstraps
	cp target/lambda/$(BINARY)/bootstrap "$(ARTIFACTS_DIR)/bootstrap"
	@[ ! -f $(IP_RANGES_TABLE) ] || cp $(IP_RANGES_TABLE) "$(ARTIFACTS_DIR)/ip-ranges.json"

dev-build: rust compilers python
	@echo "$(BUILD)"
	@$(BUILD)

# One line for each thing that only a person can install.
rust:
	@command -v cargo >/dev/null || { echo "Rust is missing: install it from https://rustup.rs" >&2; exit 1; }

compilers:
	@for tool in cc c++; do command -v $$tool >/dev/null || \
	{ echo "$$tool is missing: install C and C++ compilers (Debian: apt-get install build-essential)" >&2; exit 1; }; done

python:
	@command -v python3 >/dev/null || \
	{ echo "Python 3 is missing: install Python 3.10 or newer (Debian: apt-get install python3 python3-venv)" >&2; exit 1; }
