package experiment

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// LengthsFile is one column, or several, of a CSV file of token counts.
type LengthsFile struct {
	Columns []string // names in the file's header
	Rows    [][]int  // per row, the wanted columns in the wanted order
	Digest  string   // SHA-256 of the file's bytes as stored, in hexadecimal
}

// ColumnError says that a CSV file lacks a column.
type ColumnError struct {
	Column string
	Header []string
}

func (e *ColumnError) Error() string {
	return fmt.Sprintf("no column %q; the columns are %s", e.Column, strings.Join(e.Header, ", "))
}

// ReadLengths reads the wanted columns of a CSV file of token counts with a
// header line; a name that ends in .gz is decompressed. Every value must be a
// whole number of at least 1. The error of a missing column is a *ColumnError.
func ReadLengths(path string, columns ...string) (*LengthsFile, error) {
	f, size, err := boundary.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	digest := sha256.New()
	stored := io.TeeReader(f, digest)
	r := stored
	if strings.HasSuffix(path, ".gz") {
		if r, err = boundary.Gunzip(stored, size); err != nil {
			return nil, fmt.Errorf("decompress %s: %w", path, err)
		}
	}
	out, err := readLengths(path, csv.NewReader(r), columns)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, stored); err != nil { // what the decoders left unread
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	out.Digest = hex.EncodeToString(digest.Sum(nil))
	return out, nil
}

func readLengths(path string, r *csv.Reader, columns []string) (*LengthsFile, error) {
	r.ReuseRecord = true
	first, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s is empty", path)
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	header := slices.Clone(first)
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	out := &LengthsFile{Columns: header}
	at := make([]int, len(columns))
	for i, c := range columns {
		if at[i] = slices.Index(header, c); at[i] < 0 {
			return nil, &ColumnError{c, header}
		}
	}
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		row := make([]int, len(at))
		for i, column := range at {
			n, err := strconv.Atoi(strings.TrimSpace(record[column]))
			if err != nil || n < 1 || n > math.MaxInt32 {
				line, _ := r.FieldPos(column)
				return nil, fmt.Errorf("%s:%d: %s is %q, not a whole number of at least 1", path, line, columns[i], record[column])
			}
			row[i] = n
		}
		out.Rows = append(out.Rows, row)
	}
	if len(out.Rows) == 0 {
		return nil, fmt.Errorf("%s has a header but no rows", path)
	}
	return out, nil
}

// moments are the mean and the standard deviation (of the file, not of a
// population it was drawn from) of the first wanted column.
func (f *LengthsFile) moments() (mean, stdev float64) {
	n := float64(len(f.Rows))
	for _, row := range f.Rows {
		mean += float64(row[0]) / n
	}
	for _, row := range f.Rows {
		d := float64(row[0]) - mean
		stdev += d * d / n
	}
	return mean, math.Sqrt(stdev)
}

func empiricalSection() section[Lengths] {
	return section[Lengths]{
		initial: Lengths{Kind: Empirical},
		fields: []field[Lengths]{
			must(bind("file", "CSV file with a header, also .gz. The path is relative to the experiment file.", lengthsPath(),
				func(l *Lengths) *string { return &l.File })),
			must(bind("column", "Column of token counts.", text("the name of a column"), func(l *Lengths) *string { return &l.Column })),
			bind("min", "Smallest length; smaller draws are raised to it.", whole(1, math.MaxInt32), func(l *Lengths) *int { return &l.Min }),
			bind("max", "Largest length; larger draws are lowered to it.", whole(1, math.MaxInt32), func(l *Lengths) *int { return &l.Max }),
		},
		check: func(d *decoder, path string, e entry, l *Lengths) {
			checkBounds(d, path, e, l)
			if l.File != "" && l.Column != "" {
				d.checkColumn(path, e, l)
			}
		},
	}
}

// lengthsPath is a file name, resolved against the experiment file.
func lengthsPath() value[string] {
	v := text("a file name")
	return value[string]{schema: v.schema, read: func(d *decoder, path string, e entry) (string, bool) {
		name, ok := v.read(d, path, e)
		if ok && !filepath.IsAbs(name) {
			name = filepath.Join(d.dir, name)
		}
		return name, ok
	}}
}

// checkColumn reads the whole column, so that a bad value is found now and
// not in the middle of the night.
func (d *decoder) checkColumn(path string, e entry, l *Lengths) {
	rows, err := ReadLengths(l.File, l.Column)
	if err == nil {
		l.Digest = rows.Digest
		l.Mean, l.Stdev = rows.moments()
		return
	}
	var missing *ColumnError
	if errors.As(err, &missing) {
		column, _ := e.value.get("column")
		a, _ := meantBy(l.Column, missing.Header)
		d.fail("unknown-column", column.place(), a)
		return
	}
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		err = fmt.Errorf("%s: %w", pathError.Path, pathError.Err)
	}
	d.badFile(path, e, "a CSV file of token counts", err)
}

// checkSameRows is a second look at lengths drawn from the same rows: both
// columns must exist together, which checkColumn has reported already.
func (d *decoder) checkSameRows(path string, e entry, l *Load) {
	if l.Prompt.Column != "" && l.Prompt.Column == l.Output.Column {
		output, _ := e.value.get("output_tokens")
		d.warn("columns-equal", output.key.at, args{"path": path})
	}
}
