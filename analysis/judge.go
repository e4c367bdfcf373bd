package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// Judge returns the trials of a run as everybody is to count them: with the
// outcomes that were recorded, and invalid where figures cannot be true. That is
// found when the run is read, because it takes the GPU's name and the plan.
// Whoever counts, lists or exports trials takes these, so that no two do it
// differently. Judging twice changes nothing.
func Judge(in Input) []rundir.Trial {
	out := slices.Clone(in.Trials)
	if in.Plan == nil {
		return out
	}
	for i, t := range out {
		if t.Outcome != rundir.OutcomeOK {
			continue
		}
		conf, _ := in.Plan.Configuration(t.Configuration)
		point, _ := in.Plan.LoadPoint(t.LoadPoint)
		for _, c := range checkTrial(t, conf, point, in.Plan.Model, in.GPU) {
			if c.Severity == Impossible {
				t.Outcome = rundir.OutcomeInvalid
				if !slices.Contains(t.Causes, rundir.CauseImpossible) {
					t.Causes = append(slices.Clone(t.Causes), rundir.CauseImpossible)
				}
				t.Reasons = append(slices.Clone(t.Reasons), notice.New("impossible", notice.Args{
					"check": notice.Text(c.Check), "text": notice.Text(c.Text),
				}))
			}
		}
		out[i] = t
	}
	return out
}

// impossible reports whether a trial was judged to be one that cannot be true.
func impossible(t rundir.Trial) bool {
	return t.Outcome == rundir.OutcomeInvalid && slices.Contains(t.Causes, rundir.CauseImpossible)
}

// failureWords completes "3 trials failed because ...", by cause.
func failureWords(cause string, n int) string {
	its := "its"
	if n != 1 {
		its = "their"
	}
	switch cause {
	case rundir.FailedStart:
		return its + " server did not start"
	case rundir.FailedDied:
		return its + " server died under load"
	case rundir.FailedRefused:
		return "the server refused every request"
	case rundir.FailedRequests:
		return "no request succeeded"
	case rundir.FailedRates:
		return "the rates of " + its + " load could not be found"
	default:
		return its + " load could not be made"
	}
}

// FailureText says how many trials failed and why, each for its own cause:
// "3 trials failed: 2 because their server died under load, 1 because the
// server refused every request". Empty without failures.
func FailureText(by map[string]int) string {
	var parts []string
	total, last := 0, ""
	for _, cause := range rundir.FailureCauses() {
		if n := by[cause]; n > 0 {
			total, last = total+n, cause
			parts = append(parts, fmt.Sprintf("%d because %s", n, failureWords(cause, n)))
		}
	}
	switch len(parts) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%s failed because %s", say.Count(total, "trial"), failureWords(last, total))
	}
	return fmt.Sprintf("%s failed: %s", say.Count(total, "trial"), strings.Join(parts, ", "))
}

// Reliability is how often the server of a configuration failed, in the blocks
// and the confirm stage together. A configuration that is best when it lives is
// not the best to run.
type Reliability struct {
	Starts     int    `json:"starts"`                // launches that became ready or were to
	NotStarted int    `json:"not_started,omitempty"` // of these
	Died       int    `json:"died,omitempty"`        // became ready and died under load
	Cause      string `json:"cause,omitempty"`       // of the first death, else of the first failure to start
	Trials     int    `json:"trials"`                // recorded and not skipped
	// Failed trials by cause, see rundir.FailureCauses. A trial that was measured a
	// second time after a death is none of them.
	Failed map[string]int `json:"failed,omitempty"`
}

// reliabilities count by configuration.
func reliabilities(in Input) map[string]*Reliability {
	out := map[string]*Reliability{}
	at := func(configuration string) *Reliability {
		if out[configuration] == nil {
			out[configuration] = &Reliability{}
		}
		return out[configuration]
	}
	death := map[string]bool{}
	for _, s := range in.Starts {
		r := at(s.Configuration)
		died := s.Outcome == rundir.StartReady && s.Diagnosis != nil
		switch {
		case s.Purpose == matrix.PurposeCalibrate || s.Outcome == rundir.StartSkipped:
			continue
		case died:
			r.Died++
		case s.Outcome == rundir.StartFailed:
			r.NotStarted++
		}
		r.Starts++
		if s.Diagnosis != nil && (r.Cause == "" || died && !death[s.Configuration]) {
			r.Cause = s.Diagnosis.Cause
			death[s.Configuration] = died
		}
	}
	for _, t := range in.Trials {
		r := at(t.Configuration)
		if t.Outcome == rundir.OutcomeSkipped {
			continue
		}
		r.Trials++
		if t.Outcome == rundir.OutcomeFailed {
			if r.Failed == nil {
				r.Failed = map[string]int{}
			}
			r.Failed[t.FailureCause()]++
		}
	}
	return out
}

// doubts say what failed, in sentences for a recommendation.
func (r *Reliability) doubts() []string {
	if r == nil {
		return nil
	}
	var out []string
	why := ""
	if r.Cause != "" {
		why = ": " + r.Cause
	}
	rest := map[string]int{}
	for cause, n := range r.Failed {
		rest[cause] = n
	}
	switch {
	case r.Died > 0:
		out = append(out, fmt.Sprintf("its server died under load in %d of %s%s", r.Died, say.Count(r.Starts, "start"), why))
	case rest[rundir.FailedDied] > 0:
		out = append(out, fmt.Sprintf("its server died under load in %d of %s", rest[rundir.FailedDied], say.Count(r.Trials, "trial")))
	}
	if r.NotStarted > 0 {
		text := fmt.Sprintf("its server did not start in %d of %s", r.NotStarted, say.Count(r.Starts, "start"))
		if r.Died == 0 {
			text += why
		}
		out = append(out, text)
		delete(rest, rundir.FailedStart)
	}
	delete(rest, rundir.FailedDied)
	n := 0
	for _, k := range rest {
		n += k
	}
	if text := FailureText(rest); text != "" {
		_, text, _ = strings.Cut(text, " failed")
		out = append(out, fmt.Sprintf("%d of %s of this configuration failed%s", n, say.Count(r.Trials, "trial"), text))
	}
	return out
}
