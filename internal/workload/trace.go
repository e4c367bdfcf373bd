package workload

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Arrival is one request of a recorded load.
type Arrival struct {
	At     time.Duration // from the first row of the trace
	Prompt int           // tokens
	Output int           // tokens
	// Blocks name the content of the prompt, block by block of BlockTokens
	// tokens, the last perhaps in part: prompts that begin with the same blocks
	// begin with the same tokens. Tokens beyond the blocks are the request's own.
	Blocks []uint64
}

// BlockTokens is the length of a block in Mooncake traces.
const BlockTokens = 512

// longest is beyond any trace, and fits a Duration.
const longest = 1e9 * time.Second

// maxTokens bounds the token counts that traces and datasets may ask for.
const maxTokens = 10_000_000

// ReadAzureTrace reads the CSV of the Azure LLM inference traces: a header,
// then TIMESTAMP (date and time of day, up to seven decimals, with or without
// an offset), ContextTokens, GeneratedTokens. Rows are put in order of time.
func ReadAzureTrace(in io.Reader) ([]Arrival, error) {
	r := csv.NewReader(in)
	header, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("read Azure trace: %w", err)
	}
	column, err := columns(header, "TIMESTAMP", "ContextTokens", "GeneratedTokens")
	if err != nil {
		return nil, fmt.Errorf("read Azure trace: %w", err)
	}
	var rows []Arrival
	var origin time.Time // of the first line, which need not be the earliest
	for {
		record, err := r.Read()
		if err == io.EOF {
			return finishTrace("Azure", rows)
		}
		if err != nil {
			return nil, fmt.Errorf("read Azure trace: %w", err)
		}
		line, _ := r.FieldPos(0)
		at, err := azureTime(record[column[0]])
		if err != nil {
			return nil, fmt.Errorf("read Azure trace: line %d: %w", line, err)
		}
		if len(rows) == 0 {
			origin = at
		}
		row := Arrival{At: at.Sub(origin)}
		if row.At.Abs() > longest {
			return nil, fmt.Errorf("read Azure trace: line %d: time stamp %q is more than %.0f years from that of the first line",
				line, record[column[0]], longest.Hours()/24/365)
		}
		if row.Prompt, err = tokenCount(record[column[1]]); err == nil {
			row.Output, err = tokenCount(record[column[2]])
		}
		if err != nil {
			return nil, fmt.Errorf("read Azure trace: line %d: %w", line, err)
		}
		rows = append(rows, row)
	}
}

func azureTime(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05-07:00"} {
		if t, err := time.Parse(layout, strings.TrimSpace(s)); err == nil { // a fraction may follow the seconds
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("time stamp %q: want YYYY-MM-DD hh:mm:ss.fffffff", s)
}

// columns finds the named columns, whatever their case.
func columns(header []string, names ...string) ([]int, error) {
	out := make([]int, len(names))
	for i, name := range names {
		out[i] = slices.IndexFunc(header, func(h string) bool {
			return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")), name)
		})
		if out[i] < 0 {
			return nil, fmt.Errorf("no column %q", name)
		}
	}
	return out, nil
}

func tokenCount(s string) (int, error) {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 || n > maxTokens {
		return 0, fmt.Errorf("token count %q: want 0 to %d", s, maxTokens)
	}
	return n, nil
}

// ReadMooncakeTrace reads the JSON lines of the Mooncake traces: timestamp in
// milliseconds, input_length, output_length, hash_ids. Rows are put in order of
// time.
func ReadMooncakeTrace(in io.Reader) ([]Arrival, error) {
	var rows []Arrival
	err := eachLine(in, func(line []byte) error {
		var v struct {
			Timestamp *float64 `json:"timestamp"`
			Input     *int     `json:"input_length"`
			Output    *int     `json:"output_length"`
			Hashes    []uint64 `json:"hash_ids"`
		}
		if err := json.Unmarshal(line, &v); err != nil {
			return err
		}
		switch {
		case v.Timestamp == nil || v.Input == nil || v.Output == nil:
			return errors.New("timestamp, input_length or output_length is missing")
		case !(*v.Timestamp >= 0 && *v.Timestamp < longest.Seconds()*1e3):
			return fmt.Errorf("timestamp %v", *v.Timestamp)
		case min(*v.Input, *v.Output) < 0 || max(*v.Input, *v.Output) > maxTokens:
			return fmt.Errorf("lengths %d and %d", *v.Input, *v.Output)
		}
		rows = append(rows, Arrival{
			At: time.Duration(*v.Timestamp * 1e6), Prompt: *v.Input, Output: *v.Output, Blocks: v.Hashes,
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read Mooncake trace: %w", err)
	}
	return finishTrace("Mooncake", rows)
}

// eachLine calls a function with each line that is not blank.
func eachLine(in io.Reader, do func([]byte) error) error {
	s := bufio.NewScanner(in)
	s.Buffer(nil, 64<<20)
	for n := 1; s.Scan(); n++ {
		if len(strings.TrimSpace(s.Text())) == 0 {
			continue
		}
		if err := do(s.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return s.Err()
}

// finishTrace sorts the rows and lets the first be at 0.
func finishTrace(name string, rows []Arrival) ([]Arrival, error) {
	if len(rows) == 0 {
		return nil, fmt.Errorf("read %s trace: no requests", name)
	}
	slices.SortStableFunc(rows, func(a, b Arrival) int { return cmp.Compare(a.At, b.At) })
	first := rows[0].At
	for i := range rows {
		rows[i].At -= first
	}
	return rows, nil
}
