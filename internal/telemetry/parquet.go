package telemetry

import (
	"fmt"
	"io"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// row is one reading in a Parquet file. Offset counts from the file's start,
// on the monotonic clock.
type row struct {
	Offset float64 `parquet:"offset_s"`
	Source string  `parquet:"source,dict"`
	Device int32   `parquet:"device"`
	Metric string  `parquet:"metric,dict"`
	Label  string  `parquet:"label,dict"`
	Value  float64 `parquet:"value"`
}

// Keys of the file's metadata.
const (
	keyFormat = "sweep.telemetry" // format version
	keyStart  = "sweep.start"     // wall clock of offset 0, RFC 3339 with nanoseconds

	parquetFormat = "1"
)

// WriteParquet writes readings with their offsets from start, in long form:
// one row a value.
func WriteParquet(w io.Writer, start time.Time, readings []Reading) error {
	pw := parquet.NewGenericWriter[row](w,
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}),
		parquet.KeyValueMetadata(keyFormat, parquetFormat),
		parquet.KeyValueMetadata(keyStart, start.UTC().Format(time.RFC3339Nano)),
	)
	rows := make([]row, 0, 1024)
	flush := func() error {
		_, err := pw.Write(rows)
		rows = rows[:0]
		return err
	}
	for _, r := range readings {
		rows = append(rows, row{r.At.Sub(start).Seconds(), r.Source, int32(r.Device), r.Metric, r.Label, r.Value})
		if len(rows) == cap(rows) {
			if err := flush(); err != nil {
				return fmt.Errorf("write telemetry: %w", err)
			}
		}
	}
	if err := flush(); err != nil {
		return fmt.Errorf("write telemetry: %w", err)
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("write telemetry: %w", err)
	}
	return nil
}

// ReadParquet reads what WriteParquet wrote. The times of the readings are
// start plus their offsets.
func ReadParquet(in io.ReaderAt, size int64) (start time.Time, readings []Reading, err error) {
	file, err := parquet.OpenFile(in, size)
	if err != nil {
		return start, nil, fmt.Errorf("read telemetry: %w", err)
	}
	if v, _ := file.Lookup(keyFormat); v != parquetFormat {
		return start, nil, fmt.Errorf("read telemetry: format %q of the file: want %q", v, parquetFormat)
	}
	text, _ := file.Lookup(keyStart)
	if start, err = time.Parse(time.RFC3339Nano, text); err != nil {
		return start, nil, fmt.Errorf("read telemetry: %s: %w", keyStart, err)
	}
	pr := parquet.NewGenericReader[row](file)
	defer pr.Close()
	readings = make([]Reading, 0, file.NumRows())
	buf := make([]row, 1024)
	for {
		n, err := pr.Read(buf)
		for _, r := range buf[:n] {
			at := start.Add(time.Duration(r.Offset * float64(time.Second)))
			readings = append(readings, Reading{at, r.Source, int(r.Device), r.Metric, r.Label, r.Value})
		}
		if err == io.EOF {
			return start, readings, nil
		}
		if err != nil {
			return start, nil, fmt.Errorf("read telemetry: %w", err)
		}
	}
}
