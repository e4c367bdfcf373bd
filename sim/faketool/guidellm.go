package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// minor is the version that is played: 0.minor.
func minor() int {
	_, rest, _ := strings.Cut(cmp.Or(os.Getenv("FAKE_GUIDELLM_VERSION"), "0.7.3"), ".")
	n, _ := strconv.Atoi(strings.SplitN(rest, ".", 2)[0])
	return n
}

func guidellm(args []string) error {
	if len(args) == 1 && args[0] == "--version" {
		fmt.Println("guidellm version: " + cmp.Or(os.Getenv("FAKE_GUIDELLM_VERSION"), "0.7.3"))
		return nil
	}
	if len(args) == 0 {
		return usageError("Missing command.")
	}
	switch command, m := args[0], minor(); {
	case command == "run" && m >= 7:
		return guidellmRun(args[1:])
	case command == "benchmark" && m < 4:
		return guidellmFlags(args[1:], "--rate-type", "--backend-args --display-scheduler-stats", "--disable-progress --disable-console-outputs")
	case command == "benchmark" && m < 7:
		args = args[1:]
		if len(args) > 0 && args[0] == "run" {
			args = args[1:]
		}
		return guidellmFlags(args, "--profile", "--request-type --backend-kwargs", "--disable-console --disable-console-interactive")
	default:
		return usageError(fmt.Sprintf("No such command '%s'.", command))
	}
}

// guidellmFlags is the command line of 0.2 to 0.6.
func guidellmFlags(args []string, profile, valued, switches string) error {
	known := strings.Fields(profile + " --target --model --processor --rate --data --max-seconds --max-requests --random-seed --output-path --warmup --cooldown " + valued)
	o, err := options(args, known, strings.Fields(switches), "No such option: %s")
	if err != nil {
		return err
	}
	if o["--target"] == "" || o["--data"] == "" {
		return usageError("Missing option '--target' / '--data'.")
	}
	number := func(name string) float64 { v, _ := strconv.ParseFloat(o[name], 64); return v }
	data := map[string]int{}
	for pair := range strings.SplitSeq(o["--data"], ",") {
		key, value, _ := strings.Cut(pair, "=")
		if data[key], err = strconv.Atoi(value); err != nil {
			return usageError("Invalid value for '--data'")
		}
	}
	p := plan{
		url: o["--target"], model: o["--model"], promptLen: data["prompt_tokens"], answerLn: data["output_tokens"],
		requests: int(number("--max-requests")), length: time.Duration(number("--max-seconds") * 1e9), seed: int64(number("--random-seed")),
		key: os.Getenv("GUIDELLM__OPENAI__API_KEY"), chat: os.Getenv("GUIDELLM__PREFERRED_ROUTE") == "chat_completions" || o["--request-type"] == "chat_completions",
	}
	var kwargs struct {
		Key string `json:"api_key"`
	}
	if json.Unmarshal([]byte(os.Getenv("GUIDELLM_BACKEND_KWARGS")), &kwargs) == nil && kwargs.Key != "" {
		p.key = kwargs.Key
	}
	if err := p.profile(o[profile], number("--rate"), 0); err != nil {
		return err
	}
	return p.guide(o[profile], o["--output-path"], number("--rate"))
}

// profile sets the arrivals by GuideLLM's names.
func (p *plan) profile(kind string, rate float64, limit int) error {
	switch kind {
	case "synchronous":
		p.streams = 1
	case "concurrent":
		p.streams = int(rate)
	case "throughput":
		p.streams = max(int(rate), limit)
		if p.streams == 0 {
			p.streams = 512
		}
	case "constant", "poisson":
		p.rate, p.poisson, p.streams = rate, kind == "poisson", limit
	default:
		return usageError(fmt.Sprintf("Invalid value: '%s' is not one of 'sweep', 'synchronous', 'throughput', 'concurrent', 'constant', 'poisson'.", kind))
	}
	return nil
}

// guidellmRun is the command of 0.7 and later.
func guidellmRun(args []string) error {
	o, err := options(args, []string{"--config", "-c"}, []string{"--disable-console", "--disable-console-interactive"}, "No such option: %s")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(o["--config"])
	if err != nil {
		return usageError(fmt.Sprintf("Invalid value for '--config': %v", err))
	}
	var c struct {
		Spec struct {
			Backend struct {
				Kind, Target, Model string
				Format              string `yaml:"request_format"`
				Key                 string `yaml:"api_key"`
				Timeout             float64
			}
			Profile struct {
				Kind           string
				Streams        []int
				Rate           []float64
				MaxConcurrency int `yaml:"max_concurrency"`
			}
			Constraints []struct {
				Kind    string
				Seconds float64
				Count   int
			}
			Data []struct {
				Kind   string
				Prompt int            `yaml:"prompt_tokens"`
				Output int            `yaml:"output_tokens"`
				Rest   map[string]any `yaml:",inline"`
			}
			Tokenizer struct{ Kind, Model string }
			Seed      struct {
				Kind  string
				Value int64
			}
			Outputs []struct{ Kind, Path string }
		}
	}
	dec := yaml.NewDecoder(strings.NewReader(string(text)))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil {
		return usageError("Invalid configuration: " + err.Error())
	}
	s := c.Spec
	if s.Backend.Kind != "openai_http" || len(s.Data) != 1 || s.Data[0].Kind != "synthetic_text" || len(s.Outputs) != 1 || s.Seed.Kind != "static" || s.Tokenizer.Kind != "huggingface_auto" {
		return usageError("1 validation error: kind")
	}
	p := plan{
		url: s.Backend.Target, model: s.Backend.Model, key: s.Backend.Key, chat: s.Backend.Format == "/v1/chat/completions",
		promptLen: s.Data[0].Prompt, answerLn: s.Data[0].Output, seed: s.Seed.Value,
	}
	for _, k := range s.Constraints {
		switch k.Kind {
		case "max_requests":
			p.requests = k.Count
		case "max_duration":
			p.length = time.Duration(k.Seconds * 1e9)
		default:
			return usageError("constraint kind " + k.Kind)
		}
	}
	rate := 0.0
	switch {
	case len(s.Profile.Streams) == 1:
		rate = float64(s.Profile.Streams[0])
	case len(s.Profile.Rate) == 1:
		rate = s.Profile.Rate[0]
	}
	if err := p.profile(s.Profile.Kind, rate, s.Profile.MaxConcurrency); err != nil {
		return err
	}
	return p.guide(s.Profile.Kind, s.Outputs[0].Path, rate)
}

