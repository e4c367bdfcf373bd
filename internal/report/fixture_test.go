package report

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// The fixture is a night of 7 configurations at 4 load points in 3 blocks. One
// configuration never starts, one trial is invalid, one configuration has a
// single trial because the run was interrupted, and one use case has no answer.
// The numbers are made up; only their shape matters.

var fixtureBegan = time.Date(2026, 11, 23, 22, 10, 4, 0, time.FixedZone("", 3600))

const (
	fixtureBaseline = "c-00000001"
	fixtureFailed   = "c-00000005"
	fixtureSparse   = "c-00000007"
)

func fixtureFlags(changed ...experiment.Flag) experiment.Flags {
	fs := experiment.Flags{
		{Name: "gpu-memory-utilization", Value: "0.90"},
		{Name: "max-model-len", Value: "8192"},
		{Name: "tensor-parallel-size", Value: "1"},
		{Name: "enable-prefix-caching", Value: "true", Kind: experiment.FlagBool},
	}
	for _, c := range changed {
		fs = fs.With(c)
	}
	return fs
}

func fixtureExperiment() *experiment.Experiment {
	return &experiment.Experiment{
		File: "experiment.yaml",
		Raw:  []byte("version: 1\nname: acme-support-bot\n# the rest of the file\n"),
		Name: "acme-support-bot", Description: "Support chat and contract questions on one server.",
		Server: experiment.Server{Model: "Qwen/Qwen2.5-3B-Instruct", Podman: &experiment.Container{}},
		Loads: []experiment.Load{
			{Name: "chat", Prompt: experiment.Lengths{Kind: experiment.Fixed, Mean: 100}, Output: experiment.Lengths{Kind: experiment.Fixed, Mean: 100}},
			{Name: "documents", Prompt: experiment.Lengths{Kind: experiment.Lognormal, Mean: 6000, Stdev: 1500}, Output: experiment.Lengths{Kind: experiment.Fixed, Mean: 200}},
		},
	}
}

func fixturePlan() *matrix.Plan {
	p := &matrix.Plan{
		Name: "acme-support-bot", Model: "Qwen/Qwen2.5-3B-Instruct", Backend: "podman",
		Strategy: experiment.OneAtATime, Order: experiment.Blocks, Seed: 1, Blocks: 3,
		Parameters: []string{"gpu-memory-utilization", "max-model-len", "tensor-parallel-size"},
		LoadPoints: []matrix.LoadPoint{
			{ID: "l-0001", Label: "chat poisson 2/s", Load: "chat", Kind: experiment.Poisson, Value: 2},
			{ID: "l-0002", Label: "chat poisson 5/s", Load: "chat", Kind: experiment.Poisson, Value: 5},
			{ID: "l-0003", Label: "chat poisson 10/s", Load: "chat", Kind: experiment.Poisson, Value: 10},
			{ID: "l-0004", Label: "documents c=16", Load: "documents", Kind: experiment.Concurrency, Value: 16},
		},
		SLO:      []experiment.Constraint{{Metric: "ttft_p95", Op: experiment.AtMost, Value: 0.5}, {Metric: "e2e_p50", Op: experiment.AtMost, Value: 3}},
		Excluded: []matrix.Exclusion{{Label: "tensor-parallel-size=2, max-model-len=4096", Reason: "matrix.exclude"}},
	}
	changes := [][2]string{
		{"", ""}, {"gpu-memory-utilization", "0.85"}, {"gpu-memory-utilization", "0.95"},
		{"max-model-len", "4096"}, {"max-model-len", "32k"}, {"max-num-seqs", "512"}, {"tensor-parallel-size", "2"},
	}
	for i, c := range changes {
		conf := matrix.Configuration{ID: fmt.Sprintf("c-%08d", i+1), Label: "baseline", Baseline: i == 0, Flags: fixtureFlags(), GPUs: 1}
		if i > 0 {
			f := experiment.Flag{Name: c[0], Value: c[1]}
			conf.Flags, conf.Changed, conf.Label = fixtureFlags(f), experiment.Flags{f}, f.String()
		}
		if c[0] == "tensor-parallel-size" {
			conf.GPUs = 2
		}
		p.Configurations = append(p.Configurations, conf)
		for _, l := range p.LoadPoints {
			p.Cells = append(p.Cells, matrix.Cell{ID: fixtureCell(conf.ID, l.ID), Configuration: conf.ID, LoadPoint: l.ID})
		}
	}
	trial := 0
	for block := 1; block <= p.Blocks; block++ {
		for i := range p.Configurations {
			c := p.Configurations[(i*3+block)%len(p.Configurations)]
			s := matrix.Start{ID: fmt.Sprintf("s%02d-%s", len(p.Starts)+1, c.ID), Block: block, Configuration: c.ID, Purpose: matrix.PurposeMeasure}
			for j, l := range p.LoadPoints {
				trial++
				cell := fixtureCell(c.ID, l.ID)
				s.Trials = append(s.Trials, matrix.Trial{ID: fmt.Sprintf("t%03d-%s", trial, cell), Cell: cell, Block: block, Seed: uint64(block*100 + j)})
			}
			p.Starts = append(p.Starts, s)
		}
	}
	return p
}

