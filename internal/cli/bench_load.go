package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/workload"
)

// loadOptions are the flags of `sweep bench` that make the load: what the
// experiment file names under loads.
type loadOptions struct {
	api                           string
	constant, poisson             float64
	gamma, burstiness             float64
	ramp                          string
	trace, traceFormat            string
	speed                         float64
	concurrency, throughput, cap  int
	prompt, output                int
	prefixTokens, prefixes        int
	prefixRatio                   float64
	dataset, datasetFormat        string
	unsalted                      bool
	turns, followUp               int
	think                         time.Duration
	minTokens, maxTokens          int
	respectEOS                    bool
	duration, warmup, timeout     time.Duration
	requests                      int
	seed                          uint64
	headers, headersEnv           []string
	body                          string
	keyEnv                        string
	tlsCA, tlsCertificate, tlsKey string
	tlsSkipVerify                 bool
	sharedMachine                 bool
	outputGiven, apiGiven         bool
	sharedGiven                   bool
}

func (o *loadOptions) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.api, "api", string(loadgen.Completions), "API to call: completions or chat")
	f.Float64Var(&o.poisson, "poisson", 0, "open loop: requests per second, with exponential gaps")
	f.Float64Var(&o.constant, "constant", 0, "open loop: requests per second, with constant gaps")
	f.Float64Var(&o.gamma, "gamma", 0, "open loop: requests per second, with gamma gaps of --burstiness")
	f.Float64Var(&o.burstiness, "burstiness", 1, "with --gamma: 1 is Poisson, less is burstier, more is smoother")
	f.StringVar(&o.ramp, "ramp", "", "open loop: change the rate over the window, `FROM:TO` requests per second")
	f.StringVar(&o.trace, "trace", "", "open loop: replay the trace in this `file`")
	f.StringVar(&o.traceFormat, "trace-format", "", "with --trace: azure or mooncake (default: by file name, .csv or .jsonl)")
	f.Float64Var(&o.speed, "speed", 1, "with --trace: 2 replays it in half the time")
	f.IntVar(&o.concurrency, "concurrency", 0, "closed loop: requests in flight, or users if --turns is given (default 1)")
	f.IntVar(&o.throughput, "throughput", 0, "send all --requests at once, with at most this many in flight")
	f.IntVar(&o.cap, "max-concurrency", 0, "open loop: cap on the requests in flight")
	f.IntVar(&o.prompt, "prompt-tokens", 512, "tokens per prompt")
	f.IntVar(&o.output, "output-tokens", 128, "tokens per answer")
	f.IntVar(&o.minTokens, "min-tokens", 0, "fewest tokens that a request asks for")
	f.IntVar(&o.maxTokens, "max-tokens", 0, "most tokens that a request asks for")
	f.BoolVar(&o.respectEOS, "respect-eos", false, "let the model end its answers early (no ignore_eos)")
	f.IntVar(&o.prefixTokens, "prefix-tokens", 0, "tokens at the start of each prompt that all prompts share")
	f.Float64Var(&o.prefixRatio, "prefix-ratio", 0, "instead of --prefix-tokens: shared fraction of each prompt, between 0 and 1")
	f.IntVar(&o.prefixes, "prefixes", 1, "number of different shared prefixes")
	f.StringVar(&o.dataset, "dataset", "", "take the prompts from this `file`")
	f.StringVar(&o.datasetFormat, "dataset-format", "", "with --dataset: sharegpt, jsonl or csv (default: by file name)")
	f.BoolVar(&o.unsalted, "no-salt", false, "with --dataset: send the prompts unchanged, even if a prefix cache may know them")
	f.IntVar(&o.turns, "turns", 0, "send conversations with this many turns; arrivals are then those of conversations (implies --api chat)")
	f.DurationVar(&o.think, "think-time", 0, "with --turns: pause between an answer and the next turn")
	f.IntVar(&o.followUp, "follow-up-tokens", 0, "with --turns: new tokens per later turn (default: --prompt-tokens)")
	f.DurationVar(&o.duration, "duration", 0, "length of the measured window (default 30s unless --requests is given)")
	f.IntVar(&o.requests, "requests", 0, "requests in the measured window")
	f.DurationVar(&o.warmup, "warmup", 2*time.Second, "load before the measured window")
	f.DurationVar(&o.timeout, "timeout", loadgen.DefaultTimeout, "time limit per request")
	f.Uint64Var(&o.seed, "seed", 1, "random seed of arrivals and prompts")
	f.StringArrayVar(&o.headers, "header", nil, "header of every request, `NAME=VALUE` (repeatable)")
	f.StringArrayVar(&o.headersEnv, "header-env", nil, "header whose value is in an environment variable, `NAME=VARIABLE` (repeatable)")
	f.StringVar(&o.body, "body", "", "more fields for every request, as a `JSON` object")
	f.StringVar(&o.keyEnv, "api-key-env", "", "environment `variable` that holds the API key")
	f.StringVar(&o.tlsCA, "tls-ca", "", "trust the certificates in this `file` (PEM)")
	f.BoolVar(&o.tlsSkipVerify, "tls-skip-verify", false, "do not verify the server's certificate")
	f.StringVar(&o.tlsCertificate, "tls-cert", "", "client certificate `file` (PEM)")
	f.StringVar(&o.tlsKey, "tls-key", "", "private key `file` of the client certificate (PEM)")
	f.BoolVar(&o.sharedMachine, "shared-machine", false, "the server computes on this machine's CPUs: hold the client to looser limits (default: detected)")
}

