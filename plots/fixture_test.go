package plots

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// world makes inputs with plausible numbers from a queueing-like toy: a
// configuration has a capacity and a base latency, latency rises as the load
// nears the capacity. The numbers are invented; only their shape matters.
type world struct {
	rng    *rand.Rand
	plan   *matrix.Plan
	find   *analysis.Findings
	trials int
}

// server is what the toy knows of a configuration: factors on the baseline.
type server struct{ capacity, prefill, step float64 }

func newWorld(trials int, kind experiment.ArrivalKind, loads map[string][]float64, order ...string) *world {
	w := &world{rng: rand.New(rand.NewPCG(1, 2)), trials: trials}
	w.plan = &matrix.Plan{Name: "fixture", Model: "Qwen/Qwen2.5-3B-Instruct", Backend: "simulated", Strategy: experiment.OneAtATime, Blocks: trials}
	w.find = &analysis.Findings{Confidence: 0.95, Margin: 0.03, Baseline: "c-base"}
	for _, load := range order {
		for _, v := range loads[load] {
			label := fmt.Sprintf("%s c=%g", load, v)
			if kind == experiment.Poisson {
				label = fmt.Sprintf("%s poisson %g/s", load, v)
			}
			w.plan.LoadPoints = append(w.plan.LoadPoints, matrix.LoadPoint{ID: fmt.Sprintf("l-%s-%g", load, v), Label: label, Load: load, Kind: kind, Value: v})
		}
	}
	return w
}

// add adds a configuration with its cells. Flags are name, value pairs.
func (w *world) add(s server, flags ...string) {
	c := matrix.Configuration{ID: "c-base", Label: "baseline", Baseline: len(flags) == 0, GPUs: 1}
	var labels []string
	for i := 0; i < len(flags); i += 2 {
		f := experiment.Flag{Name: flags[i], Value: flags[i+1]}
		c.Changed = append(c.Changed, f)
		labels = append(labels, f.String())
		if f.Name == "tensor-parallel-size" {
			c.GPUs = 2
		}
		if !slices.Contains(w.plan.Parameters, f.Name) {
			w.plan.Parameters = append(w.plan.Parameters, f.Name)
		}
	}
	if !c.Baseline {
		c.ID, c.Label = fmt.Sprintf("c-%03d", len(w.plan.Configurations)), strings.Join(labels, ", ")
	}
	w.plan.Configurations = append(w.plan.Configurations, c)
	for _, lp := range w.plan.LoadPoints {
		w.cell(s, c, lp)
	}
}

func (w *world) cell(s server, c matrix.Configuration, lp matrix.LoadPoint) {
	capacity, demand := 2400*s.capacity, lp.Value*70
	if lp.Kind == experiment.Poisson {
		demand = lp.Value * 100
	}
	throughput := capacity * demand / math.Pow(math.Pow(capacity, 3)+math.Pow(demand, 3), 1.0/3)
	busy := demand / capacity
	step := 0.007 * s.step * (1 + 0.8*busy)
	ttft := 0.045 * s.prefill * (1 + 2*busy + 0.4*busy*busy)
	values := map[string]float64{
		"output_throughput": throughput, "request_throughput": throughput / 100,
		"ttft_p50": ttft, "ttft_p95": ttft * (1.6 + 0.2*busy), "tpot_p50": step,
		"e2e_p50": ttft + 100*step, "e2e_p95": ttft*2 + 125*step,
		"goodput": throughput / 100 * min(1, 0.3/ttft),
	}
	cell := analysis.Cell{
		ID: "x-" + strings.TrimPrefix(c.ID, "c-") + "-" + strings.TrimPrefix(lp.ID, "l-"), Configuration: c.ID, Label: c.Label, LoadPoint: lp.ID,
		PointLabel: lp.Label, Load: lp.Load, Baseline: c.Baseline, GPUs: c.GPUs, Trials: w.trials, Estimates: map[string]analysis.Estimate{}, Ratios: map[string]analysis.Ratio{},
	}
	for _, m := range slices.Sorted(maps.Keys(values)) {
		sd := 0.03
		if strings.HasPrefix(m, "ttft") {
			sd = 0.09
		}
		v := rounded(values[m] * math.Exp(w.rng.NormFloat64()*sd/math.Sqrt(float64(w.trials))))
		half := 2.2 * sd / math.Sqrt(float64(w.trials))
		e := analysis.Estimate{Center: v, N: w.trials, Method: "point"}
		if w.trials > 1 {
			e.Lo, e.Hi, e.Method = rounded(v*math.Exp(-half)), rounded(v*math.Exp(half)), "t-log pooled"
		}
		cell.Estimates[m] = e
	}
	w.plan.Cells = append(w.plan.Cells, matrix.Cell{ID: cell.ID, Configuration: c.ID, LoadPoint: lp.ID})
	w.find.Cells = append(w.find.Cells, cell)
}

