// Package vllmsim is a simulated vLLM server: `vllm serve` with the same
// flags, startup lines, failures, HTTP routes and metrics, on top of a model
// of a GPU's memory, vLLM's scheduler and the duration of its steps.
//
// Command is the program vllm-sim, Main one server. Simulate runs the same configuration on a virtual
// clock, without HTTP, for loads of thousands of simulated seconds.
//
// The parts: catalog (GPUs and models), flags (the command line), engine
// (memory, scheduler, step times), server (HTTP in real time). This package
// resolves flags into a configuration, finds the mistakes that vLLM finds at
// start, and writes its log. docs/simulator.md says what may be expected of
// it.
package vllmsim
