# What can be made. `make` alone prints this list.
SHELL := /bin/bash
TARGET := $(or $(CARGO_TARGET_DIR),target)
LISTEN ?= 127.0.0.1:8080
DATA ?= kith-data

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint assets sbom deny

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## build Kith and open a neighbourhood of people at http://127.0.0.1:8080
	@scripts/need.sh rust build-essential npm python3 python3-pip
	@sh crates/web/assets/fetch.sh
	cargo build --release --package kith
	$(TARGET)/release/kith demo --listen $(LISTEN) --data $(DATA)

test: ## run every check and every test
	@scripts/test.sh

bench: ## measure, beside a raw baseline from the same run
	@scripts/need.sh rust build-essential npm python3 python3-pip
	@sh crates/web/assets/fetch.sh
	cargo build --release --package kith
	cargo run --release --package kith-bench

lint: ## format, clippy and the project's own checks, without tests
	@scripts/need.sh rust build-essential npm python3 python3-pip
	@sh crates/web/assets/fetch.sh
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	cargo xtask check

assets: ## bring in the NHS design system, pinned, from npm and PyPI
	@scripts/need.sh npm python3 python3-pip
	@sh crates/web/assets/fetch.sh

sbom: ## write what is in the binary to target/kith.cdx.json (CycloneDX)
	@mkdir -p $(TARGET)
	cargo xtask sbom > $(TARGET)/kith.cdx.json

deny: ## licences, sources and known faults of what Kith is built on
	@scripts/deny.sh --install
