// Package rundir owns the run directory: its layout, the append-only fsynced
// journal, the atomic records, the lock. It stores and reads; what the records
// mean is for package analysis.
//
//	experiment.yaml plan.json provenance.json
//	journal.jsonl
//	starts/<start-id>/ launch.json server.log
//	trials/<trial-id>/ trial.json requests.parquet latency.hlog
//	report/
//
// A trial counts as finished once its trial.json exists: it is written last
// and atomically, so `kill -9` costs at most the trial in flight.
package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/gofrs/flock"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/matrix"
)

// ErrLocked is wrapped when another process works on the run directory.
var ErrLocked = errors.New("run directory is in use")

// ErrNotRun is wrapped when a path is not a run directory.
var ErrNotRun = errors.New("not a run directory")

// Dir is a run directory held for writing by this process.
type Dir struct {
	Path    string
	Journal *Journal
	lock    *flock.Flock
	// Events are those that the journal held when it was opened; Torn tells
	// that a half-written last line was cut off.
	Events []Event
	Torn   bool
}

// RunID names the run in labels of containers and processes: the experiment's
// folder and the run's folder.
func (d *Dir) RunID() string {
	return filepath.Base(filepath.Dir(d.Path)) + "-" + filepath.Base(d.Path)
}

// Create makes root/name/<time> and locks it. A second run within the same
// second gets a suffix.
func Create(root, name string, now time.Time) (*Dir, error) {
	parent := filepath.Join(root, name)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, fmt.Errorf("create a run directory in %s: %w", parent, err)
	}
	stamp := now.Format("20060102-150405")
	path := filepath.Join(parent, stamp)
	for n := 2; ; n++ {
		err := os.Mkdir(path, 0o755)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("create run directory: %w", err)
		}
		path = filepath.Join(parent, stamp+"-"+strconv.Itoa(n))
	}
	for _, sub := range []string{startsDir, trialsDir, reportDir} {
		if err := os.Mkdir(filepath.Join(path, sub), 0o755); err != nil {
			return nil, errors.Join(fmt.Errorf("create run directory: %w", err), os.RemoveAll(path))
		}
	}
	d, err := hold(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return d, nil
}

// Discard removes a run directory that Create made and that holds nothing yet:
// half of one helps nobody.
func (d *Dir) Discard() error { return os.RemoveAll(d.Path) }

// Open locks an existing run directory to continue it, and removes the half
// files of writers that were killed.
func Open(path string) (*Dir, error) {
	if _, err := os.Stat(filepath.Join(path, planFile)); err != nil {
		return nil, notRun(path)
	}
	d, err := hold(path)
	if err != nil {
		return nil, err
	}
	if _, err := atomicfile.RemoveStale(d.Path); err != nil {
		return nil, errors.Join(fmt.Errorf("remove what a killed run left: %w", err), d.Close())
	}
	return d, nil
}

// notRun says why a path is no run directory.
func notRun(path string) error {
	switch info, err := os.Stat(path); {
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s: %w: there is nothing of that name", path, ErrNotRun)
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s: %w: it is a file", path, ErrNotRun)
	default:
		return fmt.Errorf("%s: %w: it has no %s", path, ErrNotRun, planFile)
	}
}

func hold(path string) (*Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	lock := flock.New(filepath.Join(abs, lockFile))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !ok {
		return nil, fmt.Errorf("%s: %w by process %s", path, ErrLocked, lockOwner(abs))
	}
	if err := os.WriteFile(filepath.Join(abs, lockFile), []byte(strconv.Itoa(os.Getpid())+"\n"), 0o644); err != nil {
		lock.Unlock()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	j, events, torn, err := openJournal(filepath.Join(abs, journalFile))
	if err != nil {
		lock.Unlock()
		return nil, err
	}
	return &Dir{Path: abs, Journal: j, lock: lock, Events: events, Torn: torn}, nil
}

// lockOwner reads the process ID that the holder left in the lock file.
func lockOwner(path string) string {
	b, err := os.ReadFile(filepath.Join(path, lockFile))
	if err != nil {
		return "unknown"
	}
	if pid, err := strconv.Atoi(string(trimNewline(b))); err == nil {
		return strconv.Itoa(pid)
	}
	return "unknown"
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}

// Busy reports whether a process works on the run directory at this moment.
func Busy(path string) bool {
	lock := flock.New(filepath.Join(path, lockFile), flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryLock()
	if err != nil {
		return false // no lock file: nobody ever held it
	}
	if ok {
		lock.Unlock()
	}
	return !ok
}

// Close closes the journal and gives the lock back.
func (d *Dir) Close() error {
	return errors.Join(d.Journal.close(), d.lock.Unlock())
}

// Init writes what is known before the run begins.
func (d *Dir) Init(experiment []byte, plan *matrix.Plan, p Provenance) error {
	if err := atomicfile.WriteBytes(filepath.Join(d.Path, ExperimentFile), experiment); err != nil {
		return err
	}
	if err := d.WriteProvenance(p); err != nil {
		return err
	}
	// The plan last: a directory with a plan is a run.
	return writeRecord(filepath.Join(d.Path, planFile), plan)
}

// WriteProvenance replaces provenance.json.
func (d *Dir) WriteProvenance(p Provenance) error {
	p.Format = FormatVersion
	return writeRecord(filepath.Join(d.Path, provenanceFile), p)
}

// StartDir makes and returns the folder of a start.
func (d *Dir) StartDir(id string) (string, error) { return d.sub(startsDir, id) }

// TrialDir makes and returns the folder of a trial.
func (d *Dir) TrialDir(id string) (string, error) { return d.sub(trialsDir, id) }

func (d *Dir) sub(kind, id string) (string, error) {
	path := filepath.Join(d.Path, kind, id)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	return path, atomicfile.SyncDir(filepath.Dir(path))
}

// WriteStart replaces the record of a start.
func (d *Dir) WriteStart(s Start) error {
	s.Format = FormatVersion
	dir, err := d.StartDir(s.ID)
	if err != nil {
		return err
	}
	return writeRecord(filepath.Join(dir, startFile), s)
}

// WriteTrial writes the record of a trial, which finishes it. Files beside it
// (requests.parquet, latency.hlog) must be written before.
func (d *Dir) WriteTrial(t Trial) error {
	t.Format = FormatVersion
	dir, err := d.TrialDir(t.ID)
	if err != nil {
		return err
	}
	return writeRecord(filepath.Join(dir, trialFile), t)
}

// readJSON reads a record.
func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}