// rounded keeps four significant digits, so that golden files do not depend on
// the last bits of a machine's arithmetic.
func rounded(v float64) float64 {
	f, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 4, 64), 64)
	return f
}

// fail turns a configuration into one that never started.
func (w *world) fail(label, class string) {
	for i := range w.find.Cells {
		if c := &w.find.Cells[i]; c.Label == label {
			c.Estimates, c.Trials, c.Failed = nil, 0, w.trials
		}
	}
	w.find.Failures = append(w.find.Failures, analysis.Failure{Label: label, Class: class, Why: []notice.Notice{notice.Recorded("CUDA out of memory")}})
}

// single leaves one trial, without an interval, to a configuration.
func (w *world) single(label string) {
	for i := range w.find.Cells {
		if c := &w.find.Cells[i]; c.Label == label {
			c.Trials = 1
			for m, e := range c.Estimates {
				e.Lo, e.Hi, e.N, e.Method = 0, 0, 1, "point"
				c.Estimates[m] = e
			}
		}
	}
}

// finish compares with the baseline, and finds effects, frontiers, recommendations.
func (w *world) finish(x string, slo []experiment.Constraint, cases ...experiment.UseCase) Input {
	w.compare(slo)
	for _, load := range loads(w.plan) {
		w.frontier(load, x, "output_throughput")
	}
	for _, u := range cases {
		w.recommend(u)
	}
	return Input{
		Plan: w.plan, Findings: w.find, SLO: slo,
		Facts: Facts{Device: "simulated H100", Date: "2026-11-23", Run: "20261123-221004"},
	}
}

func (w *world) compare(slo []experiment.Constraint) {
	base := map[string]analysis.Cell{}
	for _, c := range w.find.Cells {
		if c.Baseline {
			base[c.LoadPoint] = c
		}
	}
	for i := range w.find.Cells {
		c := &w.find.Cells[i]
		if len(c.Estimates) == 0 {
			continue
		}
		if len(slo) > 0 {
			ok := true
			for _, s := range slo {
				ok = ok && c.Estimates[s.Metric].Center <= s.Value
			}
			c.MeetsSLO = &ok
		}
		if c.Baseline {
			continue
		}
		for m, e := range c.Estimates {
			c.Ratios[m] = ratioOf(e, base[c.LoadPoint].Estimates[m], !strings.HasSuffix(m, "put"))
		}
		if config, _ := w.plan.Configuration(c.Configuration); len(config.Changed) == 1 {
			w.find.Effects = append(w.find.Effects, analysis.Effect{
				Parameter: config.Changed[0].Name, Level: config.Changed[0].Value, Configuration: c.Configuration, LoadPoint: c.LoadPoint, Ratios: c.Ratios,
			})
		}
	}
}

