package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// grid is a run of configurations c0 (the baseline), c1, ... at the loads c=4,
// 16, 64, ... of chat, all in every round.
type grid struct {
	configurations, loads, rounds int
	noise                         float64 // of a trial, as a share
	// effect of a configuration on throughput and latencies, 1: none.
	throughput, ttft, tpot func(configuration, load int) float64
	useCases               []experiment.UseCase
}

func always(int, int) float64 { return 1 }

func (g grid) input(change ...func(*analysis.Input)) analysis.Input {
	p := &matrix.Plan{Name: "grid", Model: "acme/m", Backend: "podman", Order: experiment.Blocks, Blocks: g.rounds, UseCases: g.useCases}
	base := experiment.Flags{{Name: "max-num-seqs", Value: "256"}}
	for c := range g.configurations {
		conf := matrix.Configuration{ID: fmt.Sprintf("c%d", c), Label: "baseline", Baseline: c == 0, Flags: base, GPUs: 1}
		if c > 0 {
			f := experiment.Flag{Name: "max-num-batched-tokens", Value: fmt.Sprint(512 * c)}
			conf.Label, conf.Flags, conf.Changed = f.String(), base.With(f), experiment.Flags{f}
		}
		p.Configurations = append(p.Configurations, conf)
	}
	for l := range g.loads {
		n := 4 << (2 * l)
		p.LoadPoints = append(p.LoadPoints, matrix.LoadPoint{ID: fmt.Sprintf("l%d", l), Label: fmt.Sprintf("chat c=%d", n), Load: "chat", Kind: experiment.Concurrency, Value: float64(n)})
	}
	rng := rand.New(rand.NewPCG(1, 2))
	in := analysis.Input{Plan: p, UseCases: g.useCases}
	for b := 1; b <= g.rounds; b++ {
		for c := range g.configurations {
			start := matrix.Start{ID: fmt.Sprintf("s%d-%d", b, c), Block: b, Configuration: fmt.Sprintf("c%d", c), Purpose: matrix.PurposeMeasure}
			for l := range g.loads {
				cell := fmt.Sprintf("x%d.%d", c, l)
				if b == 1 {
					p.Cells = append(p.Cells, matrix.Cell{ID: cell, Configuration: start.Configuration, LoadPoint: fmt.Sprintf("l%d", l)})
				}
				id := fmt.Sprintf("t%03d", len(in.Trials)+1)
				start.Trials = append(start.Trials, matrix.Trial{ID: id, Cell: cell, Block: b})
				x := func() float64 { return math.Exp(g.noise * rng.NormFloat64()) }
				n := float64(int(4) << (2 * l))
				ttft, tpot := .02*n*g.ttft(c, l)*x(), .008*g.tpot(c, l)*x()
				in.Trials = append(in.Trials, rundir.Trial{
					ID: id, Cell: cell, Configuration: start.Configuration, LoadPoint: fmt.Sprintf("l%d", l), Start: start.ID, Block: b, Order: len(in.Trials) + 1,
					Outcome: rundir.OutcomeOK, Metrics: map[string]float64{
						"output_throughput": 90 * n * g.throughput(c, l) * x(), "ttft_p50": ttft, "ttft_p95": 2 * ttft, "tpot_p50": tpot, "tpot_p95": 1.5 * tpot, "e2e_p50": ttft + 100*tpot,
					},
				})
			}
			p.Starts = append(p.Starts, start)
		}
	}
	for _, f := range change {
		f(&in)
	}
	return in
}

// analyzed is what the terminal shows of a grid.
func analyzed(t *testing.T, in analysis.Input) Input {
	t.Helper()
	f, err := analysis.Analyze(in)
	if err != nil {
		t.Fatal(err)
	}
	return Input{Plan: in.Plan, Findings: f, Trials: in.Trials, Starts: in.Starts, Finished: true}
}

func maximizing(name, objective string) experiment.UseCase {
	return experiment.UseCase{Name: name, Objective: objective, Maximize: true, Load: "chat"}
}

func minimizing(name, objective string) experiment.UseCase {
	return experiment.UseCase{Name: name, Objective: objective, Load: "chat"}
}

// only gives one configuration another value than the others.
func only(configuration int, factor float64) func(int, int) float64 {
	return func(c, _ int) float64 {
		if c == configuration {
			return factor
		}
		return 1
	}
}

