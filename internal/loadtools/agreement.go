package loadtools

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vllm-sweep/sweep/analysis/stats"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
)

// Agreement sets several clients beside each other that made the same load on
// one server, in turns.
type Agreement struct {
	Clients []string       `json:"clients"` // our own first
	Rounds  int            `json:"rounds"`
	Rows    []AgreementRow `json:"rows"`
	// Failed says why a client gave no result in some round: client → its error.
	Failed map[string]string `json:"failed,omitempty"`
	// Warnings are about the loads of single clients, which they name as subjects.
	Warnings []notice.Notice `json:"warnings,omitempty"`
}

// AgreementRow is one metric; values are medians over the rounds, in the base unit.
type AgreementRow struct {
	Metric string `json:"metric"`
	// Native is the metric as we define it, Aligned as the other tools would have
	// computed it from the same requests.
	Native  *float64            `json:"native,omitempty"`
	Aligned *float64            `json:"aligned,omitempty"`
	Tools   map[string]*float64 `json:"tools"` // by client; absent: it does not tell
	// Off is the relative difference of each tool from Aligned.
	Off map[string]float64 `json:"off,omitempty"`
	// Limit is the largest difference that counts as agreement; 0: none is set.
	Limit float64       `json:"limit,omitempty"`
	Why   notice.Notice `json:"why"` // what makes a difference here
}

// agreementLimit is for what two correct clients measure alike.
const agreementLimit = 0.02

// agreementRows are the metrics that are compared, and why clients differ in them.
var agreementRows = []struct {
	metric, native string
	limit          float64
	why            notice.Code
}{
	{"request_throughput", "", agreementLimit, notice.Known("agree-window")},
	{"output_throughput", "", agreementLimit, notice.Known("agree-output")},
	{"tpot_mean", "", agreementLimit, notice.Known("agree-tpot")},
	{"tpot_p50", "", agreementLimit, notice.Known("agree-tpot")},
	{"ttft_mean", "ttft_sent_mean", 0, notice.Known("agree-ttft")},
	{"ttft_p50", "ttft_sent_p50", 0, notice.Known("agree-ttft")},
	{"e2e_mean", "e2e_sent_mean", 0, notice.Known("agree-e2e")},
	{"itl_mean", "", 0, notice.Known("agree-itl")},
}

// AgreeOptions are what an agreement needs beside the load.
type AgreeOptions struct {
	Load   loadgen.Config
	Tools  []experiment.Benchmark // the other clients
	Rounds int
	Dir    string // their files go into folders below it
	Say    func(string)
}

// Agree makes the load with our own generator and with the tools, in turns,
// as many rounds as asked for. Each run is preceded by the same warm-up.
func Agree(ctx context.Context, o AgreeOptions) (*Agreement, error) {
	a := &Agreement{Clients: []string{experiment.ToolNative}, Rounds: o.Rounds, Failed: map[string]string{}}
	values := map[string]map[string][]float64{}
	note := func(client string, metrics map[string]float64) {
		if values[client] == nil {
			values[client] = map[string][]float64{}
		}
		for name, v := range metrics {
			values[client][name] = append(values[client][name], v)
		}
	}
	for _, t := range o.Tools {
		a.Clients = append(a.Clients, t.Tool)
	}
	for round := range o.Rounds {
		load := o.Load
		load.Seed += uint64(round)
		load.Salt += fmt.Sprintf("-%d", round)
		o.say("round %d of %d: native", round+1, o.Rounds)
		res, err := loadgen.Run(ctx, load)
		if err != nil {
			return nil, fmt.Errorf("native: %w", err)
		}
		note(experiment.ToolNative, loadgen.Summarize(res, loadgen.SummaryOptions{}).Metrics)
		note(aligned, Aligned(res))
		a.warn(experiment.ToolNative, res.Invalid)
		for i, t := range o.Tools {
			o.say("round %d of %d: %s", round+1, o.Rounds, t.Tool)
			// Of its own: with the seed of another client its prompts might be the
			// same, and the prefix cache would answer them.
			load.Seed = o.Load.Seed + uint64(round) + uint64(i+1)<<20
			metrics, warnings, err := o.tool(ctx, t, load, round)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				a.Failed[t.Tool] = err.Error()
				continue
			}
			a.warn(t.Tool, warnings)
			note(t.Tool, metrics)
		}
	}
	a.rows(values)
	return a, nil
}

// aligned is the column of our own run as the tools would count it.
const aligned = "aligned"

func (a *Agreement) warn(client string, list []notice.Notice) {
	for _, n := range list {
		if n = n.On(notice.Client, client); !slices.ContainsFunc(a.Warnings, n.Equal) {
			a.Warnings = append(a.Warnings, n)
		}
	}
}

func (o AgreeOptions) say(format string, args ...any) {
	if o.Say != nil {
		o.Say(fmt.Sprintf(format, args...))
	}
}