// arrivalFlags choose the arrival process; one of them is given at most.
var arrivalFlags = []string{"poisson", "constant", "gamma", "ramp", "trace", "concurrency", "throughput"}

// check refuses anything but a load as asked for: two at once, or a rate or
// concurrency of 0 or less taken for the default.
func (o *loadOptions) check(cmd *cobra.Command) error {
	given := ""
	for _, name := range arrivalFlags {
		if !cmd.Flags().Changed(name) {
			continue
		}
		if given != "" {
			return withCode(exitUsage, fmt.Errorf("--%s cannot be used with --%s: choose one load", given, name))
		}
		given = name
		if name == "ramp" || name == "trace" {
			continue
		}
		if v, err := strconv.ParseFloat(cmd.Flag(name).Value.String(), 64); err != nil || !(v > 0) {
			return withCode(exitUsage, fmt.Errorf("--%s %s: must be greater than 0", name, cmd.Flag(name).Value))
		}
	}
	for _, name := range []string{"turns", "prefixes"} {
		if v, err := strconv.Atoi(cmd.Flag(name).Value.String()); cmd.Flags().Changed(name) && (err != nil || v < 1) {
			return withCode(exitUsage, fmt.Errorf("--%s %s: must be greater than 0", name, cmd.Flag(name).Value))
		}
	}
	for name, needs := range map[string]string{
		"burstiness": "gamma", "trace-format": "trace", "speed": "trace", "dataset-format": "dataset", "no-salt": "dataset",
		"think-time": "turns", "follow-up-tokens": "turns", "tls-key": "tls-cert",
	} {
		if cmd.Flags().Changed(name) && !cmd.Flags().Changed(needs) {
			return withCode(exitUsage, fmt.Errorf("--%s needs --%s", name, needs))
		}
	}
	o.sharedGiven = cmd.Flags().Changed("shared-machine")
	o.outputGiven, o.apiGiven = cmd.Flags().Changed("output-tokens"), cmd.Flags().Changed("api")
	return nil
}

