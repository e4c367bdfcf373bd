package loadtools

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/vllm-sweep/sweep/internal/importer"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Prompts that AIPerf makes before the load. Where the number of requests is
// not known, prompts may repeat, which the result then says.
const (
	aiperfSpare  = 1.2 // of an open loop by time: a Poisson count varies
	aiperfClosed = 5000
)

// aiperf writes the configuration file of AIPerf 0.13. The API key stays in the
// environment, which the file names.
func (j *Job) aiperf(c *command, base []string) error {
	phase, err := j.aiperfPhase()
	if err != nil {
		return err
	}
	prompts := map[string]any{}
	for key, l := range map[string]loadgen.Lengths{"isl": j.Load.Prompt, "osl": j.Load.Output} {
		switch l.Kind {
		case loadgen.Fixed:
			prompts[key] = map[string]any{"mean": math.Round(l.Mean)}
		case loadgen.Normal:
			prompts[key] = map[string]any{"mean": l.Mean, "stddev": l.Stdev}
		default:
			return fmt.Errorf("aiperf draws fixed and normal lengths, not %s", l.Kind)
		}
	}
	kind := "completions"
	if j.Load.API == loadgen.Chat {
		kind = "chat"
	}
	endpoint := map[string]any{
		"urls": []string{j.Load.BaseURL}, "type": kind, "streaming": true,
		// Its own count tokenizes the text again, and tokens without text are missing there.
		"use_server_token_count": true,
		"extra":                  map[string]any{"ignore_eos": true, "temperature": 0},
	}
	if j.Load.Timeout > 0 {
		endpoint["timeout"] = j.Load.Timeout.Seconds()
	}
	c.env = slices.Clone(c.env)
	if j.Load.APIKey != "" {
		endpoint["api_key"] = "${OPENAI_API_KEY}"
		c.env = append(c.env, "OPENAI_API_KEY="+j.Load.APIKey)
	}
	if info, err := os.Stat(j.tokenizer()); err == nil && info.IsDir() {
		// AIPerf refuses a tokenizer in a local folder when it is told to be offline.
		c.env = slices.DeleteFunc(c.env, func(v string) bool {
			return strings.HasPrefix(v, "HF_HUB_OFFLINE=") || strings.HasPrefix(v, "TRANSFORMERS_OFFLINE=")
		})
	}
	artifacts := filepath.Join(j.Dir, rundir.AIPerfDir)
	benchmark := map[string]any{
		"models": []string{j.Load.Model}, "endpoint": endpoint, "phases": []any{phase},
		"datasets":  []any{map[string]any{"name": "main", "type": "synthetic", "entries": j.aiperfEntries(), "prompts": prompts}},
		"tokenizer": map[string]any{"name": j.tokenizer()},
		"artifacts": map[string]any{"dir": artifacts},
		"runtime":   map[string]any{"ui": "none"},
		// Both are sweep's own work, and scrapes of the server are load.
		"gpu_telemetry": map[string]any{"enabled": false}, "server_metrics": map[string]any{"enabled": false},
	}
	text, err := yaml.Marshal(map[string]any{"benchmark": benchmark, "random_seed": smallSeed(j.Load.Seed)})
	if err != nil {
		return err
	}
	path := filepath.Join(j.Dir, rundir.ToolConfigFile)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err
	}
	c.argv = slices.Concat(base, []string{"profile", "--config", path}, j.Tool.Args)
	c.result = filepath.Join(rundir.AIPerfDir, "profile_export.jsonl")
	c.remove = append(c.remove, filepath.Join(artifacts, "inputs.json")) // every prompt, in full
	return nil
}

// aiperfPhase is the load in AIPerf's words.
func (j *Job) aiperfPhase() (map[string]any, error) {
	a := j.Load.Arrivals
	p := map[string]any{"name": "profiling", "kind": "profiling"}
	switch a.Kind {
	case loadgen.Concurrency, loadgen.Throughput:
		p["type"], p["concurrency"] = "concurrency", cmp.Or(a.Concurrency, j.Load.Requests)
	case loadgen.Constant, loadgen.Poisson, loadgen.Gamma:
		p["type"], p["rate"] = string(a.Kind), a.Rate
		if a.Kind == loadgen.Gamma {
			p["smoothness"] = a.Burstiness
		}
		if a.MaxConcurrency > 0 {
			p["concurrency"] = a.MaxConcurrency
		}
	default:
		return nil, fmt.Errorf("aiperf knows no arrivals %q", a.Kind)
	}
	if j.Load.Requests > 0 {
		p["requests"] = j.Load.Requests
	}
	if j.Load.Duration > 0 {
		p["duration"] = j.Load.Duration.Seconds()
		p["grace_period"] = cmp.Or(j.Load.Timeout, loadgen.DefaultTimeout).Seconds() // for the answers in flight
	}
	return p, nil
}

// aiperfEntries is the number of different prompts.
func (j *Job) aiperfEntries() int {
	switch l := j.Load; {
	case l.Requests > 0:
		return l.Requests
	case l.Arrivals.Rate > 0:
		return int(math.Ceil(l.Arrivals.Rate*l.Duration.Seconds()*aiperfSpare)) + 10
	default:
		return aiperfClosed
	}
}

// aiperfRepeats warns of prompts that were sent more than once.
func (j *Job) aiperfRepeats(r *importer.Result) {
	n := 0
	for _, k := range r.Requests {
		n += k
	}
	if have := j.aiperfEntries(); n > have {
		r.Warnings = append(r.Warnings, notice.New("prompts-repeat", notice.Args{"n": notice.Count(n), "prompts": notice.Count(have)}))
	}
}
