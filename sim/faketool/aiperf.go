package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// aiperfConfig is the part of AIPerf 0.13's configuration that the fake takes;
// like the tool it refuses other members.
type aiperfConfig struct {
	Models   []string
	Endpoint struct {
		Urls      []string
		Type      string
		Streaming bool
		Server    bool   `yaml:"use_server_token_count"`
		APIKey    string `yaml:"api_key"`
		Timeout   float64
		Extra     map[string]any
	}
	Datasets []struct {
		Name, Type string
		Entries    int
		Prompts    struct {
			ISL, OSL struct{ Mean, Stddev float64 }
		}
	}
	Phases []struct {
		Name, Kind, Type string
		Rate, Smoothness float64
		Concurrency      int
		Requests         int
		Duration         float64
		Grace            float64 `yaml:"grace_period"`
	}
	Tokenizer     struct{ Name string }
	Artifacts     struct{ Dir string }
	Runtime       struct{ UI string }
	GPU           struct{ Enabled bool } `yaml:"gpu_telemetry"`
	ServerMetrics struct{ Enabled bool } `yaml:"server_metrics"`
}

func aiperf(args []string) error {
	if len(args) == 1 && args[0] == "--version" {
		fmt.Println("0.13.0")
		return nil
	}
	if len(args) == 0 || args[0] != "profile" {
		return usageError(fmt.Sprintf("Unknown command %q. Available commands: profile", args))
	}
	o, err := options(args[1:], []string{"--config", "-f"}, nil, "Unknown option: %q")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(o["--config"])
	if err != nil {
		return usageError(err.Error())
	}
	var envelope struct {
		Benchmark aiperfConfig
		Seed      int64 `yaml:"random_seed"`
	}
	dec := yaml.NewDecoder(strings.NewReader(os.ExpandEnv(string(text))))
	dec.KnownFields(true)
	if err := dec.Decode(&envelope); err != nil {
		return usageError("1 validation error for AIPerfConfig: " + err.Error())
	}
	c := envelope.Benchmark
	if len(c.Models) != 1 || len(c.Endpoint.Urls) != 1 || len(c.Datasets) != 1 || len(c.Phases) != 1 || c.Datasets[0].Type != "synthetic" || c.Phases[0].Kind != "profiling" {
		return usageError("1 validation error for AIPerfConfig")
	}
	if os.Getenv("HF_HUB_OFFLINE") != "" && strings.HasPrefix(c.Tokenizer.Name, "/") {
		return fmt.Errorf("tokenizer %s: cannot be resolved offline", c.Tokenizer.Name)
	}
	if done, err := misbehave(); done {
		return err
	}
	phase := c.Phases[0]
	p := plan{
		url: c.Endpoint.Urls[0], model: c.Models[0], key: c.Endpoint.APIKey, chat: c.Endpoint.Type == "chat", text: true,
		promptLen: int(c.Datasets[0].Prompts.ISL.Mean), answerLn: int(c.Datasets[0].Prompts.OSL.Mean), seed: envelope.Seed,
		streams: phase.Concurrency, requests: phase.Requests, length: time.Duration(phase.Duration * 1e9),
	}
	switch phase.Type {
	case "concurrency":
	case "constant", "poisson", "gamma":
		p.rate, p.poisson = phase.Rate, phase.Type != "constant"
	default:
		return usageError("phases.0: type " + phase.Type)
	}
	shots, began, ended := p.fire()
	return c.export(shots, began, ended)
}

// export writes the artifact folder: records, the summary and a table.
func (c *aiperfConfig) export(shots []*shot, began, ended time.Time) error {
	var lines strings.Builder
	ok := 0
	for i, s := range shots {
		line := map[string]any{"metadata": map[string]any{
			"session_num": i, "credit_issued_ns": s.due.UnixNano(), "request_start_ns": s.sent.UnixNano(), "request_end_ns": s.end.UnixNano(),
			"benchmark_phase": "profiling", "phase_name": "profiling", "was_cancelled": s.cut,
		}}
		ms := func(d time.Duration) any { return map[string]any{"value": float64(d) / 1e6, "unit": "ms"} }
		count := func(n int) any { return map[string]any{"value": n, "unit": "tokens"} }
		if s.ok() {
			ok++
			var gaps []float64
			for _, g := range s.gaps {
				gaps = append(gaps, g*1e3)
			}
			line["metrics"] = map[string]any{
				"time_to_first_token": ms(s.first.Sub(s.sent)), "request_latency": ms(s.last.Sub(s.sent)),
				"inter_chunk_latency":   map[string]any{"value": gaps, "unit": "ms"},
				"input_sequence_length": count(s.in), "output_sequence_length": count(s.out), "usage_prompt_tokens": count(s.in), "usage_completion_tokens": count(s.out),
			}
		} else {
			text := cmp.Or(s.err, "Invalid inference result: No responses with actual content were received from the server")
			line["metrics"] = map[string]any{"error_isl": count(s.in)}
			line["error"] = map[string]any{"type": "HTTPError", "message": text}
		}
		data, err := json.Marshal(line)
		if err != nil {
			return err
		}
		lines.Write(append(data, '\n'))
	}
	set, phase := c.Datasets[0], c.Phases[0]
	profiling := map[string]any{"name": "profiling", "kind": "profiling", "type": phase.Type}
	for key, v := range map[string]float64{"rate": phase.Rate, "smoothness": phase.Smoothness, "concurrency": float64(phase.Concurrency), "requests": float64(phase.Requests), "duration": phase.Duration} {
		if v > 0 {
			profiling[key] = v
		}
	}
	stamp := func(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000") }
	metric := func(unit string, v float64) any { return map[string]any{"unit": unit, "avg": v} }
	summary, err := json.Marshal(map[string]any{
		"schema_version": "1.4", "aiperf_version": "0.13.0", "request_throughput": metric("requests/sec", float64(ok)/ended.Sub(began).Seconds()), "request_count": metric("requests", float64(ok)),
		"input_config": map[string]any{
			"models":   map[string]any{"items": []any{map[string]any{"name": c.Models[0]}}},
			"endpoint": map[string]any{"urls": c.Endpoint.Urls, "type": c.Endpoint.Type, "api_key": "<redacted>"},
			"datasets": []any{map[string]any{"prompts": map[string]any{"isl": map[string]any{"mean": set.Prompts.ISL.Mean}, "osl": map[string]any{"mean": set.Prompts.OSL.Mean}}}},
			"phases":   []any{profiling},
		},
		"was_cancelled": false, "error_summary": []any{}, "start_time": stamp(began), "end_time": stamp(ended),
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(c.Artifacts.Dir, "logs"), 0o755); err != nil {
		return err
	}
	fmt.Printf("JSON Export: %s\n", filepath.Join(c.Artifacts.Dir, "profile_export_aiperf.json"))
	for name, text := range map[string]string{"profile_export_aiperf.json": string(summary), "profile_export_aiperf.csv": "Metric,avg,min,max\n", "inputs.json": `{"data":[]}`,
		"logs/aiperf.log": "a server said: no key " + c.Endpoint.APIKey + "\n"} {
		if err := os.WriteFile(filepath.Join(c.Artifacts.Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return store(filepath.Join(c.Artifacts.Dir, "profile_export.jsonl"), []byte(lines.String()))
}
