package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/report"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots"
	"github.com/vllm-sweep/sweep/plots/draw"
)

const runHint = "'sweep run' prints the run directory: runs/NAME/TIME."

// results is a run with its findings.
type results struct {
	run      *rundir.Run
	findings *analysis.Findings
}

// readRun reads a run directory.
func readRun(path string) (*rundir.Run, error) {
	run, err := rundir.Read(path)
	if errors.Is(err, rundir.ErrNotRun) {
		return nil, withCode(exitUsage, err, runHint)
	}
	if err != nil {
		return nil, err
	}
	if run.Plan.Name == "" {
		return nil, fmt.Errorf("%s has no plan: the run is damaged; start a new run", rundir.PlanPath(path))
	}
	if run.Plan.Model == "" { // an endpoint's, known once it answered
		for _, st := range run.Starts {
			if st.Identity != nil {
				run.Plan.Model = st.Identity.Model
			}
		}
	}
	run.Trials = analysis.Judge(analysisInput(run))
	return run, nil
}

func analysisInput(run *rundir.Run) analysis.Input {
	return analysis.Input{
		Plan: run.Plan, SLO: run.Plan.SLO, UseCases: run.Plan.UseCases, Trials: run.Trials, Starts: run.Starts,
		GPU: gpuName(run.Provenance), Floor: run.Floor,
	}
}

// gpuName is the device of the server, empty where there are several kinds.
func gpuName(p rundir.Provenance) string {
	if p.Simulated {
		if s := p.Backend["simulated_speedup"]; s != "" && s != "1" {
			return "" // no limit of the GPU holds for times that run faster
		}
		return p.Backend["simulated_gpu"]
	}
	name := ""
	for _, g := range p.GPUs {
		if name != "" && g.Name != name {
			return ""
		}
		name = g.Name
	}
	return name
}

// readResults reads a run directory and analyses it, with frontiers beside the
// usual ones.
func readResults(path string, axes ...analysis.Axes) (*results, error) {
	run, err := readRun(path)
	if err != nil {
		return nil, err
	}
	in := analysisInput(run)
	in.Frontiers = axes
	f, err := analysis.Analyze(in)
	if err != nil {
		return nil, fmt.Errorf("analyze %s: %w", path, err)
	}
	return &results{run: run, findings: f}, nil
}

// reportInput is what the report and the terminal show of a run.
func (r *results) reportInput() report.Input {
	return report.Input{
		Experiment: r.experiment(), Plan: r.run.Plan, Findings: r.findings, Trials: r.run.Trials, Starts: r.run.Starts,
		Provenance: &r.run.Provenance, Finished: r.run.Finished(), Resume: resumeCommand(r.run.Path), Warnings: r.run.Warnings,
		Commands: reimport(&r.run.Provenance),
	}
}

// writeReport writes the report of a run; with figures it draws them anew, without
// it keeps the ones of the last time out of the page. It ends with ctx, between
// two figures.
func (r *results) writeReport(ctx context.Context, figures bool) error {
	in := r.reportInput()
	if figures {
		drawn, err := r.draw(ctx, rundir.FiguresDir(r.run.Path))
		if err != nil {
			return err
		}
		in.Figures = drawn
	}
	_, err := report.Write(rundir.ReportDir(r.run.Path), in)
	return err
}

// experiment is the experiment as it was read, or nil when it does not decode
// any more (a file of lengths is gone): the report can do without.
func (r *results) experiment() *experiment.Experiment {
	e, _ := experiment.Parse(r.run.Provenance.ExperimentFile, r.run.Experiment)
	return e
}

func (r *results) plotInput() plots.Input {
	return plots.Input{
		Plan: r.run.Plan, Findings: r.findings, SLO: r.run.Plan.SLO,
		Facts: plots.Facts{
			Model: r.run.Plan.Model, Device: device(r.run.Provenance, r.run.Starts), Run: r.run.Provenance.RunID,
			Date: dateOf(r.run.Provenance.Began), Warmup: r.warmup(),
		},
		Trials: r.run.Trials, Starts: r.run.Starts, Latencies: r.latencies, Traces: r.traces(),
	}
}

// draw writes all figures, light and dark, and returns them for the page.
func (r *results) draw(ctx context.Context, dir string) ([]report.Figure, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	dark := plots.Options{Theme: draw.Dark(), Formats: []string{plots.PNG, plots.SVG}}
	var out []report.Figure
	for _, f := range plots.Figures(r.plotInput()) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, o := range []plots.Options{{}, dark} {
			if _, err := plots.Write(dir, []plots.Figure{f}, o); err != nil {
				return nil, err
			}
		}
		var light, dark bytes.Buffer
		if err := errors.Join(f.WriteSVG(&light, draw.Light()), f.WriteSVG(&dark, draw.Dark())); err != nil {
			return nil, err
		}
		out = append(out, report.Figure{
			Kind: f.Kind,
			Name: f.Name, Title: f.Title, Caption: f.Caption, SVG: light.Bytes(), DarkSVG: dark.Bytes(),
			Files: []string{rundir.FigureLink(f.Name + ".png"), rundir.FigureLink(f.Name + ".svg"),
				rundir.FigureLink(f.Name + ".csv")},
		})
	}
	return out, nil
}

// device names what the run measured on: "2 x NVIDIA H100", "simulated H100",
// or the processor.
func device(p rundir.Provenance, starts []rundir.Start) string {
	if slices.ContainsFunc(starts, func(s rundir.Start) bool { return s.Compute == experiment.ComputeCPU }) {
		return p.CPU
	}
	if p.Simulated {
		name := strings.TrimSpace("simulated " + p.Backend["simulated_gpu"])
		if n, _ := strconv.Atoi(p.Backend["simulated_gpus"]); n > 1 {
			name = fmt.Sprintf("%d × %s", n, name)
		}
		return name
	}
	counts := map[string]int{}
	for _, g := range p.GPUs {
		counts[g.Name]++
	}
	var parts []string
	for name, n := range counts {
		if n > 1 {
			name = fmt.Sprintf("%d × %s", n, name)
		}
		parts = append(parts, name)
	}
	slices.SortFunc(parts, cmp.Compare[string])
	return strings.Join(parts, " + ")
}

// resumeCommand continues an unfinished run.
func resumeCommand(path string) string { return "sweep run --resume " + say.ShellWord(path) }
