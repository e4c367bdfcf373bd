package rundir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

func newRun(t *testing.T) *Dir {
	t.Helper()
	d, err := Create(t.TempDir(), "demo", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Init([]byte("version: 1\n"), &matrix.Plan{Name: "demo", Blocks: 2}, Provenance{RunID: d.RunID()}); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestRoundTrip(t *testing.T) {
	d := newRun(t)
	trial := Trial{Format: FormatVersion, ID: "t001", Cell: "x1", Order: 1, Outcome: OutcomeOK,
		Metrics: map[string]float64{"ttft_p50": 0.0421}, Absent: map[string]string{"ttft_p99": "83 requests, 662 needed"}}
	start := Start{Format: FormatVersion, ID: "s01", Outcome: StartReady, Began: time.Unix(1, 0).UTC()}
	if err := errors.Join(d.WriteTrial(trial), d.WriteStart(start), d.Journal.Append(Event{Event: EventRunFinished})); err != nil {
		t.Fatal(err)
	}
	if !Busy(d.Path) {
		t.Error("a held run directory is not busy")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if Busy(d.Path) {
		t.Error("a closed run directory is busy")
	}
	r, err := Read(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Trial{trial}, r.Trials); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Start{start}, r.Starts); diff != "" {
		t.Error(diff)
	}
	if r.Plan.Name != "demo" || !r.Finished() || string(r.Experiment) != "version: 1\n" {
		t.Errorf("read back %+v", r)
	}
}

func TestLockNamesItsOwner(t *testing.T) {
	d := newRun(t)
	defer d.Close()
	_, err := Open(d.Path)
	if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), "by process ") {
		t.Fatalf("second open: %v", err)
	}
}

// What is damaged or gone is named with its file.
func TestARunThatIsNotWhole(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"half a plan":     {planFile, `{"name": "x"`, "plan.json is damaged"},
		"no provenance":   {provenanceFile, "", "is not a complete run directory"},
		"no experiment":   {ExperimentFile, "", "is not a complete run directory"},
		"half provenance": {provenanceFile, `{`, "provenance.json is damaged"},
	} {
		d := newRun(t)
		d.Close()
		path := filepath.Join(d.Path, c.file)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if c.text != "" {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Read(d.Path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d := newRun(t)
	d.Close()
	if err := os.Remove(filepath.Join(d.Path, journalFile)); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(d.Path); err != nil || len(r.Warnings) != 1 || r.Warnings[0].Code != "journal-missing" {
		t.Errorf("no journal: %v", err)
	}
}

func TestOneDamagedRecordDoesNotHideTheOthers(t *testing.T) {
	d := newRun(t)
	for _, id := range []string{"t001", "t002", "t004", "t005"} {
		if err := d.WriteTrial(Trial{ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	// A folder without its record is a trial that was in flight.
	if _, err := d.TrialDir("t003"); err != nil {
		t.Fatal(err)
	}
	for id, text := range map[string]string{
		"t001": "{",                        // cut short
		"t004": "{}",                       // JSON, but no record
		"t005": `{"format":1,"id":"t002"}`, // copied from elsewhere
	} {
		if err := os.WriteFile(filepath.Join(d.Path, trialsDir, id, "trial.json"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	r, err := Read(d.Path)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Trials) != 1 || r.Trials[0].ID != "t002" || len(r.Warnings) != 3 {
		t.Errorf("trials %v, warnings %q", r.Trials, r.Warnings)
	}
}

func TestDiscard(t *testing.T) {
	d := newRun(t)
	if err := errors.Join(d.Discard(), d.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was discarded is still there: %v", err)
	}
}

func TestNotARun(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir); !errors.Is(err, ErrNotRun) {
		t.Errorf("Read: %v", err)
	}
	if _, err := Open(dir); !errors.Is(err, ErrNotRun) {
		t.Errorf("Open: %v", err)
	}
}

func TestTwoRunsInOneSecond(t *testing.T) {
	root, now := t.TempDir(), time.Now()
	a, err := Create(root, "x", now)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	b, err := Create(root, "x", now)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if a.Path == b.Path {
		t.Error("both runs got the same directory")
	}
}

func TestADamagedJournalHidesNoTrialsButStopsAResume(t *testing.T) {
	d := newRun(t)
	if err := errors.Join(d.WriteTrial(Trial{ID: "t001"}), d.Journal.Append(Event{Event: EventRunStarted}),
		d.Journal.Append(Event{Event: EventRunFinished}), d.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.Path, journalFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[3] ^= 1
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Read(d.Path)
	if err != nil || len(r.Trials) != 1 || len(r.Warnings) != 1 {
		t.Errorf("read %+v, %v", r, err)
	}
	var damaged *CorruptionError
	if _, err := Open(d.Path); !errors.As(err, &damaged) {
		t.Errorf("open: %v", err)
	}
}

// Warnings and reasons of format 1 are sentences; they are read as notices.
func TestRecordsOfFormat1(t *testing.T) {
	d := newRun(t)
	for path, text := range map[string]string{
		"trials/t001/trial.json": `{"format":1,"id":"t001","outcome":"invalid","reasons":["the client sent late: 10.7 ms on average, limit 7.69 ms"],"warnings":["no warm-up: the window begins on an idle server"]}`,
		"starts/s01/launch.json": `{"format":1,"id":"s01","outcome":"ready","warnings":["cool-down not reached: GPU 0 is at 58 °C"]}`,
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(d.Path, filepath.Dir(path)), 0o755), os.WriteFile(filepath.Join(d.Path, path), []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	d.Close()
	r, err := Read(d.Path)
	if err != nil || len(r.Warnings) > 0 || len(r.Trials) != 1 || len(r.Starts) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, list := range [][]notice.Notice{r.Trials[0].Reasons, r.Trials[0].Warnings, r.Starts[0].Warnings} {
		if len(list) != 1 || list[0].Code != "recorded-text" {
			t.Errorf("%q", list)
		}
	}
	if got := r.Trials[0].Reasons[0].Text(); got != "the client sent late: 10.7 ms on average, limit 7.69 ms" {
		t.Error(got)
	}
}
