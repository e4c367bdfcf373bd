// Package realtest runs sweep against the real servers and tools that its
// users run: vLLM, llama-server, GuideLLM, AIPerf, `vllm bench serve`, a
// router. It holds tests only, and the script that installs what they need
// (env/install.sh, `make real-env`).
//
// The tests run where SWEEP_REAL says so: short (about six minutes, part of
// .ci/run) or full (`make test-real`). What is not installed is skipped with
// one loud line; with SWEEP_REQUIRE_REAL=1 it fails. The tables that the tests
// log are those of docs/truth.md.
package realtest
