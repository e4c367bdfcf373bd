package matrix

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vllm-sweep/sweep/experiment"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "rewrite the golden files under testdata")

func parse(t rapid.TB, text string) *experiment.Experiment {
	t.Helper()
	e, ds := experiment.Parse("test.yaml", []byte(text))
	if ds.HasErrors() {
		var b strings.Builder
		_ = ds.WriteText(&b, false)
		t.Fatalf("%s\n%s", text, b.String())
	}
	return e
}

func plan(t rapid.TB, text string) *Plan {
	t.Helper()
	p, err := New(parse(t, text))
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return p
}

// TestPlans compares the printed plans of testdata with golden text.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 4 {
		t.Fatalf("files %v, error %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			p := plan(t, string(text))
			if err := p.WriteText(&got); err != nil {
				t.Fatal(err)
			}
			got.WriteString("\nIDs, which the text leaves out\n")
			for _, c := range p.Configurations {
				fmt.Fprintf(&got, "  %s  %s\n", c.ID, c.Label)
			}
			for _, l := range p.LoadPoints {
				fmt.Fprintf(&got, "  %s  %s\n", l.ID, l.Label)
			}
			name := strings.TrimSuffix(file, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("(-want +got); go test -update rewrites it:\n%s", diff)
			}
		})
	}
}

const tail = `loads:
  chat: {prompt_tokens: 10, output_tokens: 10, arrivals: {poisson: [1, 2]}, duration: 10s}
`

// text is an experiment with the given flags and matrix, each as YAML in flow
// style.
func text(flags, matrix string) string {
	return "version: 1\nname: t\nserver: {model: m, simulated: {gpus: 8}, flags: " + flags + "}\nmatrix: " + matrix + "\n" + tail
}

// TestLevelEqualToBaseline expects a level that means the baseline to add no
// configuration, however it is written.
func TestLevelEqualToBaseline(t *testing.T) {
	p := plan(t, text("{gpu-memory-utilization: 0.90, a: 1}", "{parameters: {gpu_memory_utilization: [0.9, 0.95], b: [null, 5], a: [1.0, 1k]}}"))
	var labels []string
	for _, c := range p.Configurations {
		labels = append(labels, c.Label)
	}
	want := []string{"baseline", "gpu-memory-utilization=0.95", "b=5", "a=1k"}
	if diff := cmp.Diff(want, labels); diff != "" {
		t.Error(diff)
	}
	if base, ok := p.Baseline(); !ok || base.Flags[0].Value != "0.90" {
		t.Errorf("baseline %+v", base)
	}
}

// TestLevelUnset expects null to take a baseline flag away.
func TestLevelUnset(t *testing.T) {
	p := plan(t, text("{quantization: fp8, a: 1}", "{parameters: {quantization: [null]}}"))
	c := p.Configurations[1]
	if diff := cmp.Diff([]string{"--a", "1"}, c.Flags.Args("")); diff != "" || c.Label != "quantization=default" {
		t.Errorf("%s: %s", c.Label, diff)
	}
}

func TestExclusions(t *testing.T) {
	p := plan(t, text("{a: 1, b: 1}", "{strategy: grid, parameters: {a: [1, 2], b: [1, 2], c: [null, true]}, exclude: [{a: 2, b: 2}, {b: 2.0, c: null}]}"))
	var got []string
	for _, x := range p.Excluded {
		got = append(got, x.Label+": "+x.Reason)
	}
	want := []string{
		"b=2: matches exclude b=2.0 c=default",
		"a=2 b=2: matches exclude a=2 b=2",
		"a=2 b=2 c=true: matches exclude a=2 b=2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := len(p.Configurations); n != 5 {
		t.Errorf("%d configurations", n)
	}
}

func TestBaselineExcluded(t *testing.T) {
	e := parse(t, text("{a: 1}", "{parameters: {a: [1, 2]}, exclude: [{a: 1}]}"))
	if p, err := New(e); err == nil || !strings.Contains(err.Error(), "a=1") {
		t.Errorf("plan %v, error %v", p, err)
	}
}

