package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/runner"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
)

// briefly is a recommendation in a few words.
func briefly(rec analysis.Recommendation) string {
	if len(rec.Refused) > 0 {
		return "no recommendation. " + notice.Join(rec.Refused)
	}
	text := rec.Label + " at " + rec.PointLabel
	if rec.Estimate != nil {
		text += fmt.Sprintf(", %s %s", metric.Short(rec.Objective), say.Metric(rec.Objective, rec.Estimate.Center))
	}
	return text
}

func writeReport(ctx context.Context, path string, figures bool) error {
	r, err := readResults(path)
	if err != nil {
		return err
	}
	return r.writeReport(ctx, figures)
}

// conclude exports the final report, prints the answer and chooses the exit
// code. After an interrupt it draws nothing, because drawing takes seconds.
func (sys *System) conclude(ctx context.Context, shown, path string, parts shownParts, result runner.Result, runErr error) error {
	again := "sweep report " + say.ShellWord(shown)
	if errors.Is(runErr, runner.ErrInterrupted) {
		sys.toContinue(result.Finished(), result.Planned, shown)
		sys.say("To write the report of what is measured:\n  %s", again)
		return quiet(exitInterrupted)
	}
	res, err := readResults(path)
	if err == nil {
		err = res.writeReport(ctx, true)
	}
	if err != nil && ctx.Err() != nil && runErr == nil {
		sys.say("The records are complete. To write the report:\n  %s", again)
		return quiet(exitInterrupted)
	}
	if err != nil {
		err = fmt.Errorf("export the results of %s: %w", shown, err)
	}
	if runErr == nil && err != nil {
		return withCode(exitCode(err), err, "The records are complete. Write the report again: "+again)
	}
	if runErr != nil {
		if err != nil {
			sys.say("warning: %v", err)
		}
		if errors.Is(runErr, runner.ErrRefused) {
			return withCode(exitFailed, runErr, "Change the experiment and run it again. If you only had to fix the server: "+resumeCommand(shown)+" --retry-failed")
		}
		sys.toContinue(result.Finished(), result.Planned, shown)
		if errors.Is(runErr, runner.ErrAborted) {
			return quiet(exitAborted) // the run has said why
		}
		var hints []string
		var failure *launcher.Failure
		if errors.As(runErr, &failure) && failure.Diagnosis.Remedy.Code != "" {
			hints = append(hints, "To fix it: "+failure.Diagnosis.Remedy.Text())
		}
		return withCode(exitCode(runErr), runErr, hints...)
	}
	text, err := sys.answer(res, shown, parts)
	if err != nil {
		return err
	}
	code := sys.verdict(res, result)
	sys.printAnswer(ctx, text, shown)
	return code
}

// toContinue prints how far an unfinished run is and the command that continues it.
func (sys *System) toContinue(finished, planned int, path string) {
	n := notice.New("run-unfinished", notice.Args{"done": notice.Count(finished), "planned": notice.Count(planned)})
	sys.say("%s To continue:\n  %s", n, resumeCommand(path))
}

// verdict chooses the exit code of a finished run.
func (sys *System) verdict(res *results, r runner.Result) error {
	for _, n := range res.findings.Warnings {
		switch n.Code {
		case "trials-missing", "trials-discarded", "trials-failed", "trials-skipped":
			sys.say("%s", n.Text())
		}
	}
	impossible := untrue(res.findings)
	if impossible > 0 {
		sys.say("%s", notice.New("figures-impossible", notice.Args{"n": notice.Count(impossible)}))
	}
	if r.OK <= impossible {
		return quiet(exitSomeFailed) // nothing was measured, so nothing is said of any constraint
	}
	for _, rec := range res.findings.Recommendations {
		if len(rec.Refused) > 0 {
			return quiet(exitSLO)
		}
	}
	if r.Failed+r.Invalid+impossible > 0 {
		return quiet(exitSomeFailed)
	}
	return nil
}

// untrue counts the trials that the checks of consistency refuse.
func untrue(f *analysis.Findings) int {
	refused := map[string]bool{}
	for _, c := range f.Checks {
		if c.Notice.Severity == notice.Discarded {
			refused[c.Trial()] = true
		}
	}
	return len(refused)
}
