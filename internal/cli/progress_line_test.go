package cli

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vllm-sweep/sweep/internal/runner"
)

func TestProgressLine(t *testing.T) {
	now := time.Date(2026, 1, 2, 22, 50, 0, 0, time.UTC)
	st := runner.Status{
		Done: 12, Total: 48, Configuration: "max-num-seqs=64", Point: "chat c=16", Block: 1, Blocks: 3,
		Stage: runner.StageMeasuring, StageBegan: now.Add(-7 * time.Second), Share: .27, More: true,
		Left: runner.Left{Least: 97 * time.Minute, Most: 27 * time.Hour}, At: now.Add(-2 * time.Minute),
		Load: runner.LoadStatus{InWindow: true, Completed: 310, InFlight: 16, Failed: 2},
	}
	want := "[#####---------------] 12/48 + confirmation | ends between 00:25 and Sun 01:48 | round 1/3 | " +
		"max-num-seqs=64 | chat c=16 | measuring 7s, 16 in flight, 310 done, 2 FAILED"
	if got := progressLine(st, now, 200); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	starting := st
	starting.Point, starting.Stage, starting.Phase, starting.PhaseBegan = "", runner.StageStarting, "loading", now.Add(-41*time.Second)
	if got, want := stageText(starting, now), "starting, loading weights 41 s"; got != want {
		t.Errorf("starting: got %q, want %q", got, want)
	}
	if got, want := progressLine(st, now, 24), "12/48 + confirmation | …"; got != want {
		t.Errorf("narrow: got %q, want %q", got, want)
	}
	for width := range 80 {
		if n := utf8.RuneCountInString(progressLine(st, now, width)); n > max(width, 1) {
			t.Errorf("width %d: line of %d columns", width, n)
		}
	}
}

func TestSpark(t *testing.T) {
	if got := spark([]float64{0, 0.5, 1}); got != "▁▅█" {
		t.Errorf("got %s", got)
	}
	if got := spark([]float64{0, 0}); got != "▁▁" {
		t.Errorf("all zero: %s", got)
	}
}

// The live view draws several lines and takes them away again.
func TestLiveView(t *testing.T) {
	now := time.Date(2026, 1, 2, 22, 50, 0, 0, time.UTC)
	s := &screen{live: true, width: func() int { return 100 }, now: func() time.Time { return now }}
	s.Best([]string{"throughput: baseline at chat c=4, output throughput 1,500 tok/s"})
	s.Status(runner.Status{
		Done: 1, Total: 4, Configuration: "baseline", Point: "chat c=4", Block: 1, Blocks: 2, Stage: runner.StageMeasuring, StageBegan: now,
		Load: runner.LoadStatus{InWindow: true, InFlight: 4},
		Live: runner.Live{Rate: 12.5, TTFT: []float64{0.02, 0.04}, KVUsage: 0.41, Temperature: 62, Power: 540},
	})
	lines := strings.Split(string(s.render(nil, 0)), "\n")
	if len(lines) != 3 || lines[1] != "  12.5 req/s | TTFT ▅█ 40 ms | KV cache 41% | GPU 62 °C 540 W" || !strings.HasPrefix(lines[2], "  best so far: throughput: baseline") {
		t.Errorf("drawn %q", lines)
	}
	hello := []message{{at: now, text: "hello"}}
	if got := string(s.render(hello, 0)); !strings.HasPrefix(got, "\x1b[2A\r\x1b[J22:50:00 hello\n") {
		t.Errorf("message over the view: %q", got)
	}
	s.End()
	if got := string(s.render(hello, 0)); got != "\x1b[2A\r\x1b[J22:50:00 hello\n" {
		t.Errorf("message after the end: %q", got)
	}
}

func TestProgressAsJSON(t *testing.T) {
	now := time.Date(2026, 1, 2, 22, 50, 0, 0, time.UTC)
	s := &screen{json: true, now: func() time.Time { return now }}
	out := s.render([]message{{at: now, text: "begun"}}, 0)
	for range 3 { // a state a second, not more
		s.Status(runner.Status{
			Done: 1, Total: 4, Stage: runner.StageCooldown, Waiting: "GPU 0 at 62 °C, 38 wanted",
			Left: runner.Left{Least: time.Minute, Most: time.Hour}, At: now,
		})
		out = append(out, s.render(nil, 0)...)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var m jsonMessage
	var st jsonState
	if len(lines) != 2 || json.Unmarshal([]byte(lines[0]), &m) != nil || json.Unmarshal([]byte(lines[1]), &st) != nil {
		t.Fatalf("%q", lines)
	}
	if m.Text != "begun" || st.Event != "state" || st.LeftLeast != 60 || st.LeftMost != 3600 ||
		st.Waiting == "" || st.Total != 4 {
		t.Errorf("%+v, %+v", m, st)
	}
}

func TestMetricsOfARun(t *testing.T) {
	listener, err := listenFor("--metrics-listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x, at, err := serveMetrics(listener, "acme", new(screen))
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	x.Status(runner.Status{
		Done: 3, Total: 8, Stage: runner.StageMeasuring, Configuration: `max "seqs"`, Load: runner.LoadStatus{InFlight: 7},
		Live: runner.Live{Temperature: 61, Power: 500},
	})
	resp, err := http.Get(at)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sweep_trials_done{experiment="acme"} 3`, `sweep_load_in_flight{experiment="acme"} 7`, `sweep_gpu_temperature_celsius{experiment="acme"} 61`,
		`sweep_stage{configuration="max \"seqs\"",experiment="acme",load_point="",stage="measuring"} 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if _, err := listenFor("--port", "127.0.0.1:99999"); exitCode(err) != exitUsage {
		t.Errorf("a port that cannot be: %v", err)
	}
	if _, err := listenFor("--port", listener.Addr().String()); exitCode(err) != exitEnvironment {
		t.Errorf("a port in use: %v", err)
	}
}
