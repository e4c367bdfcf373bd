package telemetry

import (
	"fmt"
	"io"
	"math"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/vllm-sweep/sweep/internal/parquetfile"
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
// start plus their offsets. The error of a damaged file wraps
// parquetfile.ErrDamaged.
func ReadParquet(in io.ReaderAt, size int64) (start time.Time, readings []Reading, err error) {
	err = parquetfile.Read(in, size, func(lookup func(string) (string, bool)) (err error) {
		if v, _ := lookup(keyFormat); v != parquetFormat {
			return fmt.Errorf("format %q of the file: want %q", v, parquetFormat)
		}
		text, _ := lookup(keyStart)
		if start, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return fmt.Errorf("%s: %w", keyStart, err)
		}
		return nil
	}, func(rows []row) error {
		for _, r := range rows {
			if _, ok := usable(r.Value); !ok || !(math.Abs(r.Offset) < 1e9) {
				continue // files of before 2026-12 may have NaN
			}
			at := start.Add(time.Duration(r.Offset * float64(time.Second)))
			readings = append(readings, Reading{at, r.Source, int(r.Device), r.Metric, r.Label, r.Value})
		}
		return nil
	})
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("read telemetry: %w", err)
	}
	return start, readings, nil
}
