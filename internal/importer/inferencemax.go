package importer

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// readInferenceMAX reads result rows of InferenceMAX (later InferenceX): one
// object or a list. Latencies are seconds, throughput is per GPU.
func readInferenceMAX(s *stream) ([]Result, error) {
	var out []Result
	one := func(place string) error {
		row := map[string]any{}
		if err := s.decode(&row); err != nil {
			return err
		}
		r, err := maxRow(row)
		if err != nil {
			return s.fail(err)
		}
		r.Place = place
		out = append(out, *r)
		return nil
	}
	first, err := s.peekDelim()
	if err != nil {
		return nil, s.fail(err)
	}
	if first == '[' {
		err = s.array(func(i int) error { return one(fmt.Sprintf("[%d]", i)) })
	} else {
		err = one("")
	}
	if err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, s.fail(errors.New("an empty list of rows"))
	}
	return out, s.end()
}

func maxRow(row map[string]any) (*Result, error) {
	number := func(key string) float64 {
		switch v := row[key].(type) {
		case float64:
			return v
		default:
			return math.NaN()
		}
	}
	text := func(key string) string { t, _ := row[key].(string); return t }
	perGPU := number("tput_per_gpu")
	if math.IsNaN(perGPU) {
		return nil, errors.New("a row without tput_per_gpu: no result of InferenceMAX")
	}
	r := &Result{Tool: InferenceMAX, Format: "row", Clock: ClockSent, Model: text("model"), GPU: text("hw"), Image: text("image")}
	r.Load = Load{Name: "imported", Kind: Unknown}
	if in, out := wholeText(row["isl"]), wholeText(row["osl"]); in != "" && out != "" {
		r.Load.Name = "in" + in + "-out" + out
	}
	if c := number("conc"); c > 0 {
		r.Load.Kind, r.Load.Value = experiment.Concurrency, c
	}
	r.GPUs = whole(number("tp"))
	if disagg, _ := row["disagg"].(bool); disagg {
		r.GPUs = 0 // prefill and decode have GPUs of their own
	}
	maxConfiguration(row, r)
	for from, base := range map[string]string{"ttft": "ttft_sent", "tpot": "tpot", "itl": "itl", "e2el": "e2e_sent"} {
		s := stated{}
		for st, key := range benchStats {
			if v := number(key + "_" + from); !math.IsNaN(v) {
				s[st] = v
			}
		}
		r.state(base, s, -1)
	}
	r.fromSent("ttft")
	r.fromSent("e2e")
	r.set("total_throughput_per_gpu", perGPU)
	output := number("output_tput_per_gpu")
	if !math.IsNaN(output) {
		r.set("output_throughput_per_gpu", output)
	}
	if r.GPUs > 0 {
		r.set("total_throughput", perGPU*float64(r.GPUs))
		if !math.IsNaN(output) {
			r.set("output_throughput", output*float64(r.GPUs))
		}
	}
	r.lack("request_throughput", "not in the file")
	r.warn(notice.New("request-count-unknown", nil))
	return r, nil
}

// maxConfiguration takes what a row says of the server.
func maxConfiguration(row map[string]any, r *Result) {
	var parts []string
	for _, key := range []string{"hw", "framework", "precision"} {
		if v, ok := row[key].(string); ok && v != "" {
			parts = append(parts, v)
		}
	}
	if v := wholeText(row["tp"]); v != "" {
		r.Flags = append(r.Flags, experiment.Flag{Name: vllmflags.TensorParallelSize, Value: v})
		parts = append(parts, "tp="+v)
	}
	for _, key := range []string{"ep", "dp_attention", "spec_decoding"} {
		v := plain(row[key])
		if f, ok := row[key].(float64); ok {
			v = fmt.Sprint(f)
		}
		if v != "" && v != "none" && v != "false" && v != "0" && v != "1" {
			parts = append(parts, key+"="+v)
		}
	}
	r.Label = strings.Join(parts, " ")
}