// config makes the generator's configuration, all but server and model.
func (o *loadOptions) config(sys *System) (loadgen.Config, error) {
	cfg := loadgen.Config{
		API:    loadgen.API(o.api),
		Prompt: loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(o.prompt)},
		Output: loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(o.output)},
		Prefix: loadgen.Prefix{Tokens: o.prefixTokens, Ratio: o.prefixRatio},
		Warmup: o.warmup, Duration: o.duration, Requests: o.requests, Timeout: o.timeout,
		IgnoreEOS: !o.respectEOS, MinOutput: o.minTokens, MaxOutput: o.maxTokens, Seed: o.seed,
		// Prompts of two calls must differ, or the second meets a warm prefix cache.
		Salt: strconv.FormatInt(time.Now().UnixNano(), 36),
	}
	if cfg.Prefix != (loadgen.Prefix{}) {
		cfg.Prefix.Count = o.prefixes
	}
	switch {
	case o.sharedMachine:
		cfg.Limits = loadgen.Shared()
		cfg.Limits.Why = new(notice.New("declared", nil))
	case o.sharedGiven:
		cfg.Limits = loadgen.Strict()
	}
	if cfg.Duration == 0 && cfg.Requests == 0 && o.trace == "" {
		cfg.Duration = 30 * time.Second
	}
	if o.turns > 0 {
		if !o.apiGiven {
			cfg.API = loadgen.Chat
		}
		cfg.Sessions = &loadgen.Sessions{
			Turns: loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(o.turns)},
			Think: loadgen.Pause{Kind: loadgen.FixedPause, Mean: o.think},
		}
		if o.followUp > 0 {
			cfg.Sessions.FollowUp = loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(o.followUp)}
		}
	}
	for _, step := range []func(*System, *loadgen.Config) error{o.arrivals, o.prompts, o.request, o.tls} {
		if err := step(sys, &cfg); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

func (o *loadOptions) arrivals(_ *System, cfg *loadgen.Config) error {
	a := &cfg.Arrivals
	a.MaxConcurrency = o.cap
	switch {
	case o.poisson > 0:
		a.Kind, a.Rate = loadgen.Poisson, o.poisson
	case o.constant > 0:
		a.Kind, a.Rate = loadgen.Constant, o.constant
	case o.gamma > 0:
		a.Kind, a.Rate, a.Burstiness = loadgen.Gamma, o.gamma, o.burstiness
	case o.ramp != "":
		from, to, ok := strings.Cut(o.ramp, ":")
		var err1, err2 error
		a.Kind = loadgen.Ramp
		a.Rate, err1 = strconv.ParseFloat(from, 64)
		a.RateTo, err2 = strconv.ParseFloat(to, 64)
		if !ok || err1 != nil || err2 != nil {
			return withCode(exitUsage, fmt.Errorf("--ramp %s: want two rates, such as 1:20", o.ramp))
		}
	case o.trace != "":
		a.Kind, a.Speed = loadgen.Trace, o.speed
		if !(o.speed > 0) {
			return withCode(exitUsage, fmt.Errorf("--speed %v: must be greater than 0", o.speed))
		}
		format := o.traceFormat
		if format == "" {
			format = map[string]string{".csv": workload.Azure, ".jsonl": workload.Mooncake}[filepath.Ext(strings.TrimSuffix(o.trace, ".gz"))]
		}
		rows, _, err := workload.ReadTrace(o.trace, format)
		if err != nil {
			return withCode(exitUsage, fmt.Errorf("--trace: %w", err))
		}
		cfg.Trace = rows
	case o.throughput > 0:
		a.Kind, a.Concurrency, a.MaxConcurrency = loadgen.Throughput, o.throughput, 0
	default:
		a.Kind, a.Concurrency, a.MaxConcurrency = loadgen.Concurrency, max(o.concurrency, 1), 0
	}
	if o.cap > 0 && a.MaxConcurrency == 0 {
		return withCode(exitUsage, errors.New("--max-concurrency is for open loops: in a closed loop, set --concurrency"))
	}
	return nil
}

// prompts reads the dataset.
func (o *loadOptions) prompts(_ *System, cfg *loadgen.Config) error {
	if o.dataset == "" {
		return nil
	}
	format := o.datasetFormat
	if format == "" {
		format = map[string]string{".json": workload.ShareGPT, ".jsonl": workload.JSONL, ".csv": workload.CSV}[filepath.Ext(strings.TrimSuffix(o.dataset, ".gz"))]
	}
	samples, _, err := workload.ReadDataset(o.dataset, format)
	if err != nil {
		return withCode(exitUsage, fmt.Errorf("--dataset: %w", err))
	}
	cfg.Dataset, cfg.DatasetSalt = samples, !o.unsalted
	bare := slices.ContainsFunc(samples, func(s workload.Sample) bool { return s.Output == 0 && s.Answer == "" })
	if !o.outputGiven && !bare {
		cfg.Output = loadgen.Lengths{} // the dataset says it
	}
	return nil
}

// request takes headers, body fields and the API key.
func (o *loadOptions) request(sys *System, cfg *loadgen.Config) error {
	variable := func(flag, name string) (string, error) {
		value, ok := sys.LookupEnv(name)
		if !ok {
			return "", withCode(exitEnvironment, fmt.Errorf("--%s: environment variable %s is not set", flag, name))
		}
		return value, nil
	}
	cfg.Headers = map[string]string{}
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, "=")
		if !ok {
			return withCode(exitUsage, fmt.Errorf("--header %s: want NAME=VALUE", h))
		}
		cfg.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	for _, h := range o.headersEnv {
		name, from, ok := strings.Cut(h, "=")
		if !ok {
			return withCode(exitUsage, fmt.Errorf("--header-env %s: want NAME=VARIABLE", h))
		}
		value, err := variable("header-env", strings.TrimSpace(from))
		if err != nil {
			return err
		}
		cfg.Headers[strings.TrimSpace(name)] = value
		cfg.Secrets = append(cfg.Secrets, value)
	}
	if o.body != "" {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal([]byte(o.body), &fields); err != nil {
			return withCode(exitUsage, fmt.Errorf("--body: want a JSON object: %w", err))
		}
		cfg.Body = map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			refusal, refused := workload.CheckField("--body", name,
				"--output-tokens", "--max-tokens", "--min-tokens", "--respect-eos")
			if refused {
				return withCode(exitUsage, errors.New(refusal.Text()), refusal.Remedy())
			}
			cfg.Body[name] = fields[name]
		}
	}
	if o.keyEnv == "" {
		return nil
	}
	key, err := variable("api-key-env", o.keyEnv)
	cfg.APIKey = key
	return err
}

func (o *loadOptions) tls(_ *System, cfg *loadgen.Config) (err error) {
	files := loadgen.TLSFiles{CA: o.tlsCA, SkipVerify: o.tlsSkipVerify, Certificate: o.tlsCertificate, Key: o.tlsKey}
	if cfg.TLS, err = files.Load(); err != nil {
		return withCode(exitUsage, err)
	}
	return nil
}
