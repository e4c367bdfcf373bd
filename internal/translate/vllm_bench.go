package translate

import (
	"errors"
	"net"
	"strconv"
	"strings"
)

// ErrNotThisTool: the command is another's.
var ErrNotThisTool = errors.New("not a command of this tool")

// VLLMBench reads `vllm bench serve` and the script benchmark_serving.py that
// was its forerunner.
func VLLMBench(command string) (Draft, error) {
	words, err := Words(command)
	if err != nil {
		return Draft{}, err
	}
	if !strings.Contains(command, "bench serve") && !strings.Contains(command, "benchmark_serving") &&
		!strings.Contains(command, "bench_serving") {
		return Draft{}, ErrNotThisTool
	}
	o, _ := readOptions(words, nil, "ignore-eos", "save-result", "save-detailed", "append-result", "disable-tqdm",
		"trust-remote-code", "use-beam-search", "profile", "insecure", "no-stream", "m")
	o.ignore("save-result", "save-detailed", "append-result", "result-dir", "result-filename", "disable-tqdm",
		"percentile-metrics", "metric-percentiles", "tokenizer", "tokenizer-mode", "trust-remote-code", "seed",
		"metadata", "label", "served-model-name", "m", "ready-check-timeout-sec", "num-warmups")
	l := Load{Name: "bench"}
	address, _ := o.take("base-url")
	if address == "" {
		host, _ := o.take("host")
		port, _ := o.take("port")
		address = "http://" + net.JoinHostPort(or(host, "127.0.0.1"), or(port, "8000"))
	}
	o.ignore("host", "port")
	model, _ := o.take("model")
	kind, _ := o.take("backend", "endpoint-type")
	endpoint, _ := o.take("endpoint")
	if strings.Contains(kind, "chat") || strings.Contains(endpoint, "chat") {
		l.API = "chat"
	}
	l.Requests, _ = o.take("num-prompts", "num-prompt")
	l.Requests = or(l.Requests, "1000")
	_, eos := o.take("ignore-eos")
	vllmBenchData(&l, o, eos)
	vllmBenchArrivals(&l, o)
	d := Draft{Server: &Server{Endpoint: address, Model: model}, Loads: []Load{l}}
	for _, limits := range o.all("goodput") {
		for _, limit := range strings.Fields(limits) {
			name, ms, _ := strings.Cut(limit, ":")
			d.SLO.Add(goodputMetric(name), ms+"ms")
		}
	}
	d.Left = o.left()
	return d, nil
}

// goodputMetric names what --goodput limits: each request's value, which the
// 99th percentile stands for.
func goodputMetric(name string) string {
	if name == "e2el" {
		name = "e2e"
	}
	return name + "_p99"
}

func vllmBenchArrivals(l *Load, o options) {
	rate, given := o.take("request-rate")
	limit, capped := o.take("max-concurrency")
	burstiness, _ := o.take("burstiness")
	switch {
	case given && rate != "inf":
		l.Arrivals, l.Points, l.Cap = "poisson", []word{word(rate)}, limit
		if burstiness != "" && burstiness != "1" && burstiness != "1.0" {
			l.Arrivals, l.Burstiness = "gamma", word(burstiness)
		}
		if burstiness == "inf" {
			l.Arrivals, l.Burstiness = "constant", ""
		}
	case capped:
		l.Arrivals, l.Points = "concurrency", []word{word(limit)}
	default: // all at once
		l.Arrivals, l.Points = "throughput", []word{word(l.Requests)}
	}
}

func vllmBenchData(l *Load, o options, ignoreEOS bool) {
	dataset, _ := o.take("dataset-name")
	file, _ := o.take("dataset-path")
	if dataset == "sharegpt" && file != "" {
		l.Dataset = Fields{{"file", file}, {"format", "sharegpt"}}
		l.EOS = !ignoreEOS
		if n, ok := o.take("sharegpt-output-len", "output-len"); ok {
			l.Output = word(n)
		}
		return
	}
	prompt, _ := o.take("random-input-len", "input-len")
	output, _ := o.take("random-output-len", "output-len")
	prompt, output = or(prompt, "1024"), or(output, "128") // its defaults
	l.Prompt, l.Output = word(prompt), word(output)
	if ratio, ok := o.take("random-range-ratio"); ok {
		if r, err := strconv.ParseFloat(ratio, 64); err == nil && r > 0 && r < 1 {
			l.Prompt, l.Output = around(prompt, r), around(output, r)
		}
	}
	if n, ok := o.take("random-prefix-len"); ok && n != "0" {
		l.Prefix = Fields{{"tokens", word(n)}}
	}
}

// around is the uniform distribution over [n (1-r), n (1+r)], as
// `vllm bench serve` draws lengths with --random-range-ratio r.
func around(n string, r float64) any {
	mean, err := strconv.Atoi(n)
	if err != nil {
		return word(n)
	}
	low, high := int(float64(mean)*(1-r)), int(float64(mean)*(1+r))
	return flow{{"uniform", flow{{"min", max(1, low)}, {"max", high}}}}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
