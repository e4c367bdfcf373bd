package realtest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// scraped are the totals of /metrics by name: sums and counts of histograms
// (name_sum, name_count), values of counters, over all label sets.
type scraped map[string]float64

func scrape(t testing.TB, url string) scraped {
	t.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := scraped{}
	for name, f := range families {
		for _, m := range f.Metric {
			switch f.GetType() {
			case dto.MetricType_HISTOGRAM:
				out[name+"_sum"] += m.Histogram.GetSampleSum()
				out[name+"_count"] += float64(m.Histogram.GetSampleCount())
			case dto.MetricType_COUNTER:
				out[name] += m.Counter.GetValue()
			case dto.MetricType_GAUGE:
				out[name] += m.Gauge.GetValue()
			}
		}
	}
	return out
}

// since is the growth of a counter between two scrapes.
func (s scraped) since(a scraped, name string) float64 { return s[name] - a[name] }

// mean is the mean of a histogram's observations between two scrapes.
func (s scraped) mean(a scraped, name string) float64 {
	return s.since(a, name+"_sum") / s.since(a, name+"_count")
}

// idle waits until the server has nothing to do and its counters stand still.
func idle(t testing.TB, url, running string) {
	t.Helper()
	for range 100 {
		if scrape(t, url)[running] == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the server does not come to rest")
}

// load is one cell of a truth table.
type load struct {
	name           string
	arrivals       loadgen.Arrivals
	prompt, output int
	requests       int
	api            loadgen.API
	eos            bool // answers may end early
	special        int  // logit_bias of the end-of-answer token, drawn at temperature 1; 0: greedy, without
}

func fixed(n int) loadgen.Lengths { return loadgen.Lengths{Kind: loadgen.Fixed, Mean: float64(n)} }

// attempts is how often a load is made until the client was in time: this
// machine serves and measures on the same processors.
const attempts = 3

// counts runs a load until it counts, between two looks at the server's
// counters.
func (l load) counts(t testing.TB, url, name, running string) (res *loadgen.Result, a, b scraped) {
	t.Helper()
	for range attempts {
		idle(t, url, running)
		a = scrape(t, url)
		res = l.run(t, url, name)
		idle(t, url, running)
		b = scrape(t, url)
		if len(res.Invalid) == 0 {
			return res, a, b
		}
		t.Logf("%s: discarded: %s", l.name, notice.Join(res.Invalid))
	}
	t.Errorf("%s: discarded %d times", l.name, attempts)
	return res, a, b
}

// run puts a load on a server, whole: no warm-up, every request counts.
func (l load) run(t testing.TB, url, name string) *loadgen.Result {
	t.Helper()
	api := l.api
	if api == "" {
		api = loadgen.Completions
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	res, err := loadgen.Run(ctx, loadgen.Config{
		BaseURL: url, Model: name, API: api, Arrivals: l.arrivals, Prompt: fixed(l.prompt), Output: fixed(l.output),
		Requests: l.requests, IgnoreEOS: !l.eos, Timeout: time.Minute, Seed: uint64(l.requests), Salt: l.name,
		Limits: loadgen.Shared(), Body: l.body(),
	})
	if err != nil {
		t.Fatalf("%s: %v", l.name, err)
	}
	return res
}

// body makes the model say its end-of-answer token more often than its random
// weights would: a token that takes its time and has no text. Of 12,000 words
// with nearly equal weights it is drawn with a share of e^special / 12,000.
func (l load) body() map[string]any {
	if l.special == 0 {
		return nil
	}
	return map[string]any{"logit_bias": map[string]int{"1": l.special}, "temperature": 1, "seed": 1}
}

// closed keeps n requests in flight until all are sent. A closed loop of the
// generator would keep them until the last one of the window has ended, and
// the server would count the surplus.
func closed(n int) loadgen.Arrivals {
	return loadgen.Arrivals{Kind: loadgen.Throughput, Concurrency: n}
}

func open(kind loadgen.ArrivalKind, rate float64) loadgen.Arrivals {
	return loadgen.Arrivals{Kind: kind, Rate: rate}
}

// cells are the loads of the truth table; the short form has three of them.
var cells = []load{
	{name: "2 in flight", arrivals: closed(2), prompt: 64, output: 64, requests: 30},
	{name: "4 in flight, a tenth of the tokens without text", arrivals: closed(4), prompt: 64, output: 64, requests: 60,
		special: 7},
	{name: "poisson 2/s", arrivals: open(loadgen.Poisson, 2), prompt: 64, output: 64, requests: 30},
	{name: "1 in flight", arrivals: closed(1), prompt: 64, output: 64, requests: 20},
	{name: "8 in flight", arrivals: closed(8), prompt: 128, output: 100, requests: 80},
	{name: "16 in flight", arrivals: closed(16), prompt: 32, output: 64, requests: 96},
	{name: "4 in flight, long prompts", arrivals: closed(4), prompt: 1500, output: 32, requests: 24},
	{name: "4 in flight, long answers", arrivals: closed(4), prompt: 32, output: 600, requests: 12},
	{name: "4 in flight, chat", arrivals: closed(4), prompt: 64, output: 64, requests: 60, api: loadgen.Chat},
	{name: "4 in flight, answers end by themselves", arrivals: closed(4), prompt: 64, output: 200, requests: 60,
		eos: true, special: 5},
	{name: "constant 2/s", arrivals: open(loadgen.Constant, 2), prompt: 64, output: 64, requests: 30},
	{name: "poisson 3/s, chat, no token with text", arrivals: open(loadgen.Poisson, 3), prompt: 64, output: 64, requests: 45,
		api: loadgen.Chat, special: 30},
}

// tolerance of a mean against the server's own: 2 % of ITL, TPOT and E2E.
const tolerance = 0.02

// vLLM's clock of a request starts when its front end has read and tokenized
// the request, some milliseconds after the client's. Those are part of what a
// user waits for, and the same for TTFT and E2E of the same requests: what TTFT
// has more than the server's, E2E must have too, to a millisecond or a percent
// of TTFT.
func sameSurplus(first, whole, ttft float64) bool {
	return first >= 0 && math.Abs(whole-first) <= max(1e-3, 0.01*ttft)
}

// What the client saw against the histograms that vLLM keeps itself, over the
// very same requests, each load in a trial that counts.
func TestVLLMTruth(t *testing.T) {
	root := need(t, short, vllm, tiny)
	url := vllmServer(t, root)
	loads := cells
	if os.Getenv("SWEEP_REAL") == short {
		loads = loads[:3]
	}
	var table strings.Builder
	table.WriteString("\n| load | requests | tokens | TTFT ms | ITL ms | TPOT ms | E2E ms |\n|---|---|---|---|---|---|---|\n")
	for _, l := range loads {
		res, a, b := l.counts(t, url, "tiny", "vllm:num_requests_running")
		sum := loadgen.Summarize(res, loadgen.SummaryOptions{})
		if n := sum.Requests[loadgen.ClassOK]; n != l.requests {
			t.Errorf("%s: %d of %d requests ok: %v", l.name, n, l.requests, sum.Requests)
			continue
		}
		row := truthRow{t, l.name, &table}
		fmt.Fprintf(&table, "| %s | %d ", l.name, l.requests)
		prompts, answers := tokens(res)
		row.equal("tokens", answers, b.since(a, "vllm:generation_tokens_total"))
		first := row.write(sum.Metrics["ttft_sent_mean"], b.mean(a, "vllm:time_to_first_token_seconds"))
		row.near("itl", sum.Metrics["itl_mean"], b.mean(a, "vllm:inter_token_latency_seconds"))
		row.near("tpot", sum.Metrics["tpot_mean"], b.mean(a, "vllm:request_time_per_output_token_seconds"))
		whole := row.near("e2e", sum.Metrics["e2e_sent_mean"], b.mean(a, "vllm:e2e_request_latency_seconds"))
		if !sameSurplus(first, whole, sum.Metrics["ttft_sent_mean"]) {
			t.Errorf("%s: ttft is %.2f ms above the server's, e2e %.2f ms", l.name, first*1e3, whole*1e3)
		}
		table.WriteString("|\n")
		if want := b.since(a, "vllm:prompt_tokens_total"); prompts != want {
			t.Errorf("%s: %v prompt tokens, the server counts %v", l.name, prompts, want)
		}
	}
	t.Log(table.String())
}

// tokens are those of all requests, as the server's usage counts them.
func tokens(res *loadgen.Result) (prompts, answers float64) {
	for _, q := range res.Requests {
		prompts, answers = prompts+float64(q.PromptTokens), answers+float64(q.OutputTokens)
	}
	return prompts, answers
}

// truthRow compares one load's figures and writes them as "ours / server's".
type truthRow struct {
	t     *testing.T
	load  string
	table *strings.Builder
}

func (r truthRow) equal(name string, got, want float64) {
	fmt.Fprintf(r.table, "| %.0f / %.0f ", got, want)
	if got != want {
		r.t.Errorf("%s: %s %v, the server says %v", r.load, name, got, want)
	}
}

// near compares two times and returns the difference.
func (r truthRow) near(name string, got, want float64) float64 {
	if math.IsNaN(got) || math.IsNaN(want) || math.Abs(got-want) > tolerance*want {
		r.t.Errorf("%s: %s %.3f ms, the server says %.3f ms (%+.1f%%)", r.load, name, got*1e3, want*1e3, (got/want-1)*100)
	}
	return r.write(got, want)
}

func (r truthRow) write(got, want float64) float64 {
	fmt.Fprintf(r.table, "| %.2f / %.2f (%+.1f%%) ", got*1e3, want*1e3, (got/want-1)*100)
	return got - want
}
