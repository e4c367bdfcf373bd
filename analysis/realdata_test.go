package analysis

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// The checks of this file run on results that others measured. They need the
// folder with the data, which is not part of the project.
func sharedData(t *testing.T, parts ...string) string {
	t.Helper()
	dir := os.Getenv("SWEEP_SHARED_DATA")
	if dir == "" {
		t.Skip("SWEEP_SHARED_DATA is not set")
	}
	return filepath.Join(append([]string{dir}, parts...)...)
}

// rows reads a CSV file as one map a row.
func rows(t *testing.T, path string) []map[string]string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.FieldsPerRecord = -1
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	head := all[0]
	head[0] = strings.TrimPrefix(head[0], "\ufeff")
	var out []map[string]string
	for _, line := range all[1:] {
		row := map[string]string{}
		for i, v := range line {
			if i < len(head) {
				row[strings.TrimSpace(head[i])] = strings.TrimSpace(v)
			}
		}
		out = append(out, row)
	}
	return out
}

func num(t *testing.T, row map[string]string, name string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(row[name], 64)
	if err != nil {
		t.Fatalf("%s: %v in %v", name, err, row)
	}
	return v
}

// foreign builds an Input of trials that somebody else measured.
type foreign struct {
	in    Input
	order int
}

func newForeign(model, gpu string) *foreign {
	return &foreign{in: Input{GPU: gpu, Plan: &matrix.Plan{Name: "foreign", Model: model, Order: "unknown"}}}
}

func (f *foreign) add(flags experiment.Flags, baseline bool, gpus int, point matrix.LoadPoint, block int, t rundir.Trial) {
	p := f.in.Plan
	key := strings.Join(flags.Args(""), " ")
	if _, ok := p.Configuration(key); !ok {
		p.Configurations = append(p.Configurations, matrix.Configuration{ID: key, Label: key, Baseline: baseline, Flags: flags, GPUs: gpus})
	}
	if _, ok := p.LoadPoint(point.ID); !ok {
		p.LoadPoints = append(p.LoadPoints, point)
	}
	cell := key + " @ " + point.ID
	if _, ok := p.Cell(cell); !ok {
		p.Cells = append(p.Cells, matrix.Cell{ID: cell, Configuration: key, LoadPoint: point.ID})
	}
	f.order++
	t.ID, t.Cell, t.Configuration, t.LoadPoint = fmt.Sprintf("t%03d", f.order), cell, key, point.ID
	t.Start, t.Block, t.Order, t.Outcome = fmt.Sprintf("s%03d", f.order), block, f.order, rundir.OutcomeOK
	f.in.Trials = append(f.in.Trials, t)
}

// dstackFlags are the swept flags of a row of dstack's sweep.
func dstackFlags(row map[string]string) (experiment.Flags, bool) {
	var out experiment.Flags
	baseline := true
	want := map[string]string{"num-scheduler-step": "1", "enable-chunked-prefill": "TRUE", "max-num-batched-tokens": "512", "max-num-seqs": "512", "max-seq-len-to-capture": "8192"}
	for _, column := range []string{"num-scheduler-step", "enable-chunked-prefill", "max-num-batched-tokens", "max-num-seqs", "max-seq-len-to-capture"} {
		name := column
		if column == "num-scheduler-step" {
			name += "s" // the flag's name
		}
		f := experiment.Flag{Name: name, Value: row[column]}
		if row[column] == "TRUE" || row[column] == "FALSE" {
			f.Kind, f.Value = experiment.FlagBool, strings.ToLower(row[column])
		}
		baseline = baseline && row[column] == want[column]
		out = append(out, f)
	}
	return out, baseline
}

// dstack is the sweep over request rates. All of them are far above what the
// server completes, so the three rates are three looks at one saturated server:
// asBlocks takes them for the blocks of one load.
func dstack(t *testing.T, asBlocks bool) *foreign {
	f := newForeign("meta-llama/Llama-3.1-405B-Instruct-FP8", "NVIDIA H100 80GB HBM3")
	blocks := map[string]int{"16": 1, "32": 2, "1000": 3}
	var all []map[string]string
	for _, first := range []bool{true, false} { // the baseline comes first in a plan
		for _, row := range rows(t, sharedData(t, "sweeps", "dstack-8xh100-llama405b", "qps_output.csv")) {
			if _, base := dstackFlags(row); base == first {
				all = append(all, row)
			}
		}
	}
	for _, row := range all {
		flags, base := dstackFlags(row)
		rate := num(t, row, "request_rate")
		point := matrix.LoadPoint{ID: "l" + row["request_rate"], Label: row["request_rate"] + "/s", Load: "sonnet", Kind: experiment.Poisson, Value: rate}
		block := 1
		if asBlocks {
			point, block = matrix.LoadPoint{ID: "saturated", Label: "saturated", Load: "sonnet", Kind: experiment.Throughput}, blocks[row["request_rate"]]
		}
		tr := rundir.Trial{
			Requests: map[string]int{"ok": int(num(t, row, "completed"))}, Window: num(t, row, "duration"), Rate: rate,
			OutputTokens: int64(num(t, row, "total_output_tokens")), InputTokens: int64(num(t, row, "total_input_tokens")),
			Metrics: map[string]float64{
				"request_throughput": num(t, row, "request_throughput"), throughput: num(t, row, "output_throughput"),
				"total_throughput": num(t, row, "total_token_throughput"), "ttft_mean": num(t, row, "mean_ttft_ms") / 1e3, "ttft_p50": num(t, row, "median_ttft_ms") / 1e3,
				"tpot_mean": num(t, row, "mean_tpot_ms") / 1e3, "tpot_p50": num(t, row, "median_tpot_ms") / 1e3,
				"itl_mean": num(t, row, "mean_itl_ms") / 1e3, "itl_p50": num(t, row, "median_itl_ms") / 1e3,
			},
		}
		if asBlocks {
			tr.Rate = 0
		}
		f.add(flags, base, 8, point, block, tr)
	}
	return f
}

