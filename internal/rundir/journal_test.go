package rundir

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func journalBytes(t testing.TB, events ...Event) []byte {
	t.Helper()
	var out []byte
	for i, e := range events {
		e.Seq = i + 1
		b, err := encodeEvent(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

func TestJournalSurvivesACutAtEveryByte(t *testing.T) {
	whole := journalBytes(t,
		Event{Event: EventRunStarted},
		Event{Event: EventStartBegan, Start: "s01-c0", Detail: "with \"quotes\" and ü"},
		Event{Event: EventLoadsResolved, Rates: map[string]Rates{"chat": {Synchronous: 0.5, Saturated: 12}}},
	)
	for n := range len(whole) + 1 {
		path := filepath.Join(t.TempDir(), "journal.jsonl")
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		wantEvents := bytes.Count(whole[:n], []byte("\n"))
		j, events, torn, err := openJournal(path)
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		wantTorn := n > 0 && whole[n-1] != '\n'
		if len(events) != wantEvents || torn != wantTorn {
			t.Fatalf("cut at %d: %d events, torn %v; want %d, %v", n, len(events), torn, wantEvents, wantTorn)
		}
		if err := j.Append(Event{Event: EventRunResumed}); err != nil {
			t.Fatal(err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
		again, torn, err := ReadJournal(path)
		if err != nil || torn || len(again) != wantEvents+1 || again[wantEvents].Seq != wantEvents+1 {
			t.Fatalf("cut at %d, after append: %d events, torn %v, err %v", n, len(again), torn, err)
		}
	}
}

func TestJournalFaultInTheMiddleIsAnError(t *testing.T) {
	whole := journalBytes(t, Event{Event: EventRunStarted}, Event{Event: EventStartBegan}, Event{Event: EventRunFinished})
	first := bytes.IndexByte(whole, '\n')
	for i := range first {
		damaged := bytes.Clone(whole)
		damaged[i] ^= 0x04
		_, _, err := decodeJournal("journal.jsonl", damaged)
		var c *CorruptionError
		if !errors.As(err, &c) || c.Line > 2 {
			t.Fatalf("byte %d flipped: err %v, want a CorruptionError at the start", i, err)
		}
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	missing := append(bytes.Clone(lines[0]), lines[2]...)
	missing = append(missing, lines[1]...)
	if _, _, err := decodeJournal("j", missing); err == nil {
		t.Error("lines out of sequence were accepted")
	}
}

func FuzzJournal(f *testing.F) {
	f.Add(journalBytes(f, Event{Event: EventRunStarted}, Event{Event: EventRunFinished}))
	f.Add([]byte("{}\n{"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, valid, err := decodeJournal("j", data)
		if valid > len(data) {
			t.Fatal("valid prefix longer than the data")
		}
		if err != nil {
			return
		}
		again, valid2, err := decodeJournal("j", data[:valid])
		if err != nil || valid2 != valid || !cmp.Equal(events, again) {
			t.Fatalf("the valid prefix reads differently: %v", err)
		}
	})
}
