package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
)

// benchOptions are the flags of `sweep bench`.
type benchOptions struct {
	loadOptions
	model   string
	json    bool
	records string
	clientOptions
}

// benchOutput is what `sweep bench --json` prints; times in seconds.
type benchOutput struct {
	URL      string                `json:"url"`
	Model    string                `json:"model"`
	Load     string                `json:"load"` // open, partly open, closed
	Began    time.Time             `json:"began"`
	Window   float64               `json:"window_s"`
	Requests map[loadgen.Class]int `json:"requests"` // due inside the window, by class
	Chunk    float64               `json:"tokens_per_chunk,omitempty"`
	Metrics  map[string]float64    `json:"metrics"`
	Absent   map[string]string     `json:"absent,omitempty"`
	TooFew   map[string]int        `json:"too_few,omitempty"` // percentile → requests needed
	Invalid  []notice.Notice       `json:"invalid,omitempty"`
	Warnings []notice.Notice       `json:"warnings,omitempty"`
	Client   *rundir.ClientFacts   `json:"client"` // evidence about the load generator itself
}

func newBench(sys *System) *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench URL",
		Short: "Load a running server once and print its throughput and latency",
		Long: `Load a running OpenAI-compatible server once and print its throughput and latency.

In open loop (--poisson, --constant), latency counts from the intended send. sweep
discards a result that its own client limited (exit code 3). It first sends one
small request, so that a problem with the server shows at once.`,
		Example: `  sweep bench http://127.0.0.1:8000 --concurrency 16 --prompt-tokens 512 --output-tokens 128 --duration 30s
  sweep bench http://127.0.0.1:8000 --poisson 5 --requests 300 --json
  sweep bench http://127.0.0.1:8000 --api chat --dataset ShareGPT.json --max-tokens 1024 --poisson 5 --duration 60s
  sweep bench http://127.0.0.1:8000 --turns 4 --think-time 2s --poisson 1 --warmup 30s --duration 120s`,
		Args: exactly("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			if len(o.with) > 0 {
				return sys.benchWith(cmd.Context(), args[0], o)
			}
			return sys.bench(cmd.Context(), args[0], o)
		},
	}
	o.add(cmd)
	o.addClients(cmd)
	f := cmd.Flags()
	f.StringVar(&o.model, "model", "", "`model` to request (default: the one that the server lists)")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	f.StringVar(&o.records, "save-requests", "", "write the record of every request to this Parquet `file`")
	return cmd
}

func (sys *System) bench(ctx context.Context, url string, o benchOptions) error {
	ctx, release := sys.interruptible(ctx, func() { sys.say(stopText) })
	defer release()
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return withCode(exitUsage, fmt.Errorf("invalid URL %q: want http://HOST:PORT", url))
	}
	cfg, err := o.config(ctx, sys, strings.TrimSuffix(strings.TrimRight(url, "/"), "/v1"))
	if ctx.Err() != nil {
		return withCode(exitInterrupted, errors.New("interrupted before the load started"))
	}
	if err != nil {
		return err
	}
	if o.records != "" {
		// An unwritable path must show before the load, not after.
		if _, err := os.Stat(filepath.Dir(o.records)); err != nil {
			return withCode(exitUsage, fmt.Errorf("--save-requests: %w", err))
		}
	}
	res, err := loadgen.Run(ctx, cfg)
	if err != nil {
		if ctx.Err() != nil {
			return withCode(exitInterrupted, errors.New("interrupted; partial results were discarded"))
		}
		return err
	}
	sum := loadgen.Summarize(res, loadgen.SummaryOptions{GPUs: 1})
	if o.records != "" {
		if err := atomicfile.Write(o.records, func(w io.Writer) error { return loadgen.WriteParquet(w, res) }); err != nil {
			return err
		}
	}
	if err := o.print(sys, cfg, res, sum); err != nil {
		return err
	}
	if len(res.Invalid) > 0 {
		return quiet(exitSomeFailed)
	}
	if sum.Requests[loadgen.ClassOK] == 0 {
		return withCode(exitFailed, fmt.Errorf("no request succeeded%s", firstError(res)))
	}
	return nil
}

