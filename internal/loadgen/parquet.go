package loadgen

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/vllm-sweep/sweep/internal/parquetfile"
)

// row is one request in the Parquet file of a trial. Times are nanoseconds
// since the start of the run, -1 when never reached; see Request for the
// meaning of each.
type row struct {
	ID           int32   `parquet:"id,delta"`
	Phase        string  `parquet:"phase,dict"` // warmup, window, tail
	Class        string  `parquet:"class,dict"`
	Scheduled    int64   `parquet:"scheduled_ns,delta"`
	Ready        int64   `parquet:"ready_ns,delta"`
	Sent         int64   `parquet:"sent_ns,delta"`
	First        int64   `parquet:"first_ns,delta"`
	Last         int64   `parquet:"last_ns,delta"`
	End          int64   `parquet:"end_ns,delta"`
	Gaps         []int32 `parquet:"gaps_us,list"` // microseconds between token chunks
	Chunks       int32   `parquet:"chunks"`
	PromptAsked  int32   `parquet:"prompt_asked"`
	PromptTokens int32   `parquet:"prompt_tokens"`
	OutputAsked  int32   `parquet:"output_asked"`
	OutputTokens int32   `parquet:"output_tokens"`
	Status       int32   `parquet:"status"`
	Session      int32   `parquet:"session"` // from 1; 0: none
	Turn         int32   `parquet:"turn"`    // from 1; 0: none
	Resent       bool    `parquet:"resent"`  // sent twice: its first connection ended before the answer
	Error        string  `parquet:"error,dict"`
}

// Keys of the file's metadata: the run's own facts, so that the file can be
// read without any other.
const (
	keyFormat      = "sweep.requests" // format version
	keyStart       = "sweep.start"    // RFC 3339 with nanoseconds
	keyWindowStart = "sweep.window_start_ns"
	keyWindowEnd   = "sweep.window_end_ns"
	keyEnd         = "sweep.end_ns"
	keyLabel       = "sweep.label"

	parquetFormat = "1"
)

var phaseNames = [...]string{PhaseWarmup: "warmup", PhaseWindow: "window", PhaseTail: "tail"}

// String is the phase's name in files.
func (p Phase) String() string {
	if int(p) < len(phaseNames) {
		return phaseNames[p]
	}
	return "phase " + strconv.Itoa(int(p))
}

// WriteParquet writes one row a request, compressed with Zstandard. The run's
// start, window, end and label are in the file's metadata; the client's
// evidence, reasons and warnings are not (they belong to the trial's record).
func WriteParquet(w io.Writer, r *Result) error {
	ns := func(d time.Duration) string { return strconv.FormatInt(int64(d), 10) }
	pw := parquet.NewGenericWriter[row](w,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.KeyValueMetadata(keyFormat, parquetFormat),
		parquet.KeyValueMetadata(keyStart, r.Start.UTC().Format(time.RFC3339Nano)),
		parquet.KeyValueMetadata(keyWindowStart, ns(r.WindowStart)),
		parquet.KeyValueMetadata(keyWindowEnd, ns(r.WindowEnd)),
		parquet.KeyValueMetadata(keyEnd, ns(r.End)),
		parquet.KeyValueMetadata(keyLabel, r.Label),
	)
	for i := range r.Requests {
		if _, err := pw.Write([]row{toRow(&r.Requests[i])}); err != nil {
			return fmt.Errorf("write request records: %w", err)
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("write request records: %w", err)
	}
	return nil
}

// ReadParquet reads what WriteParquet wrote. Sums over the window are computed
// anew; Client, Invalid and Warnings are empty. The error of a damaged file wraps
// parquetfile.ErrDamaged.
func ReadParquet(in io.ReaderAt, size int64) (*Result, error) {
	var r *Result
	err := parquetfile.Read(in, size, func(lookup func(string) (string, bool)) (err error) {
		r, err = fromMetadata(lookup)
		return err
	}, func(rows []row) error {
		for i := range rows {
			q, bad := fromRow(&rows[i])
			if bad != nil {
				return fmt.Errorf("row %d: %w", len(r.Requests), bad)
			}
			r.Requests = append(r.Requests, q)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read request records: %w", err)
	}
	r.account()
	return r, nil
}

// fromMetadata reads the run's own facts.
func fromMetadata(lookup func(string) (string, bool)) (*Result, error) {
	if v, _ := lookup(keyFormat); v != parquetFormat {
		return nil, fmt.Errorf("format %q of the file: want %q", v, parquetFormat)
	}
	var r Result
	text, _ := lookup(keyStart)
	start, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyStart, err)
	}
	r.Start = start
	for key, to := range map[string]*time.Duration{keyWindowStart: &r.WindowStart, keyWindowEnd: &r.WindowEnd, keyEnd: &r.End} {
		text, _ := lookup(key)
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		*to = time.Duration(n)
	}
	r.Label, _ = lookup(keyLabel)
	return &r, nil
}

func toRow(q *Request) row {
	gaps := make([]int32, len(q.Gaps))
	for i, g := range q.Gaps {
		gaps[i] = int32(min(g, 1<<31-1)) // 35 minutes
	}
	return row{
		ID: int32(q.ID), Phase: q.Phase.String(), Class: string(q.Class),
		Scheduled: int64(q.Scheduled), Ready: int64(q.Ready), Sent: int64(q.Sent),
		First: int64(q.First), Last: int64(q.Last), End: int64(q.End),
		Gaps: gaps, Chunks: int32(q.Chunks),
		PromptAsked: int32(q.PromptAsked), PromptTokens: int32(q.PromptTokens),
		OutputAsked: int32(q.OutputAsked), OutputTokens: int32(q.OutputTokens),
		Status: int32(q.Status), Session: int32(q.Session), Turn: int32(q.Turn), Resent: q.Resent, Error: q.Error,
	}
}

func fromRow(w *row) (Request, error) {
	q := Request{
		ID: int(w.ID), Class: Class(w.Class),
		Scheduled: time.Duration(w.Scheduled), Ready: time.Duration(w.Ready), Sent: time.Duration(w.Sent),
		First: time.Duration(w.First), Last: time.Duration(w.Last), End: time.Duration(w.End),
		Chunks:      int(w.Chunks),
		PromptAsked: int(w.PromptAsked), PromptTokens: int(w.PromptTokens),
		OutputAsked: int(w.OutputAsked), OutputTokens: int(w.OutputTokens),
		Status: int(w.Status), Session: int(w.Session), Turn: int(w.Turn), Resent: w.Resent, Error: w.Error,
	}
	if len(w.Gaps) > 0 {
		q.Gaps = make([]uint32, len(w.Gaps))
	}
	for i, g := range w.Gaps {
		if g < 0 {
			return Request{}, fmt.Errorf("negative gap %d", g)
		}
		q.Gaps[i] = uint32(g)
	}
	for p, name := range phaseNames {
		if name == w.Phase {
			q.Phase = Phase(p)
			return q, nil
		}
	}
	return Request{}, fmt.Errorf("unknown phase %q", w.Phase)
}
