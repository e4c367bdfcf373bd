package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// benchOptions are the flags of `sweep bench`.
type benchOptions struct {
	model, api, keyEnv           string
	constant, poisson            float64
	concurrency, throughput, cap int
	prompt, output               int
	duration, warmup, timeout    time.Duration
	requests                     int
	seed                         uint64
	respectEOS                   bool
	json                         bool
	records                      string
}

// benchOutput is what `sweep bench --json` prints; times in seconds.
type benchOutput struct {
	URL      string                `json:"url"`
	Model    string                `json:"model"`
	Load     string                `json:"load"` // open, partly open, closed
	Began    time.Time             `json:"began"`
	Window   float64               `json:"window_s"`
	Requests map[loadgen.Class]int `json:"requests"` // due inside the window, by class
	Metrics  map[string]float64    `json:"metrics"`
	Absent   map[string]string     `json:"absent,omitempty"`
	Invalid  []string              `json:"invalid,omitempty"`
	Warnings []string              `json:"warnings,omitempty"`
}

func newBench(sys *System) *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench URL",
		Short: "Load one running server once and print what it did",
		Long: `Load one running OpenAI-compatible server once and print what it did. Latency in
open loop (--poisson, --constant) counts from the intended send. A result that
the client itself limited is declared invalid (exit code 3).`,
		Example: `  sweep bench http://127.0.0.1:8000 --concurrency 16 --prompt-tokens 512 --output-tokens 128 --duration 30s
  sweep bench http://127.0.0.1:8000 --poisson 5 --requests 300 --json`,
		Args: exactly("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := oneArrival(cmd); err != nil {
				return err
			}
			return sys.bench(cmd.Context(), args[0], o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.model, "model", "", "model to ask for (default: the one that the server lists)")
	f.StringVar(&o.api, "api", string(loadgen.Completions), "completions or chat")
	f.StringVar(&o.keyEnv, "api-key-env", "", "environment `variable` that holds the API key")
	f.Float64Var(&o.poisson, "poisson", 0, "open loop: requests per second, exponential gaps")
	f.Float64Var(&o.constant, "constant", 0, "open loop: requests per second, fixed gaps")
	f.IntVar(&o.concurrency, "concurrency", 0, "closed loop: requests in flight (default 1)")
	f.IntVar(&o.throughput, "throughput", 0, "all --requests at once, at most this many in flight")
	f.IntVar(&o.cap, "max-concurrency", 0, "open loop: at most this many in flight (then partly open)")
	f.IntVar(&o.prompt, "prompt-tokens", 512, "tokens in each prompt")
	f.IntVar(&o.output, "output-tokens", 128, "tokens in each answer")
	f.DurationVar(&o.duration, "duration", 0, "length of the measured window (default 30s unless --requests)")
	f.IntVar(&o.requests, "requests", 0, "requests in the measured window")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "load before the window opens")
	f.DurationVar(&o.timeout, "timeout", loadgen.DefaultTimeout, "limit of one request")
	f.Uint64Var(&o.seed, "seed", 1, "of arrivals and prompts")
	f.BoolVar(&o.respectEOS, "respect-eos", false, "let the model end its answers early")
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	f.StringVar(&o.records, "save-requests", "", "write the record of every request to this Parquet `file`")
	return cmd
}

// oneArrival refuses anything but a load as asked for: two at once, or a rate
// or concurrency of 0 or less taken for the default.
func oneArrival(cmd *cobra.Command) error {
	given := ""
	for _, name := range []string{"poisson", "constant", "concurrency", "throughput"} {
		if !cmd.Flags().Changed(name) {
			continue
		}
		if given != "" {
			return withCode(exitUsage, fmt.Errorf("--%s and --%s are two loads: give one", given, name))
		}
		given = name
		if v, err := strconv.ParseFloat(cmd.Flag(name).Value.String(), 64); err != nil || !(v > 0) {
			return withCode(exitUsage, fmt.Errorf("--%s %s: must be more than 0", name, cmd.Flag(name).Value))
		}
	}
	return nil
}

