.DEFAULT_GOAL := help
SHELL := /bin/bash
LATHER := .build/release/lather

.PHONY: help run test test-long lint bench build dependencies clean

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Install what is missing, build, serve, and train the digits through the server
	Scripts/demonstrate

test: build lint ## Everything that CI runs
	LATHER_BINARY=$(abspath $(LATHER)) swift test

test-long: test ## The tests with their full counts
	LATHER_LONG_TESTS=1 LATHER_BINARY=$(abspath $(LATHER)) swift test

lint: ## Format, file lengths, and what must not be in the tree
	Scripts/lint

bench: build ## Time steps through the server on this machine
	Benchmarks/steps.py --binary $(LATHER)

build: dependencies ## Build the release binary
	swift build -c release --product lather

dependencies: ## Install the Debian packages that are missing
	Scripts/install-dependencies

clean: ## Remove what was built
	rm -rf .build
