package main

import (
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vllm-sweep/sweep/internal/runner"
)

func TestProgressLine(t *testing.T) {
	now := time.Date(2026, 1, 2, 22, 50, 0, 0, time.UTC)
	st := runner.Status{
		Done: 12, Total: 48, Configuration: "max-num-seqs=64", Point: "chat c=16", Block: 1, Blocks: 3,
		Stage: runner.StageMeasuring, StageBegan: now.Add(-7 * time.Second), Left: 97 * time.Minute, At: now.Add(-2 * time.Minute),
		Load: runner.LoadStatus{InWindow: true, Completed: 310, InFlight: 16, Failed: 2},
	}
	want := "[#####---------------] 12/48 | 95 min left, ends 00:25 | block 1/3 | max-num-seqs=64 | chat c=16 | " +
		"measuring 7s, 16 in flight, 310 done, 2 FAILED"
	if got := progressLine(st, now, 200); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	starting := st
	starting.Point, starting.Stage, starting.Phase, starting.PhaseBegan = "", runner.StageStarting, "loading", now.Add(-41*time.Second)
	if got, want := stageText(starting, now), "starting, loading weights 41 s"; got != want {
		t.Errorf("starting: got %q, want %q", got, want)
	}
	if got, want := progressLine(st, now, 24), "12/48 | 95 min left, en…"; got != want {
		t.Errorf("narrow: got %q, want %q", got, want)
	}
	for width := range 80 {
		if n := utf8.RuneCountInString(progressLine(st, now, width)); n > max(width, 1) {
			t.Errorf("width %d: line of %d columns", width, n)
		}
	}
}

func TestWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 99 * time.Second: "99 s", 100 * time.Second: "2 min", 7*time.Hour + 5*time.Minute: "7 h 05 min",
	} {
		if got := words(d); got != want {
			t.Errorf("words(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestShellWord(t *testing.T) {
	for in, want := range map[string]string{
		"runs/a/b": "runs/a/b", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$HOME": "'$HOME'",
	} {
		if got := shellWord(in); got != want {
			t.Errorf("shellWord(%q) = %s, want %s", in, got, want)
		}
	}
}
