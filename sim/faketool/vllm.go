package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options reads --name value and --switch; a name that is not known is a
// usage error in the words of the tool.
func options(args []string, valued, switches []string, unknown string) (map[string]string, error) {
	out := map[string]string{}
	for i := 0; i < len(args); i++ {
		name := args[i]
		switch {
		case slices.Contains(switches, name):
			out[name] = "true"
		case slices.Contains(valued, name) && i+1 < len(args):
			i++
			out[name] = args[i]
		default:
			return nil, usageError(fmt.Sprintf(unknown, name))
		}
	}
	return out, nil
}

var vllmValued = strings.Fields("--backend --base-url --endpoint --model --tokenizer --dataset-name --random-input-len --random-output-len --random-range-ratio " +
	"--num-prompts --request-rate --burstiness --max-concurrency --temperature --seed --percentile-metrics --metric-percentiles --result-dir --result-filename --num-warmups --goodput --metadata")

var vllmSwitches = strings.Fields("--ignore-eos --disable-tqdm --save-result --save-detailed")

func vllm(args []string) error {
	if len(args) < 2 || args[0] != "bench" || args[1] != "serve" {
		return usageError("vllm: error: invalid choice")
	}
	o, err := options(args[2:], vllmValued, vllmSwitches, "vllm: error: unrecognized arguments: %s")
	if err != nil {
		return err
	}
	if done, err := misbehave(); done {
		return err
	}
	whole := func(name string) int { n, _ := strconv.Atoi(o[name]); return n }
	rate, err := strconv.ParseFloat(o["--request-rate"], 64)
	if err != nil {
		return usageError("argument --request-rate: invalid float value")
	}
	burstiness, _ := strconv.ParseFloat(o["--burstiness"], 64)
	p := plan{
		url: o["--base-url"], model: o["--model"], key: os.Getenv("OPENAI_API_KEY"), chat: o["--backend"] == "openai-chat",
		poisson: burstiness == 1, streams: whole("--max-concurrency"), requests: whole("--num-prompts"),
		promptLen: whole("--random-input-len"), answerLn: whole("--random-output-len"), seed: int64(whole("--seed")),
	}
	if p.chat != strings.HasSuffix(o["--endpoint"], "chat/completions") {
		return fmt.Errorf("OpenAI Chat Completions API URL must end with one of: ('chat/completions', 'profile')")
	}
	if !math.IsInf(rate, 1) {
		p.rate = rate
	}
	fmt.Printf("Traffic request rate: %v\n", rate)
	shots, began, ended := p.fire()
	return vllmResult(o, rate, shots, ended.Sub(began))
}

func vllmResult(o map[string]string, rate float64, shots []*shot, took time.Duration) error {
	var inputs, outputs []int
	var ttfts, starts, queued []float64
	itls, errs := [][]float64{}, []string{}
	ok, in, out := 0, 0, 0
	base := time.Now().Add(-time.Hour) // perf_counter has a zero of its own
	for _, s := range shots {
		inputs, outputs = append(inputs, s.in), append(outputs, s.out)
		ttft := 0.0
		if s.ok() {
			ttft = s.first.Sub(s.sent).Seconds()
			ok, in, out = ok+1, in+s.in, out+s.out
		}
		ttfts, starts = append(ttfts, ttft), append(starts, s.sent.Sub(base).Seconds())
		queued = append(queued, s.sent.Sub(s.due).Seconds())
		itls, errs = append(itls, append([]float64{}, s.gaps...)), append(errs, s.err)
	}
	var asked any = rate
	if math.IsInf(rate, 1) {
		asked = "inf"
	}
	result := map[string]any{
		"date": time.Now().Format("20060102-150405"), "backend": o["--backend"], "model_id": o["--model"], "tokenizer_id": o["--tokenizer"],
		"num_prompts": len(shots), "request_rate": asked, "burstiness": 1.0, "max_concurrency": nil, "duration": took.Seconds(),
		"completed": ok, "failed": len(shots) - ok, "total_input_tokens": in, "total_output_tokens": out,
		"request_throughput": float64(ok) / took.Seconds(), "output_throughput": float64(out) / took.Seconds(), "mean_ttft_ms": 0.0,
		"input_lens": inputs, "output_lens": outputs, "ttfts": ttfts, "itls": itls, "start_times": starts, "queue_times": queued, "errors": errs,
	}
	if n, err := strconv.Atoi(o["--max-concurrency"]); err == nil {
		result["max_concurrency"] = n
	}
	if o["--burstiness"] == "inf" {
		result["burstiness"] = "INFINITY"
	}
	data, err := json.Marshal(result)
	data = []byte(strings.Replace(string(data), `"INFINITY"`, "Infinity", 1)) // as Python's json module writes it
	if err != nil {
		return err
	}
	fmt.Printf("============ Serving Benchmark Result ============\nSuccessful requests:                     %d\nFailed requests:                         %d\n", ok, len(shots)-ok)
	return store(filepath.Join(o["--result-dir"], o["--result-filename"]), data)
}