// firstError is the error text of the first request that has one.
func firstError(res *loadgen.Result) string {
	for i := range res.Requests {
		if e := res.Requests[i].Error; e != "" {
			return "; the first error: " + e
		}
	}
	return ""
}

func (o benchOptions) print(sys *System, cfg loadgen.Config, res *loadgen.Result, sum loadgen.Summary) error {
	if !o.json {
		if err := sum.WriteTable(sys.Stdout); err != nil {
			return err
		}
		return sum.WriteTutorial(sys.Stdout)
	}
	return writeJSON(sys, benchOutput{
		URL: cfg.BaseURL, Model: cfg.Model, Load: sum.Label, Began: res.Start,
		Window: sum.Window.Seconds(), Requests: sum.Requests, Chunk: sum.TokensPerChunk,
		Metrics: sum.Metrics, Absent: sum.Absent, TooFew: sum.TooFew,
		Invalid: sum.Client.Limits.Advise(sum.Invalid, "--shared-machine"), Warnings: sum.Warnings,
		Client: runner.ClientFacts(sum.Client),
	})
}

// modelTimeout bounds the question which model the server serves.
const modelTimeout = 10 * time.Second

// config makes the configuration of the run, fits it to the server, and proves
// with one small request that the server takes it.
func (o benchOptions) config(ctx context.Context, sys *System, url string) (loadgen.Config, error) {
	cfg, err := o.loadOptions.config(sys)
	if err != nil {
		return cfg, err
	}
	cfg.BaseURL, cfg.Model = url, o.model
	cfg.Beside = loadgen.Here(url)
	if cfg.Model == "" {
		cfg.Model = "?" // asked for below, after the rest was found right
	}
	if err := cfg.Validate(); err != nil {
		return cfg, withCode(exitUsage, errors.New(strings.ReplaceAll(err.Error(), "\n", "; ")))
	}
	if o.model == "" {
		if cfg.Model, err = onlyModel(ctx, cfg); err != nil {
			return cfg, explain(err)
		}
	}
	err = loadgen.Fit(ctx, &cfg, 0)
	return cfg, explain(err)
}

// onlyModel asks the server which model it serves.
func onlyModel(ctx context.Context, cfg loadgen.Config) (string, error) {
	ids, err := loadgen.Models(ctx, cfg, modelTimeout)
	switch {
	case err != nil:
		return "", err
	case len(ids) == 0:
		return "", fmt.Errorf("%s lists no model: name one with --model", cfg.BaseURL)
	case len(ids) > 1:
		return "", withCode(exitUsage, fmt.Errorf("%s serves several models: choose one with --model: %s", cfg.BaseURL, strings.Join(ids, ", ")))
	}
	return ids[0], nil
}

// explain adds what to do about a server that does not serve.
func explain(err error) error {
	var refused *loadgen.Refusal
	if !errors.As(err, &refused) {
		return err
	}
	var hint string
	switch {
	case refused.Status == http.StatusUnauthorized || refused.Status == http.StatusForbidden:
		hint = "Set --api-key-env to the environment variable that holds the key."
	case refused.Chat:
		hint = "Use --api chat."
	case refused.TextOnly:
		hint = "Use --dataset FILE: the server takes prompts as text only."
	case refused.Status == http.StatusNotFound && strings.Contains(refused.Text, "model"):
		hint = "Omit --model to use the model that the server lists."
	case refused.Class == loadgen.ClassTimeout || refused.Class == loadgen.ClassConnect:
		hint = "Check the server's log. A larger --timeout does not help if the server never answers."
	default:
		return err
	}
	return withCode(exitFailed, err, hint)
}
