// Package parquetfile reads Parquet files that sweep wrote, as they come back:
// from a disk that lost bytes, or from a stranger. The library that decodes
// them trusts sizes and counts; here the whole file is gone through before it
// is decoded. Every page is within the file, has the checksum that its header
// states, unpacks to the size that it states, and holds no more values than
// such a size can; lists are no longer than what is left of the bytes; columns
// are those of the rows that are read; and as many rows come out as the file
// says that it has.
package parquetfile

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/vllm-sweep/sweep/internal/boundary"
)

// ErrDamaged is wrapped when a file is not as it was written.
var ErrDamaged = errors.New("the file is damaged")

// Read decodes a file of rows of type T. begin is called once with the file's
// metadata, then each with rows in the file's order; the slice is used again,
// what the rows point to is not. Errors of the two are returned as they are,
// all others wrap ErrDamaged.
func Read[T any](in io.ReaderAt, size int64, begin func(lookup func(key string) (string, bool)) error, each func([]T) error) error {
	err := boundary.Guard("a Parquet file", func() error { return read(in, size, begin, each) })
	var fault *boundary.PanicError
	if errors.As(err, &fault) {
		return damaged(fault)
	}
	return err
}

func damaged(err error) error { return fmt.Errorf("%w: %w", ErrDamaged, err) }

func read[T any](in io.ReaderAt, size int64, begin func(func(string) (string, bool)) error, each func([]T) error) error {
	if err := check(in, size); err != nil {
		return damaged(err)
	}
	file, err := parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return damaged(err)
	}
	if err := sameColumns(file.Schema(), parquet.SchemaOf(new(T))); err != nil {
		return damaged(err)
	}
	if err := begin(file.Lookup); err != nil {
		return err
	}
	rows := parquet.NewGenericReader[T](file)
	defer rows.Close()
	var have int64
	buf := make([]T, 512)
	for {
		clear(buf) // what the rows point to belongs to whoever took them
		n, err := rows.Read(buf)
		have += int64(n)
		if fault := each(buf[:n]); fault != nil {
			return fault
		}
		switch {
		case err == io.EOF && have != file.NumRows():
			return damaged(fmt.Errorf("%d rows where its footer says %d", have, file.NumRows()))
		case err == io.EOF:
			return nil
		case err != nil:
			return damaged(err)
		case n == 0:
			return damaged(io.ErrNoProgress)
		}
	}
}

// sameColumns refuses columns that the rows do not have: a name that lost a bit
// would be read as a column without values. Files from before a column existed
// lack it.
func sameColumns(have, want *parquet.Schema) error {
	for _, path := range have.Columns() {
		ours, ok := want.Lookup(path...)
		if !ok {
			return fmt.Errorf("a column %q that no version of sweep wrote", path)
		}
		theirs, _ := have.Lookup(path...)
		if a, b := theirs.Node.Type().Kind(), ours.Node.Type().Kind(); a != b {
			return fmt.Errorf("column %q holds %v, not %v", path, a, b)
		}
	}
	return nil
}
