// Command sweep finds out which vLLM flags serve a load best.
package main

import (
	"os"

	"github.com/vllm-sweep/sweep/internal/cli"
)

func main() { os.Exit(cli.Main(cli.Host())) }