func fixtureCell(conf, point string) string { return "x-" + conf[len(conf)-1:] + point[len(point)-1:] }

// fixtureRecords plays the plan: starts and trials with plausible times.
func fixtureRecords(p *matrix.Plan) (starts []rundir.Start, trials []rundir.Trial) {
	now := fixtureBegan
	for _, ps := range p.Starts {
		c, _ := p.Configuration(ps.Configuration)
		if c.ID == fixtureSparse && ps.Block > 1 {
			continue // interrupted before
		}
		s := rundir.Start{
			Format: 1, ID: ps.ID, Block: ps.Block, Configuration: c.ID, Label: c.Label, Purpose: ps.Purpose,
			Backend: "podman", Flags: c.Flags, Began: now, Outcome: rundir.StartReady, Ready: 94 * time.Second, Released: true,
			Command:  append([]string{"podman", "run", "docker.io/vllm/vllm-openai:v0.27.1", "--model", p.Model}, c.Flags.Args("")...),
			Identity: &rundir.Identity{Model: p.Model, MaxModelLen: 8192, Version: "0.27.1", Owner: "4f2a"},
			Logged:   &rundir.Logged{KVCacheTokens: 412992, KVCacheGiB: 14.2, MaxConcurrency: 50.41},
			StopTook: 6 * time.Second, Cooldown: 20 * time.Second,
		}
		if c.ID == fixtureFailed {
			s.Outcome, s.Ready, s.Identity = rundir.StartFailed, 0, nil
			s.Diagnosis = &rundir.Diagnosis{
				Class:  string(launcher.ClassKVCache),
				Cause:  launcher.Quoted("To serve at least one request with the model's max seq len (32000), 1.12 GiB KV cache is needed, which is larger than the available KV cache memory (0.84 GiB)."),
				Remedy: notice.Recorded("Lower max-model-len to 24,000 or raise gpu-memory-utilization."),
				Evidence: []string{
					"INFO 11-23 22:31:40 [gpu_worker.py:298] Available KV cache memory: 0.84 GiB",
					"ERROR 11-23 22:31:40 [core.py:586] EngineCore failed to start.",
					"ValueError: To serve at least one request with the model's max seq len (32000), 1.12 GiB KV cache is needed",
				},
				Exit: &rundir.Exit{Code: 1, At: now.Add(71 * time.Second)},
			}
			now = now.Add(77 * time.Second)
		} else {
			now = now.Add(s.Ready)
		}
		for _, pt := range ps.Trials {
			t := fixtureTrial(p, ps, pt, len(trials)+1, now)
			if t.Outcome != rundir.OutcomeFailed {
				now = t.Ended
			}
			trials = append(trials, t)
		}
		stopped := now.Add(s.StopTook)
		s.Stopped = &stopped
		now = stopped.Add(s.Cooldown)
		starts = append(starts, s)
	}
	return starts, trials
}

