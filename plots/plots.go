// Package plots draws the figures of a run. For each load: the Pareto frontier
// of throughput against latency (or, where one rate is offered, a dot plot of
// latencies), the throughput-latency curve of each configuration, the effect of
// each parameter level against the baseline, metrics against the values of each
// parameter alone and together with another, latency distributions, and goodput
// against rate. For the run: what could be launched, the timeline, drift, and
// startup times.
// It computes no statistics: estimates, intervals, verdicts, frontiers and
// recommendations come from package analysis, and a title claims only what a
// verdict there says.
//
// [Figures] says which figures a run yields, [Render] writes them. A figure is
// made of words and records and a drawing (one file a kind); how it is drawn is
// in package draw. The same input gives the same bytes.
package plots

import (
	"bytes"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"gonum.org/v1/plot/vg"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// Input is everything that the figures show.
type Input struct {
	Plan     *matrix.Plan
	Findings *analysis.Findings
	SLO      []experiment.Constraint
	Facts    Facts
	// Trials and Starts are the records behind the timeline, the figures of
	// drift and of startup; without them those are absent.
	Trials []rundir.Trial
	Starts []rundir.Start
	// Latencies reads the histograms of a trial by base ("ttft", "itl", "e2e"),
	// in microseconds; nil: there are none. It is called for few trials only.
	Latencies func(trial string) (map[string]*hdrhistogram.Histogram, error)
	Traces    []Trace // telemetry over the run, in the order to draw

	whole *matrix.Plan // of the run of which Plan is a part; nil: Plan is all of it
}

// Trace is one measured quantity over the run.
type Trace struct {
	Title  string // "GPU temperature"
	Unit   string // "°C"
	Series []TraceSeries
}

// TraceSeries is a trace of one device.
type TraceSeries struct {
	Name   string // "GPU 0"; empty when there is one
	Times  []time.Time
	Values []float64 // NaN: a gap
}

// Facts are the circumstances that captions state; empty ones are left out.
type Facts struct {
	Model  string        // the plan's model when empty
	Device string        // "2 x H200", "simulated H100"
	Date   string        // of the run, as it shall be printed
	Run    string        // run ID
	Warmup time.Duration // of each trial
}

// Figure is one picture with the data behind it.
type Figure struct {
	Name     string // file name without extension: "frontier-chat"
	Kind     string // one of Kinds
	Load     string // empty: about the run
	Title    string // the finding
	Subtitle string // how to read the marks
	Caption  string // circumstances, and what is not drawn

	frame   draw.Frame
	body    func(p *draw.Pen, area vg.Rectangle)
	records [][]string // CSV, header first
}

// Absence is a figure that could not be drawn.
type Absence struct {
	Name   string
	Reason string
}

// Figures returns the figures that this run yields, by load in plan order.
func Figures(in Input) []Figure {
	figures, _ := build(in)
	return figures
}

// Absent returns the figures that this run does not yield, and why.
func Absent(in Input) []Absence {
	_, absent := build(in)
	return absent
}

// Kinds lists the kinds of figures in the order in which they are built.
func Kinds() []string {
	return []string{
		"frontier", "dots", "curve", "effects", "parameters", "distribution", "goodput",
		"feasibility", "timeline", "drift", "startup",
	}
}

// build makes all figures: those of each load, then those of the run.
func build(in Input) (figures []Figure, absent []Absence) {
	if in.Plan == nil || in.Findings == nil {
		return nil, []Absence{{Name: "figures", Reason: "no plan or no findings"}}
	}
	add := func(f Figure, reason string) {
		if reason != "" {
			absent = append(absent, Absence{Name: f.Name, Reason: reason})
			return
		}
		figures = append(figures, f.saysWhatIsCut())
	}
	names := slugs{}
	for _, load := range loads(in.Plan) {
		slug := names.of(load)
		if oneRate(in, load) {
			add(dotsFigure(in, "dots-"+slug, load))
		} else {
			for i, fr := range frontiersOf(in, load) {
				name := "frontier-" + slug
				if i > 0 {
					name += "-" + slugOf(fr.X)
				}
				add(frontierFigure(in, name, fr))
			}
		}
		add(curveFigure(in, "curve-"+slug, load))
		add(effectsFigure(in, "effects-"+slug, load))
		add(parametersFigure(in, "parameters-"+slug, load))
		add(distributionFigure(in, "distribution-"+slug, load))
		add(goodputFigure(in, "goodput-"+slug, load))
	}
	add(feasibilityFigure(in, "feasibility"))
	add(timelineFigure(in, "timeline"))
	add(driftFigure(in, "drift"))
	add(startupFigure(in, "startup"))
	return figures, absent
}

// Formats of figure files.
const (
	PNG = "png"
	SVG = "svg"
	CSV = "csv"
)

// Formats lists the formats in the order in which they are named to users.
func Formats() []string { return []string{PNG, SVG, CSV} }

// Options choose what Render writes.
type Options struct {
	Figures []string   // names; empty: all
	Formats []string   // of Formats; empty: all
	Theme   draw.Theme // zero: Light
}

// Render writes NAME.png, NAME.svg and NAME.csv of each figure into dir, which
// must exist, and returns the file names written, without dir. With the dark
// theme pictures are called NAME-dark.png and NAME-dark.svg. A file is either
// written whole or not at all. Figures that the run does not yield are left
// out (see [Absent]); asking for one by name is an error.
func Render(dir string, in Input, opts Options) ([]string, error) {
	figures, err := opts.choose(in)
	if err != nil {
		return nil, err
	}
	return Write(dir, figures, opts)
}

// Write writes figures as Render does, whatever names opts has.
func Write(dir string, figures []Figure, opts Options) ([]string, error) {
	if opts.Theme.Name == "" {
		opts.Theme = draw.Light()
	}
	formats := opts.Formats
	if len(formats) == 0 {
		formats = Formats()
	}
	var written []string
	for _, f := range figures {
		for _, format := range formats {
			name, err := f.save(dir, format, opts.Theme)
			if err != nil {
				return written, err
			}
			written = append(written, name)
		}
	}
	return written, nil
}

// choose returns the figures asked for, in the order in which they are built.
func (o Options) choose(in Input) ([]Figure, error) {
	figures, absent := build(in)
	if len(o.Figures) == 0 {
		return figures, nil
	}
	for _, name := range o.Figures {
		if slices.ContainsFunc(figures, func(f Figure) bool { return f.Name == name }) {
			continue
		}
		for _, a := range absent {
			if a.Name == name {
				return nil, fmt.Errorf("figure %s: %s", name, a.Reason)
			}
		}
		var names []string
		for _, f := range figures {
			names = append(names, f.Name)
		}
		return nil, fmt.Errorf("figure %s: no such figure; the run yields %s", name, strings.Join(names, ", "))
	}
	return slices.DeleteFunc(figures, func(f Figure) bool { return !slices.Contains(o.Figures, f.Name) }), nil
}

// save writes one file by way of a temporary one beside it.
func (f Figure) save(dir, format string, theme draw.Theme) (string, error) {
	var buf bytes.Buffer
	name, err := f.encode(&buf, format, theme)
	if err != nil {
		return "", fmt.Errorf("draw figure %s as %s: %w", f.Name, format, err)
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, name), buf.Bytes()); err != nil {
		return "", fmt.Errorf("write figure %s: %w", f.Name, err)
	}
	return name, nil
}

// encode writes f in the format and returns its file name.
func (f Figure) encode(w io.Writer, format string, theme draw.Theme) (string, error) {
	name := f.Name
	if theme.Name != "light" && format != CSV {
		name += "-" + theme.Name
	}
	name += "." + format
	switch format {
	case PNG:
		return name, f.WritePNG(w, theme)
	case SVG:
		return name, f.WriteSVG(w, theme)
	case CSV:
		return name, f.WriteCSV(w)
	}
	return "", fmt.Errorf("unknown format %q: want one of %s", format, strings.Join(Formats(), ", "))
}
