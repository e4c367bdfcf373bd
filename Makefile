# sweep: build, test, demonstrate. Every target works from a fresh clone on a
# machine with Go and make.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
GO ?= go
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# NVML's header marks calls as deprecated that go-nvml wraps; not ours to fix.
export CGO_CFLAGS := $(CGO_CFLAGS) -Wno-deprecated-declarations
BENCHSTAT := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.7.0

.PHONY: build messages demo test torture race real-env test-real test-openai test-benchstat coverage-stats fuzz lint bench bench-load clean help

build: ## build bin/sweep and, for runs without a GPU, bin/vllm-sim
	$(GO) build -trimpath -ldflags '-s -w -X github.com/vllm-sweep/sweep/internal/cli.version=$(VERSION)' -o bin/ ./cmd/sweep ./sim/cmd/vllm-sim

messages: build ## docs/messages.md, from the catalogue of messages
	bin/sweep explain --markdown > docs/messages.md

demo: build ## run examples/quickstart.yaml on the simulated server
	bin/sweep run examples/quickstart.yaml

test: ## all checks and tests; installs podman and Chromium where it may
	.ci/test.sh

torture: ## injure 200 simulated runs at random moments (about 20 minutes; the tests have a short form)
	SWEEP_TORTURE=200 $(GO) test -count=1 -timeout 120m -v ./internal/torture

race: ## all tests under the race detector, one package after another (slow: not part of make test)
	$(GO) test -race -p 1 -timeout 60m $$($(GO) list ./... | grep -v -e /internal/realtest -e /internal/torture)

real-env: ## install the real servers and tools of test-real: pinned, cached, each part optional
	internal/realtest/env/install.sh

test-real: ## sweep against real vLLM, llama-server, GuideLLM, AIPerf, vllm bench and a router
	SWEEP_REAL=full $(GO) test -count=1 -timeout 120m -v ./internal/realtest

lint: ## gofmt, go vet, staticcheck, spelling and links of the docs
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "not gofmt-clean:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test ./internal/prose

test-openai: ## the OpenAI client library against the simulated server (a module of its own)
	cd sim/vllmsim/openaitest && GOFLAGS=-p=1 $(GO) test ./...

test-benchstat: ## what `sweep compare --format benchfmt` writes, read by benchstat (a module of its own)
	cd analysis/benchstattest && $(GO) test ./...

fuzz: ## every fuzz target for 30 s (FUZZTIME=10m make fuzz)
	.ci/fuzz.sh

coverage-stats: ## simulate the coverage and error rates of docs/statistics.md (about ten minutes)
	SWEEP_COVERAGE=1 $(GO) test -count=1 -timeout 60m -v -run 'TestCoverage' ./analysis

bench: bench-load ## all benchmarks; those of the load generator as medians of 6
	$(GO) test -run '^$$' -bench . -benchmem $$($(GO) list ./... | grep -v /internal/loadgen$$)

bench-load: ## how exact and fast the load generator is: server on one processor, client on another
	$(GO) test -run '^$$' -bench 'Client|Reference|Rate|Memory' -benchtime 1x -count 6 -timeout 30m ./internal/loadgen | $(GO) run $(BENCHSTAT) -

clean: ## remove what was built
	rm -rf bin

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20