func ratioOf(e, base analysis.Estimate, lower bool) analysis.Ratio {
	r := analysis.Ratio{Center: rounded(e.Center / base.Center), Verdict: analysis.Undecided, Reasons: []notice.Notice{notice.New("too-few-to-compare", notice.Args{"n": notice.Count(1)})}}
	if !e.HasInterval() {
		return r
	}
	half := 1.4 * math.Log(e.Hi/e.Center)
	r.Lo, r.Hi = rounded(r.Center*math.Exp(-half)), rounded(r.Center*math.Exp(half))
	r.Reasons = []notice.Notice{notice.New("interval-spans-one", nil)}
	switch {
	case r.Lo > 1 && !lower, r.Hi < 1 && lower:
		r.Verdict, r.Reasons = analysis.Better, nil
	case r.Hi < 1, r.Lo > 1:
		r.Verdict, r.Reasons = analysis.Worse, nil
	case r.Lo > 0.97 && r.Hi < 1.03:
		r.Verdict, r.Reasons = analysis.Equivalent, nil
	}
	return r
}

func (w *world) frontier(load, x, y string) {
	f := analysis.Frontier{Load: load, X: x, Y: y, Method: "point estimates", Skipped: map[string][]notice.Notice{}}
	var cells []analysis.Cell
	for _, c := range w.find.Cells {
		if c.Load != load {
			continue
		}
		if len(c.Estimates) == 0 {
			f.Skipped[c.ID] = []notice.Notice{notice.Recorded("no trials")}
			continue
		}
		cells = append(cells, c)
	}
	slices.SortStableFunc(cells, func(a, b analysis.Cell) int {
		return int(math.Copysign(1, a.Estimates[x].Center-b.Estimates[x].Center))
	})
	best := 0.0
	for _, c := range cells {
		if v := c.Estimates[y].Center; v > best {
			best, f.Cells = v, append(f.Cells, c.ID)
		}
	}
	w.find.Frontiers = append(w.find.Frontiers, f)
}

func (w *world) recommend(u experiment.UseCase) {
	r := analysis.Recommendation{UseCase: u.Name, Objective: u.Objective, Maximize: u.Maximize, Load: u.Load}
	var best, base *analysis.Cell
	beats := func(a, b analysis.Cell) bool {
		x, y := a.Estimates[u.Objective].Center, b.Estimates[u.Objective].Center
		return x > y == u.Maximize
	}
	for i := range w.find.Cells {
		c := &w.find.Cells[i]
		ok := c.Load == u.Load && len(c.Estimates) > 0
		for _, s := range u.SubjectTo {
			v := c.Estimates[s.Metric].Center
			ok = ok && (s.Op == experiment.AtMost && v <= s.Value || s.Op == experiment.AtLeast && v >= s.Value)
		}
		if !ok {
			continue
		}
		if best == nil || beats(*c, *best) {
			best = c
		}
		if c.Baseline && (base == nil || beats(*c, *base)) {
			base = c
		}
	}
	for _, s := range u.SubjectTo {
		r.Constraints = append(r.Constraints, analysis.ConstraintCheck{Metric: s.Metric, Op: s.Op, Limit: s.Value, Holds: best != nil})
	}
	if best == nil {
		r.Refused = []notice.Notice{notice.Recorded("no cell meets the constraints")}
	} else {
		e := best.Estimates[u.Objective]
		r.Cell, r.Configuration, r.Label, r.PointLabel, r.Estimate = best.ID, best.Configuration, best.Label, best.PointLabel, &e
		if base != nil && !best.Baseline {
			ratio := ratioOf(e, base.Estimates[u.Objective], !u.Maximize)
			r.Ratio = &ratio
		}
	}
	w.find.Recommendations = append(w.find.Recommendations, r)
}

