package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// A trial that was measured again is one trial, and its last record counts.
func TestRepeatedTrialsCountOnce(t *testing.T) {
	at := time.Date(2026, 1, 2, 22, 0, 0, 0, time.UTC)
	got := outcomes([]rundir.Trial{
		{ID: "t001-x1", Began: at, Outcome: rundir.OutcomeInvalid},
		{ID: "t001-x1.2", Repeats: "t001-x1", Began: at.Add(time.Minute), Outcome: rundir.OutcomeOK},
		{ID: "t002-x1", Began: at, Outcome: rundir.OutcomeFailed},
	})
	if diff := cmp.Diff(map[string]string{"t001-x1": rundir.OutcomeOK, "t002-x1": rundir.OutcomeFailed}, got); diff != "" {
		t.Error(diff)
	}
}

// A run that ended before its first event has none to tell.
func TestStatusWithoutEvents(t *testing.T) {
	var out bytes.Buffer
	s := &runStatus{Name: "x", State: "interrupted", Planned: 2}
	if err := s.write(&System{Stdout: &out}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "no event yet") || strings.Contains(out.String(), "0001") {
		t.Error(out.String())
	}
}

// Every event that a journal can hold has words, and people see no other.
func TestEventsHaveWords(t *testing.T) {
	constant := regexp.MustCompile(`\bEvent\w+\s*= "(\w+)"`)
	files, err := filepath.Glob("../../internal/rundir/*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range constant.FindAllStringSubmatch(string(text), -1) {
			n++
			var out bytes.Buffer
			s := &runStatus{Name: "x", State: "running", LastEvent: time.Now(), Event: m[1]}
			if err := s.write(&System{Stdout: &out}); err != nil {
				t.Fatal(err)
			}
			if eventWords[m[1]] == "" || strings.Contains(out.String(), m[1]) || strings.Contains(out.String(), "_") {
				t.Errorf("%s: %q, shown as\n%s", m[1], eventWords[m[1]], out.String())
			}
		}
	}
	if n != len(eventWords) {
		t.Errorf("%d events in the sources, %d in words", n, len(eventWords))
	}
	if got := eventText("moon_rose"); got != "moon rose" {
		t.Errorf("an event of a later sweep: %q", got)
	}
}
