package importer

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// readGuideLLM reads a GuideLLM report. Dialects, told apart by their keys:
//
//   - D1 (0.2 and 0.3): benchmarks alone; configuration inside each.
//   - D2 (0.4): args and benchmarks.
//   - D3 (0.5 and 0.6): metadata.version 1, args, benchmarks.
//   - D4 (0.7 and 0.8): metadata.version 2, config.spec, benchmarks.
//
// D0 (0.1) has result lists of another shape and is refused.
func readGuideLLM(s *stream) ([]Result, error) {
	var head guideHead
	var out []Result
	err := s.object(func(key string) error {
		switch key {
		case "metadata":
			return s.decode(&head.metadata)
		case "args":
			head.hasArgs = true
			return s.decode(&head.args)
		case "config":
			head.hasConfig = true
			return s.decode(&head.config)
		case "benchmarks":
			return s.array(func(i int) error {
				b, err := readGuideBenchmark(s)
				if err != nil {
					return err
				}
				out = append(out, Result{Place: fmt.Sprintf("benchmarks[%d]", i)})
				return b.fill(&out[len(out)-1])
			})
		default:
			return s.skip()
		}
	})
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, s.fail(errors.New("a GuideLLM report without a benchmark"))
	}
	for i := range out {
		head.fill(&out[i])
	}
	return out, nil
}

// guideHead is what a report says of all its benchmarks.
type guideHead struct {
	metadata struct {
		Version         int    `json:"version"`
		GuideLLMVersion string `json:"guidellm_version"`
	}
	args               guideArgs
	config             guideConfig
	hasArgs, hasConfig bool
}

// guideArgs are the arguments of D2 and D3.
type guideArgs struct {
	Target string  `json:"target"`
	Model  *string `json:"model"`
	Data   []any   `json:"data"`
}

// guideConfig is the configuration of D4.
type guideConfig struct {
	Spec struct {
		Backend struct {
			Target string `json:"target"`
			Model  string `json:"model"`
		} `json:"backend"`
		Data []any `json:"data"`
	} `json:"spec"`
}

func (h *guideHead) dialect() string {
	switch {
	case h.metadata.Version >= 2 || h.hasConfig:
		return "D4"
	case h.metadata.Version == 1:
		return "D3"
	case h.hasArgs:
		return "D2"
	default:
		return "D1"
	}
}

func (h *guideHead) fill(r *Result) {
	r.Tool, r.ToolVersion, r.Format = GuideLLM, h.metadata.GuideLLMVersion, h.dialect()
	if r.Target == "" {
		r.Target = h.args.Target + h.config.Spec.Backend.Target
	}
	if r.Model == "" && h.args.Model != nil {
		r.Model = *h.args.Model
	}
	if r.Model == "" {
		r.Model = h.config.Spec.Backend.Model
	}
	for _, data := range [][]any{h.args.Data, h.config.Spec.Data} {
		if len(data) == 1 && r.Load.Name == "" {
			r.Load.Name = lengthsName(data[0])
		}
	}
	if r.Load.Name == "" {
		r.Load.Name = "imported"
	}
	if r.ToolVersion == "" {
		r.ToolVersion = map[string]string{"D1": "0.2 or 0.3", "D2": "0.4"}[r.Format]
	}
	if !r.Recomputed() && r.Format != "D1" && r.Metrics["tpot_p50"] > 0 {
		r.warn(notice.New("tpot-weighs-tokens", nil))
	}
}

// lengthsName names synthetic data by its lengths: "in100-out100". "" when
// they are not fixed or not told.
func lengthsName(data any) string {
	in, out := "", ""
	switch d := data.(type) {
	case string: // prompt_tokens=100,output_tokens=100
		for part := range strings.SplitSeq(d, ",") {
			key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			switch key {
			case "prompt_tokens":
				in = value
			case "output_tokens":
				out = value
			}
		}
	case map[string]any:
		in, out = wholeText(d["prompt_tokens"]), wholeText(d["output_tokens"])
	}
	if !digits(in) || !digits(out) {
		return ""
	}
	return "in" + in + "-out" + out
}

func wholeText(v any) string {
	if f, ok := v.(float64); ok && f > 0 && f < 1e9 && f == float64(int(f)) {
		return fmt.Sprint(int(f))
	}
	return ""
}

func digits(s string) bool {
	return s != "" && len(s) <= 9 && strings.Trim(s, "0123456789") == ""
}

// guideStrategy is the realised load of one benchmark.
type guideStrategy struct {
	Type           string   `json:"type_"`
	Rate           *float64 `json:"rate"`
	Streams        *int     `json:"streams"`
	MaxConcurrency *int     `json:"max_concurrency"`
}

// processCap is GuideLLM's own limit of 0.7 (10 workers of 1024), which it
// writes where nobody asked for one.
const processCap = 10240

func (g guideStrategy) load() Load {
	l := Load{Kind: Unknown}
	limit := 0
	if g.MaxConcurrency != nil && *g.MaxConcurrency > 0 && *g.MaxConcurrency < processCap {
		limit = *g.MaxConcurrency
	}
	switch {
	case g.Type == "synchronous":
		l.Kind, l.Value = experiment.Concurrency, 1
	case g.Type == "concurrent" && g.Streams != nil && *g.Streams > 0:
		l.Kind, l.Value = experiment.Concurrency, float64(*g.Streams)
	case g.Type == "throughput":
		l.Kind, l.Value = experiment.Throughput, float64(limit)
	case (g.Type == "constant" || g.Type == "async") && g.Rate != nil && *g.Rate > 0:
		l.Kind, l.Value, l.Cap = experiment.Constant, *g.Rate, limit
	case g.Type == "poisson" && g.Rate != nil && *g.Rate > 0:
		l.Kind, l.Value, l.Cap = experiment.Poisson, *g.Rate, limit
	default:
		l.Note = g.Type
	}
	return l
}

// span is a length of time between two points in epoch seconds.
func span(from, to *float64) time.Duration {
	if from == nil || to == nil {
		return 0
	}
	return seconds(*to - *from)
}
