// Package report writes what a run leaves for people: one self-contained HTML
// page, a Markdown summary for a pull request, and tables as CSV and JSON.
//
// Everything is drawn from records and findings handed in by the caller; the
// package measures, decides and draws nothing itself. The HTML and the Markdown
// are two renderings of one view (page), in which every number has become text
// through package metric, so that they cannot disagree. The formats of the CSV
// and JSON files are documented in docs/run-directory.md.
package report

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Input is everything that a report shows. Plan and Findings are required;
// whatever else is missing leaves its section out or says so.
type Input struct {
	Experiment *experiment.Experiment
	Plan       *matrix.Plan
	Findings   *analysis.Findings
	Trials     []rundir.Trial
	Starts     []rundir.Start
	Provenance *rundir.Provenance
	// Figures in the order of the page; the first is the headline of the first screen.
	Figures []Figure
	// Finished says that the run came to its planned end. Otherwise the report
	// carries a banner "partial", whatever the counts say.
	Finished bool
	// Resume is the command that continues an unfinished run; may be empty.
	Resume string
	// Warnings are doubts about the records themselves, such as one that could not be read.
	Warnings []notice.Notice
	// Commands reproduce the run; empty: the command that runs the experiment file.
	Commands []Command
}

// Command is one line to type, and what it does.
type Command struct {
	Line    string
	Purpose string
}

// Figure is one drawing.
type Figure struct {
	Name    string // unique in the report, e.g. "frontier-chat"
	Kind    string // as package plots names it; says in which section it stands
	Title   string // states the finding
	Caption string
	SVG     []byte // embedded into the page
	DarkSVG []byte // embedded for dark screens; may be empty
	// Files are the drawing's files relative to the report's folder, with
	// forward slashes.
	Files []string
}

// Write renders all files of the report into dir, which it creates, and
// returns their paths. Everything is rendered before the first file is
// replaced, and each file is replaced atomically: a reader finds the old file
// or the new one, never a part.
func Write(dir string, in Input) ([]string, error) {
	if in.Plan == nil || in.Findings == nil {
		return nil, errors.New("write report: plan and findings are required")
	}
	view := newPage(in)
	renderers := []struct {
		name   string
		render func() ([]byte, error)
	}{
		{rundir.PageFile, func() ([]byte, error) { return renderHTML(view) }},
		{rundir.SummaryFile, func() ([]byte, error) { return renderMarkdown(view) }},
		{rundir.ResultsCSVFile, func() ([]byte, error) { return renderResultsCSV(in) }},
		{rundir.ResultsFile, func() ([]byte, error) { return renderResults(in) }},
		{rundir.TrialsCSVFile, func() ([]byte, error) { return renderTrialsCSV(in) }},
		{rundir.ResultsParquetFile, func() ([]byte, error) { return renderResultsParquet(in) }},
		{rundir.TrialsParquetFile, func() ([]byte, error) { return renderTrialsParquet(in) }},
	}
	contents := make([][]byte, len(renderers))
	for i, r := range renderers {
		b, err := r.render()
		if err != nil {
			return nil, fmt.Errorf("render %s: %w", r.name, err)
		}
		contents[i] = b
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create report folder: %w", err)
	}
	var paths []string
	for i, r := range renderers {
		path := filepath.Join(dir, r.name)
		if err := atomicfile.WriteBytes(path, contents[i]); err != nil {
			return paths, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}