// usual is a run with a clear answer that has a price, a tie, and a second load.
func usual() grid {
	return grid{configurations: 4, loads: 3, rounds: 4, noise: .004, throughput: only(2, 1.46), ttft: only(2, .6), tpot: only(2, 1.4),
		useCases: []experiment.UseCase{maximizing("throughput", "output_throughput"), minimizing("latency", "tpot_p50")}}
}

var ending = Ending{Took: 166 * time.Second, Dir: "runs/grid/20261123-221004", Page: "runs/grid/20261123-221004/report/index.html"}

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// answerText is the first screen, checked for what holds of every one: at most 25
// lines of at most the terminal's columns, escapes only where colors are wanted
// and none that changes the text.
func answerText(t *testing.T, in Input, width int) string {
	t.Helper()
	var texts [2]string
	for i, color := range []bool{false, true} {
		var b strings.Builder
		if err := (Terminal{Width: width, Color: color}).Answer(&b, in, ending); err != nil {
			t.Fatal(err)
		}
		texts[i] = b.String()
	}
	if strings.Contains(texts[0], "\x1b") {
		t.Errorf("escapes without color: %q", texts[0])
	}
	if got := escapes.ReplaceAllString(texts[1], ""); got != texts[0] || !strings.Contains(texts[1], "\x1b[1m") {
		t.Errorf("colors change the text:\n%s\n%s", got, texts[0])
	}
	list := strings.Split(strings.TrimSuffix(texts[0], "\n"), "\n")
	if len(list) > answerLines {
		t.Errorf("%d lines:\n%s", len(list), texts[0])
	}
	for _, line := range list {
		if n := columns(line); n > width || strings.TrimRight(line, " ") != line {
			t.Errorf("%d columns, or blanks at the end: %q", n, line)
		}
	}
	return texts[0]
}

func TestAnswerGolden(t *testing.T) {
	in := analyzed(t, usual().input())
	for _, width := range []int{80, 120} {
		golden(t, fmt.Sprintf("answer-%d.txt", width), []byte(answerText(t, in, width)))
	}
	var piped strings.Builder
	if err := (Terminal{}).Answer(&piped, in, ending); err != nil || piped.String() != answerText(t, in, 80) {
		t.Errorf("a pipe has no 80 columns: %v\n%s", err, piped.String())
	}
}

// Every terminal, and every size of a run, gets whole lines, in 25 of them.
func TestAnswerFits(t *testing.T) {
	for _, g := range []grid{
		{configurations: 1, loads: 1, rounds: 1},
		{configurations: 40, loads: 2, rounds: 2},
		{configurations: 3, loads: 2, rounds: 3},
	} {
		g.noise, g.throughput, g.ttft, g.tpot = .02, only(2, 1.4), only(1, 1.2), only(2, 1.3)
		g.useCases = []experiment.UseCase{maximizing("a use case of many words", "output_throughput")}
		in := analyzed(t, g.input())
		one := in.Findings.Recommendations[0]
		for _, useCases := range []int{0, 1, 3, 7, 12, 30} {
			in.Findings.Recommendations = nil
			for i := range useCases {
				one.UseCase = fmt.Sprintf("a use case of many words %d", i)
				in.Findings.Recommendations = append(in.Findings.Recommendations, one)
			}
			for _, width := range []int{80, 81, 100, 120, 200} {
				if text := answerText(t, in, width); !strings.Contains(text, "\nNEXT ") {
					t.Errorf("%d configurations, %d use cases, %d columns: no next step:\n%s", g.configurations, useCases, width, text)
				}
			}
			text := answerText(t, in, 80)
			for _, want := range []string{"\n  baseline ", "\n  max-num-batched-tokens=1024 ",
				"more configurations, 1 more load point: sweep analyze --table"} {
				if g.configurations == 40 && useCases == 1 && !strings.Contains(text, want) {
					t.Errorf("40 configurations: no %q in\n%s", want, text)
				}
			}
			if useCases == 30 && !strings.Contains(text, "more use cases: sweep analyze --details") {
				t.Errorf("30 use cases:\n%s", text)
			}
		}
	}
}