// ended names the constraint that ends the sending.
func (p plan) ended() map[string]any {
	if p.length > 0 {
		return map[string]any{"max_duration": map[string]any{"request_queuing": "stop"}}
	}
	return map[string]any{"max_requests": map[string]any{"request_queuing": "stop"}}
}

// guide makes the load and writes the report of the version that is played.
func (p plan) guide(kind, path string, rate float64) error {
	if done, err := misbehave(); done {
		return err
	}
	p.text = true
	race := os.Getenv("FAKE_MODE") == "race" && kind == "poisson"
	if race {
		p.rate *= 18
	}
	shots, began, ended := p.fire()
	epoch := func(t time.Time) any {
		if t.IsZero() {
			return nil
		}
		return float64(t.UnixNano()) / 1e9
	}
	lists := map[string][]any{"successful": {}, "errored": {}, "incomplete": {}}
	for _, s := range shots {
		status := "successful"
		switch {
		case s.cut:
			status = "incomplete"
		case !s.ok():
			status = "errored"
		}
		q := map[string]any{"prompt_tokens": s.in, "output_tokens": s.out, "prompt": strings.Repeat("word ", 20)}
		if minor() < 4 {
			q["start_time"], q["end_time"], q["first_token_time"], q["last_token_time"] = epoch(s.sent), epoch(s.end), epoch(s.first), epoch(s.last)
			q["scheduler_info"] = map[string]any{"targeted_start_time": epoch(s.due)}
			q["error"] = s.err
		} else {
			q["info"] = map[string]any{"status": "completed", "error": s.err, "timings": map[string]any{
				"targeted_start": epoch(s.due), "request_start": epoch(s.sent), "first_token_iteration": epoch(s.first),
				"last_token_iteration": epoch(s.last), "request_end": epoch(s.end),
			}}
		}
		lists[status] = append(lists[status], q)
	}
	totals := map[string]int{"successful": len(lists["successful"]), "errored": len(lists["errored"]), "incomplete": len(lists["incomplete"]), "total": len(shots)}
	strategy := map[string]any{"type_": kind}
	switch kind {
	case "concurrent":
		strategy["streams"] = int(rate)
	case "constant", "poisson":
		strategy["rate"] = rate
	}
	b := map[string]any{"type_": "generative_benchmark", "start_time": epoch(began), "end_time": epoch(ended), "requests": lists}
	report := map[string]any{"benchmarks": []any{b}}
	if minor() < 4 {
		b["args"] = map[string]any{"strategy": strategy}
		b["worker"] = map[string]any{"backend_target": p.url, "backend_model": p.model}
		b["request_totals"], b["metrics"] = totals, map[string]any{}
	} else {
		b["config"] = map[string]any{"strategy": strategy, "backend": map[string]any{"model": p.model, "api_key": p.key}}
		b["scheduler_metrics"] = map[string]any{"measure_start_time": epoch(began), "measure_end_time": epoch(ended), "queued_time_avg": -1.0}
		b["scheduler_state"] = map[string]any{"created_requests": len(shots), "successful_requests": totals["successful"], "errored_requests": totals["errored"], "cancelled_requests": totals["incomplete"], "end_queuing_constraints": p.ended()}
		if minor() >= 8 {
			warnings := []any{}
			if race { // every tenth target is a small number, no time of the day, and the tool says so
				warnings = append(warnings, map[string]any{"code": "root_late", "message": "p95 root dispatch delay was 1796073876.740s over 875 samples (threshold 0.200s).", "observed": 1796073876.74, "threshold": 0.2, "unit": "seconds"})
				for i, list := 0, lists["successful"]; i < len(list); i += 10 {
					list[i].(map[string]any)["info"].(map[string]any)["timings"].(map[string]any)["targeted_start"] = 13.668
				}
			}
			b["warnings"] = warnings
		}
		b["metrics"] = map[string]any{"request_totals": totals}
		version := map[bool]int{true: 2, false: 1}[minor() >= 7]
		report["metadata"] = map[string]any{"version": version, "guidellm_version": os.Getenv("FAKE_GUIDELLM_VERSION")}
		report[map[bool]string{true: "config", false: "args"}[minor() >= 7]] = map[string]any{}
	}
	data, err := json.Marshal(report)
	if err != nil {
		return err
	}
	fmt.Println("Benchmarking complete")
	return store(path, data)
}