// find returns the first configuration with the flags, by name and value.
func (f *foreign) find(flags map[string]string) string {
	for _, c := range f.in.Plan.Configurations {
		match := true
		for name, want := range flags {
			got, _ := c.Flags.Get(name)
			match = match && got.Value == want
		}
		if match {
			return c.ID
		}
	}
	return ""
}

func TestDstackSweep(t *testing.T) {
	f := dstack(t, true)
	f.in.Margin = 0.02
	f.in.Plan.Parameters = []string{"num-scheduler-steps", "enable-chunked-prefill", "max-num-batched-tokens", "max-num-seqs", "max-seq-len-to-capture"}
	got, err := Analyze(f.in)
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]Ratio{}
	for _, c := range got.Cells {
		verdicts[c.Configuration] = c.Ratios[throughput]
	}
	for _, c := range []struct {
		flags map[string]string
		want  string
	}{
		{map[string]string{"max-seq-len-to-capture": "4096"}, Equivalent},
		{map[string]string{"max-seq-len-to-capture": "16384"}, Equivalent},
		{map[string]string{"max-num-seqs": "256"}, Equivalent},
		{map[string]string{"num-scheduler-steps": "5", "enable-chunked-prefill": "true"}, Worse},
		{map[string]string{"num-scheduler-steps": "15", "enable-chunked-prefill": "true"}, Worse},
	} {
		if r := verdicts[f.find(c.flags)]; r.Verdict != c.want {
			t.Errorf("%v: %s %s, want %s", c.flags, r.Verdict, changeText(r), c.want)
		}
	}
	flips := 0
	for _, x := range got.Interactions {
		if x.Metric == throughput && x.Flips && x.Ratio.Verdict == Better && x.Parameters == [2]string{"num-scheduler-steps", "enable-chunked-prefill"} {
			flips++
		}
	}
	if flips != 3 { // 5, 10 and 15 steps
		t.Errorf("scheduler steps and chunked prefill flip %d times, want 3: %+v", flips, got.Interactions)
	}
	var confounded []Check
	for _, c := range got.Checks {
		if c.Notice.Code == "confounded" {
			confounded = append(confounded, c)
		}
	}
	if len(confounded) != 1 || confounded[0].Notice.Args["flags"].String() != "max-num-batched-tokens=1024 and max-num-seqs=1024" {
		t.Errorf("confounded: %+v", confounded)
	}
}

// At their own rates the trials are single: no verdicts, and every one is
// saturated, so that its latencies are those of the run's length.
func TestDstackRatesAreSaturated(t *testing.T) {
	f := dstack(t, false)
	got, err := Analyze(f.in)
	if err != nil {
		t.Fatal(err)
	}
	saturated := 0
	for _, c := range got.Checks {
		if c.Notice.Code == "saturated" {
			saturated++
		}
	}
	if saturated != 39 {
		t.Errorf("%d of 39 trials saturated", saturated)
	}
	for _, c := range got.Cells {
		for m, r := range c.Ratios {
			if r.Verdict != Undecided {
				t.Errorf("single trials have a verdict: %s %+v", m, r)
			}
		}
	}
}