// rich is the usual case: 8 configurations, one failed, one with n=1.
func rich() Input {
	w := newWorld(3, experiment.Concurrency, map[string][]float64{"chat": {4, 16, 64, 256}}, "chat")
	w.add(server{1, 1, 1})
	w.add(server{0.93, 1.05, 1}, "gpu-memory-utilization", "0.85")
	w.add(server{1.01, 1, 1}, "gpu-memory-utilization", "0.95")
	w.add(server{1.005, 1, 0.995}, "max-model-len", "4096")
	w.add(server{0.5, 0.75, 0.86}, "max-num-seqs", "64")
	w.add(server{1.3, 1.25, 1.06}, "max-num-seqs", "512")
	w.add(server{1.1, 0.6, 0.62}, "tensor-parallel-size", "2")
	w.add(server{1.2, 1.5, 0.8}, "speculative-config", `{"method":"ngram","num_speculative_tokens":4,"prompt_lookup_max":4}`)
	w.fail("max-model-len=4096", "out-of-memory")
	w.single("gpu-memory-utilization=0.85")
	slo := []experiment.Constraint{{Metric: "ttft_p95", Op: experiment.AtMost, Value: 2}}
	return played(w.finish("ttft_p95", slo,
		experiment.UseCase{Name: "throughput", Objective: "output_throughput", Maximize: true, Load: "chat", SubjectTo: []experiment.Constraint{{Metric: "ttft_p95", Op: experiment.AtMost, Value: 1}}},
		experiment.UseCase{Name: "latency", Objective: "ttft_p95", Load: "chat", SubjectTo: []experiment.Constraint{{Metric: "output_throughput", Op: experiment.AtLeast, Value: 500}}},
	))
}

// noisy has trials that differ much from each other, at a load of several rates
// and at one of a single rate: most intervals reach to 1.6 times their value,
// those of max-num-seqs=64 to 30 times, those of the combination to 1.02 times.
func noisy() Input {
	w := newWorld(3, experiment.Poisson, map[string][]float64{"chat": {2, 10, 30}, "documents": {8}}, "chat", "documents")
	w.add(server{1, 1, 1})
	w.add(server{0.9, 1.1, 1.05}, "max-num-seqs", "64")
	w.add(server{1.15, 0.9, 0.95}, "max-num-seqs", "512")
	w.add(server{1.02, 1, 1}, "kv-cache-dtype", "fp8")
	w.add(server{1.2, 0.9, 0.9}, "max-num-seqs", "512", "kv-cache-dtype", "fp8")
	w.scatter(1.6, "")
	w.scatter(30, "max-num-seqs=64")
	w.scatter(1.02, "max-num-seqs=512, kv-cache-dtype=fp8")
	return played(w.finish("ttft_p95", []experiment.Constraint{{Metric: "ttft_p95", Op: experiment.AtMost, Value: 2}},
		experiment.UseCase{Name: "latency", Objective: "ttft_p95", Load: "chat"}))
}

// scatter makes the intervals of a configuration, of all with "", reach so many
// times their value up and down.
func (w *world) scatter(factor float64, label string) {
	for _, c := range w.find.Cells {
		for m, e := range c.Estimates {
			if label == "" || c.Label == label {
				e.Lo, e.Hi = e.Center/factor, e.Center*factor
				c.Estimates[m] = e
			}
		}
	}
}

// small has three cells, two trials, no SLO.
func small() Input {
	w := newWorld(2, experiment.Poisson, map[string][]float64{"documents": {8}}, "documents")
	w.add(server{1, 1, 1})
	w.add(server{1.2, 1.1, 1}, "max-num-seqs", "256")
	w.add(server{0.99, 0.9, 1}, "enable-prefix-caching", "true")
	return w.finish("e2e_p50", nil, experiment.UseCase{Name: "interactive", Objective: "e2e_p50", Load: "documents"})
}

