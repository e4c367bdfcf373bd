package runner

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// outcomesOf makes the records of trials: o counts, d is discarded, f failed, x
// failed because its server did not start, s skipped.
func outcomesOf(text string) []rundir.Trial {
	var out []rundir.Trial
	for i, r := range text {
		t := rundir.Trial{ID: fmt.Sprintf("t%03d", i+1), Start: "s1", Outcome: map[rune]string{
			'o': rundir.OutcomeOK, 'd': rundir.OutcomeInvalid, 'f': rundir.OutcomeFailed,
			'x': rundir.OutcomeFailed, 's': rundir.OutcomeSkipped,
		}[r]}
		switch r {
		case 'd':
			t.Reasons = []notice.Notice{notice.New("gpu-throttled", notice.Args{
				"time": notice.Span(time.Second), "window": notice.Span(2 * time.Second),
				"causes": notice.List("thermal_sw"),
			})}
		case 'f':
			t.Reasons = []notice.Notice{notice.New("load-not-made", notice.Args{"error": notice.Text("no port")})}
		case 'x':
			t.Start = "s2"
			t.Reasons = []notice.Notice{notice.New("did-not-start", notice.Args{
				"class": notice.Text("kv-cache"), "cause": notice.Text("no room"),
			})}
		}
		out = append(out, t)
	}
	return out
}

// The warning comes once, with the third lost trial of the first five.
func TestABadBeginningIsWarnedOfOnce(t *testing.T) {
	for _, c := range []struct {
		trials string
		at     int // trials until the warning; 0: none
		want   string
	}{
		{"ddd", 3, "Of the first 3 trials, 3 were discarded or failed. 3 of them have this cause: A GPU was throttled"},
		{"oodddddd", 5, "Of the first 5 trials, 3 were"},
		{"oooddddd", 0, ""}, // two of the first five
		{"sssddod", 7, "Of the first 4 trials, 3 were"},
		{"dfxfx", 3, "1 of them has this cause: A GPU was throttled"},
		{"ofodf", 5, "2 of them have this cause: The load could not be made: no port."},
		{"xxx", 3, "no room. Free memory first."},
	} {
		l := newLosses(experiment.AbortWhen{})
		free := &rundir.Diagnosis{Remedy: notice.Recorded("Free memory first")}
		l.diagnosed(rundir.Start{ID: "s2", Diagnosis: free})
		at, said := 0, ""
		for i, trial := range outcomesOf(c.trials) {
			l.took(trial)
			if n, ok := l.warning(); ok {
				if at > 0 {
					t.Errorf("%s: a second warning", c.trials)
				}
				at, said = i+1, n.String()
			}
			if _, ok := l.abort(); ok {
				t.Errorf("%s: aborted without a rule", c.trials)
			}
		}
		if at != c.at || !strings.Contains(said, c.want) {
			t.Errorf("%s: warned at %d: %q; want %d: %q", c.trials, at, said, c.at, c.want)
		}
	}
}

func TestAbortWhen(t *testing.T) {
	for _, c := range []struct {
		trials string
		rules  experiment.AbortWhen
		at     int // trials until the run ends; 0: it goes on
		want   string
	}{
		{"ddddddd", experiment.AbortWhen{Discarded: .5, After: 5}, 5,
			"5 of 5 trials are discarded, and abort_when.discarded is 50%."},
		{"d", experiment.AbortWhen{Discarded: .5, After: 1}, 1, "1 of 1 trial is discarded"},
		{"ffffffff", experiment.AbortWhen{Discarded: .5, After: 5}, 0, ""},
		{"odododod", experiment.AbortWhen{Discarded: .5, After: 5}, 6, "3 of 6 trials"},
		{"odfodfodf", experiment.AbortWhen{Discarded: .5, Failed: .3, After: 5}, 6,
			"2 of 6 trials are failed, and abort_when.failed is 30%."},
		{"ssssdsod", experiment.AbortWhen{Discarded: .5, After: 3}, 8, "2 of 3 trials"},
		{"oooooooodd", experiment.AbortWhen{Discarded: .5, Failed: .5, After: 5}, 0, ""},
	} {
		l := newLosses(c.rules)
		at, said := 0, ""
		for i, trial := range outcomesOf(c.trials) {
			l.took(trial)
			if n, ok := l.abort(); ok {
				at, said = i+1, n.String()
				break
			}
		}
		if at != c.at || !strings.Contains(said, c.want) {
			t.Errorf("%s: aborted at %d: %q; want %d: %q", c.trials, at, said, c.at, c.want)
		}
	}
	l := newLosses(experiment.AbortWhen{Failed: .5, After: 2})
	for _, trial := range outcomesOf("ff") {
		l.took(trial)
	}
	l.aborted()
	l.took(outcomesOf("f")[0])
	if _, ok := l.abort(); ok {
		t.Error("a resumed run does not count anew")
	}
}
