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

// faulty is a journal's file on a disk that is full for a while: writes end
// half-way, or reach the file and cannot be synced.
type faulty struct {
	*os.File
	halfWrite, noSync, noTruncate bool
}

var errFull = errors.New("no space left on device")

func (f *faulty) Write(b []byte) (int, error) {
	if f.halfWrite {
		n, _ := f.File.Write(b[:len(b)/2])
		return n, errFull
	}
	return f.File.Write(b)
}

func (f *faulty) Sync() error {
	if f.noSync {
		return errFull
	}
	return f.File.Sync()
}

func (f *faulty) Truncate(n int64) error {
	if f.noTruncate {
		return errFull
	}
	return f.File.Truncate(n)
}

func TestJournalStaysReadableAfterAFailedAppend(t *testing.T) {
	for name, fault := range map[string]faulty{
		"half a line":                 {halfWrite: true},
		"not synced":                  {noSync: true},
		"half a line, not taken back": {halfWrite: true, noTruncate: true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal.jsonl")
			j, _, _, err := openJournal(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Append(Event{Event: EventRunStarted}); err != nil {
				t.Fatal(err)
			}
			file := &fault
			file.File = j.f.(*os.File)
			j.f = file
			if err := j.Append(Event{Event: EventStartBegan}); !errors.Is(err, errFull) {
				t.Fatalf("err = %v", err)
			}
			file.halfWrite, file.noSync = false, false
			want := 2
			if err := j.Append(Event{Event: EventRunInterrupted}); fault.noTruncate {
				want = 1
				if !errors.Is(err, errFull) {
					t.Errorf("an event was appended behind half a line: %v", err)
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if err := j.close(); err != nil {
				t.Fatal(err)
			}
			events, _, err := ReadJournal(path)
			if err != nil || len(events) != want {
				t.Errorf("%d events, %v; want %d", len(events), err, want)
			}
		})
	}
}
