package parquetfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// sample has columns of every kind that sweep writes.
type sample struct {
	ID    int32   `parquet:"id,delta"`
	Word  string  `parquet:"word,dict"`
	At    int64   `parquet:"at,delta"`
	Gaps  []int32 `parquet:"gaps,list"`
	N     int32   `parquet:"n"`
	Value float64 `parquet:"value"`
}

func samples(n int) []sample {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]sample, n)
	for i := range out {
		out[i] = sample{ID: int32(i), Word: fmt.Sprintf("word %d", i%5), At: random.Int64N(1e9), N: int32(i % 3), Value: random.Float64()}
		for range i % 7 {
			out[i].Gaps = append(out[i].Gaps, random.Int32N(50_000))
		}
	}
	return out
}

func file[T any](t testing.TB, rows []T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(&zstd.Codec{}), parquet.KeyValueMetadata("key", "value"))
	for i := range rows { // one by one, as a recording does
		if _, err := w.Write(rows[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func readAll(raw []byte) (rows []sample, value string, err error) {
	err = Read(bytes.NewReader(raw), int64(len(raw)), func(lookup func(string) (string, bool)) error {
		value, _ = lookup("key")
		return nil
	}, func(part []sample) error {
		rows = append(rows, part...)
		return nil
	})
	return rows, value, err
}

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 20_000} {
		want := samples(n)
		rows, value, err := readAll(file(t, want))
		if err != nil || value != "value" || len(rows) != n {
			t.Fatalf("%d rows: %d, %q, %v", n, len(rows), value, err)
		}
		for i := range rows {
			if len(rows[i].Gaps) == 0 {
				rows[i].Gaps = nil
			}
		}
		if n > 0 && !reflect.DeepEqual(rows, want) {
			t.Errorf("%d rows came back changed", n)
		}
	}
}

// Any byte of a file that is not as it was leaves either an error that says so,
// or the rows as they were written: the byte said nothing of them.
func TestEveryDamagedByte(t *testing.T) {
	raw := file(t, samples(60))
	want, _, err := readAll(raw)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range raw {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			bad := slices.Clone(raw)
			bad[i] ^= flip
			rows, _, err := readAll(bad)
			switch {
			case errors.Is(err, ErrDamaged):
				found++
			case err != nil:
				t.Fatalf("byte %d: %v", i, err)
			case !reflect.DeepEqual(rows, want):
				t.Fatalf("byte %d of %d (%#x): other rows without an error", i, len(raw), flip)
			}
		}
	}
	if found < 2*len(raw) {
		t.Errorf("%d of %d damages were found", found, 3*len(raw))
	}
}

func TestEveryTruncation(t *testing.T) {
	raw := file(t, samples(60))
	for i := range raw {
		if _, _, err := readAll(raw[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("%d of %d bytes: %v", i, len(raw), err)
		}
	}
}

// Numbers that a stranger may have written are held against the bytes that
// there are before anything is allocated.
func TestClaims(t *testing.T) {
	raw := file(t, samples(60))
	claim := func(name string, edit func([]byte) []byte, want string) {
		t.Helper()
		bad := edit(slices.Clone(raw))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err := readAll(bad)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
			t.Errorf("%s: %d MiB were allocated", name, took>>20)
		}
	}
	claim("a long footer", func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[len(b)-8:], 1<<31)
		return b
	}, "a footer of 2147483648 bytes")
	claim("a list in the footer", func([]byte) []byte {
		// Field 2, a list of structs, with 2^31 of them.
		footer := append([]byte{0x15, 0x02, 0x19, 0xfc}, binary.AppendUvarint(nil, 1<<31)...)
		out := append([]byte(magic), footer...)
		return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), magic...)
	}, "a list of 2147483648")
	claim("deep structs", func([]byte) []byte {
		footer := bytes.Repeat([]byte{0x1c}, 1<<19)
		out := append([]byte(magic), footer...)
		return append(binary.LittleEndian.AppendUint32(out, uint32(len(footer))), magic...)
	}, "nested too deeply")
	claim("not Parquet", func([]byte) []byte { return bytes.Repeat([]byte("x"), 1000) }, "does not begin and end")
	claim("nothing", func([]byte) []byte { return nil }, "EOF")
}

// Columns that nobody wrote are damage; columns that a former version did not
// have are not.
func TestColumns(t *testing.T) {
	type other struct {
		ID int32 `parquet:"ie,delta"`
	}
	type kind struct {
		ID int64 `parquet:"id,delta"`
	}
	type former struct {
		ID int32 `parquet:"id,delta"`
		N  int32 `parquet:"n"`
	}
	if _, _, err := readAll(file(t, []other{{1}})); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), `["ie"]`) {
		t.Errorf("another column: %v", err)
	}
	if _, _, err := readAll(file(t, []kind{{1}})); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "INT64, not INT32") {
		t.Errorf("another type: %v", err)
	}
	if rows, _, err := readAll(file(t, []former{{1, 2}})); err != nil || len(rows) != 1 || rows[0].N != 2 {
		t.Errorf("a former version: %v, %v", rows, err)
	}
}

// Errors of the caller are not damage; its panics on what the file holds are.
func TestErrorsOfTheReader(t *testing.T) {
	raw := file(t, samples(3))
	mine := io.ErrClosedPipe
	none := func(func(string) (string, bool)) error { return nil }
	if err := Read(bytes.NewReader(raw), int64(len(raw)), none, func([]sample) error { return mine }); err != mine {
		t.Errorf("got %v", err)
	}
	err := Read(bytes.NewReader(raw), int64(len(raw)), none, func([]sample) error { panic("a row that nobody has seen before") })
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "sweep itself failed on it (a row") {
		t.Errorf("got %v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(file(f, samples(0)))
	f.Add(file(f, samples(3)))
	f.Add(file(f, samples(60)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, _, err := readAll(raw); err != nil && !errors.Is(err, ErrDamaged) {
			t.Error(err)
		}
	})
}
