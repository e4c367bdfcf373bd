package analysis

import (
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// steady is a trial without a fault: 4 requests a second of 1 s, 100 tokens each.
func steady() rundir.Trial {
	return rundir.Trial{
		ID: "t1", Cell: "x0.0", Configuration: "c0", LoadPoint: "p0", Outcome: rundir.OutcomeOK, Window: 60, Rate: 4,
		Requests: map[string]int{"ok": 240}, OutputTokens: 24000,
		Metrics: map[string]float64{
			"ttft_mean": .208, "tpot_mean": .008, "e2e_mean": 1, "itl_mean": .008, "tpot_p50": .008,
			"request_throughput": 4, throughput: 400, "total_throughput": 4400,
		},
		Client: &rundir.ClientFacts{OfferedRate: 4, AskedRate: 4, MeanInFlight: 4},
		Telemetry: &rundir.Telemetry{Server: &rundir.ServerFacts{Span: 60, GenerationRate: new(401.0), WaitingMean: new(0.0), HitRate: new(0.0), Latency: map[string]rundir.ServerLatency{
			"ttft": {Count: 240, Mean: .2}, "itl": {Count: 24000, Mean: .008},
		}}},
	}
}

func TestChecksOfATrial(t *testing.T) {
	open := matrix.LoadPoint{ID: "p0", Kind: experiment.Constant, Value: 4}
	closed := matrix.LoadPoint{ID: "p0", Kind: experiment.Concurrency, Value: 4}
	seqs := experiment.Flags{{Name: "max-num-seqs", Value: "2"}}
	for _, c := range []struct {
		what   string
		point  matrix.LoadPoint
		flags  experiment.Flags
		change func(*rundir.Trial)
		want   string // check and severity; empty: none
		text   string
	}{
		{what: "nothing is wrong", point: open, change: func(*rundir.Trial) {}},
		{what: "nothing is wrong in closed loop", point: closed, change: func(t *rundir.Trial) { t.Rate, t.Client.OfferedRate, t.Client.AskedRate = 0, 0, 0 }},
		{what: "an imported trial without most figures", point: open, change: func(t *rundir.Trial) {
			*t = rundir.Trial{Metrics: map[string]float64{throughput: 400}}
		}},
		{what: "half a tpot", point: open, change: func(t *rundir.Trial) { t.Metrics["tpot_mean"], t.Telemetry = .004, nil; delete(t.Metrics, "itl_mean") },
			want: "e2e-identity caveat", text: "The TPOT that fits is 8 ms, not 4 ms."},
		{what: "an unsteady window", point: closed, change: func(t *rundir.Trial) { t.Client.MeanInFlight = 6; t.Rate = 0 },
			want: "littles-law caveat", text: "6 requests were in flight on average, but rate × latency gives 4."},
		{what: "fewer in flight than declared", point: matrix.LoadPoint{Kind: experiment.Concurrency, Value: 8}, change: func(t *rundir.Trial) { t.Client = nil; t.Rate = 0 },
			want: "concurrency caveat", text: "Throughput × latency gives 4 requests in flight, but the load declares concurrency 8."},
		{what: "more than max-num-seqs", point: open, flags: seqs, change: func(*rundir.Trial) {},
			want: "server-queue note", text: "On average 4 requests were in flight, but max-num-seqs is 2. About 2 waited at the server."},
		{what: "a queue that the server counted", point: open, change: func(t *rundir.Trial) { t.Telemetry.Server.WaitingMean = new(7.5) },
			want: "server-queue note", text: "7.5 requests waited at the server on average."},
		{what: "the server's tpot is another", point: open, change: func(t *rundir.Trial) {
			t.Telemetry.Server.Latency["itl"] = rundir.ServerLatency{Count: 24000, Mean: .016}
		}, want: "client-server caveat", text: "The client measured TPOT mean as 8 ms, and the server as 16 ms."},
		{what: "the server's ttft is longer", point: open, change: func(t *rundir.Trial) {
			t.Telemetry.Server.Latency["ttft"] = rundir.ServerLatency{Count: 240, Mean: .5}
		}, want: "client-server caveat", text: "The client measured TTFT mean as 208 ms"},
		{what: "tokens that only the server counted", point: open, change: func(t *rundir.Trial) { t.Telemetry.Server.GenerationRate = new(500.0) },
			want: "token-count caveat", text: "The client counted 400 tok/s, and the server counted 500 tok/s."},
		{what: "an engine's figures that are of one of two workers", point: open, change: func(t *rundir.Trial) {
			t.Telemetry.Server, t.Telemetry.ServerAbsent = nil, "the server counted 120 requests, the client completed 240"
		}, want: "token-count caveat", text: "The engine's own figures are left out: the server counted 120 requests"},
		{what: "several tokens a chunk", point: open, change: func(t *rundir.Trial) { t.Metrics["itl_mean"] = .032 },
			want: "tokens-per-chunk note", text: "about 4 tokens each"},
		{what: "sent less than asked", point: open, change: func(t *rundir.Trial) { t.Client.OfferedRate = 3.8 },
			want: "offered-rate caveat", text: "The load asks for 4 req/s, and the client sent 3.8 req/s."},
		{what: "Poisson arrivals scatter", point: matrix.LoadPoint{Kind: experiment.Poisson, Value: 4}, change: func(t *rundir.Trial) { t.Client.OfferedRate = 3.8 }},
		{what: "completed less than sent", point: open, change: func(t *rundir.Trial) { t.Rate, t.Client.OfferedRate = 8, 8 },
			want: "saturated note", text: "The load asks for 8 req/s, and the server completed 4 req/s."},
		{what: "prefix hits", point: open, change: func(t *rundir.Trial) { t.Telemetry.Server.HitRate = new(.4) },
			want: "prefix-cache note", text: "40%"},
		{what: "prefix hits by the counters", point: open, change: func(t *rundir.Trial) {
			t.Engine = &rundir.EngineFacts{PrefixCacheHits: new(100.0), PrefixCacheQueries: new(400.0)}
		}, want: "prefix-cache note", text: "25%"},
		{what: "more than an H100 computes", point: open, change: func(t *rundir.Trial) { t.Metrics["total_throughput"] = 2e5 },
			want: "roofline discarded", text: "more than 1 x H100 can compute for 8 billion parameters"},
		{what: "faster than the weights are read", point: open, change: func(t *rundir.Trial) { t.Metrics["tpot_p50"] = .0005 },
			want: "roofline discarded", text: "A TPOT of 500 µs is shorter than 1 x H100 takes to read the weights"},
		{what: "faster by speculation", point: open, flags: experiment.Flags{{Name: "speculative-config", Value: "{}"}}, change: func(t *rundir.Trial) { t.Metrics["tpot_p50"] = .0005 }},
		{what: "too many failures", point: open, change: func(t *rundir.Trial) { t.Requests["timeout"] = 20 },
			want: "failed-requests caveat", text: "20 of 260 requests failed"},
	} {
		tr := steady()
		c.change(&tr)
		found := checkTrial(tr, matrix.Configuration{Flags: c.flags, GPUs: 1}, c.point, "meta-llama/Llama-3.1-8B-Instruct", "H100")
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: %+v", c.what, found)
		case c.want == "":
		case len(found) != 1:
			t.Errorf("%s: %d checks, want %s: %+v", c.what, len(found), c.want, found)
		default:
			if got := string(found[0].Notice.Code) + " " + string(found[0].Notice.Severity); got != c.want || !strings.Contains(found[0].Notice.Text(), c.text) {
				t.Errorf("%s: %s: %s; want %s: %s", c.what, got, found[0].Notice.Text(), c.want, c.text)
			}
			if len(found[0].Evidence) == 0 {
				t.Errorf("%s: no evidence", c.what)
			}
		}
	}
}