func (sys *System) bench(ctx context.Context, url string, o benchOptions) error {
	ctx, release := sys.interruptible(ctx, func() { fmt.Fprintln(sys.Stderr, "stopping (once more ends at once)") })
	defer release()
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return withCode(exitUsage, fmt.Errorf("%q is no address of a server: want http://HOST:PORT", url))
	}
	cfg, err := o.config(ctx, sys, strings.TrimSuffix(strings.TrimRight(url, "/"), "/v1"))
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
			return withCode(exitInterrupted, errors.New("interrupted; a part of a load is no result"))
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
			return "; the first: " + e
		}
	}
	return ""
}

func (o benchOptions) print(sys *System, cfg loadgen.Config, res *loadgen.Result, sum loadgen.Summary) error {
	if !o.json {
		return sum.WriteTable(sys.Stdout)
	}
	return writeJSON(sys, benchOutput{
		URL: cfg.BaseURL, Model: cfg.Model, Load: sum.Label, Began: res.Start,
		Window: sum.Window.Seconds(), Requests: sum.Requests,
		Metrics: sum.Metrics, Absent: sum.Absent, Invalid: sum.Invalid, Warnings: sum.Warnings,
	})
}

func (o benchOptions) config(ctx context.Context, sys *System, url string) (loadgen.Config, error) {
	cfg := loadgen.Config{
		BaseURL: url, Model: o.model, API: loadgen.API(o.api), Arrivals: o.arrivals(),
		Prompt: loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(o.prompt)},
		Output: loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(o.output)},
		Warmup: o.warmup, Duration: o.duration, Requests: o.requests, Timeout: o.timeout,
		IgnoreEOS: !o.respectEOS, Seed: o.seed,
		// Prompts of two calls must differ, or the second meets a warm prefix cache.
		Salt: strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	if cfg.Duration == 0 && cfg.Requests == 0 {
		cfg.Duration = 30 * time.Second
	}
	if o.keyEnv != "" {
		key, ok := sys.LookupEnv(o.keyEnv)
		if !ok {
			return cfg, withCode(exitEnvironment, fmt.Errorf("--api-key-env: the environment variable %s is not set", o.keyEnv))
		}
		cfg.APIKey = key
	}
	if cfg.Model == "" {
		model, err := onlyModel(ctx, url, cfg.APIKey)
		if err != nil {
			return cfg, err
		}
		cfg.Model = model
	}
	if err := cfg.Validate(); err != nil {
		return cfg, withCode(exitUsage, err)
	}
	return cfg, nil
}

func (o benchOptions) arrivals() loadgen.Arrivals {
	switch {
	case o.poisson > 0:
		return loadgen.Arrivals{Kind: loadgen.Poisson, Rate: o.poisson, MaxConcurrency: o.cap}
	case o.constant > 0:
		return loadgen.Arrivals{Kind: loadgen.Constant, Rate: o.constant, MaxConcurrency: o.cap}
	case o.throughput > 0:
		return loadgen.Arrivals{Kind: loadgen.Throughput, Concurrency: o.throughput}
	default:
		return loadgen.Arrivals{Kind: loadgen.Concurrency, Concurrency: max(o.concurrency, 1)}
	}
}

// onlyModel asks the server which model it serves.
func onlyModel(ctx context.Context, url, key string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/models", nil)
	if err != nil {
		return "", withCode(exitUsage, err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask %s which model it serves: %w", url, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask %s which model it serves: GET /v1/models: %s", url, resp.Status)
	}
	var list struct {
		Data []struct{ ID string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return "", fmt.Errorf("ask %s which model it serves: not an OpenAI-compatible answer: %w", url, err)
	}
	switch len(list.Data) {
	case 0:
		return "", fmt.Errorf("%s lists no model; name one with --model", url)
	case 1:
		return list.Data[0].ID, nil
	}
	var ids []string
	for _, m := range list.Data {
		ids = append(ids, m.ID)
	}
	return "", withCode(exitUsage, fmt.Errorf("%s serves several models; choose one with --model: %s", url, strings.Join(ids, ", ")))
}
