package vllm

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vllm-sweep/sweep/launcher"
)

// failure is a log of a server that did not start, and what is to be made of
// it.
type failure struct {
	name, log            string
	exit                 int
	asked                map[string]string
	class                launcher.Class
	cause, remedy, limit string // parts
	not                  string // part that the remedy must not have
	certain              bool
	timeout              bool // it was stopped, because it was never ready
}

// failures reads testdata/failures.txtar.
func failures(t testing.TB) []failure {
	t.Helper()
	archive, err := txtar.ParseFile("testdata/failures.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var out []failure
	for _, file := range archive.Files {
		head, log, ok := strings.Cut(string(file.Data), "---\n")
		if !ok {
			t.Fatalf("%s has no ---", file.Name)
		}
		f := failure{name: file.Name, log: log, exit: 1, asked: map[string]string{}}
		for line := range strings.Lines(head) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
			switch key {
			case "exit":
				f.exit, err = strconv.Atoi(value)
			case "asked":
				for _, word := range strings.Fields(value) {
					name, v, _ := strings.Cut(word, "=")
					f.asked[name] = v
				}
			case "class":
				f.class = launcher.Class(value)
			case "cause":
				f.cause = value
			case "remedy":
				f.remedy = value
			case "limit":
				f.limit = value
			case "not":
				f.not = value
			case "certain":
				f.certain = value == "true"
			case "timeout":
				f.timeout = value == "true"
			default:
				t.Fatalf("%s: %q", file.Name, key)
			}
			if err != nil {
				t.Fatalf("%s: %v", file.Name, err)
			}
		}
		out = append(out, f)
	}
	return out
}

func (f failure) diagnose(t testing.TB, log string) launcher.Diagnosis {
	spec := launcher.Spec{LogPath: logFile(t, log), Engine: Engine(), Asked: f.asked}
	if f.timeout {
		return launcher.DiagnoseTimeout(spec)
	}
	return launcher.Diagnose(spec, launcher.Exit{Code: f.exit})
}

func TestFailures(t *testing.T) {
	for _, f := range failures(t) {
		t.Run(f.name, func(t *testing.T) {
			d := f.diagnose(t, f.log)
			if d.Class != f.class || d.Certain != f.certain {
				t.Errorf("class %q (certain %v), want %q (%v)", d.Class, d.Certain, f.class, f.certain)
			}
			if !strings.Contains(d.Cause.Text(), f.cause) {
				t.Errorf("cause %q, want %q", d.Cause.Text(), f.cause)
			}
			if !strings.Contains(d.Remedy.Text(), f.remedy) || f.not != "" && strings.Contains(d.Remedy.Text(), f.not) {
				t.Errorf("remedy %q, want %q and not %q", d.Remedy.Text(), f.remedy, f.not)
			}
			if strings.Contains(d.Remedy.Text(), "${") || strings.Contains(d.Remedy.Text(), "  ") {
				t.Errorf("remedy %q has a gap", d.Remedy.Text())
			}
			if f.limit != "" && (d.Limit == nil || limited(d.Limit) != f.limit) {
				t.Errorf("limit %v, want %q", d.Limit, f.limit)
			}
		})
	}
}

// limited is a limit as the cases write it: "max-num-seqs at most 600".
func limited(l *launcher.Limit) string {
	how := "most"
	if l.Least {
		how = "least"
	}
	return fmt.Sprintf("%s at %s %v", l.Flag, how, l.Value)
}

// Whatever writes the log and whatever else writes into it: class and cause
// stay. Each log is tried with random prefixes, lines of a second process
// between its own, warnings before and after, other line ends, progress bars,
// and without its beginning.
func TestFailuresInTheWorld(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 19))
	cases := failures(t)
	for _, c := range corpus {
		asked := map[string]string{}
		for f := range strings.FieldsSeq(c.asked) {
			name, value, _ := strings.Cut(f, "=")
			asked[name] = value
		}
		cases = append(cases, failure{name: c.name, log: strings.TrimPrefix(c.log, "\n"), exit: c.exit, asked: asked})
	}
	tried, changed := 0, 0
	for _, f := range cases {
		want := f.diagnose(t, f.log)
		for range 10 {
			log, how := mutate(random, f.log, want.Cause.Text())
			tried++
			if got := f.diagnose(t, log); got.Class != want.Class || got.Cause.Text() != want.Cause.Text() {
				changed++
				t.Logf("%s, %s:\n got %s: %s\nwant %s: %s", f.name, how, got.Class, got.Cause.Text(), want.Class, want.Cause.Text())
			}
		}
	}
	t.Logf("%d of %d changed", changed, tried)
	if changed*100 > tried {
		t.Errorf("%d of %d mutations changed class or cause, more than 1%%", changed, tried)
	}
}

