package report

import (
	"bytes"
	"encoding/csv"
	"io"
	"strconv"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// The Parquet files say what the CSV files say, row by row, under the same
// names.
func TestParquetAgreesWithCSV(t *testing.T) {
	_, read := written(t, fixtureInput())
	for file, numbers := range map[string][]string{
		"results": {"center", "lo", "hi", "ratio", "ratio_lo", "ratio_hi", "p", "p_adjusted", "n", "gpus"},
		"trials":  {"value", "block", "order", "seed"},
	} {
		table, err := csv.NewReader(bytes.NewReader(read(file + ".csv"))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		content := read(file + ".parquet")
		f, err := parquet.OpenFile(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		columns := map[string]int{}
		for i, c := range f.Root().Columns() {
			columns[c.Name()] = i
		}
		for i, name := range table[0] {
			if at, ok := columns[name]; !ok || at != i {
				t.Errorf("%s: column %s is in place %d, want %d (there: %v)", file, name, at, i, ok)
			}
		}
		rows := allRows(t, f)
		if len(rows) != len(table)-1 || len(rows) == 0 {
			t.Fatalf("%s: %d rows, the CSV has %d", file, len(rows), len(table)-1)
		}
		for i, row := range rows {
			for _, name := range numbers {
				want, got := table[i+1][columns[name]], row[columns[name]]
				if want == "" {
					if !got.IsNull() && got.String() != "0" {
						t.Errorf("%s row %d %s: %s, want none", file, i, name, got)
					}
					continue
				}
				w, err := strconv.ParseFloat(want, 64)
				g, errG := strconv.ParseFloat(got.String(), 64)
				if err != nil || errG != nil || g != w {
					t.Errorf("%s row %d %s: %s, want %s", file, i, name, got, want)
				}
			}
		}
	}
}

func allRows(t *testing.T, f *parquet.File) []parquet.Row {
	t.Helper()
	var out []parquet.Row
	for _, g := range f.RowGroups() {
		rows := g.Rows()
		buf := make([]parquet.Row, 64)
		for {
			n, err := rows.ReadRows(buf)
			for _, r := range buf[:n] {
				out = append(out, r.Clone())
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := rows.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}
