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

// attempts is how often a load is made until the client was in time, and until
// its times agree or nobody else can be the reason: this machine serves and
// measures on the same processors.
const attempts = 4

// seen is one load as the client and the server's counters saw it.
type seen struct {
	load
	res  *loadgen.Result
	sum  loadgen.Summary
	a, b scraped // the server's counters before and after
}

// tokens are those of all requests, as the server's usage counts them.
func (s seen) tokens() (prompts, answers float64) {
	for _, q := range s.res.Requests {
		prompts, answers = prompts+float64(q.PromptTokens), answers+float64(q.OutputTokens)
	}
	return prompts, answers
}

// truth measures loads, has each judged against the server's own counters, and
// logs the table. Counts that differ are wrong at once. Times that differ while
// other programs used the processors show nothing: such a load is made again.
func truth(t *testing.T, url, model, running, columns string, loads []load, judge func(*truthRow, seen)) {
	t.Helper()
	var table strings.Builder
	fmt.Fprintf(&table, "\n| load | requests | %s |\n|---|---|%s\n", columns,
		strings.Repeat("---|", strings.Count(columns, "|")+1))
	for _, l := range loads {
		for attempt := 1; ; attempt++ {
			s, others := l.measure(t, url, model, running)
			row := &truthRow{t: t, load: l.name}
			switch n := s.sum.Requests[loadgen.ClassOK]; {
			case len(s.res.Invalid) > 0:
				row.differs("discarded: %s", notice.Join(s.res.Invalid))
			case n != l.requests:
				t.Errorf("%s: %d of %d requests ok: %v", l.name, n, l.requests, s.sum.Requests)
			default:
				judge(row, s)
				fmt.Fprintf(&table, "| %s | %d %s|\n", l.name, l.requests, row.cells.String())
			}
			if len(row.differences) == 0 {
				break
			}
			again := len(s.res.Invalid) > 0 || others > othersLimit
			say := t.Logf
			if !again || attempt == attempts {
				say = t.Errorf
			}
			say("%s, attempt %d, others used %.1f%% of the processors: %s", l.name, attempt, others*100,
				strings.Join(row.differences, "; "))
			if !again || attempt == attempts {
				break
			}
		}
	}
	t.Log(table.String())
}

// measure makes a load once, between two looks at the server's counters, and
// returns the share of the processors that others used meanwhile.
func (l load) measure(t testing.TB, url, model, running string) (s seen, others float64) {
	t.Helper()
	quiet(t)
	idle(t, url, running)
	s = seen{load: l, a: scrape(t, url)}
	began := readProcessorTime(t)
	s.res = l.run(t, url, model)
	others = readProcessorTime(t).others(began)
	idle(t, url, running)
	s.b = scrape(t, url)
	s.sum = loadgen.Summarize(s.res, loadgen.SummaryOptions{})
	return s, others
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

// tolerance of a mean against the server's own: 2% of ITL, TPOT and E2E.
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
	truth(t, url, "tiny", "vllm:num_requests_running", "tokens | TTFT ms | ITL ms | TPOT ms | E2E ms", loads, vllmRow)
}

func vllmRow(row *truthRow, s seen) {
	prompts, answers := s.tokens()
	row.equal("prompt tokens", prompts, s.b.since(s.a, "vllm:prompt_tokens_total"))
	row.cell("| %.0f / %.0f ", answers, row.equal("tokens", answers, s.b.since(s.a, "vllm:generation_tokens_total")))
	first := row.write(s.sum.Metrics["ttft_sent_mean"], s.b.mean(s.a, "vllm:time_to_first_token_seconds"))
	row.near("itl", s.sum.Metrics["itl_mean"], s.b.mean(s.a, "vllm:inter_token_latency_seconds"))
	row.near("tpot", s.sum.Metrics["tpot_mean"], s.b.mean(s.a, "vllm:request_time_per_output_token_seconds"))
	whole := row.near("e2e", s.sum.Metrics["e2e_sent_mean"], s.b.mean(s.a, "vllm:e2e_request_latency_seconds"))
	if !sameSurplus(first, whole, s.sum.Metrics["ttft_sent_mean"]) {
		row.differs("ttft is %.2f ms above the server's, e2e %.2f ms", first*1e3, whole*1e3)
	}
}

// truthRow compares one load's figures and writes them as "ours / server's".
type truthRow struct {
	t           *testing.T
	load        string
	cells       strings.Builder
	differences []string // of times
}

func (r *truthRow) differs(format string, args ...any) {
	r.differences = append(r.differences, fmt.Sprintf(format, args...))
}

func (r *truthRow) cell(format string, args ...any) { fmt.Fprintf(&r.cells, format, args...) }

// equal fails the test where counts differ, and returns the server's.
func (r *truthRow) equal(name string, got, want float64) float64 {
	r.t.Helper()
	if got != want {
		r.t.Errorf("%s: %v %s, the server counts %v", r.load, got, name, want)
	}
	return want
}

// near compares two times and returns the difference.
func (r *truthRow) near(name string, got, want float64) float64 {
	if math.IsNaN(got) || math.IsNaN(want) || math.Abs(got-want) > tolerance*want {
		r.differs("%s %.3f ms, the server says %.3f ms (%+.1f%%)", name, got*1e3, want*1e3, (got/want-1)*100)
	}
	return r.write(got, want)
}

func (r *truthRow) write(got, want float64) float64 {
	r.cell("| %.2f / %.2f (%+.1f%%) ", got*1e3, want*1e3, (got/want-1)*100)
	return got - want
}
