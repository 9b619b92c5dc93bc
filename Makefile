.DEFAULT_GOAL := help
SHELL := /bin/bash
LATHER := .build/release/lather
SANITIZED := HTTPServerTests StorageTests TrainingTests APITests

.PHONY: help run test test-long fuzz lint check-contract docs bench bench-durability bench-http bench-scaling bench-stagger build dependencies clean

help: ## Show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## Install what is missing, build, serve, and train the digits through the server
	Scripts/demonstrate

# The socket server's tests count the threads and descriptors of their process, and the end-to-end tests time steps: each
# of the two has a process to itself, because tests of one process run side by side.
test: build lint check-contract ## Everything that CI runs
	swift build --build-tests
	Scripts/document
	swift test --skip-build --filter HTTPServerTests
	swift test --skip-build --skip 'HTTPServerTests|LatherTests'
	LATHER_BINARY=$(abspath $(LATHER)) swift test --skip-build --filter LatherTests
	Scripts/fuzz 20
	Scripts/sanitize thread HTTPServerTests

# The flips are thousands of servers' lives in one process, whose descriptors it keeps; what starts processes is apart from it.
test-long: build ## What CI has no time for: many more faults, a gigabyte through TLS, long fuzzing, sanitizers
	swift build --build-tests
	LATHER_TEST_FLIPS=10000 swift test --skip-build --filter TrainingTests.DamageTests
	LATHER_TEST_KILLS=2000 LATHER_TEST_POWER_CUTS=200 LATHER_TEST_FAULTS=40 LATHER_TEST_SOAK=20000 \
	  LATHER_TEST_PROXY_BYTES=1000000000 LATHER_BINARY=$(abspath $(LATHER)) swift test --skip-build \
	  --filter "LatherTests.EndToEnd/(KillTests|PowerCutTests|FailingDeviceTests|StorageTroubleTests|DamageTests|SoakTests|ProxyTests)"
	Scripts/fuzz 300
	Scripts/sanitize thread $(SANITIZED)
	Scripts/sanitize address $(SANITIZED)

check-contract: build ## openapi.yaml against the release binary, by schemathesis; the container's files by their own linters
	Scripts/check-contract

fuzz: ## Look for bytes that break the readers of HTTP, safetensors and JSON, for SECONDS (60) each
	Scripts/fuzz $(or $(SECONDS),60)

lint: ## Format, file lengths, and what must not be in the tree
	Scripts/lint

docs: ## Build the documentation of the SOAP library; warnings are errors
	Scripts/document

bench-durability: build ## What each durability costs on this machine; see Docs/durability.md
	$$(Scripts/python-with-numpy) Benchmarks/durability.py --binary $(LATHER)

bench-http: build ## The socket server against nginx and a loop in C
	Benchmarks/network.py --binary $(LATHER) --json .build/bench-http.json

bench-stagger: build ## How even steps are with stagger_refresh and without it
	$$(Scripts/python-with-numpy) Benchmarks/stagger.py --binary $(LATHER)

bench-scaling: build ## How a step grows with the size and number of parameters, and their memory, in about five minutes
	Scripts/bench-environment
	.build/bench-venv/bin/python Benchmarks/scaling.py --binary $(LATHER)

bench: build ## Lather through HTTP against PyTorch's SOAP in its own process, in about 25 minutes; BENCH='--quick' and others
	Scripts/bench-environment
	.build/bench-venv/bin/python Benchmarks/torch_soap.py --check
	.build/bench-venv/bin/python Benchmarks/bench.py --binary $(LATHER) --json .build/bench.json --svg .build/bench.svg $(BENCH)

build: dependencies ## Build the release binary
	swift build -c release --product lather

dependencies: ## Install the Debian packages that are missing
	Scripts/install-dependencies

clean: ## Remove what was built
	rm -rf .build