func TestTooLarge(t *testing.T) {
	levels := make([]string, 100)
	for i := range levels {
		levels[i] = fmt.Sprint(i)
	}
	list := "[" + strings.Join(levels, ", ") + "]"
	e := parse(t, text("{}", "{strategy: grid, parameters: {a: "+list+", b: "+list+", c: "+list+"}}"))
	if _, err := New(e); err == nil || !strings.Contains(err.Error(), "1000000 combinations") {
		t.Errorf("error %v", err)
	}
	e = parse(t, text("{}", "{strategy: grid, parameters: {a: "+list+", b: "+list+"}}"))
	if _, err := New(e); err == nil || !strings.Contains(err.Error(), "results, more than the limit") {
		t.Errorf("error %v", err)
	}
}

func TestListRepetition(t *testing.T) {
	p := plan(t, text("{a: 1}", "{strategy: list, configurations: [{a: 2}, {b: 3}, {a: 2.0}]}"))
	if len(p.Configurations) != 3 || len(p.Warnings) != 1 || p.Warnings[0].Code != "configuration-repeated" || p.Warnings[0].Args["n"].String() != "3" {
		t.Errorf("%d configurations, warnings %q", len(p.Configurations), p.Warnings)
	}
}

// TestSequential expects one start per configuration, in declaration order,
// and a warning of what that costs.
func TestSequential(t *testing.T) {
	p := plan(t, text("{a: 1}", "{parameters: {a: [2, 3]}}")+"trials: {order: sequential, repeat: 2}\n")
	if len(p.Starts) != 3 {
		t.Fatalf("%d starts", len(p.Starts))
	}
	for i, s := range p.Starts {
		if s.Configuration != p.Configurations[i].ID || len(s.Trials) != 4 || s.Trials[0].Block != 1 || s.Trials[3].Block != 2 {
			t.Errorf("start %+v", s)
		}
	}
	if len(p.Warnings) != 1 || p.Warnings[0].Code != "order-sequential" {
		t.Errorf("warnings %q", p.Warnings)
	}
}

// TestSweepIsCalibrated expects the ends of a sweep to be run on the baseline
// before everything else.
func TestSweepIsCalibrated(t *testing.T) {
	p := plan(t, strings.Replace(text("{a: 1}", "{parameters: {a: [2]}}"), "{poisson: [1, 2]}", "{sweep: 4}", 1))
	first := p.Starts[0]
	base, _ := p.Baseline()
	if first.Purpose != PurposeFindRates || first.Block != 0 || first.Configuration != base.ID || len(first.Trials) != 2 {
		t.Fatalf("first start %+v", first)
	}
	var values []float64
	for _, l := range p.LoadPoints {
		values = append(values, l.Value)
	}
	if diff := cmp.Diff([]float64{0, 1. / 3, 2. / 3, 1}, values); diff != "" {
		t.Error(diff)
	}
	for _, s := range p.Starts[1:] {
		if s.Purpose != PurposeMeasure {
			t.Errorf("start %+v", s)
		}
	}
}

func TestGPUs(t *testing.T) {
	p := plan(t, text("{tensor-parallel-size: 2, data-parallel-size: 3}", "{parameters: {pipeline-parallel-size: [2]}}"))
	if p.Configurations[0].GPUs != 6 || p.Configurations[1].GPUs != 12 {
		t.Errorf("%d and %d GPUs", p.Configurations[0].GPUs, p.Configurations[1].GPUs)
	}
}

