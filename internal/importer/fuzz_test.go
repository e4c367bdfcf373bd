package importer

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fuzzed reads data as one shape: whatever it holds, the reader ends with
// results that are sound or with a fault that names the file.
func fuzzed(t *testing.T, kind shape, data []byte) {
	t.Helper()
	out, err := parse(bytesSource("f", data), kind, nil)
	if err != nil {
		if !strings.HasPrefix(err.Error(), "f") {
			t.Fatalf("an error without its file: %v", err)
		}
		return
	}
	for i := range out {
		r := &out[i]
		r.check()
		for name, v := range r.Metrics {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s = %v", name, v)
			}
		}
		if _, err := json.Marshal([]any{r.Load, r.Window, r.TokensPerChunk, r.outputMean, r.TooFew}); err != nil {
			t.Fatal(err)
		}
		if r.InputTokens < 0 || r.OutputTokens < 0 {
			t.Fatalf("%d input and %d output tokens", r.InputTokens, r.OutputTokens)
		}
	}
}

func fuzz(f *testing.F, kind shape, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
		f.Add([]byte(s[:len(s)/2]))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzed(t, kind, data) })
}

func FuzzGuideLLM(f *testing.F) { fuzz(f, shapeGuideLLM, strippedD1, completeD4) }
func FuzzGuideYAML(f *testing.F) {
	fuzz(f, shapeGuideYAML, strippedD1, "benchmarks:\n- metrics: &a {b: *a}\n")
}
func FuzzBenchServe(f *testing.F) { fuzz(f, shapeBench, detailedBench, "[{}]", "{}{}") }
func FuzzAIRecords(f *testing.F) {
	fuzz(f, shapeAIRecords, aiperfRecords, fivePhases[1].records(1, 0, true)+fivePhases[3].records(3, 9, true))
}
func FuzzAISummary(f *testing.F) { fuzz(f, shapeAISummary, aiperfSummary, fivePhases[1].summary("")) }

func FuzzInferencePerf(f *testing.F) {
	fuzz(f, shapeLifecycle, `{"load_summary":{"requested_rate":1,"achieved_rate":0.5},"successes":{"count":60,"latency":{"request_latency":{"mean":0.48,"median":null}},"throughput":{"requests_per_sec":1.0},"output_len":{"mean":63}},"failures":{"count":0}}`)
}

func FuzzPerfRequests(f *testing.F) {
	fuzz(f, shapePerfRequests, `[{"start_time":1,"end_time":2,"info":{"output_tokens":2,"output_token_times":[1.5,1.2]},"error":null}]`)
}

func FuzzInferenceMAX(f *testing.F) {
	fuzz(f, shapeMax, `[{"hw":"h","tp":8,"conc":64,"tput_per_gpu":1,"mean_ttft":0.1}]`)
}

func FuzzCSV(f *testing.F) {
	fuzz(f, shapeCSV, "ttft_p50_ms,n_ok,config\n1,2,a\n", "request_throughput,completed,duration,max-num-seqs\n1,2,3,4\n", "a;b;c\n1;2\n")
}

func FuzzSniff(f *testing.F) {
	for _, s := range []string{strippedD1, completeD4, detailedBench, aiperfRecords, "a,b,c\n1,2,3\n", "NaN", "[[", "{\"a\":NaN"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		kind, why, err := sniff(bytesSource("f", data))
		if err == nil && kind == shapeNone && why.Code == "" {
			t.Fatal("no reason given")
		}
	})
}

// generated is a report of so many requests, made while it is read.
type generated struct {
	n, i int
	rest string
}

func (g *generated) Read(p []byte) (int, error) {
	for len(g.rest) == 0 {
		switch {
		case g.i == 0:
			g.rest = `{"benchmarks":[{"args":{"strategy":{"type_":"synchronous"}},"requests":{"successful":[`
		case g.i <= g.n:
			g.rest = `{"prompt":"` + strings.Repeat("word ", 200) + `","prompt_tokens":10,"output_tokens":5,"start_time":1749157168.0,"end_time":1749157169.0,"first_token_time":1749157168.5,"last_token_time":1749157169.0}`
			if g.i < g.n {
				g.rest += ","
			}
		case g.i == g.n+1:
			g.rest = `]}}]}`
		default:
			return 0, io.EOF
		}
		g.i++
	}
	n := copy(p, g.rest)
	g.rest = g.rest[n:]
	return n, nil
}

// A report whose texts are far larger than what is kept of it: what is held is
// by request, not by byte.
func TestALargeReportIsStreamed(t *testing.T) {
	const n = 20_000 // about 24 MB
	src := source{name: "large", open: func() (io.ReadCloser, error) { return io.NopCloser(&generated{n: n}), nil }}
	f, _ := src.open()
	out, err := readGuideLLM(newStream(src, f))
	if err != nil || len(out) != 1 || len(out[0].Run.Requests) != n {
		t.Fatalf("%d results, %v", len(out), err)
	}
}

// A reader that ends in the middle, at every byte of a report, leaves an error
// that names the place, and never a result of a part.
func TestEveryTruncationIsAnError(t *testing.T) {
	for i := 1; i < len(completeD4); i += 7 {
		_, err := parse(bytesSource("cut.json", []byte(completeD4[:i])), shapeGuideLLM, nil)
		var fault *FaultError
		if !errors.As(err, &fault) || fault.Line == 0 {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
}

func TestABinaryOrUnreadableFileIsTold(t *testing.T) {
	dir := t.TempDir()
	gz := filepath.Join(dir, "r.json.gz")
	write(t, gz, "\x1f\x8bnot gzip")
	if _, _, err := Read(gz, Options{}); err == nil || !strings.Contains(err.Error(), "unpack") {
		t.Errorf("%v", err)
	}
	bin := filepath.Join(dir, "r.parquet")
	write(t, bin, "PAR1\x00\x01")
	if _, _, err := Read(bin, Options{}); err == nil || !strings.Contains(err.Error(), "binary") {
		t.Errorf("%v", err)
	}
	if _, _, err := Read(filepath.Join(dir, "none"), Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	im, err := Begin(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer im.Close()
	if _, err := im.Write("x", "v", time.Now(), Declared{}); err == nil {
		t.Error("a run directory of nothing was written")
	}
}
