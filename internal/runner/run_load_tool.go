package runner

import (
	"context"
	"fmt"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/importer"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/loadtools"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// generator makes a load; loadgen.Run is our own.
type generator func(context.Context, loadgen.Config) (*loadgen.Result, error)

// generatorOf is what makes the load of a trial: our own generator, or another
// tool, which the trial's record then names.
func (l *lane) generatorOf(t matrix.Trial, rec *rundir.Trial) generator {
	point, _ := l.pointOf(t)
	load, err := l.loads.named(point.Load)
	if err != nil || !load.Benchmark.Foreign() {
		return loadgen.Run
	}
	return func(ctx context.Context, cfg loadgen.Config) (*loadgen.Result, error) {
		return l.foreign(ctx, load, cfg, rec)
	}
}

// foreign lets another tool make the load, on a server that our own generator
// warmed up.
func (l *lane) foreign(ctx context.Context, load experiment.Load, cfg loadgen.Config, rec *rundir.Trial) (*loadgen.Result, error) {
	failed, err := loadtools.Warm(ctx, cfg)
	if err != nil {
		return nil, err
	}
	rec.Warnings = append(rec.Warnings, l.tell(notice.Trial, rec.ID, failed...)...)
	dir, err := l.dir.TrialDir(rec.ID)
	if err != nil {
		return nil, err
	}
	job := loadtools.Job{
		Tool: *load.Benchmark, Load: cfg, Model: l.Experiment.Server.Model, Dir: dir,
		Server: l.Experiment.Server,
		Say:    func(line string) { l.message("%s: %s", load.Benchmark.Tool, line) },
	}
	job.Load.Warmup = 0
	res, err := loadtools.Run(ctx, job)
	if err != nil {
		return nil, err
	}
	rec.Warnings = append(rec.Warnings, res.Warnings...)
	rec.Source = &rundir.Source{
		Tool: res.Tool, Version: res.ToolVersion, Format: res.Format, File: res.File, Place: res.Place, Clock: res.Clock, Ends: res.Ends(), Recomputed: true,
	}
	if res.Run == nil || !res.Timed {
		return nil, fmt.Errorf("%s wrote no requests with points in time: this version cannot be driven, only its results imported", load.Benchmark.Tool)
	}
	res.Run.Invalid = res.Unlawful
	res.Run.Warnings = nil // they are the result's, and in the record already
	return res.Run, nil
}

// attribute takes out of a record what our summary says and another tool cannot
// know: the evidence about our own generator, and single gaps between tokens.
func attribute(rec *rundir.Trial, res *loadgen.Result) {
	if rec.Source == nil {
		return
	}
	rec.Client = nil // the evidence would be ours, and the client was not
	if r := (importer.Result{Run: res}); !r.Gapless() {
		return
	}
	for _, name := range importer.GapMetrics() {
		delete(rec.Metrics, name)
		rec.Absent[name] = importer.NoGaps
	}
	rec.TokensPerChunk = 0
}