// What is said of an answer by its outcome.
func TestAnswerOutcomes(t *testing.T) {
	says := func(t *testing.T, in Input, want ...string) {
		t.Helper()
		text := strings.Join(strings.Fields(answerText(t, in, 80)), " ")
		for _, w := range want {
			if w, not := strings.CutPrefix(w, "!"); strings.Contains(text, w) == not {
				t.Errorf("want %q in\n%s", w, answerText(t, in, 80))
			}
		}
	}
	throughput := []experiment.UseCase{maximizing("throughput", "output_throughput")}
	t.Run("better, with its price", func(t *testing.T) {
		in := analyzed(t, usual().input())
		says(t, in, "--max-num-batched-tokens 1024", "UNCONFIRMED", "!BETTER", "CAVEATS not confirmed: confirmation is off", "at chat c=64 trade-off: TPOT p50", "none: keep the baseline")
		r := &in.Findings.Recommendations[0]
		r.Confirmed, r.Confirmation = true, analysis.StandingBetter
		says(t, in, "BETTER", "!UNCONFIRMED")
	})
	t.Run("tied", func(t *testing.T) {
		in := analyzed(t, grid{configurations: 3, loads: 2, rounds: 4, noise: .005, throughput: always, ttft: always, tpot: always, useCases: throughput}.input())
		says(t, in, "none: keep the baseline", "tied with 2 others",
			"tied with max-num-batched-tokens=1024 at c=16 and 1 more")
	})
	t.Run("nothing better", func(t *testing.T) {
		in := analyzed(t, grid{configurations: 2, loads: 1, rounds: 4, noise: .01, throughput: only(1, .5), ttft: always, tpot: always, useCases: throughput}.input())
		says(t, in, "none: keep the baseline", "nothing better")
	})
	t.Run("ahead and not shown", func(t *testing.T) {
		ahead := analysis.Ratio{Center: 1.26, Verdict: analysis.Undecided, Reasons: because("too-few-to-compare", notice.Args{"n": notice.Count(2)})}
		in := analyzed(t, grid{configurations: 2, loads: 1, rounds: 4, noise: .01, throughput: only(1, .5), ttft: always, tpot: always, useCases: throughput}.input())
		r := &in.Findings.Recommendations[0]
		r.Leader = &analysis.Leader{
			Cell: "x1.0", Configuration: "c1", Label: "max-num-batched-tokens=512", PointLabel: "chat c=4", Estimate: analysis.Estimate{Center: 1260}, Ratio: ahead,
		}
		says(t, in, "none: keep the baseline", "UNDECIDED", "max-num-batched-tokens=512 at c=4 is ahead: 1,260 tok/s (+26%), undecided: n=2", "!comes near", "!nothing better")
		r.Leader.Ratio = analysis.Ratio{Center: 1.26, Lo: .9, Hi: 1.8, P: .2, PAdjusted: .2, Verdict: analysis.Undecided, Reasons: because("interval-spans-one", nil), MoreTrials: 3}
		says(t, in, "undecided: about 3 more rounds would decide it")
	})
	t.Run("undecided alone and corrected", func(t *testing.T) {
		in := analyzed(t, usual().input())
		r := &in.Findings.Recommendations[0]
		q := analysis.Ratio{Center: 1.1, Lo: 1.02, Hi: 1.19, P: .02, PAdjusted: .18, Verdict: analysis.Undecided, Reasons: because("significant-alone", notice.Args{"n": notice.Count(9)}), MoreTrials: 3}
		r.Ratio = &q
		for i := range in.Findings.Cells {
			if in.Findings.Cells[i].ID == r.Cell {
				in.Findings.Cells[i].Ratios["output_throughput"] = q
			}
		}
		says(t, in, "+10% UNDECIDED", "undecided: significant alone, not after correction for 9 comparisons", "+10%? significant alone, not after correction for 9")
	})
	t.Run("another load", func(t *testing.T) {
		in := analyzed(t, usual().input())
		r := &in.Findings.Recommendations[0]
		r.BaselineCell, r.BaselineQualifies = "x0.1", true
		r.SameLoad = &analysis.Ratio{Center: 1.2, Verdict: analysis.Better}
		says(t, in, "compared with the baseline at c=16; at the same load +20%: better")
	})
	t.Run("too noisy", func(t *testing.T) {
		in := analyzed(t, grid{configurations: 2, loads: 1, rounds: 4, noise: .5, throughput: always, ttft: always, tpot: always, useCases: throughput}.input())
		says(t, in,
			"The throughput recommendation is unreliable: output throughput of the unchanged baseline varies by",
			"End other work")
	})
	t.Run("overturned", func(t *testing.T) {
		in := analyzed(t, grid{configurations: 2, loads: 1, rounds: 4, noise: .01, throughput: only(1, .5), ttft: always, tpot: always, useCases: throughput}.input())
		r := &in.Findings.Recommendations[0]
		r.Confirmed, r.Confirmation, r.ScreeningCell = true, analysis.StandingBaseline, "x1.0"
		says(t, in, "max-num-batched-tokens=512 at c=4 was ahead in the screening runs only", "!comes near")
	})
	t.Run("refused", func(t *testing.T) {
		g := usual()
		g.useCases = []experiment.UseCase{{Name: "strict", Objective: "output_throughput", Maximize: true, Load: "chat", SubjectTo: []experiment.Constraint{{Metric: "ttft_p50", Op: experiment.AtMost, Value: .01}}}}
		says(t, analyzed(t, g.input()), "strict no recommendation", "nearest: max-num-batched-tokens=1024 at chat c=4 (TTFT p50 47.9 ms, limit 10 ms)")
	})
	t.Run("failed", func(t *testing.T) {
		in := analyzed(t, usual().input(func(in *analysis.Input) {
			in.Starts = []rundir.Start{{ID: "s", Configuration: "c3", Label: "max-num-batched-tokens=1536",
				Outcome: rundir.StartFailed, Diagnosis: &rundir.Diagnosis{Class: string(launcher.ClassKVCache),
					Cause: launcher.Quoted("too small")}}}
			for i := range in.Trials {
				if in.Trials[i].Configuration == "c3" {
					in.Trials[i].Outcome, in.Trials[i].Metrics = rundir.OutcomeFailed, nil
				}
			}
		}))
		says(t, in, "CAVEATS max-num-batched-tokens=1536 did not start", " max-num-batched-tokens=1536 did not start ")
	})
	t.Run("flags of another style", func(t *testing.T) {
		in := analyzed(t, usual().input(func(in *analysis.Input) { in.Plan.FlagStyle = experiment.FlagsEquals }))
		says(t, in, " --max-num-batched-tokens=1024 ")
		if got, want := in.Findings.Recommendations[0].Command, "vllm serve acme/m --max-num-seqs=256 --max-num-batched-tokens=1024"; got != want {
			t.Errorf("command %s", got)
		}
	})
	t.Run("long flags", func(t *testing.T) {
		in := analyzed(t, usual().input(func(in *analysis.Input) {
			in.Plan.Configurations[2].Changed = experiment.Flags{{Name: "speculative-config", Value: `{"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4}`}, {Name: "seed", Kind: experiment.FlagUnset}}
		}))
		says(t, in, "--speculative-config", `'{"method": "ngram", "num_speculative_tokens": 5, "prompt_lookup_max": 4}' without --seed`)
		in.Plan.Configurations[2].Changed[0].Value = strings.Repeat("/path/of/a/very/long/name", 3)
		says(t, in, "(below)", "--speculative-config "+in.Plan.Configurations[2].Changed[0].Value)
		in.Plan.Configurations[2].Changed = experiment.Flags{{Name: "max-num-seqs", Value: "64"}, {Name: "max-num-batched-tokens", Value: "8192"}}
		says(t, in, "--max-num-seqs 64 8,418 tok/s +46.3% UNCONFIRMED --max-num-batched-tokens 8192 at chat c=64")
	})
}

