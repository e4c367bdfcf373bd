package exporter

import (
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// writeCSV writes one row a trial with every metric as a column. Latencies end
// in their unit, _s. A trial that failed keeps its row, with empty metrics.
func writeCSV(w io.Writer, run *rundir.Run) error {
	var names []string
	for _, t := range run.Trials {
		for m := range t.Metrics {
			if !slices.Contains(names, m) {
				names = append(names, m)
			}
		}
	}
	slices.Sort(names)
	head := []string{
		"trial", "configuration", "label", "flags", "gpus", "load", "point_label", "arrivals", "value", "start", "block", "order", "seed",
		"began", "ended", "outcome", "reasons", "reason_codes", "warning_codes", "n_ok", "n_fail", "window_s", "input_tokens", "output_tokens", "tool",
	}
	out := csv.NewWriter(w)
	if err := out.Write(append(slices.Clone(head), columns(names)...)); err != nil {
		return err
	}
	for _, t := range run.Trials {
		conf, _ := run.Plan.Configuration(t.Configuration)
		point, _ := run.Plan.LoadPoint(t.LoadPoint)
		failed := 0
		for class, n := range t.Requests {
			if class != "ok" {
				failed += n
			}
		}
		tool := "sweep"
		if t.Source != nil {
			tool = t.Source.Tool
		}
		row := []string{
			t.ID, t.Configuration, conf.Label, run.Plan.CommandLine(conf.Flags), strconv.Itoa(conf.GPUs), point.Load, point.Label, string(point.Kind), number(point.Value),
			t.Start, strconv.Itoa(t.Block), strconv.Itoa(t.Order), strconv.FormatUint(t.Seed, 10), stamp(t.Began), stamp(t.Ended), t.Outcome, strings.Join(notice.Texts(t.Reasons), " "), strings.Join(notice.CodesOf(t.Reasons), " "), strings.Join(notice.CodesOf(t.Warnings), " "),
			strconv.Itoa(t.Requests["ok"]), strconv.Itoa(failed), number(t.Window), strconv.FormatInt(t.InputTokens, 10), strconv.FormatInt(t.OutputTokens, 10), tool,
		}
		for _, m := range names {
			v, ok := t.Metrics[m]
			cell := ""
			if ok {
				cell = number(v)
			}
			row = append(row, cell)
		}
		if err := out.Write(row); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

// columns are the metrics' names with the unit of times.
func columns(names []string) []string {
	out := slices.Clone(names)
	for i, name := range out {
		if m, err := metric.Parse(name); err == nil && m.Unit == metric.Seconds {
			out[i] += "_s"
		}
	}
	return out
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// requestRow is one request of any trial; times are nanoseconds since the
// beginning of its load run, -1 when never reached.
type requestRow struct {
	Trial         string  `parquet:"trial,dict"`
	Configuration string  `parquet:"configuration,dict"`
	Label         string  `parquet:"label,dict"`
	LoadPoint     string  `parquet:"load_point,dict"`
	Outcome       string  `parquet:"outcome,dict"` // of the trial
	Began         int64   `parquet:"began_unix_ns"`
	ID            int32   `parquet:"id"`
	Phase         string  `parquet:"phase,dict"`
	Class         string  `parquet:"class,dict"`
	Scheduled     int64   `parquet:"scheduled_ns"`
	Sent          int64   `parquet:"sent_ns"`
	First         int64   `parquet:"first_ns"`
	Last          int64   `parquet:"last_ns"`
	End           int64   `parquet:"end_ns"`
	PromptTokens  int32   `parquet:"prompt_tokens"`
	OutputTokens  int32   `parquet:"output_tokens"`
	Gaps          []int32 `parquet:"gaps_us,list"`
	Error         string  `parquet:"error,dict"`
}

// writeParquet writes the requests of all trials as one table.
func writeParquet(w io.Writer, run *rundir.Run) error {
	out := parquet.NewGenericWriter[requestRow](w, parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}))
	err := each(run, func(t *trial) error {
		if t.res == nil {
			return nil
		}
		for i := range t.res.Requests {
			q := &t.res.Requests[i]
			row := requestRow{
				Trial: t.ID, Configuration: t.Configuration, Label: t.conf.Label, LoadPoint: t.point.Label, Outcome: t.Outcome, Began: t.res.Start.UnixNano(),
				ID: int32(q.ID), Phase: q.Phase.String(), Class: string(q.Class),
				Scheduled: int64(q.Scheduled), Sent: int64(q.Sent), First: int64(q.First), Last: int64(q.Last), End: int64(q.End),
				PromptTokens: int32(q.PromptTokens), OutputTokens: int32(q.OutputTokens), Error: q.Error,
			}
			for _, g := range q.Gaps {
				row.Gaps = append(row.Gaps, int32(min(g, 1<<31-1)))
			}
			if _, err := out.Write([]requestRow{row}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return out.Close()
}