var (
	worldPrefixes = []func(*rand.Rand) string{
		func(r *rand.Rand) string { return fmt.Sprintf("vllm-%d  | ", r.IntN(9)) },
		func(*rand.Rand) string { return "2026-11-30T21:39:51.123456789Z " },
		func(*rand.Rand) string { return "2026-11-30T21:39:51.123456789Z stderr F " },
		func(*rand.Rand) string { return "Nov 30 21:39:51 gpu-host-7 vllm[4711]: " },
		func(*rand.Rand) string { return "2026-11-30T21:39:51+0100 gpu-host-7 podman[4711]: " },
		func(*rand.Rand) string { return "[pod/vllm-7d9f/server] " },
		func(*rand.Rand) string { return "[1,0]<stderr>:" },
		func(r *rand.Rand) string { return fmt.Sprintf("(ServeReplica:llm pid=%d, ip=10.0.0.2) ", r.IntN(9999)) },
		func(r *rand.Rand) string { return fmt.Sprintf("%d: ", r.IntN(8)) },
		func(*rand.Rand) string { return "\x1b[36m(main)\x1b[0m " },
		func(*rand.Rand) string { return "[vllm] " },
		func(*rand.Rand) string { return "[21:39:51] " },
		func(*rand.Rand) string { return "gpu-host-7: " }, // pdsh: known only because all lines have it
	}
	worldNoise = []string{
		"(EngineCore_DP1 pid=99) INFO 08-17 12:00:03 [core.py:90] Waiting for init message from front-end.",
		"(Worker_TP7 pid=98) INFO 08-17 12:00:03 [gpu_model_runner.py:5420] Starting to load model m...",
		"(Worker_TP7 pid=98) WARNING 08-17 12:00:03 [x.py:1] OSError: [Errno 98] Address already in use",
		"(APIServer pid=97) INFO:     127.0.0.1:51460 - \"GET /health HTTP/1.1\" 200 OK",
		"[W1130 21:53:16.218135537 socket.cpp:209] [c10d] The hostname of the client socket cannot be retrieved. err=-3",
		"[rank1]:[W828 09:00:02.294674455 TCPStore.cpp:125] [c10d] recvValue failed on SocketImpl(fd=83): Connection reset by peer",
		"node7:92:92 [0] NCCL INFO NET/IB : No device found.",
		"node7:92:310 [3] NCCL INFO misc/socket.cc:64 -> 3",
		"/venv/lib/python3.12/site-packages/torch/cuda/__init__.py:61: FutureWarning: The pynvml package is deprecated.",
		"Loading safetensors checkpoint shards:  50% Completed | 1/2 [00:00<00:00, 97.66it/s]",
		"Capturing CUDA graphs (decode, FULL):  40%|████      | 14/35 [00:01<00:02,  8.11it/s]\rCapturing CUDA graphs (decode, FULL):  43%|████▎     | 15/35 [00:01<00:02,  8.13it/s]\r",
	}
)

// mutate makes another log of the same failure.
func mutate(r *rand.Rand, log, cause string) (mutated, how string) {
	lines := strings.Split(strings.TrimRight(log, "\n"), "\n")
	var did []string
	if r.IntN(3) == 0 { // what came before was lost, but not the cause
		first := len(lines)
		for i, line := range lines {
			if len(cause) > 0 && strings.Contains(line, cause[:min(len(cause), 25)]) {
				first = i
				break
			}
		}
		for first < len(lines) && first > 0 && (strings.Contains(lines[first-1], "validation error") || strings.HasSuffix(strings.TrimSpace(lines[first-1]), "_config")) {
			first-- // the message begins above
		}
		if first < len(lines) && first > 1 {
			cut := r.IntN(first)
			lines = lines[cut:]
			did = append(did, fmt.Sprintf("without %d lines", cut))
		}
	}
	if r.IntN(2) == 0 {
		var mixed []string
		for _, line := range lines {
			for r.IntN(3) == 0 {
				mixed = append(mixed, worldNoise[r.IntN(len(worldNoise))])
			}
			mixed = append(mixed, line)
		}
		lines = mixed
		did = append(did, "interleaved")
	}
	if r.IntN(2) == 0 {
		for range 1 + r.IntN(6) {
			lines = append([]string{worldNoise[r.IntN(len(worldNoise))]}, append(lines, worldNoise[r.IntN(len(worldNoise))])...)
		}
		did = append(did, "noise around")
	}
	if n := r.IntN(3); n > 0 {
		prefix := ""
		for range n {
			known := len(worldPrefixes)
			if len(lines) < 8 { // nothing can be learned from so few
				known--
			}
			prefix += worldPrefixes[r.IntN(known)](r)
		}
		for i := range lines {
			lines[i] = prefix + lines[i]
		}
		did = append(did, "prefix "+prefix)
	}
	end := "\n"
	if r.IntN(3) == 0 {
		end = "\r\n"
		did = append(did, "CRLF")
	}
	return strings.Join(lines, end) + end, strings.Join(did, ", ")
}