// big is a grid of 75 configurations at four load points.
func big() Input {
	w := newWorld(5, experiment.Concurrency, map[string][]float64{"chat": {4, 16, 64, 256}}, "chat")
	w.plan.Strategy = experiment.Grid
	w.add(server{1, 1, 1})
	for i, seqs := range []string{"256", "32", "64", "128", "512"} {
		for j, util := range []string{"0.90", "0.80", "0.95"} {
			for k, batched := range []string{"8192", "2048", "4096", "16384", "32768"} {
				var flags []string
				if i > 0 {
					flags = append(flags, "max-num-seqs", seqs)
				}
				if j > 0 {
					flags = append(flags, "gpu-memory-utilization", util)
				}
				if k > 0 {
					flags = append(flags, "max-num-batched-tokens", batched)
				}
				if len(flags) == 0 {
					continue
				}
				w.add(server{
					[]float64{1, 0.45, 0.65, 0.85, 1.2}[i] * []float64{1, 0.9, 1.04}[j] * []float64{1, 0.85, 0.95, 1.05, 1.07}[k],
					[]float64{1, 0.7, 0.8, 0.9, 1.1}[i] * []float64{1, 0.8, 0.9, 1.15, 1.3}[k], []float64{1, 0.85, 0.9, 0.95, 1.1}[i],
				}, flags...)
			}
		}
	}
	slo := []experiment.Constraint{{Metric: "e2e_p95", Op: experiment.AtMost, Value: 4}}
	return played(w.finish("ttft_p95", slo,
		experiment.UseCase{Name: "throughput", Objective: "output_throughput", Maximize: true, Load: "chat", SubjectTo: slo},
		experiment.UseCase{Name: "latency", Objective: "ttft_p95", Load: "chat", SubjectTo: []experiment.Constraint{{Metric: "output_throughput", Op: experiment.AtLeast, Value: 1000}}},
	))
}

// wide has ten parameters, six Poisson rates, no SLO and no use case.
func wide() Input {
	w := newWorld(5, experiment.Poisson, map[string][]float64{"chat": {1, 2, 5, 10, 20, 40}}, "chat")
	w.add(server{1, 1, 1})
	for i, name := range []string{
		"max-num-seqs", "gpu-memory-utilization", "max-num-batched-tokens", "block-size", "swap-space", "kv-cache-dtype",
		"enable-chunked-prefill", "long-prefill-token-threshold", "num-scheduler-steps", "cuda-graph-sizes",
	} {
		for j, level := range []string{"64", "fp8_e5m2", "[1,2,4,8,16]"} {
			f := float64((i*7+j*3)%5-2) * 0.06
			w.add(server{1 + f, 1 - f/2, 1 - f/3}, name, level)
		}
	}
	return w.finish("e2e_p95", nil)
}

// list has configurations that change several flags each.
func list() Input {
	w := newWorld(3, experiment.Concurrency, map[string][]float64{"rag/long docs": {1, 8, 32}}, "rag/long docs")
	w.plan.Strategy = experiment.List
	w.add(server{1, 1, 1})
	w.add(server{1.25, 0.8, 0.9}, "max-num-seqs", "256", "kv-cache-dtype", "fp8", "gpu-memory-utilization", "0.95")
	w.add(server{1.1, 0.6, 0.6}, "tensor-parallel-size", "2", "max-num-batched-tokens", "16384")
	w.add(server{0.8, 1.2, 1.1}, "enforce-eager", "true")
	w.add(server{0.9, 1, 1}, "speculative-config", `{"method":"eagle","model":"someone/a-draft-model-with-a-long-name"}`, "max-num-seqs", "32")
	w.plan.Parameters = nil
	return w.finish("ttft_p50", []experiment.Constraint{{Metric: "e2e_p95", Op: experiment.AtMost, Value: 3}},
		experiment.UseCase{Name: "batch", Objective: "output_throughput", Maximize: true, Load: "rag/long docs"})
}

// grid is one of two parameters, of which one combination never started.
func grid() Input {
	w := newWorld(4, experiment.Concurrency, map[string][]float64{"chat": {8, 64}}, "chat")
	w.plan.Strategy = experiment.Grid
	w.add(server{1, 1, 1})
	w.add(server{0.6, 0.8, 0.9}, "max-num-seqs", "64")
	w.add(server{1.2, 1.1, 1.1}, "max-num-seqs", "512")
	w.add(server{1.05, 0.9, 1}, "kv-cache-dtype", "fp8")
	w.add(server{0.62, 0.7, 0.9}, "max-num-seqs", "64", "kv-cache-dtype", "fp8")
	w.add(server{1.3, 1, 1.1}, "max-num-seqs", "512", "kv-cache-dtype", "fp8")
	w.fail("max-num-seqs=512, kv-cache-dtype=fp8", "gpu-memory")
	return played(w.finish("ttft_p95", nil, experiment.UseCase{Name: "throughput", Objective: "output_throughput", Maximize: true, Load: "chat"}))
}
