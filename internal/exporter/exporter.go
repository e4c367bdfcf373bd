// Package exporter writes a run in the formats of other tools, so that the
// dashboards of others read what sweep measured: results in the shape of `vllm
// bench serve`, a table of trials, and one Parquet table of all requests.
//
// The shapes are theirs, and so are the definitions: what is exported as a
// time to first token counts from the actual send, as they count it. Files say
// in their version fields that sweep wrote them.
package exporter

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Formats that can be written; benchfmt is written by package analysis.
const (
	VLLMBench = "vllm-bench"
	Benchfmt  = "benchfmt"
	CSV       = "csv"
	Parquet   = "parquet"
)

// Formats lists them.
func Formats() []string { return []string{VLLMBench, Benchfmt, CSV, Parquet} }

// Write writes the run. Trials that failed are in the table alone: the other
// shapes have no place for a load that did not happen.
func Write(w io.Writer, run *rundir.Run, format, version string) error {
	switch format {
	case VLLMBench:
		return writeVLLM(w, run, version)
	case CSV:
		return writeCSV(w, run)
	case Parquet:
		return writeParquet(w, run)
	default:
		return fmt.Errorf("unknown format %q", format)
	}
}

// trial is one trial with what the plan says of it and its requests.
type trial struct {
	rundir.Trial
	conf  matrix.Configuration
	point matrix.LoadPoint
	res   *loadgen.Result // nil: its requests are not stored
}

// each visits the trials that were measured, in order, one in memory at a time.
func each(run *rundir.Run, visit func(*trial) error) error {
	for _, t := range run.Trials {
		if t.Outcome == rundir.OutcomeOK || t.Outcome == rundir.OutcomeInvalid {
			if err := one(run, t, visit); err != nil {
				return fmt.Errorf("trial %s: %w", t.ID, err)
			}
		}
	}
	return nil
}

func one(run *rundir.Run, t rundir.Trial, visit func(*trial) error) error {
	v := &trial{Trial: t}
	v.conf, _ = run.Plan.Configuration(t.Configuration)
	v.point, _ = run.Plan.LoadPoint(t.LoadPoint)
	path := run.TrialFile(t.ID, rundir.RequestsFile)
	f, size, err := boundary.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return visit(v)
	case err != nil:
		return err
	}
	defer f.Close()
	if v.res, err = loadgen.ReadParquet(f, size); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return visit(v)
}

// window are the requests that count.
func (t *trial) window() []*loadgen.Request {
	var out []*loadgen.Request
	for i := range t.res.Requests {
		if q := &t.res.Requests[i]; q.Phase == loadgen.PhaseWindow {
			out = append(out, q)
		}
	}
	return out
}

// sent is a statistic of a latency from the actual send. In closed loop the
// intended send is the actual one.
func (t *trial) sent(base, st string) (float64, bool) {
	v, ok := t.Metrics[base+"_"+st]
	if plain, isSent := strings.CutSuffix(base, "_sent"); !ok && isSent && (t.point.Kind == experiment.Concurrency || t.point.Kind == experiment.Throughput) {
		v, ok = t.Metrics[plain+"_"+st]
	}
	return v, ok
}