// TestEstimate does one sum by hand.
func TestEstimate(t *testing.T) {
	p := plan(t, `version: 1
name: t
server: {model: m, process: {command: [vllm, serve]}, flags: {tensor-parallel-size: 2}}
matrix: {parameters: {a: [1]}}
loads:
  open: {prompt_tokens: 10, output_tokens: 100, arrivals: {poisson: 4}, requests: 100}
  both: {prompt_tokens: 10, output_tokens: 100, arrivals: {poisson: 4}, requests: 100, duration: 20s}
  closed: {prompt_tokens: 10, output_tokens: 100, arrivals: {concurrency: 4}, requests: 10}
trials: {repeat: 2, warmup: 5s}
cooldown: {at_least: 10s}
`)
	// One request takes 0.5 s + 100 x 20 ms = 2.5 s; the windows take 100/4 =
	// 25 s, 20 s and 3 rounds of 2.5 s = 7.5 s.
	measuring := 4 * (3*(5+2.5) + 25 + 20 + 7.5)
	want := Estimate{
		Starts: 4, Trials: 12, PerStart: 2 * time.Minute, Loading: 8 * time.Minute,
		Measuring: time.Duration(measuring * float64(time.Second)), CoolingDown: 40 * time.Second, UnknownTrials: 4,
	}
	want.Total = want.Loading + want.Measuring + want.CoolingDown
	want.GPUHours = 2 * want.Total.Hours()
	near := cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })
	if diff := cmp.Diff(want, p.Estimate, near); diff != "" {
		t.Error(diff)
	}
}

// TestIDsDifferByLoad changes each thing that decides which requests are sent.
func TestIDsDifferByLoad(t *testing.T) {
	const base = "{prompt_tokens: 10, output_tokens: 10, arrivals: {poisson: 1}, duration: 10s}"
	id := func(load string) string {
		return plan(t, strings.Replace(text("{}", "{}"), tail, "loads: {chat: "+load+"}\n", 1)).LoadPoints[0].ID
	}
	seen := map[string]string{id(base): base}
	for _, change := range [][2]string{
		{"prompt_tokens: 10", "prompt_tokens: 11"},
		{"prompt_tokens: 10", "prompt_tokens: {normal: {mean: 10, stdev: 1}}"},
		{"prompt_tokens: 10", "prompt_tokens: {lognormal: {mean: 10, stdev: 1}}"},
		{"output_tokens: 10", "output_tokens: 11"},
		{"poisson: 1", "poisson: 1.5"},
		{"poisson: 1", "constant: 1"},
		{"poisson: 1", "concurrency: 1"},
		{"poisson: 1", "poisson: 1, max_concurrency: 5"},
		{"duration: 10s", "duration: 11s"},
		{"duration: 10s", "requests: 10"},
		{"duration: 10s", "duration: 10s, api: chat"},
		{"duration: 10s", "duration: 10s, timeout: 5s"},
		{"duration: 10s", "duration: 10s, ignore_eos: false"},
	} {
		load := strings.Replace(base, change[0], change[1], 1)
		if other, taken := seen[id(load)]; taken {
			t.Errorf("%s and %s have one ID", load, other)
		}
		seen[id(load)] = load
	}
}

// TestIDsDifferByServer changes each thing that decides which server runs.
func TestIDsDifferByServer(t *testing.T) {
	seen := map[string]string{}
	for _, server := range []string{
		"model: m, simulated: {}", "model: n, simulated: {}", "model: m, simulated: {gpu: A10G}", "model: m, simulated: {gpus: 2}",
		"model: m, simulated: {speedup: 2}", "model: m, simulated: {args: [x]}", "model: m, process: {command: [a]}", "model: m, process: {command: [a, b]}",
		"model: m, process: {command: [a], env: {A: 1}}", "model: m, process: {command: [a], env: {A: {from_env: B}}}",
		`model: m, podman: {image: "localhost/a:1"}`, `model: m, podman: {image: "localhost/a:2"}`, `model: m, podman: {image: "localhost/a:1", gpus: all}`,
		`model: m, podman: {image: "localhost/a:1", model: none}`, `model: m, podman: {image: "localhost/a:1", model: positional}`,
		"model: m, endpoint: http://a", "model: m, endpoint: http://b",
	} {
		p := plan(t, "version: 1\nname: t\nserver: {"+server+"}\n"+tail)
		if other, taken := seen[p.Configurations[0].ID]; taken {
			t.Errorf("%s and %s have one ID", server, other)
		}
		seen[p.Configurations[0].ID] = server
	}
}
