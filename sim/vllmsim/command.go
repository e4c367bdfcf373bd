package vllmsim

import (
	"context"
	"encoding/json"
	"io"
	"os/signal"
	"syscall"

	"github.com/vllm-sweep/sweep/sim/vllmsim/flags"
)

// Command is the program vllm-sim with its arguments: `serve ARGS`, bare ARGS,
// or `describe ARGS`. It returns the exit code.
func Command(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && args[0] == "describe" {
		return describe(args[1:], stdout, stderr)
	}
	if len(args) > 0 && args[0] == "serve" {
		args = args[1:]
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return Main(ctx, args, stdout, stderr)
}

// description is what `vllm-sim describe` prints, for those who plan a run.
type description struct {
	Version string `json:"version"`
	GPUs    []gpu  `json:"gpus"`
}

type gpu struct {
	Name   string  `json:"name"`         // as CUDA reports it
	Memory float64 `json:"memory_bytes"` // as CUDA reports it
}

func describe(args []string, stdout, stderr io.Writer) int {
	v, err := flags.Parse(args)
	if err != nil {
		return usageError(stderr, err)
	}
	s := &setup{values: v}
	if err := s.own(0); err != nil {
		return usageError(stderr, err)
	}
	d := description{Version: s.version.String()}
	for range s.gpus {
		d.GPUs = append(d.GPUs, gpu{s.engine.GPU.Device, s.engine.GPU.Memory})
	}
	if err := json.NewEncoder(stdout).Encode(d); err != nil {
		return exitFailed
	}
	return exitDone
}
