package rundir

import (
	"fmt"
	"os"
	"path/filepath"
)

// Names inside a run directory. No other package spells them: a test checks it.
const (
	planFile       = "plan.json"
	confirmFile    = "confirm.json"
	provenanceFile = "provenance.json"
	journalFile    = "journal.jsonl"
	lockFile       = ".lock"

	startsDir  = "starts"
	trialsDir  = "trials"
	reportDir  = "report"
	figuresDir = "figures" // inside reportDir

	startFile = "launch.json" // in the folder of a start
	trialFile = "trial.json"  // in the folder of a trial

	// ExperimentFile is the experiment as it was read when the run began.
	ExperimentFile = "experiment.yaml"
	// FloorFile is a noise floor, in a run directory and beside the runs of an
	// experiment, where a new run finds it.
	FloorFile = "floor.json"
	// TelemetryFile lies in the folders of starts and of trials.
	TelemetryFile = "telemetry.parquet"
)

// ServerLogFile is what the server printed, in the folder of its start.
const ServerLogFile = "server.log"

// TriedLogFile is the log of the nth launch, from 1, that failed and was tried again.
func TriedLogFile(n int) string { return fmt.Sprintf("server.try%d.log", n) }

// Files in the folder of a trial.
const (
	RequestsFile   = "requests.parquet" // every request
	HistogramsFile = "latency.hlog"     // of the latencies
	// Of a load that another tool made; AIPerf writes a folder in place of a result.
	ToolResultFile = "benchmark.json" // what the tool wrote
	ToolLogFile    = "benchmark.log"  // what it printed, after the command
	ToolConfigFile = "benchmark.yaml" // what it was told, where it takes a file
	AIPerfDir      = "aiperf"
)

// Files in the folder of the report.
const (
	PageFile           = "index.html"
	SummaryFile        = "summary.md"
	ResultsFile        = "results.json"
	ResultsCSVFile     = "results.csv"
	ResultsParquetFile = "results.parquet"
	TrialsCSVFile      = "trials.csv"
	TrialsParquetFile  = "trials.parquet"
)

// ExperimentPath is where the run keeps its experiment file.
func (r *Run) ExperimentPath() string { return filepath.Join(r.Path, ExperimentFile) }

// StartFile is where a start's file of that name is.
func (r *Run) StartFile(id, name string) string { return filepath.Join(r.Path, startsDir, id, name) }

// TrialFile is where a trial's file of that name is.
func (r *Run) TrialFile(id, name string) string { return filepath.Join(r.Path, trialsDir, id, name) }

// PlanPath is where a run directory keeps its plan.
func PlanPath(run string) string { return filepath.Join(run, planFile) }

// ReportDir is the folder of a run directory's report.
func ReportDir(run string) string { return filepath.Join(run, reportDir) }

// FiguresDir is the folder of a run directory's figures.
func FiguresDir(run string) string { return filepath.Join(run, reportDir, figuresDir) }

// ReportPage is the first page of a run directory's report.
func ReportPage(run string) string { return filepath.Join(run, reportDir, PageFile) }

// LogLink is a start's server log, as a link on a page of the report.
func LogLink(start string) string { return "../" + startsDir + "/" + start + "/" + ServerLogFile }

// FigureLink is a file of a figure, as a link on a page of the report.
func FigureLink(file string) string { return figuresDir + "/" + file }

// Find returns the run directories that a glob pattern matches.
func Find(pattern string) ([]string, error) {
	plans, err := filepath.Glob(PlanPath(pattern))
	for i, p := range plans {
		plans[i] = filepath.Dir(p)
	}
	return plans, err
}

// Begun reports whether a path is a run directory, though it may have no plan
// yet: the run was killed at its very beginning.
func Begun(path string) bool {
	_, err := os.Stat(filepath.Join(path, journalFile))
	return err == nil
}
