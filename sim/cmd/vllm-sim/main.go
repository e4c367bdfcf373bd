// Command vllm-sim is the simulated vLLM server as a binary of its own, for
// images FROM scratch: it takes `serve ARGS` and bare ARGS, as the entry
// points of new and old vLLM images do.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/vllm-sweep/sweep/sim/vllmsim"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "serve" {
		args = args[1:]
	}
	code := vllmsim.Main(ctx, args, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
