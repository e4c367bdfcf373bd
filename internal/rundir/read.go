package rundir

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/matrix"
)

// Run is everything a run directory holds, read without locking it, so that a
// running experiment can be looked at.
type Run struct {
	Path       string
	Plan       *matrix.Plan // with the confirm stage, once that is planned
	Provenance Provenance
	Events     []Event
	Starts     []Start // by time
	Trials     []Trial // by order
	Floor      *Floor  // the load generator's noise floor; nil: not measured
	// Experiment is the file as it was read when the run began.
	Experiment []byte
	Warnings   []notice.Notice // records passed over, a torn journal
	// JournalDamaged tells that the run cannot be continued.
	JournalDamaged bool
}

// Finished reports whether the last event is the end of the run.
func (r *Run) Finished() bool {
	return len(r.Events) > 0 && r.Events[len(r.Events)-1].Event == EventRunFinished
}

// Worked is how long sweep worked on the run: the time between its first and its
// last event, without the pauses before it was resumed.
func (r *Run) Worked() time.Duration {
	var out time.Duration
	for i := 1; i < len(r.Events); i++ {
		if r.Events[i].Event != EventRunResumed {
			out += max(r.Events[i].Time.Sub(r.Events[i-1].Time), 0)
		}
	}
	return out
}

// Read reads a run directory.
func Read(path string) (*Run, error) {
	r := &Run{Path: path, Plan: &matrix.Plan{}}
	if err := readJSON(filepath.Join(path, planFile), r.Plan); err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
			return nil, notRun(path)
		}
		return nil, err
	}
	confirmation, err := readConfirmation(path)
	if err != nil {
		return nil, err
	}
	r.Plan = r.Plan.With(confirmation)
	if r.Floor, err = ReadFloor(filepath.Join(path, FloorFile)); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(path, provenanceFile), &r.Provenance); err != nil {
		return nil, incomplete(path, err)
	}
	if v := r.Provenance.Format; v > FormatVersion {
		return nil, fmt.Errorf("%s: written by a newer sweep (format %d, this program reads up to %d)", path, v, FormatVersion)
	}
	if r.Experiment, err = os.ReadFile(r.ExperimentPath()); err != nil {
		return nil, incomplete(path, err)
	}
	var torn bool
	r.Events, torn, err = ReadJournal(filepath.Join(path, journalFile))
	var damaged *CorruptionError
	switch {
	case errors.As(err, &damaged):
		// The records stand for themselves; only continuing needs the journal,
		// and Open refuses.
		r.JournalDamaged = true
		r.warn(notice.New("journal-damaged", notice.Args{"error": notice.Text(err.Error())}))
	case errors.Is(err, os.ErrNotExist):
		r.warn(notice.New("journal-missing", nil))
	case err != nil:
		return nil, err
	case torn:
		r.warn(notice.New("journal-torn", nil))
	}
	ofStart := func(s Start) (int, string) { return s.Format, s.ID }
	if r.Starts, err = records(r, startsDir, startFile, ofStart); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Starts, func(a, b Start) int { return a.Began.Compare(b.Began) })
	ofTrial := func(t Trial) (int, string) { return t.Format, t.ID }
	if r.Trials, err = records(r, trialsDir, trialFile, ofTrial); err != nil {
		return nil, err
	}
	slices.SortFunc(r.Trials, func(a, b Trial) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.ID, b.ID))
	})
	return r, nil
}

func (r *Run) warn(n notice.Notice) { r.Warnings = append(r.Warnings, n) }

// incomplete says of a file without which a run cannot be read that it is gone.
func incomplete(path string, err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is not a complete run directory: %w; copy the run again, or start a new one", path, err)
	}
	return err
}

// records reads file of every folder under kind. A folder without the file is
// work in flight and passed over; a record that cannot be read is a warning:
// one damaged trial must not hide the others.
func records[T any](r *Run, kind, file string, identity func(T) (format int, id string)) ([]T, error) {
	entries, err := os.ReadDir(filepath.Join(r.Path, kind))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []T
	for _, e := range entries {
		var v T
		err := readJSON(filepath.Join(r.Path, kind, e.Name(), file), &v)
		if err == nil {
			if format, id := identity(v); id != e.Name() || format < 1 || format > FormatVersion {
				err = fmt.Errorf("%s is of %q, format %d: want %q, format 1 to %d", file, id, format, e.Name(), FormatVersion)
			}
		}
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			r.warn(notice.New("record-unreadable", notice.Args{"record": notice.Text(kind + "/" + e.Name()), "error": notice.Text(err.Error())}))
		default:
			out = append(out, v)
		}
	}
	return out, nil
}
