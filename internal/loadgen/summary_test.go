package loadgen

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/vllm-sweep/sweep/internal/notice"
)

const ms = time.Millisecond

// handmade is a result of 200 requests whose numbers are known: one a 50 ms
// from 1 s on, request i sent 1 ms late, first token after (i+1) ms, then three
// tokens 10 ms apart. The window lasts from 1 s to 11 s.
func handmade() *Result {
	r := &Result{WindowStart: time.Second, WindowEnd: 11 * time.Second, End: 12 * time.Second, Label: LabelOpen}
	for i := range 200 {
		at := time.Second + time.Duration(i)*50*ms
		first := at + time.Duration(i+1)*ms
		r.Requests = append(r.Requests, Request{
			ID: i, Phase: PhaseWindow, Class: ClassOK, Scheduled: at, Ready: at, Sent: at + ms,
			First: first, Last: first + 30*ms, End: first + 31*ms,
			Gaps: []uint32{10_000, 10_000, 10_000}, Chunks: 4,
			PromptAsked: 100, PromptTokens: 100, OutputAsked: 4, OutputTokens: 4, Status: 200,
		})
	}
	r.account()
	return r
}

func TestSummarize(t *testing.T) {
	s := Summarize(handmade(), SummaryOptions{GPUs: 2, Goodput: map[string]float64{"ttft": 0.1, "tpot": 0.02}})
	// The last requests send their tokens after the window: request i ends at
	// 1000+50i+i+31 ms <= 11000 ms for i <= 195, and its first token comes by
	// 1000+51i+1 <= 11000 for i <= 196 (request 196 brings one token, at 10997).
	for name, want := range map[string]float64{
		"ttft_mean": 0.1005, "ttft_p50": 0.1005, "ttft_p95": 0.19005,
		"ttft_sent_p50": 0.0995, "e2e_p50": 0.1305, "e2e_sent_mean": 0.1295,
		"tpot_mean": 0.01, "tpot_p95": 0.01, "itl_p50": 0.01, "itl_p95": 0.01,
		"request_throughput": 19.6, "output_throughput": (196*4 + 1) / 10.0,
		"total_throughput":          (196*4 + 1 + 197*100) / 10.0,
		"output_throughput_per_gpu": (196*4 + 1) / 20.0,
		"goodput":                   10, "error_rate": 0,
	} {
		if got, ok := s.Metrics[name]; !ok || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s = %v, want %v (%s)", name, got, want, s.Absent[name])
		}
	}
	if s.PromptLength != [2]float64{100, 0} || s.AnswerLength != [2]float64{4, 0} {
		t.Errorf("lengths %v, %v", s.PromptLength, s.AnswerLength)
	}
	mixed := handmade()
	for i := range mixed.Requests {
		mixed.Requests[i].OutputTokens = 2 + 4*(i%2)
	}
	mixed.Requests[0].Class, mixed.Requests[0].OutputTokens = ClassTimeout, 1000 // of no successful request
	mixed.Requests[1].Phase, mixed.Requests[1].OutputTokens = PhaseWarmup, 1000  // nor of one in the window
	if l := Summarize(mixed, SummaryOptions{}).AnswerLength; l != [2]float64{4, 2} {
		t.Errorf("mixed lengths %v", l)
	}
	for name, want := range map[string]string{
		"ttft_p99": "200 requests, 662 needed", "e2e_p97": "200 requests, 219 needed", "itl_p99": "600 gaps, 662 needed",
	} {
		if _, ok := s.Metrics[name]; ok || s.Absent[name] != want {
			t.Errorf("%s: absent %q, want %q", name, s.Absent[name], want)
		}
	}
	if w := notice.Join(s.tooFew()); len(s.Warnings) > 0 || s.TooFew["p99"] != 662 ||
		w != "200 successful requests are too few for p97 (219), p99 (662) and p99.9 (6636). Lengthen the window to get them." {
		t.Error(w)
	}
}

// Every metric is either there or absent with a reason, whatever happened.
func TestSummaryIsComplete(t *testing.T) {
	names := map[string]bool{}
	full := Summarize(handmade(), SummaryOptions{GPUs: 1, Goodput: map[string]float64{"ttft": 1}})
	for n := range full.Metrics {
		names[n] = true
	}
	for n := range full.Absent {
		names[n] = true
	}
	failed := handmade()
	for i := range failed.Requests {
		failed.Requests[i].Class = ClassHTTP
	}
	failed.account()
	oneToken := handmade()
	for i := range oneToken.Requests {
		q := &oneToken.Requests[i]
		q.OutputTokens, q.Chunks, q.Gaps, q.Last = 1, 1, nil, q.First
	}
	for label, r := range map[string]*Result{"empty": {}, "failed": failed, "one token": oneToken} {
		s := Summarize(r, SummaryOptions{})
		for n := range names {
			v, has := s.Metrics[n]
			if has == (s.Absent[n] != "") || math.IsNaN(v) {
				t.Errorf("%s: %s is %v, absent %q", label, n, v, s.Absent[n])
			}
		}
		if err := s.WriteTable(&bytes.Buffer{}); err != nil {
			t.Error(err)
		}
	}
	s := Summarize(failed, SummaryOptions{})
	if s.Metrics["error_rate"] != 1 || s.Metrics["output_throughput"] != 0 || s.Absent["ttft_mean"] != "none of 200 requests succeeded" {
		t.Errorf("%v %v", s.Metrics, s.Absent["ttft_mean"])
	}
	if s := Summarize(oneToken, SummaryOptions{}); s.Absent["tpot_mean"] != "no answer had two tokens that came one after the other" || s.Absent["itl_p50"] != "every answer came in one chunk" {
		t.Errorf("%v", s.Absent)
	}
}