// Of many percentiles one stands for all: the one that was asked about.
func TestTradeOffsOfAKind(t *testing.T) {
	worse := func(names ...string) (out []analysis.TradeOff) {
		for _, n := range names {
			out = append(out, analysis.TradeOff{Metric: n, Baseline: 1, Value: 2, Ratio: analysis.Ratio{Center: 2, Verdict: analysis.Worse}})
		}
		return out
	}
	for _, c := range []struct{ all, slo, want string }{
		{"ttft_mean ttft_p50 ttft_p95", "", "ttft_p50"},
		{"ttft_mean ttft_p50 ttft_p95", "ttft_p95", "ttft_p95"},
		{"ttft_sent_p50 ttft_p95", "", "ttft_p95"},
		{"tpot_p50 request_throughput output_throughput output_throughput_per_gpu error_rate", "", "output_throughput tpot_p50 error_rate"},
		{"output_throughput_per_gpu total_throughput_per_gpu", "", "output_throughput_per_gpu"},
		{"e2e_p99", "", "e2e_p99"},
	} {
		in := Input{Plan: &matrix.Plan{}, Findings: &analysis.Findings{}}
		if c.slo != "" {
			in.Plan.SLO = []experiment.Constraint{{Metric: c.slo}}
		}
		var got []string
		for _, o := range in.tradeOffs(analysis.Recommendation{TradeOffs: worse(strings.Fields(c.all)...)}) {
			got = append(got, o.Metric)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, want %s", c.all, got, c.want)
		}
	}
}

