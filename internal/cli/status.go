package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
)

// runStatus is what `sweep status --json` prints.
type runStatus struct {
	Path      string          `json:"path"`
	Name      string          `json:"name"`
	State     string          `json:"state"` // running, finished, interrupted
	Began     time.Time       `json:"began"`
	LastEvent time.Time       `json:"last_event"`
	Event     string          `json:"event"`
	Planned   int             `json:"planned_trials"`
	OK        int             `json:"ok"`
	Invalid   int             `json:"invalid"`
	Failed    int             `json:"failed"`
	Skipped   int             `json:"skipped,omitempty"`
	LeftLeast float64         `json:"left_least_s,omitempty"` // of a run that is not finished
	LeftMost  float64         `json:"left_most_s,omitempty"`
	Resume    string          `json:"resume,omitempty"`
	Warnings  []notice.Notice `json:"warnings,omitempty"`
}

func newStatus(sys *System) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status DIR",
		Short: "Show the progress of a run, live or finished",
		Example: `  sweep status runs/acme-support-bot/20261123-221004
  sweep status --json runs/acme-support-bot/20261123-221004`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := statusOf(args[0])
			if err != nil {
				return err
			}
			s.Resume = sys.called(s.Resume)
			if asJSON {
				return writeJSON(sys, s)
			}
			return s.write(sys)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the status as JSON")
	return cmd
}

func statusOf(path string) (*runStatus, error) {
	run, err := readRun(path)
	if err != nil {
		return nil, err
	}
	return statusOfRun(run), nil
}

func statusOfRun(run *rundir.Run) *runStatus {
	s := &runStatus{Path: run.Path, Name: run.Plan.Name, Began: run.Provenance.Began, Warnings: run.Warnings}
	s.Planned = len(run.Plan.MeasuredTrials())
	for _, outcome := range outcomes(run.Trials) {
		switch outcome {
		case rundir.OutcomeOK:
			s.OK++
		case rundir.OutcomeInvalid:
			s.Invalid++
		case rundir.OutcomeSkipped:
			s.Skipped++
		default:
			s.Failed++
		}
	}
	if n := len(run.Events); n > 0 {
		s.LastEvent, s.Event = run.Events[n-1].Time, run.Events[n-1].Event
	}
	switch {
	case rundir.Busy(run.Path):
		s.State = "running"
	case run.Finished() && s.finished() >= s.Planned: // none was lost since
		s.State = "finished"
	default:
		s.State = "interrupted"
		if !run.JournalDamaged {
			s.Resume = resumeCommand(run.Path)
		}
	}
	if e, _ := experiment.Parse(run.Provenance.ExperimentFile, run.Experiment); e != nil && s.State != "finished" {
		left := runner.Remaining(run, e, time.Now())
		s.LeftLeast, s.LeftMost = left.Least.Seconds(), left.Most.Seconds()
	}
	return s
}

// outcomes are those of the planned trials. A trial that was measured again
// counts once, with the last of its records.
func outcomes(trials []rundir.Trial) map[string]string {
	out, began := map[string]string{}, map[string]time.Time{}
	for _, t := range trials {
		id, _, _ := strings.Cut(t.ID, ".")
		if last, seen := began[id]; !seen || t.Began.After(last) {
			out[id], began[id] = t.Outcome, t.Began
		}
	}
	return out
}

func (s *runStatus) finished() int { return s.OK + s.Invalid + s.Failed + s.Skipped }

func (s *runStatus) write(sys *System) error {
	fmt.Fprintf(sys.Stdout, "%s: %s, %d of %d trials done", s.Name, s.State, s.finished(), s.Planned)
	if s.Failed+s.Invalid > 0 {
		fmt.Fprintf(sys.Stdout, " (%d failed, %d discarded)", s.Failed, s.Invalid)
	}
	if s.Skipped > 0 {
		fmt.Fprintf(sys.Stdout, " (%d skipped)", s.Skipped)
	}
	began := "at an unknown time"
	if !s.Began.IsZero() {
		began = s.Began.Format(time.DateTime)
	}
	last := "no event yet"
	if s.Event != "" {
		last = fmt.Sprintf("last event %s: %s", s.LastEvent.Local().Format(time.DateTime), eventText(s.Event))
	}
	fmt.Fprintf(sys.Stdout, "\nbegan %s, %s\n", began, last)
	if s.LeftMost > 0 {
		seconds := func(x float64) time.Duration { return time.Duration(x * float64(time.Second)) }
		left, now := runner.Left{Least: seconds(s.LeftLeast), Most: seconds(s.LeftMost)}, time.Now()
		if s.State == "running" {
			fmt.Fprintln(sys.Stdout, ends(left, now))
		} else {
			fmt.Fprintf(sys.Stdout, "%s to %s left\n", say.Duration(left.Least), say.Duration(left.Most))
		}
	}
	for _, w := range s.Warnings {
		fmt.Fprintf(sys.Stdout, "warning: %s\n", w)
	}
	if s.Resume != "" {
		fmt.Fprintf(sys.Stdout, "To continue:\n  %s\n", s.Resume)
	}
	return nil
}

// eventWords say what the events of a journal mean.
var eventWords = map[string]string{
	rundir.EventRunStarted:     "the run began",
	rundir.EventRunResumed:     "the run was resumed",
	rundir.EventLoadsResolved:  "the rates of the sweep loads were found",
	rundir.EventConfirmPlanned: "the confirmation runs were planned",
	rundir.EventStartBegan:     "launching a server",
	rundir.EventStartReady:     "the server is ready",
	rundir.EventStartRetried:   "a launch failed, and sweep tries again",
	rundir.EventStartPutOff:    "a launch was postponed to the end of the run",
	rundir.EventStartFailed:    "a server did not start",
	rundir.EventStartSkipped:   "a configuration was skipped",
	rundir.EventStartStopped:   "a server was stopped",
	rundir.EventTrialBegan:     "a trial began",
	rundir.EventTrialFinished:  "a trial ended",
	rundir.EventCooldown:       "the cool-down ended",
	rundir.EventOrphans:        "sweep removed what an earlier session left running",
	rundir.EventRunStartsBadly: "most of the first trials did not count",
	rundir.EventRunAborted:     "the run was aborted",
	rundir.EventRunInterrupted: "the run was interrupted",
	rundir.EventRunFinished:    "the run finished",
}

// eventText is an event in words. Those of a later sweep are readable at least.
func eventText(event string) string {
	if text, known := eventWords[event]; known {
		return text
	}
	return strings.ReplaceAll(event, "_", " ")
}
