package telemetry

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fake is a GPU behind the interface, for the monitor's own behaviour.
type fake struct {
	sample func() ([]Sample, error)
}

func (fake) Source() string                             { return "fake" }
func (fake) Driver() string                             { return "" }
func (fake) Devices() []Device                          { return []Device{{Name: "fake"}} }
func (fake) Least() time.Duration                       { return time.Millisecond }
func (fake) Close() error                               { return nil }
func (f fake) Sample(context.Context) ([]Sample, error) { return f.sample() }
func steady() ([]Sample, error)                         { return []Sample{warm(50)}, nil }
func await(t *testing.T, what string, reached func() bool) {
	awaitFor(t, what, 10*time.Second, reached)
}

func awaitFor(t *testing.T, what string, atMost time.Duration, reached func() bool) {
	t.Helper()
	for began := time.Now(); !reached(); time.Sleep(time.Millisecond) {
		if time.Since(began) > atMost {
			t.Fatalf("never %s", what)
		}
	}
}

// A metrics page that hangs holds neither the other sources nor the end of a
// recording up.
func TestAScrapeThatHangsHoldsNothingUp(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1); <-release }))
	defer srv.Close()
	defer close(release)
	m := NewMonitor(fake{steady}, Intervals{GPU: 5 * time.Millisecond, Engine: 5 * time.Millisecond})
	m.Watch(srv.URL)
	rec := m.Record(0)
	await(t, "asked", func() bool { return asked.Load() > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	m.Now(ctx)
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("a reading with a limit of 20 ms took %s", took)
	}
	got := rec.Stop()
	await(t, "read the GPUs", func() bool { _, at, _ := m.LatestGPUs(); return !at.IsZero() })
	if len(got.Scrapes) != 0 || got.Counts[SourceEngine].Failures == 0 {
		t.Errorf("scrapes %v, counts %+v", got.Scrapes, got.Counts)
	}
	if !m.Close() {
		t.Error("the monitor did not end")
	}
}

// A driver that hangs or fails is counted and seen; the monitor ends without it.
func TestAGPUThatFailsIsCounted(t *testing.T) {
	var broken atomic.Bool
	m := NewMonitor(fake{func() ([]Sample, error) {
		if broken.Load() {
			return nil, errors.New("GPU is lost")
		}
		return steady()
	}}, Intervals{GPU: time.Millisecond})
	defer m.Close()
	rec := m.Record(0)
	await(t, "read", func() bool { _, at, _ := m.LatestGPUs(); return !at.IsZero() })
	broken.Store(true)
	await(t, "failed", func() bool { _, _, err := m.LatestGPUs(); return err != nil })
	c := rec.Stop().Counts[SourceGPU]
	if c.Reads == 0 || c.Failures == 0 || c.LastError != "GPU is lost" || c.Gap <= 0 {
		t.Errorf("%+v", c)
	}
}

func TestReadingsAsParquet(t *testing.T) {
	start := time.Now()
	in := []Reading{
		{start.Add(-time.Second), SourceGPU, 1, Temperature, "", 61.5},
		{start.Add(1500 * time.Millisecond), SourceGPU, 0, ProcessMemory, "4711", 5 << 30},
		{start.Add(2 * time.Second), SourceEngine, -1, Running, "", 7},
	}
	path := filepath.Join(t.TempDir(), "t.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := WriteParquet(f, start, in); err != nil {
		t.Fatal(err)
	}
	info, _ := f.Stat()
	at, out, err := ReadParquet(f, info.Size())
	if err != nil || len(out) != len(in) || at.Sub(start).Abs() > time.Microsecond {
		t.Fatalf("%v, %d readings, %v", at, len(out), err)
	}
	for i, r := range out {
		if r.At.Sub(at) != in[i].At.Sub(start) || r.Metric != in[i].Metric || r.Label != in[i].Label || r.Device != in[i].Device || r.Value != in[i].Value {
			t.Errorf("reading %d: %+v, want %+v", i, r, in[i])
		}
	}
	if _, _, err := ReadParquet(strings.NewReader("no parquet"), 10); err == nil {
		t.Error("something else was read")
	}
}

// TestRealGPU reads the GPUs of this machine, where it has some.
func TestRealGPU(t *testing.T) {
	g, err := OpenGPUs(t.Context())
	if errors.Is(err, ErrNoGPU) {
		t.Skip("NOT TESTED: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	m := NewMonitor(g, Intervals{})
	rec := m.Record(0)
	cpu, _ := processCPU()
	began := time.Now()
	awaitFor(t, "sampled 25 times", 30*time.Second, func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return rec.counts[SourceGPU].Reads >= 25
	})
	now, _ := processCPU()
	got := rec.Stop()
	m.Close()
	seen := map[string]bool{}
	for _, r := range got.Readings {
		seen[r.Metric] = true
	}
	var offered []string
	for q := range seen {
		offered = append(offered, q)
	}
	t.Logf("%s, driver %s, %d GPUs: %.3f %% of one core at %s; offered %v; first sample %+v", g.Source(), g.Driver(), len(g.Devices()),
		100*(now-cpu).Seconds()/time.Since(began).Seconds(), m.GPUEvery(), offered, got.Readings[:min(20, len(got.Readings))])
	for _, q := range []string{Temperature, MemoryUsed} {
		if !seen[q] {
			t.Errorf("%s was never read", q)
		}
	}
	if c := got.Counts[SourceGPU]; c.Failures > 0 {
		t.Errorf("%d failures, last %s", c.Failures, c.LastError)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkScrape is the cost of reading one page of metrics of the size that
// vLLM serves, without the transfer.
func BenchmarkScrape(b *testing.B) {
	page, err := os.ReadFile("testdata/vllm-2026.prom")
	if err != nil {
		b.Fatal(err)
	}
	var other strings.Builder
	for i := range 40 { // histograms that nobody asked for
		name := "vllm:other_" + string(rune('a'+i%26)) + string(rune('a'+i/26))
		other.WriteString("# TYPE " + name + " histogram\n")
		for j := range 22 {
			other.WriteString(name + `_bucket{engine="0",le="` + string(rune('a'+j)) + `",model_name="meta-llama/Llama-3.1-8B-Instruct"} 12345.0` + "\n")
		}
	}
	text := string(page) + other.String()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := parseEngine(strings.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHost is the cost of one reading of host and process.
func BenchmarkHost(b *testing.B) {
	var h hostReader
	for b.Loop() {
		h.read()
		readClient()
	}
}

// A reader that panics on what a driver or an engine says is counted as a
// failure of that source; it is asked again, and the others go on.
func TestAReaderThatPanics(t *testing.T) {
	var broken atomic.Bool
	var panics atomic.Int32
	broken.Store(true)
	m := NewMonitor(fake{func() ([]Sample, error) {
		if broken.Load() {
			panics.Add(1)
			panic("a table that nobody has seen before")
		}
		return steady()
	}}, Intervals{GPU: time.Millisecond})
	defer m.Close()
	rec := m.Record(0)
	before := panics.Load() // the next one may have begun before the recording
	await(t, "failed", func() bool { _, _, err := m.LatestGPUs(); return err != nil && panics.Load() >= before+3 })
	broken.Store(false)
	await(t, "read again", func() bool { _, at, _ := m.LatestGPUs(); return !at.IsZero() })
	c := rec.Stop().Counts[SourceGPU]
	if c.Failures == 0 || !strings.Contains(c.LastError, "the GPUs' state: sweep itself failed on it (a table") {
		t.Errorf("%+v", c)
	}
}