// nonsense is what no text for people may hold.
var nonsense = regexp.MustCompile(`NaN|\bInf\b|\b0 of 0\b|[-−+]0(\.0+)?%|\b1 (trials|cells|requests|configurations|starts|rounds|loads)\b|%!|<nil>|\de[+-]\d\d`)

// Whatever the records hold, screen, tables and details are words and numbers.
func TestTerminalOfStrangeRuns(t *testing.T) {
	outcome := func(o string) func(*analysis.Input) {
		return func(in *analysis.Input) {
			for i := range in.Trials {
				in.Trials[i].Outcome = o
			}
		}
	}
	fill := func(v float64) func(*analysis.Input) {
		return func(in *analysis.Input) {
			for _, tr := range in.Trials {
				for m := range tr.Metrics {
					tr.Metrics[m] = v
				}
			}
		}
	}
	for name, change := range map[string]func(*analysis.Input){
		"all failed": outcome(rundir.OutcomeFailed), "all invalid": outcome(rundir.OutcomeInvalid), "all skipped": outcome(rundir.OutcomeSkipped),
		"zeros": fill(0), "equal": fill(2.5), "not a number": fill(math.NaN()), "infinite": fill(math.Inf(1)), "smallest": fill(math.SmallestNonzeroFloat64),
		"no trials":    func(in *analysis.Input) { in.Trials = nil },
		"one trial":    func(in *analysis.Input) { in.Trials = in.Trials[:1] },
		"half":         func(in *analysis.Input) { in.Trials = in.Trials[:len(in.Trials)/2] },
		"no use cases": func(in *analysis.Input) { in.UseCases = nil },
		"no baseline": func(in *analysis.Input) {
			in.Plan.Configurations[0].Baseline = false
		},
		"no throughput": func(in *analysis.Input) {
			for _, tr := range in.Trials {
				delete(tr.Metrics, "output_throughput")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := analyzed(t, usual().input(change))
			var table, details strings.Builder
			if err := (Terminal{Width: 80}).Table(&table, in); err != nil {
				t.Fatal(err)
			}
			if err := (Terminal{}).Details(&details, in); err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{answerText(t, in, 80), table.String(), details.String()} {
				if bad := nonsense.FindString(text); bad != "" {
					t.Errorf("says %q:\n%s", bad, text)
				}
			}
		})
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	in := analyzed(t, usual().input())
	if err := (Terminal{Width: 80}).Table(&b, in); err != nil {
		t.Fatal(err)
	}
	for _, l := range in.Plan.LoadPoints {
		_, rest, found := strings.Cut(b.String(), l.Label+" ")
		rest, _, _ = strings.Cut(rest, "\n\n")
		for _, c := range in.Plan.Configurations {
			if !found || !strings.Contains(rest, "\n  "+c.Label+" ") {
				t.Errorf("%s lacks %s:\n%s", l.Label, c.Label, b.String())
			}
		}
	}
}

func TestDetails(t *testing.T) {
	in := fixtureInput()
	long := experiment.Flags{
		{Name: "max-model-len", Value: "8192"}, {Name: "gpu-memory-utilization", Value: "0.90"},
		{Name: "speculative-config", Value: `{"method": "ngram", "num_speculative_tokens": 5}`},
		{Name: "enable-chunked-prefill", Value: "true", Kind: experiment.FlagBool},
	}
	r := &in.Findings.Recommendations[0]
	r.Flags, r.Command = long, "vllm serve acme/model "+in.Plan.CommandLine(long)
	r.TradeOffs = []analysis.TradeOff{{Metric: "ttft_p95", Baseline: .1, Value: .2, Ratio: analysis.Ratio{Center: 2, Lo: 1.5, Hi: 2.5, Verdict: analysis.Worse}, Screening: true}}
	r.Ties[0].PointLabel = "chat poisson 10/s"
	for i := range in.Findings.Cells {
		if c := &in.Findings.Cells[i]; c.Configuration == "c-00000003" {
			c.Label = strings.Repeat("very-long-flag=value ", 8)
		}
	}
	var b strings.Builder
	if err := (Terminal{}).Details(&b, in); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, line := range strings.Split(text, "\n") {
		if columns(line) > textWidth || strings.TrimRight(line, " ") != line {
			t.Errorf("%d columns, or blanks at the end: %q", columns(line), line)
		}
	}
	last := 0
	for _, want := range []string{
		"throughput: maximize output throughput on load chat\n", "against baseline   +5.7%  [", ", better, p=", "trade-off          TTFT p95 100 ms -> 200 ms (2×)  [+50%, 2.5×], in the screening runs\n",
		"constraints        E2E p50 <= 3 s: 1.8 s\n",
		"statistically tied max-num-seqs=512 at chat poisson 10/s: 1,065 tok/s  [",
		"    vllm serve acme/model --max-model-len 8192 --gpu-memory-utilization 0.90 \\\n      --speculative-config '{\"method\": \"ngram\", \"num_speculative_tokens\": 5}' \\\n      --enable-chunked-prefill\n",
		"Not confirmed", "no recommendation: ", "Frontier of load chat: output throughput against TTFT p95, 3 of 18 measured results", "  met  ",
		"Failures\n", "max-model-len=32k did not start (3 launches): To serve", "remedy: Lower", "Warnings\n", "drift",
	} {
		i := strings.Index(text[last:], want)
		if i < 0 {
			t.Fatalf("%q is missing or out of order in\n%s", want, text)
		}
		last += i
	}
}

// The text block of docs/statistics.md is how the details of its example begin.
func TestWorkedExample(t *testing.T) {
	run, err := rundir.Read("../../docs/worked-example")
	if err != nil {
		t.Fatal(err)
	}
	f, err := analysis.Analyze(analysis.Input{Plan: run.Plan, SLO: run.Plan.SLO, UseCases: run.Plan.UseCases, Trials: run.Trials, GPU: "H100"})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../docs/statistics.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```text\n")
	block, _, ok := strings.Cut(rest, "```")
	var text strings.Builder
	if err := (Terminal{}).Details(&text, Input{Plan: run.Plan, Findings: f}); err != nil || !ok {
		t.Fatal(err, ok)
	}
	if !strings.HasPrefix(text.String(), strings.TrimRight(block, "\n")) {
		t.Errorf("the text block is not how the details begin:\n%s", text.String())
	}
}

func TestComparison(t *testing.T) {
	e := func(v float64) map[string]analysis.Estimate {
		return map[string]analysis.Estimate{"ttft_p50": {Center: v, N: 3}}
	}
	reasons := because("significant-alone", notice.Args{"n": notice.Count(4)})
	cmp := &analysis.Between{Confidence: .95, Margin: .03, Metrics: []string{"ttft_p50"}, Tests: 4, OnlyB: []string{"c9 at chat c=4"}, Warnings: []notice.Notice{notice.New("runs-once", nil)},
		Cells: []analysis.BetweenCell{
			{Label: "baseline", PointLabel: "chat c=4", A: e(.1), B: e(.11), Ratios: map[string]analysis.Ratio{"ttft_p50": {Center: 1.1, Lo: 1.05, Hi: 1.16, Verdict: analysis.Worse}}},
			{Label: "max-num-seqs=8", PointLabel: "chat c=4", A: e(.1), B: e(.11), Ratios: map[string]analysis.Ratio{"ttft_p50": {Center: 1.1, Lo: 1.01, Hi: 1.2, Verdict: analysis.Undecided, Reasons: reasons}}},
			{Label: "baseline", PointLabel: "chat c=8", A: e(.1), B: e(.1), Ratios: map[string]analysis.Ratio{"ttft_p50": {Center: 1, Lo: .9, Hi: 1.1, Verdict: analysis.Undecided, Reasons: because("interval-spans-one", nil)}}},
		}}
	var b strings.Builder
	if err := (Terminal{Width: 60}).Comparison(&b, cmp); err != nil {
		t.Fatal(err)
	}
	want := []string{"chat c=4", "100 ms", "+10%", "[+5%, +16%]", "worse", "undecided*", "* significant alone, not after correction for 4 comparisons", "chat c=8", "Only in the second run", "Each of the two runs was made once.", "4 comparisons, corrected together (Holm); 95% intervals; margin 3%."}
	last := 0
	for _, w := range want {
		i := strings.Index(b.String()[last:], w)
		if i < 0 {
			t.Fatalf("%q is missing or out of order in\n%s", w, b.String())
		}
		last += i
	}
	if worse := Worse(cmp); !slices.Equal(worse, []string{"baseline at chat c=4: TTFT p50 +10%"}) {
		t.Errorf("worse: %q", worse)
	}
	if strings.Contains(b.String(), "interval spans") || slices.Contains(strings.Split(b.String(), "\n"), "") == false {
		t.Errorf("%s", b.String())
	}
}
