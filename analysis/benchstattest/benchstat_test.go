package benchstattest

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"
)

const runs = "../testdata/runs.benchfmt"

func TestTheParserReadsEveryTrial(t *testing.T) {
	f, err := os.Open(runs)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := benchfmt.NewReader(f, runs)
	seen, better := map[string]int{}, map[string]string{}
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Error(rec)
		case *benchfmt.UnitMetadata:
			better[rec.OrigUnit] = rec.Value
		case *benchfmt.Result:
			seen[rec.GetConfig("run")]++
			if v, ok := rec.Value("output_throughput-tok/s"); !ok || v < 800 || v > 1200 {
				t.Errorf("%s: output throughput %v", rec.Name, v)
			}
			if v, ok := rec.Value("ttft_p50-sec"); !ok || v < .04 || v > .06 {
				t.Errorf("%s: time to first token %v", rec.Name, v)
			}
		}
	}
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	if seen["last month"] != 12 || seen["tonight"] != 12 {
		t.Errorf("trials by run: %v, want 12 each", seen)
	}
	if better["output_throughput-tok/s"] != "higher" || better["ttft_p50-sec"] != "lower" {
		t.Errorf("better directions: %v", better)
	}
}

func TestBenchstatFindsTheLoss(t *testing.T) {
	out, err := exec.Command("go", "run", "golang.org/x/perf/cmd/benchstat", "-col", "run", runs).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(out)
	for _, want := range []string{"last month", "tonight", "-10.0", "(p=0.002 n=6)", "ttft_p50-sec", "~"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
