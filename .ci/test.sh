#!/usr/bin/env bash
# Runs all checks and tests. Installs what they need where it may (Debian or
# Ubuntu, as root); elsewhere the container and browser tests skip with one
# loud line, unless SWEEP_REQUIRE_PODMAN=1, SWEEP_REQUIRE_CHROMIUM=1 or
# SWEEP_REQUIRE_REAL=1 forbid it.
set -euo pipefail
cd "$(dirname "$0")/.."

.ci/install-test-deps.sh

make --no-print-directory lint
go build ./...
CGO_ENABLED=0 go build -o /dev/null ./cmd/sweep
# Runs are read on laptops too.
CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 go build -o /dev/null ./cmd/sweep
# Two packages at a time: several start servers and measure time.
go test -timeout 15m -p 2 ./...
# What servers and strangers write is parsed by these; all targets: make fuzz.
.ci/fuzz.sh '^(FuzzLog|FuzzReaders)$'

# A real vLLM and a real llama-server, in the short form, on a machine that
# does nothing else. SWEEP_REAL=off leaves them out.
if [ "${SWEEP_REAL:-short}" != off ]; then
	internal/realtest/env/install.sh vllm model gguf llama || [ "${SWEEP_REQUIRE_REAL:-}" != 1 ]
	SWEEP_REAL=short go test -count=1 -timeout 25m -v ./internal/realtest
fi