func TestTable(t *testing.T) {
	s := Summarize(handmade(), SummaryOptions{})
	s.Invalid = []notice.Notice{notice.New("client-cpu", notice.Args{"share": notice.Fraction(0.8), "limit": notice.Fraction(0.7)})}
	s.Requests[ClassTimeout] = 3
	s.Client.AskedRate, s.Client.OfferedRate = 20, 20
	var b bytes.Buffer
	if err := s.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	want := `load                open, window 10 s
requests            200 ok, 3 failed (3 timeout)
tokens per chunk    1
request throughput  19.6 req/s
output throughput   78.5 tok/s
total throughput    2,049 tok/s

         Mean      P50      P75      P90      P95  P99
  TTFT  100 ms   100 ms   150 ms   180 ms   190 ms    -
  TPOT   10 ms    10 ms    10 ms    10 ms    10 ms    -
   ITL   10 ms    10 ms    10 ms    10 ms    10 ms    -
   E2E  130 ms   130 ms   180 ms   210 ms   220 ms    -

client: sent 20 of 20 req/s asked, dispatch lag p50 0 s p99 0 s, 0 late, 0 not sent, in flight mean 0 peak 0
client: CPU 0%, longest GC pause 0 s, scheduling latency p99 0 s, 0% of chunks shared a read
INVALID: The load generator used 80% of its CPUs. The limit is 70%.
INVALID: what to do: Give the load generator its own CPUs (taskset, cpuset), lower the load, or run sweep on another machine. If it must share the server's CPUs, allow for that with --shared-machine.
warning: 200 successful requests are too few for p97 (219), p99 (662) and p99.9 (6636). Lengthen the window to get them.
`
	if strip(b.String()) != strip(want) {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

// strip evens out runs of spaces: the column widths are tabwriter's.
func strip(s string) string {
	var out []string
	for line := range strings.Lines(s) {
		out = append(out, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(out, "\n")
}

// Tokens and time in flight must add up however the run is cut into windows.
func TestAccountAddsUp(t *testing.T) {
	r := handmade()
	rapid.Check(t, func(t *rapid.T) {
		cut := time.Duration(rapid.Int64Range(int64(900*ms), int64(12*time.Second)).Draw(t, "cut"))
		all, before, after := 0.0, 0.0, 0.0
		for i := range r.Requests {
			q := &r.Requests[i]
			all += q.tokensIn(0, time.Hour, 1)
			before += q.tokensIn(0, cut, 1)
			after += q.tokensIn(cut+1, time.Hour, 1)
		}
		if all != 800 || math.Abs(before+after-all) > 1e-9 {
			t.Fatalf("%v tokens, %v before and %v after %s", all, before, after, cut)
		}
		a, _ := r.inFlight(0, cut)
		b, _ := r.inFlight(cut, 13*time.Second)
		whole, peak := r.inFlight(0, 13*time.Second)
		sum := (a*cut.Seconds() + b*(13*time.Second-cut).Seconds()) / 13
		if math.Abs(sum-whole) > 1e-6 || peak < 4 || peak > 5 {
			t.Fatalf("mean in flight %v, by parts %v; peak %d", whole, sum, peak)
		}
	})
}

// A request cut off by the end of the run counts with the tokens it received,
// at the tokens per chunk of the others; a failed one does not count.
func TestAccountOfCutRequests(t *testing.T) {
	r := &Result{WindowEnd: time.Second, Requests: []Request{
		{Class: ClassOK, First: 10 * ms, Last: 20 * ms, Gaps: []uint32{10_000}, Chunks: 2, OutputTokens: 6, PromptTokens: 5},
		{Class: ClassUnfinished, First: 990 * ms, Last: 1010 * ms, Gaps: []uint32{10_000, 10_000}, Chunks: 3, OutputTokens: 3, PromptAsked: 7},
		{Class: ClassTruncated, First: 10 * ms, Last: 20 * ms, Gaps: []uint32{10_000}, Chunks: 2, OutputTokens: 2, PromptAsked: 7},
		{Class: ClassConnect, First: -1, Last: -1},
	}}
	r.account()
	if r.WindowTokens != 6+2*3 || r.WindowInput != 12 || r.WindowCompleted != 1 {
		t.Errorf("%d tokens, %d input, %d completed", r.WindowTokens, r.WindowInput, r.WindowCompleted)
	}
}

// Requests are judged on the client's own limits.
func TestInvalid(t *testing.T) {
	strict := Limits{} // the zero value
	for name, c := range map[string]struct {
		limits Limits
		spoil  func(*Result)
		want   string
	}{
		"sound":        {strict, func(*Result) {}, ""},
		"late":         {strict, func(r *Result) { r.Client.DispatchLagP99 = 1100 * time.Microsecond }, "1.1 ms late (dispatch lag, p99). The limit is 1.01 ms."},
		"in time":      {strict, func(r *Result) { r.Client.DispatchLagP99 = time.Millisecond }, ""},
		"written late": {strict, func(r *Result) { r.Client.WriteLag, r.Client.WriteLagStat = 2*ms, "p99" }, "2 ms late (write lag, p99). The limit is 1.01 ms."},
		"late, shared": {Shared(), func(r *Result) { r.Client.OwnLag, r.Client.OwnLagStat = 6*ms, "p95" }, "6 ms late (own lag, p95). The limit is 5.03 ms."},
		"always late":  {Shared(), func(r *Result) { r.Client.OwnLagMean = 6 * ms }, "6 ms late (own lag, mean). The limit is 5.03 ms."},
		"often late":   {Shared(), func(r *Result) { r.Client.OwnLagMean = 4 * ms }, ""},
		"always late, quick server": {Shared(), func(r *Result) {
			r.Client.OwnLagMean = 1100 * time.Microsecond
			for i := range r.Requests {
				r.Requests[i].First = r.Requests[i].Scheduled + 10*ms
			}
		}, "1.1 ms late (own lag, mean). The limit is 1 ms."},
		"unsent":        {strict, func(r *Result) { late(r, 5) }, "200 requests were due in the window, but the load generator sent 195."},
		"one off":       {strict, func(r *Result) { late(r, 2) }, ""},
		"slots idle":    {strict, func(r *Result) { r.Client.HandoverLag = 3 * ms }, "Slots stood idle for 3 ms on average"},
		"slots, shared": {Shared(), func(r *Result) { r.Client.HandoverLag = 3 * ms }, ""},
		"slots idle, short answers": {strict, func(r *Result) {
			r.Client.HandoverLag = 200 * time.Microsecond
			for i := range r.Requests {
				r.Requests[i].End = r.Requests[i].Sent + ms
			}
		}, "idle for 200 µs on average between an answer and the next request. The limit is 50 µs."},
		"read late":   {strict, func(r *Result) { r.Client.Merged = 0.02 }, "chunks over 1 ms late, which hides 2% of the gaps between them. The limit is 1%."},
		"cpu":         {strict, func(r *Result) { r.Client.CPUShare = 0.75 }, "used 75% of its CPUs. The limit is 70%."},
		"cpu, shared": {Shared(), func(r *Result) { r.Client.CPUShare = 0.75 }, ""},
	} {
		r := handmade()
		c.spoil(r)
		load := &run{cfg: &Config{Arrivals: Arrivals{Kind: Constant, Rate: 20}, Warmup: time.Second, Limits: c.limits}}
		r.Client.Limits = load.cfg.limits(0) // as evidence does
		load.judge(r)
		if r.Client.Strained != (c.want != "") {
			t.Errorf("%s: strained %v", name, r.Client.Strained)
		}
		if got := strings.Join(notice.Texts(r.Invalid), "; "); (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// late moves the send of the last n requests behind the window.
func late(r *Result, n int) {
	for i := len(r.Requests) - n; i < len(r.Requests); i++ {
		r.Requests[i].Sent = r.WindowEnd + ms
	}
}

// The checks of steadiness speak up on an unsteady run and keep quiet on a
// steady one.
func TestSteadiness(t *testing.T) {
	// One request of 100 tokens at a time; it takes 100 ms in the first half and
	// 80 or 100 ms in the second.
	make := func(second time.Duration) *Result {
		r := &Result{WindowEnd: 20 * time.Second, Label: LabelClosed}
		for at := time.Duration(0); at < r.WindowEnd; {
			took := 100 * ms
			if at >= r.WindowEnd/2 {
				took = second
			}
			r.Requests = append(r.Requests, Request{
				Phase: PhaseWindow, Class: ClassOK, Scheduled: at, Sent: at, First: at + took, Last: at + took, End: at + took,
				Chunks: 1, OutputTokens: 100, PromptTokens: 1, PromptAsked: 1,
			})
			at += took
		}
		r.Client.MeanInFlight, _ = r.inFlight(0, r.WindowEnd)
		return r
	}
	if ratio, sure := make(100 * ms).halves(); sure {
		t.Errorf("steady run: ratio %v", ratio)
	}
	if ratio, sure := make(80 * ms).halves(); !sure || math.Abs(ratio-1.25) > 0.02 {
		t.Errorf("unsteady run: ratio %v, sure %v; want 1.25", ratio, sure)
	}
	if l, lw, ok := make(100 * ms).little(); !ok || math.Abs(l-1) > 0.001 || math.Abs(lw-1) > 0.01 {
		t.Errorf("Little's law: %v and %v, %v", l, lw, ok)
	}
}