func fixtureTrial(p *matrix.Plan, ps matrix.Start, pt matrix.Trial, order int, now time.Time) rundir.Trial {
	cell, _ := p.Cell(pt.Cell)
	t := rundir.Trial{
		Format: rundir.FormatVersion, ID: pt.ID, Cell: cell.ID, Configuration: cell.Configuration, LoadPoint: cell.LoadPoint, Start: ps.ID,
		Block: pt.Block, Order: order, Seed: pt.Seed, Began: now, Ended: now.Add(75 * time.Second), Outcome: rundir.OutcomeOK,
	}
	switch {
	case cell.Configuration == fixtureFailed:
		t.Outcome, t.Ended = rundir.OutcomeFailed, now
		t.Reasons = []notice.Notice{notice.New("did-not-start", notice.Args{"class": notice.Text("kv-cache"), "cause": notice.Text("too small")})}
		return t
	case cell.Configuration == "c-00000002" && pt.Block == 2 && cell.LoadPoint == "l-0003":
		t.Outcome = rundir.OutcomeInvalid
		t.Reasons = []notice.Notice{notice.New("client-late", notice.Args{
			"lag": notice.Seconds(0.0124), "kind": notice.Text("dispatch lag"), "stat": notice.Text("p99"), "limit": notice.Seconds(0.0041),
		})}
	}
	wobble := 1 + 0.012*math.Sin(float64(order)*1.7)
	t.Metrics = map[string]float64{}
	for name, v := range fixtureMetrics(p, cell) {
		t.Metrics[name] = v * wobble
	}
	t.Absent = map[string]string{"ttft_p99": "120 requests, 662 needed"}
	if order%9 == 0 {
		t.Warnings = []notice.Notice{notice.New("in-flight-grew", notice.Args{"from": notice.Number(float64(order)), "to": notice.Number(float64(order + 20))})}
	}
	return t
}

// fixtureMetrics are the true values of a cell.
func fixtureMetrics(p *matrix.Plan, c matrix.Cell) map[string]float64 {
	l, _ := p.LoadPoint(c.LoadPoint)
	speed := map[string]float64{
		fixtureBaseline: 1, "c-00000002": 0.93, "c-00000003": 1.118, "c-00000004": 1.004, "c-00000006": 1.07, fixtureSparse: 1.61,
	}[c.Configuration]
	rate := l.Value
	if l.Load == "documents" {
		rate = 1.9 * speed
	}
	return map[string]float64{
		"request_throughput": rate, "output_throughput": rate * 103 * math.Sqrt(speed), "goodput": rate * 0.97,
		"ttft_p50": 0.05 / speed * (1 + l.Value/8), "ttft_p95": 0.13 / speed * (1 + l.Value/4),
		"tpot_p50": 0.0092 / speed * (1 + l.Value/30), "e2e_p50": 1.1 / speed * (1 + l.Value/12), "error_rate": 0.0004,
	}
}

// fixtureFindings are what an analysis could say; the report must not care
// whether the statistics are right.
func fixtureFindings(p *matrix.Plan, trials []rundir.Trial) *analysis.Findings {
	f := &analysis.Findings{Confidence: 0.95, Margin: 0.03, Baseline: fixtureBaseline}
	base := map[string]map[string]float64{}
	for _, c := range p.Cells {
		cell := fixtureCellFinding(p, c, trials)
		if cell.Baseline {
			base[c.LoadPoint] = map[string]float64{}
			for name, e := range cell.Estimates {
				base[c.LoadPoint][name] = e.Center
			}
		}
		for name, e := range cell.Estimates {
			if cell.Ratios == nil {
				cell.Ratios = map[string]analysis.Ratio{}
			}
			if !cell.Baseline {
				cell.Ratios[name] = fixtureRatio(name, e, base[c.LoadPoint][name])
			}
		}
		f.Cells = append(f.Cells, cell)
	}
	f.Frontiers = []analysis.Frontier{{Load: "chat", X: "ttft_p95", Y: "output_throughput", Cells: []string{"x-31", "x-32", "x-33"}}}
	for _, c := range f.Cells {
		conf, _ := p.Configuration(c.Configuration)
		if len(conf.Changed) == 1 && len(c.Ratios) > 0 {
			f.Effects = append(f.Effects, analysis.Effect{Parameter: conf.Changed[0].Name, Level: conf.Changed[0].Value, Configuration: conf.ID, LoadPoint: c.LoadPoint, Ratios: c.Ratios})
		}
	}
	f.Failures = []analysis.Failure{{
		Configuration: fixtureFailed, Label: "max-model-len=32k", Class: "kv-cache",
		Why:    []notice.Notice{notice.Recorded("To serve at least one request with the model's max seq len (32000), 1.12 GiB KV cache is needed, which is larger than the available KV cache memory (0.84 GiB).")},
		Remedy: notice.Recorded("Lower max-model-len to 24,000 or raise gpu-memory-utilization."),
		Starts: []string{"s04-" + fixtureFailed, "s11-" + fixtureFailed, "s18-" + fixtureFailed},
	}}
	for i, s := range fixtureStartsOf(p, fixtureFailed) {
		f.Failures[0].Starts[i] = s
	}
	f.Warnings = []notice.Notice{fixtureDrift()}
	f.Recommendations = fixtureRecommendations(p, f)
	return f
}

