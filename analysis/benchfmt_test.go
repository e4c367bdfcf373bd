package analysis

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

// benchfmtRuns are two runs of which the second has 10% less throughput.
func benchfmtRuns(t *testing.T) []byte {
	var b bytes.Buffer
	for _, side := range []struct {
		name   string
		factor float64
	}{{"last month", 1}, {"tonight", .9}} {
		r := newRun(2, 1)
		for b := range 6 {
			for c := range 2 {
				v := float64(1000+100*c) * side.factor * (1 + .002*float64((b+c)%5-2))
				r.add(c, 0, b+1, map[string]float64{throughput: v, "ttft_p50": .05 + .001*float64(b)})
			}
		}
		if err := WriteBenchfmt(&b, side.name, r.in, []string{throughput, "ttft_p50"}); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// The golden file is what package benchstattest gives to the real parser and to
// benchstat itself (make test-benchstat).
func TestWriteBenchfmt(t *testing.T) {
	got := benchfmtRuns(t)
	const golden = "testdata/runs.benchfmt"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
	if n := strings.Count(string(got), "\nBenchmarkServe/"); n != 24 {
		t.Errorf("%d lines, want one a trial: 24", n)
	}
}