// Prompts of 91,680 and 128,000 tokens in 0.1 to 9 seconds: longer than the
// context, refused at once, and counted as processed.
func TestDstackImpossibleThroughput(t *testing.T) {
	f := newForeign("meta-llama/Llama-3.1-405B-Instruct-FP8", "NVIDIA H100 80GB HBM3")
	impossible := map[string]bool{}
	for i, row := range rows(t, sharedData(t, "sweeps", "dstack-8xh100-llama405b", "throughput_output.csv")) {
		fields := strings.FieldsFunc(row["tokens_per_second"], func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
		rate, err := strconv.ParseFloat(fields[0], 64)
		if err != nil {
			t.Fatal(err)
		}
		point := matrix.LoadPoint{ID: fmt.Sprintf("r%d", i), Label: row["input_len"] + " in, batch " + row["batch_size"], Load: "offline", Kind: experiment.Throughput}
		f.add(experiment.Flags{}, true, 8, point, 1, rundir.Trial{Metrics: map[string]float64{"total_throughput": rate}})
		impossible[f.in.Trials[i].ID] = rate > 100_000
	}
	got, err := Analyze(f.in)
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	for _, c := range got.Checks {
		if c.Notice.Severity == notice.Discarded {
			refused[c.Trial()] = true
		}
	}
	n := 0
	for id, want := range impossible {
		if refused[id] != want {
			t.Errorf("%s refused: %v, want %v", id, refused[id], want)
		}
		if want {
			n++
		}
	}
	if n != 8 {
		t.Errorf("%d impossible rows in the data, want 8", n)
	}
	for _, c := range got.Cells {
		if c.Trials+c.Invalid != 1 || c.Invalid == 1 && c.Estimates != nil {
			t.Errorf("cell %s: %+v", c.PointLabel, c)
		}
	}
}

// inferencePerf is the sweep of Llama-3.1-8B on one H100 with the client's and the
// server's figures side by side.
func inferencePerf(t *testing.T) *foreign {
	f := newForeign("meta-llama/Llama-3.1-8B-Instruct", "NVIDIA H100 80GB HBM3")
	for _, row := range rows(t, sharedData(t, "sweeps", "inference-perf-kubecon2025", "flat.csv")) {
		flags := experiment.Flags{{Name: "variant", Value: row["config"]}}
		if row["config"] == "vllm+batch_size" {
			flags = append(flags, experiment.Flag{Name: "max-num-seqs", Value: "192"})
		}
		ok, rate := num(t, row, "n_ok"), num(t, row, "requested_rate")
		point := matrix.LoadPoint{ID: "l" + row["requested_rate"], Label: row["requested_rate"] + "/s", Load: "shared-prefix", Kind: experiment.Constant, Value: rate}
		waiting, generation := num(t, row, "server_queue_len"), num(t, row, "out_tok_s")
		f.add(flags, row["config"] == "vllm", 1, point, 1, rundir.Trial{
			Requests: map[string]int{"ok": int(ok)}, OutputTokens: int64(ok*num(t, row, "out_tok_s")/num(t, row, "req_s") + .5), Rate: rate,
			Client: &rundir.ClientFacts{OfferedRate: num(t, row, "achieved_rate"), AskedRate: rate},
			Metrics: map[string]float64{
				"request_throughput": num(t, row, "req_s"), throughput: generation, "total_throughput": num(t, row, "tot_tok_s"),
				"ttft_mean": num(t, row, "ttft_mean_s"), "tpot_mean": num(t, row, "tpot_mean_s"), "e2e_mean": num(t, row, "e2e_mean_s"),
			},
			Telemetry: &rundir.Telemetry{Server: &rundir.ServerFacts{WaitingMean: &waiting, Latency: map[string]rundir.ServerLatency{
				"tpot": {Count: ok, Mean: num(t, row, "server_tpot_s")}, "ttft": {Count: ok, Mean: num(t, row, "server_ttft_s")},
			}}},
		})
	}
	return f
}

func TestInferencePerfSweep(t *testing.T) {
	f := inferencePerf(t)
	got, err := Analyze(f.in)
	if err != nil {
		t.Fatal(err)
	}
	n := map[notice.Code]int{}
	var factors []float64
	for _, c := range got.Checks {
		n[c.Notice.Code]++
		if c.Notice.Code == "e2e-identity" {
			factors = append(factors, c.Evidence["implied_tpot"]/c.Evidence["tpot_mean"])
		}
		if testing.Verbose() && n[c.Notice.Code] <= 3 {
			t.Log(c.Notice.Severity, c.Notice.Code, c.Configuration, c.Notice.Text())
		}
	}
	t.Log(n, factors)
	if len(f.in.Trials) != 42 || n["e2e-identity"] != 42 || n["client-server"] < 42 {
		t.Errorf("of 42 trials %d break the identity of latencies, %d differ from the server's", n["e2e-identity"], n["client-server"])
	}
	for _, x := range factors {
		if x < 1.7 || x > 2.4 {
			t.Errorf("the time per output token that fits is %.2f times the one given, want about twice", x)
		}
	}
	queued := map[string]bool{}
	for _, c := range got.Checks {
		if c.Notice.Code == "server-queue" && c.Evidence["max_num_seqs"] == 192 && c.Evidence["in_flight"] > 192 {
			queued[c.Trial()] = true
		}
	}
	if len(queued) < 3 { // 148.89, 185.86 and 222.83 requests a second on 192 places
		t.Errorf("%d trials queue at max-num-seqs 192", len(queued))
	}
}
