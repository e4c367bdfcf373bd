// Command vllm-sim is the simulated vLLM server. It takes `serve ARGS` and bare
// ARGS, as the entry points of new and old vLLM images do. `describe ARGS`
// prints what such a server would be, as JSON, and starts nothing.
package main

import (
	"os"

	"github.com/vllm-sweep/sweep/sim/vllmsim"
)

func main() { os.Exit(vllmsim.Command(os.Args[1:], os.Stdout, os.Stderr)) }