func TestRooflineKnowsItsModels(t *testing.T) {
	for model, want := range map[string]float64{
		"meta-llama/Llama-3.1-405B-Instruct-FP8": 405e9, "Qwen/Qwen2.5-0.5B-Instruct": .5e9, "Qwen/Qwen3-30B-A3B": 3e9,
		"mistralai/Mixtral-8x7B-Instruct-v0.1": 7e9, "openai/gpt-oss-120b": 120e9, "deepseek-ai/DeepSeek-R1": 0, "gpt2": 0, "acme/b2b-model": 0,
	} {
		got, ok := parameters(model)
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%s: %v, %v; want %v", model, got, ok, want)
		}
	}
	for gpu, want := range map[string]float64{"NVIDIA H100 80GB HBM3": 3.35e12, "NVIDIA H100 NVL": 3.9e12, "NVIDIA A100-SXM4-80GB": 2.04e12, "A10G": 6e11, "L40S": 8.64e11, "NVIDIA L4": 3e11, "Tesla T4": 0, "": 0} {
		got, ok := limitsOf(gpu)
		if ok != (want > 0) || ok && got.bandwidth != want {
			t.Errorf("%s: %v, %v; want %v", gpu, got.bandwidth, ok, want)
		}
	}
}

func TestImpossibleTrialsDoNotCount(t *testing.T) {
	r := newRun(2, 1)
	r.in.Plan.Model, r.in.GPU = "acme/model-8B", "H100"
	for b := range 3 {
		for c := range 2 {
			r.add(c, 0, b+1, map[string]float64{throughput: 100, "total_throughput": 1000})
		}
	}
	r.in.Trials[3].Metrics["total_throughput"] = 1e9
	f := analyse(t, r)
	c := f.Cells[1]
	if c.Trials != 2 || c.Invalid != 1 || len(f.Checks) != 1 || f.Checks[0].Trial() != r.in.Trials[3].ID {
		t.Errorf("cell %+v, checks %+v", c, f.Checks)
	}
}

func TestIdenticalResultsAndCaches(t *testing.T) {
	r := newRun(3, 1)
	for b := range 2 {
		for c := range 3 {
			v := 1 + .01*float64(b) + .02*float64(c)
			if c == 2 {
				v = 1 + .01*float64(b) // the baseline's figures
			}
			r.add(c, 0, b+1, map[string]float64{"ttft_p50": v, "tpot_p50": v / 10, "e2e_p50": 2 * v})
		}
	}
	r.in.Plan.Configurations[1].Flags = experiment.Flags{{Name: "gpu-memory-utilization", Value: "0.95"}}
	r.in.Plan.Configurations[0].Flags = experiment.Flags{{Name: "gpu-memory-utilization", Value: "0.9"}}
	r.in.Plan.Configurations[2].Flags = experiment.Flags{{Name: "gpu-memory-utilization", Value: "0.9"}, {Name: "block-size", Value: "32"}}
	for _, c := range r.in.Plan.Configurations {
		r.in.Starts = append(r.in.Starts, rundir.Start{ID: "s" + c.ID, Configuration: c.ID,
			Outcome: rundir.StartReady, Logged: &rundir.Logged{KVCacheTokens: 50_000}})
	}
	var same, caches int
	for _, c := range analyse(t, r).Checks {
		switch c.Notice.Code {
		case "identical":
			same++
		case "identical-cache":
			caches++
		}
	}
	if same != 1 || caches != 1 {
		t.Errorf("%d identical results, %d identical caches; want 1 and 1: %+v", same, caches, analyse(t, r).Checks)
	}
}
