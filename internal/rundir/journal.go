package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// Events of the journal.
const (
	EventRunStarted     = "run_started"
	EventRunResumed     = "run_resumed"
	EventLoadsResolved  = "loads_resolved" // rates of sweep loads found
	EventStartBegan     = "start_began"
	EventStartReady     = "start_ready"
	EventStartRetried   = "start_retried" // a launch failed for what may pass, and is tried again
	EventStartPutOff    = "start_put_off" // the GPUs are not as they were; the start comes at the end
	EventStartFailed    = "start_failed"
	EventStartSkipped   = "start_skipped"
	EventTrialBegan     = "trial_began"
	EventTrialFinished  = "trial_finished"
	EventStartStopped   = "start_stopped"
	EventCooldown       = "cooldown"
	EventOrphans        = "orphans_removed"
	EventRunStartsBadly = "run_starts_badly" // most of the first trials did not count
	EventRunAborted     = "run_aborted"      // abort_when ended the run
	EventRunInterrupted = "run_interrupted"
	EventRunFinished    = "run_finished"
)

// Event is one line of the journal.
type Event struct {
	Seq   int       `json:"seq"`
	Time  time.Time `json:"time"`
	Event string    `json:"event"`
	Start string    `json:"start,omitempty"`
	Trial string    `json:"trial,omitempty"`
	// Detail is a label, an outcome, or words of the system or another program.
	Detail string `json:"detail,omitempty"`
	// Notices are what sweep itself says of it: the cause of a failure, what a
	// cool-down did not reach. Journals of earlier versions have it in Detail.
	Notices []notice.Notice   `json:"notices,omitempty"`
	Facts   map[string]string `json:"facts,omitempty"`
	Rates   map[string]Rates  `json:"rates,omitempty"` // loads_resolved: by load name
}

// Rates are the ends of a sweep load, in requests per second.
type Rates struct {
	Synchronous float64 `json:"synchronous"`
	Saturated   float64 `json:"saturated"`
}

// CorruptionError tells of a journal line, not the last, that cannot be
// trusted: something other than a crash changed the file.
type CorruptionError struct {
	File string
	Line int // from 1
	Err  error
}

func (e *CorruptionError) Error() string {
	return fmt.Sprintf("%s:%d: journal is damaged: %v", e.File, e.Line, e.Err)
}

// Unwrap returns what was wrong with the line.
func (e *CorruptionError) Unwrap() error { return e.Err }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// The checksum is the last member of the line's object and covers the line as
// it would read without it: `{...,"crc":"89abcdef"}`.
const crcSuffixLen = len(`,"crc":"89abcdef"}`)

func encodeEvent(e Event) ([]byte, error) {
	b, err := marshalFinite(e)
	if err != nil {
		return nil, err
	}
	sum := crc32.Checksum(b, castagnoli)
	return fmt.Appendf(b[:len(b)-1], ",\"crc\":\"%08x\"}\n", sum), nil
}

func decodeEvent(line []byte) (Event, error) {
	var e Event
	if len(line) < crcSuffixLen+1 {
		return e, errors.New("line is too short")
	}
	cut := len(line) - crcSuffixLen
	body := append(bytes.Clone(line[:cut]), '}')
	want := fmt.Sprintf(",\"crc\":\"%08x\"}", crc32.Checksum(body, castagnoli))
	if string(line[cut:]) != want {
		return e, errors.New("checksum does not match")
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return e, err
	}
	return e, nil
}

// decodeJournal reads all events. valid is the length of the trustworthy
// prefix: a torn last line, which a crash in mid-write leaves, is not an error
// but lies beyond valid.
func decodeJournal(name string, data []byte) (events []Event, valid int, err error) {
	for line := 1; valid < len(data); line++ {
		rest := data[valid:]
		n := bytes.IndexByte(rest, '\n')
		last := n < 0 || valid+n+1 == len(data)
		if n < 0 {
			return events, valid, nil
		}
		e, err := decodeEvent(rest[:n])
		if err == nil && e.Seq != len(events)+1 {
			err = fmt.Errorf("event %d where %d was due", e.Seq, len(events)+1)
		}
		if err != nil {
			if last {
				return events, valid, nil
			}
			return events, valid, &CorruptionError{File: name, Line: line, Err: err}
		}
		events = append(events, e)
		valid += n + 1
	}
	return events, valid, nil
}

// ReadJournal reads the events of a run; torn reports whether a half-written
// last line was passed over.
func ReadJournal(path string) (events []Event, torn bool, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, false, err
	}
	events, valid, err := decodeJournal(path, data)
	return events, valid < len(data), err
}

// Journal appends events to journal.jsonl: one write and one fsync each.
type Journal struct {
	mu     sync.Mutex
	f      appendFile
	seq    int
	size   int64 // of the whole lines
	broken error // a line that could neither be written nor taken back
}

// appendFile is what a journal asks of its file.
type appendFile interface {
	Write([]byte) (int, error)
	Sync() error
	Truncate(size int64) error
	Close() error
}

// openJournal opens or creates the journal, cuts a torn last line off, and
// returns what was there.
func openJournal(path string) (*Journal, []Event, bool, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, nil, false, err
	}
	events, valid, err := decodeJournal(path, data)
	if err != nil {
		return nil, nil, false, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, false, err
	}
	torn := valid < len(data)
	if torn {
		if err := f.Truncate(int64(valid)); err != nil {
			f.Close()
			return nil, nil, false, fmt.Errorf("cut torn line of %s: %w", path, err)
		}
	}
	if err := atomicfile.SyncDir(filepath.Dir(path)); err != nil {
		f.Close()
		return nil, nil, false, err
	}
	return &Journal{f: f, seq: len(events), size: int64(valid)}, events, torn, nil
}

// Append writes e with the next sequence number and the current time, and
// returns once it is on the disk. A line that could not be written whole (the
// disk is full) is taken back: a later line behind its half would make the
// journal unreadable.
func (j *Journal) Append(e Event) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return fmt.Errorf("journal %s: %w", e.Event, j.broken)
	}
	e.Seq = j.seq + 1
	e.Time = time.Now().UTC()
	line, err := encodeEvent(e)
	if err != nil {
		return fmt.Errorf("journal %s: %w", e.Event, err)
	}
	_, err = j.f.Write(line)
	if err == nil {
		err = j.f.Sync()
	}
	if err != nil {
		if cutErr := j.f.Truncate(j.size); cutErr != nil {
			j.broken = fmt.Errorf("closed to more events after a half-written line: %w", err)
		}
		return fmt.Errorf("journal %s: %w", e.Event, err)
	}
	j.seq, j.size = e.Seq, j.size+int64(len(line))
	return nil
}

func (j *Journal) close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.f.Close()
}