func fixtureDrift() notice.Notice {
	return notice.New("drift", notice.Args{"metric": notice.Text("output throughput"), "point": notice.Text("chat at 16"), "change": notice.Ratio(0.979)})
}

func fixtureStartsOf(p *matrix.Plan, conf string) []string {
	var out []string
	for _, s := range p.Starts {
		if s.Configuration == conf {
			out = append(out, s.ID)
		}
	}
	return out
}

func fixtureCellFinding(p *matrix.Plan, c matrix.Cell, trials []rundir.Trial) analysis.Cell {
	conf, _ := p.Configuration(c.Configuration)
	l, _ := p.LoadPoint(c.LoadPoint)
	cell := analysis.Cell{
		ID: c.ID, Configuration: conf.ID, Label: conf.Label, LoadPoint: l.ID, PointLabel: l.Label, Load: l.Load,
		Baseline: conf.Baseline, GPUs: conf.GPUs,
	}
	for _, t := range trials {
		switch {
		case t.Cell != c.ID:
		case t.Outcome == rundir.OutcomeOK:
			cell.Trials++
		case t.Outcome == rundir.OutcomeInvalid:
			cell.Invalid++
		default:
			cell.Failed++
		}
	}
	cell.Missing = 3 - cell.Trials - cell.Invalid - cell.Failed
	if cell.Trials == 0 {
		return cell
	}
	cell.Absent = map[string]string{"ttft_p99": "120 requests, 662 needed"}
	cell.Estimates = map[string]analysis.Estimate{}
	for name, v := range fixtureMetrics(p, c) {
		e := analysis.Estimate{Center: v, N: cell.Trials, Method: "t-log pooled"}
		switch cell.Trials {
		case 1:
			e.Method = analysis.MethodPoint
		case 2:
			e.Method, e.Lo, e.Hi = analysis.MethodRange, v*0.99, v*1.02
		default:
			e.Lo, e.Hi = v*0.975, v*1.026
		}
		cell.Estimates[name] = e
	}
	ok := cell.Estimates["ttft_p95"].Center <= 0.5
	cell.MeetsSLO = &ok
	if !ok {
		cell.SLOFailures = []notice.Notice{notice.Recorded("ttft_p95 above 500 ms")}
	}
	return cell
}

func because(code notice.Code, args notice.Args) []notice.Notice {
	return []notice.Notice{notice.New(code, args)}
}

func fixtureRatio(name string, e analysis.Estimate, base float64) analysis.Ratio {
	r := analysis.Ratio{Center: e.Center / base, P: 0.004, PAdjusted: 0.03}
	gain := r.Center
	if strings.Contains(name, "_p") || name == "error_rate" {
		gain = 1 / gain
	}
	if e.N == 1 {
		return analysis.Ratio{Center: r.Center, Verdict: analysis.Undecided, Reasons: because("too-few-to-compare", notice.Args{"n": notice.Count(1)}), MoreTrials: 2}
	}
	r.Lo, r.Hi = r.Center*0.97, r.Center*1.031
	switch {
	case gain > 1.032:
		r.Verdict = analysis.Better
	case gain < 0.969:
		r.Verdict = analysis.Worse
	case math.Abs(gain-1) < 0.003:
		r.Verdict = analysis.Equivalent
	default:
		r.Verdict, r.Reasons, r.MoreTrials = analysis.Undecided, because("interval-spans-one", nil), 4
	}
	return r
}

