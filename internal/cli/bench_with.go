package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadtools"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// clientOptions are the flags of `sweep bench` that bring other clients in.
type clientOptions struct {
	with                   []string
	rounds                 int
	guidellm, vllm, aiperf string
	tokens, keep           string
}

func (c *clientOptions) addClients(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringSliceVar(&c.with, "with", nil, "send the same load with these clients in turn and compare them: native,guidellm,vllm,aiperf")
	f.IntVar(&c.rounds, "rounds", 3, "with --with: how many times each client runs")
	f.StringVar(&c.guidellm, "guidellm", "guidellm", "with --with: `command` that runs GuideLLM")
	f.StringVar(&c.vllm, "vllm", "vllm", "with --with: `command` that runs vllm")
	f.StringVar(&c.aiperf, "aiperf", "aiperf", "with --with: `command` that runs AIPerf")
	f.StringVar(&c.tokens, "tokenizer", "", "with --with: tokenizer of the other clients, as a `model` or path (default: the served model)")
	f.StringVar(&c.keep, "keep", "", "with --with: `directory` for the files of the other clients")
}

// tools are the clients other than ours.
func (c *clientOptions) tools() ([]experiment.Benchmark, error) {
	commands := map[string]string{experiment.ToolGuideLLM: c.guidellm, experiment.ToolVLLM: c.vllm, experiment.ToolAIPerf: c.aiperf}
	var out []experiment.Benchmark
	for _, name := range c.with {
		command, ok := commands[name]
		switch {
		case name == experiment.ToolNative:
			continue
		case !ok:
			return nil, fmt.Errorf("--with %s: want native, guidellm, vllm or aiperf", name)
		}
		out = append(out, experiment.Benchmark{Tool: name, Command: strings.Fields(command), Tokenizer: c.tokens})
	}
	if !slices.Contains(c.with, experiment.ToolNative) {
		return nil, errors.New("--with needs native, sweep's own client: --with native,guidellm,vllm,aiperf")
	}
	if len(out) == 0 {
		return nil, errors.New("--with needs a client to compare with: --with native,guidellm,vllm,aiperf")
	}
	if c.rounds < 1 {
		return nil, fmt.Errorf("--rounds %d: must be at least 1", c.rounds)
	}
	return out, nil
}

// benchWith checks clients against each other at one endpoint.
func (sys *System) benchWith(ctx context.Context, url string, o benchOptions) error {
	tools, err := o.tools()
	if err != nil {
		return withCode(exitUsage, err)
	}
	ctx, release := sys.interruptible(ctx, func() { sys.say(stopText) })
	defer release()
	cfg, err := o.config(ctx, sys, strings.TrimSuffix(strings.TrimRight(url, "/"), "/v1"))
	if err != nil {
		return err
	}
	var loads []experiment.Load
	for _, t := range tools {
		loads = append(loads, experiment.Load{Name: t.Tool, Benchmark: &t, Arrivals: experiment.Arrivals{MaxConcurrency: cfg.Arrivals.MaxConcurrency}})
	}
	if err := loadtools.Check(ctx, loads); err != nil {
		return withCode(exitEnvironment, err)
	}
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "sweep-bench-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	a, err := loadtools.Agree(ctx, loadtools.AgreeOptions{
		Load: cfg, Tools: tools, Rounds: o.rounds, Dir: dir,
		Say: func(line string) { fmt.Fprintln(sys.Stderr, line) },
	})
	if ctx.Err() != nil {
		return withCode(exitInterrupted, errors.New("interrupted; partial results were discarded"))
	}
	if err != nil {
		return err
	}
	if o.json {
		err = writeJSON(sys, a)
	} else {
		err = a.WriteText(sys.Stdout)
	}
	if err != nil {
		return err
	}
	_, beyond := a.Agrees()
	switch {
	case len(a.Failed) > 0:
		return quiet(exitSomeFailed)
	case len(beyond) > 0:
		return withCode(exitSLO, fmt.Errorf("the clients differ: %s", strings.Join(notice.Texts(beyond), "; ")))
	}
	return nil
}
