package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestSample leaves a report for looking at where SWEEP_REPORT_SAMPLE says.
func TestSample(t *testing.T) {
	dir := os.Getenv("SWEEP_REPORT_SAMPLE")
	if dir == "" {
		t.Skip("SWEEP_REPORT_SAMPLE names no folder")
	}
	if _, err := Write(dir, fixtureInput()); err != nil {
		t.Fatal(err)
	}
}

// trimmed keeps one load point and three configurations of the fixture: the
// baseline, one that is better, and the one that failed.
func trimmed(in Input) Input {
	keep := []string{fixtureBaseline, "c-00000003", fixtureFailed}
	p, f := *in.Plan, *in.Findings
	drop := func(conf, point string) bool { return !slices.Contains(keep, conf) || point != "" && point != "l-0001" }
	p.Configurations = slices.DeleteFunc(slices.Clone(p.Configurations), func(c matrix.Configuration) bool { return drop(c.ID, "") })
	p.LoadPoints = p.LoadPoints[:1]
	f.Cells = slices.DeleteFunc(slices.Clone(f.Cells), func(c analysis.Cell) bool { return drop(c.Configuration, c.LoadPoint) })
	f.Effects = slices.DeleteFunc(slices.Clone(f.Effects), func(e analysis.Effect) bool { return drop(e.Configuration, e.LoadPoint) })
	f.Recommendations = f.Recommendations[1:2]
	in.Trials = slices.DeleteFunc(slices.Clone(in.Trials), func(t rundir.Trial) bool { return drop(t.Configuration, t.LoadPoint) })
	in.Plan, in.Findings = &p, &f
	return in
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update rewrites it:\n%s", name, diff)
	}
}

func written(t *testing.T, in Input) (dir string, read func(name string) []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "report")
	paths, err := Write(dir, in)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 7 {
		t.Fatalf("Write returned %d paths: %v", len(paths), paths)
	}
	return dir, func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
}

func TestGolden(t *testing.T) {
	_, read := written(t, fixtureInput())
	golden(t, "summary.md", read(rundir.SummaryFile))
	_, read = written(t, trimmed(fixtureInput()))
	for _, name := range []string{rundir.ResultsCSVFile, rundir.TrialsCSVFile, rundir.ResultsFile} {
		golden(t, name, read(name))
	}
}

// A report that cannot be rendered must leave the old one alone.
func TestWriteKeepsOldReportOnError(t *testing.T) {
	dir, read := written(t, fixtureInput())
	old := read(rundir.PageFile)
	in := fixtureInput()
	in.Plan.Name = "another"
	e := in.Findings.Cells[0].Estimates["ttft_p50"]
	e.Center = math.NaN() // JSON has no such number
	in.Findings.Cells[0].Estimates["ttft_p50"] = e
	if _, err := Write(dir, in); err == nil || !strings.Contains(err.Error(), rundir.ResultsFile) {
		t.Fatalf("Write: %v, want an error that names %s", err, rundir.ResultsFile)
	}
	if !bytes.Equal(old, read(rundir.PageFile)) {
		t.Error("index.html was replaced although the report could not be rendered")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 7 {
		t.Errorf("folder holds %v, want the seven files alone", entries)
	}
}

func TestWriteRequiresPlanAndFindings(t *testing.T) {
	if _, err := Write(t.TempDir(), Input{}); err == nil {
		t.Error("no error without plan and findings")
	}
}

// A run of which only plan and empty findings exist, as after an interruption
// in the first minute, must still give a report.
func TestWriteWithNothingMeasured(t *testing.T) {
	_, read := written(t, Input{Plan: fixturePlan(), Findings: &analysis.Findings{}})
	for _, want := range []string{"Partial results", "0 of 84 trials"} {
		if !strings.Contains(string(read(rundir.PageFile)), want) {
			t.Errorf("index.html lacks %q", want)
		}
	}
}

func TestResultsJSONReadsBack(t *testing.T) {
	in := fixtureInput()
	_, read := written(t, in)
	var got Results
	if err := json.Unmarshal(read(rundir.ResultsFile), &got); err != nil {
		t.Fatal(err)
	}
	if got.SchemaVersion != SchemaVersion || got.Finished || got.Simulated {
		t.Errorf("head of results.json: %+v", got)
	}
	if diff := cmp.Diff(in.Findings, got.Findings, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("findings changed on the way (-want +got):\n%s", diff)
	}
}

// Every cell is in the table, failed ones included, and values read back
// exactly.
func TestResultsCSVIsComplete(t *testing.T) {
	in := fixtureInput()
	_, read := written(t, in)
	rows, err := csv.NewReader(bytes.NewReader(read(rundir.ResultsCSVFile))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, r := range rows[1:] {
		seen[r[0]]++
	}
	for _, c := range in.Findings.Cells {
		want := max(len(c.Estimates)+len(c.Absent), 1)
		if seen[c.ID] != want {
			t.Errorf("cell %s has %d rows, want %d", c.ID, seen[c.ID], want)
		}
	}
}

// A winner that is the baseline is said to be kept; counts that the report lists
// with reasons, and warnings that the cell has already, are not said again.
func TestKeepTheBaseline(t *testing.T) {
	in := fixtureInput()
	rec := &in.Findings.Recommendations[0]
	rec.Configuration, rec.Label, rec.Ratio = fixtureBaseline, "baseline", nil
	rec.Preferred = &because("preferred-baseline", notice.Args{"configuration": notice.Text("another"), "value": notice.Metric("output_throughput", 2), "margin": notice.Fraction(.03)})[0]
	in.Findings.Warnings = append(in.Findings.Warnings, // which the report says with causes, from the records
		notice.New("trials-missing", notice.Args{"n": notice.Count(901), "planned": notice.Count(902)}),
		notice.New("trials-discarded", notice.Args{"n": notice.Count(903)}))
	in.Trials[0].TooFew = map[string]int{"p95": 130}
	dir := t.TempDir()
	if _, err := Write(dir, in); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{
		"index.html": {"<strong>Keep the baseline</strong>", "another is ahead by less than the margin of 3% (2 tok/s)."},
		"summary.md": {"### throughput: keep the baseline", "another is ahead by less than the margin of 3% (2 tok/s). The baseline is kept because it needs no change."},
	} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(b), w) {
				t.Errorf("%s lacks %q", file, w)
			}
		}
		for _, w := range []string{"901 of 902", "903 trials", "without a server", "too few for percentiles"} {
			if strings.Contains(string(b), w) {
				t.Errorf("%s repeats %q", file, w)
			}
		}
	}
}