func fixtureRecommendations(p *matrix.Plan, f *analysis.Findings) []analysis.Recommendation {
	byID := map[string]analysis.Cell{}
	for _, c := range f.Cells {
		byID[c.ID] = c
	}
	pick := func(useCase, objective string, maximize bool, cell string) analysis.Recommendation {
		c := byID[cell]
		conf, _ := p.Configuration(c.Configuration)
		e, reached := c.Estimates[objective], c.Estimates["e2e_p50"].Center
		r := analysis.Recommendation{
			UseCase: useCase, Objective: objective, Maximize: maximize, Load: c.Load, Cell: cell,
			Configuration: conf.ID, Label: conf.Label, PointLabel: c.PointLabel, Flags: conf.Flags, Estimate: &e,
			Constraints: []analysis.ConstraintCheck{{Metric: "e2e_p50", Op: experiment.AtMost, Limit: 3, Value: &reached, Holds: true}},
			Command:     "vllm serve " + p.Model + " " + p.CommandLine(conf.Flags),
			Doubts:      []notice.Notice{notice.New("confirmation-pending", nil), fixtureDrift()},
		}
		if ratio, ok := c.Ratios[objective]; ok {
			r.Ratio = &ratio
		}
		return r
	}
	throughput := pick("throughput", "output_throughput", true, "x-33")
	throughput.BaselineCell, throughput.BaselineQualifies = "x-13", true
	throughput.Ties = []analysis.Tie{{Cell: "x-63", Label: "max-num-seqs=512", Estimate: byID["x-63"].Estimates["output_throughput"]}}
	latency := pick("latency", "ttft_p95", false, "x-31")
	latency.Confirmed, latency.Doubts, latency.BaselineCell = true, nil, "x-12"
	miss := 1.28
	refused := analysis.Recommendation{
		UseCase: "long-context", Objective: "output_throughput", Maximize: true, Load: "documents",
		Constraints: []analysis.ConstraintCheck{
			{Metric: "ttft_p95", Op: experiment.AtMost, Limit: 0.3, Value: &miss},
			{Metric: "ttft_p99", Op: experiment.AtMost, Limit: 1},
		},
		Refused: []notice.Notice{notice.Recorded("no configuration meets ttft_p95 ≤ 300 ms; the nearest is gpu-memory-utilization=0.95 at documents c=16")},
	}
	return []analysis.Recommendation{throughput, latency, refused}
}

func fixtureInput() Input {
	p := fixturePlan()
	starts, trials := fixtureRecords(p)
	return Input{
		Experiment: fixtureExperiment(), Plan: p, Findings: fixtureFindings(p, trials), Trials: trials, Starts: starts,
		Provenance: &rundir.Provenance{
			Format: 1, RunID: "acme-support-bot-20261123-221004", Began: fixtureBegan, SweepVersion: "v0.1.0",
			Experiment: strings.Repeat("9f3c", 16), Host: "bench-1", OS: "linux", Kernel: "6.12.0", CPU: "EPYC 9354", Cores: 32,
			MemoryBytes: 256 << 30, GPUs: []rundir.GPU{{Index: 0, Name: "NVIDIA H200", MemoryBytes: 141 << 30}, {Index: 1, Name: "NVIDIA H200", MemoryBytes: 141 << 30}},
			Driver: "580.82.07", Backend: map[string]string{"image": "docker.io/vllm/vllm-openai:v0.27.1", "image digest": "sha256:" + strings.Repeat("ab12", 16), "podman": "5.8.5"},
			Warnings: []notice.Notice{notice.New("governor-powersave", notice.Args{"n": notice.Count(16), "cores": notice.Count(16)})},
		},
		Figures: []Figure{
			fixtureFigure("frontier-chat", "gpu-memory-utilization=0.95 gives the most throughput inside the objective"),
			fixtureFigure("effects", "Memory is worth more than length"),
			fixtureFigure("drift", "The baseline fell by 2.1% over the night"),
		},
		Resume: "sweep run --resume runs/acme-support-bot/20261123-221004",
	}
}

// fixtureFigure is a drawing with IDs, references and the attributes that a
// plotting library writes.
func fixtureFigure(name, title string) Figure {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0"?><svg width="700pt" height="430pt" viewBox="0 0 700 430" xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">
<defs><clipPath id="frame"><rect x="60" y="20" width="620" height="360"/></clipPath></defs><rect width="700" height="430" style="fill:#ffffff"/><g clip-path="url(#frame)">`)
	for i := range 12 {
		x := 80 + 48*i
		fmt.Fprintf(&b, `<line x1="%d" y1="20" x2="%d" y2="380" style="stroke:#e8eaed"/><circle cx="%d" cy="%d" r="6" style="fill:#0072b2"/>`, x, x, x, 360-25*i)
	}
	fmt.Fprintf(&b, `</g><text x="60" y="410" style="font-family:'Liberation Sans',Arial,sans-serif;font-size:13px;fill:#59636e">time to first token, p95 (%s)</text></svg>`, name)
	return Figure{
		Name: name, Title: title, Caption: "Bars: 95% interval over 3 trials. Acme support bot, 2 × NVIDIA H200.", SVG: []byte(b.String()),
		Files: []string{"figures/" + name + ".png", "figures/" + name + ".svg"},
	}
}