func (o AgreeOptions) tool(ctx context.Context, t experiment.Benchmark, load loadgen.Config, round int) (map[string]float64, []notice.Notice, error) {
	cold, err := Warm(ctx, load)
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(o.Dir, fmt.Sprintf("%s-%d", t.Tool, round+1))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	load.Warmup = 0
	r, err := Run(ctx, Job{Tool: t, Load: load, Dir: dir, Say: o.Say})
	if err != nil {
		return nil, nil, err
	}
	if r.Requests[string(loadgen.ClassOK)] == 0 {
		return nil, nil, errors.New("none of its requests succeeded")
	}
	out := map[string]float64{}
	for name, v := range r.Metrics {
		out[name] = v
	}
	// Tools count from the actual send whatever the name says.
	for _, st := range metric.Stats() {
		for _, base := range []string{"ttft", "e2e"} {
			if v, ok := r.Metrics[base+"_sent_"+st]; ok {
				out[base+"_"+st] = v
			}
		}
	}
	return out, slices.Concat(r.Invalid, r.Warnings, cold), nil
}

// Aligned is a run of our own as the other tools would have counted it: the
// requests of the window alone, from the first send to the last answer.
func Aligned(res *loadgen.Result) map[string]float64 {
	run := *res
	run.Requests = nil
	run.WindowTokens, run.WindowInput, run.WindowCompleted = 0, 0, 0
	first, last := time.Duration(math.MaxInt64), time.Duration(0)
	for _, q := range res.Requests {
		if q.Phase != loadgen.PhaseWindow || q.Sent < 0 {
			continue
		}
		run.Requests = append(run.Requests, q)
		first, last = min(first, q.Sent), max(last, q.End)
		if q.Class == loadgen.ClassOK {
			run.WindowCompleted++
			run.WindowTokens += int64(q.OutputTokens)
			run.WindowInput += int64(q.PromptTokens)
		}
	}
	if len(run.Requests) == 0 {
		return nil
	}
	run.WindowStart, run.WindowEnd = first, last
	return loadgen.Summarize(&run, loadgen.SummaryOptions{}).Metrics
}

func (a *Agreement) rows(values map[string]map[string][]float64) {
	at := func(client, name string) *float64 {
		v := values[client][name]
		if len(v) == 0 {
			return nil
		}
		return new(stats.Median(v))
	}
	for _, d := range agreementRows {
		row := AgreementRow{Metric: d.metric, Limit: d.limit, Why: notice.Read(d.why, nil), Tools: map[string]*float64{}, Off: map[string]float64{}}
		row.Native = at(experiment.ToolNative, d.metric)
		name := d.metric
		if d.native != "" {
			name = d.native
		}
		row.Aligned = at(aligned, name)
		for _, tool := range a.Clients[1:] {
			v := at(tool, d.metric)
			row.Tools[tool] = v
			if v != nil && row.Aligned != nil && *row.Aligned > 0 {
				row.Off[tool] = *v / *row.Aligned - 1
			}
		}
		a.Rows = append(a.Rows, row)
	}
}

// Agrees reports whether every client gave a result and no metric with a limit
// is beyond it; otherwise it names what is not.
func (a *Agreement) Agrees() (ok bool, beyond []notice.Notice) {
	for _, r := range a.Rows {
		for _, tool := range a.Clients[1:] {
			off, known := r.Off[tool]
			if known && r.Limit > 0 && math.Abs(off) > r.Limit {
				beyond = append(beyond, notice.New("client-differs", notice.Args{
					"metric": notice.Text(metric.Short(r.Metric)), "tool": notice.Text(tool), "off": notice.Ratio(1 + off),
				}))
			}
		}
	}
	return len(beyond) == 0 && len(a.Failed) == 0, beyond
}

// WriteText writes the agreement as a table with the reasons below.
func (a *Agreement) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "metric\tnative\taligned")
	for _, tool := range a.Clients[1:] {
		fmt.Fprintf(w, "\t%s\toff", tool)
	}
	fmt.Fprintln(w, "\tlimit")
	show := func(name string, v *float64) string {
		if v == nil {
			return "-"
		}
		return say.Metric(name, *v)
	}
	for _, r := range a.Rows {
		fmt.Fprintf(w, "%s\t%s\t%s", r.Metric, show(r.Metric, r.Native), show(r.Metric, r.Aligned))
		for _, tool := range a.Clients[1:] {
			off := "-"
			if v, ok := r.Off[tool]; ok {
				off = say.Change(1 + v)
			}
			fmt.Fprintf(w, "\t%s\t%s", show(r.Metric, r.Tools[tool]), off)
		}
		limit := "-"
		if r.Limit > 0 {
			limit = say.Percent(r.Limit)
		}
		fmt.Fprintf(w, "\t%s\n", limit)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\nMedians of %d rounds, in turns. Aligned: our own requests, counted as the tools count. Off: from aligned.\n", a.Rounds)
	for _, r := range a.Rows {
		fmt.Fprintf(&b, "  %s: %s\n", r.Metric, r.Why.Text())
	}
	for _, tool := range a.Clients {
		if why, ok := a.Failed[tool]; ok {
			fmt.Fprintf(&b, "failed: %s: %s\n", tool, why)
		}
	}
	for _, n := range a.Warnings {
		fmt.Fprintf(&b, "warning: %s: %s\n", n.Subject.ID, n)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
