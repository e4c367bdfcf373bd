package cli

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/sim/vllmsim"
)

func newSim(sys *System) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vllm-sim",
		Short: "Run the simulated vLLM server",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return withCode(exitUsage, fmt.Errorf("unknown command %q; did you mean 'sweep vllm-sim serve'?", args[0]))
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "serve [ARGS]",
		Short: "Serve a simulated model with the flags of `vllm serve`",
		Long: `Serve a simulated model: the flags, log lines, memory, scheduler and failures
of ` + "`vllm serve`" + `. Step times are computed for a GPU that need not exist.
Flags of the simulator itself begin with --sim-; see docs/simulator.md.`,
		Example: `  sweep vllm-sim serve --model Qwen/Qwen2.5-7B-Instruct --sim-gpu H100 --port 8000
  sweep vllm-sim serve --help`,
		// vLLM's own parser reads the arguments, habits and errors included.
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			if code := vllmsim.Main(ctx, args, sys.Stdout, sys.Stderr); code != 0 {
				return quiet(code)
			}
			return nil
		},
	})
	return cmd
}
