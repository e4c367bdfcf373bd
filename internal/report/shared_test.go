package report

import (
	"slices"
	"testing"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// That client and server shared the machine is said once, with how exact the
// worst trial that counts is.
func TestSharedDoubt(t *testing.T) {
	trial := func(outcome string, mean, top, share float64) rundir.Trial {
		return rundir.Trial{Outcome: outcome, Client: &rundir.ClientFacts{SharedLimits: true, SharedBecause: new(notice.New("declared", nil)), OwnLagMean: mean, OwnLag: top, OwnLagShare: share}}
	}
	trials := []rundir.Trial{
		trial(rundir.OutcomeOK, 0.0002, 0.0022, 0.05), trial(rundir.OutcomeOK, 0.0003, 0.002, 0.07), trial(rundir.OutcomeInvalid, 0.1, 0.2, 3),
		{Outcome: rundir.OutcomeOK, Client: &rundir.ClientFacts{OwnLag: 9}}, {Outcome: rundir.OutcomeFailed},
	}
	b := &build{Input: Input{Trials: trials}}
	var d doubtList
	b.sharedDoubts(&d)
	want := []string{"The load generator shared the machine with the server in 2 trials (declared). It sent requests up to 300 µs late on average and up to 2.2 ms (7% of the median TTFT) at the highest percentile shown."}
	if got := doubtTexts(b, d); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	b.Provenance, d = &rundir.Provenance{Simulated: true}, doubtList{}
	if b.sharedDoubts(&d); len(d) > 0 {
		t.Errorf("of a simulated server: %q", doubtTexts(b, d))
	}
	b = &build{Input: Input{Trials: trials[2:]}}
	if b.sharedDoubts(&d); len(d) > 0 {
		t.Errorf("of none that counts: %q", doubtTexts(b, d))
	}
}
