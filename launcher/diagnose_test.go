package launcher

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// Every remedy needs only groups that its pattern has.
func TestRemediesHaveNoGaps(t *testing.T) {
	for _, r := range slices.Concat(generalRules, typeRules) {
		if r.more != nil {
			continue // which gives what is missing
		}
		for _, p := range r.patterns {
			for _, name := range notice.Needs(r.remedy) {
				if p.SubexpIndex(name) < 0 {
					t.Errorf("remedy %q: pattern %q has no group %q", r.remedy, p, name)
				}
			}
		}
	}
}

func TestEvidenceIsBounded(t *testing.T) {
	var log strings.Builder
	log.WriteString("KeyError: 'first'\n")
	for range 1000 {
		log.WriteString("ValueError: " + strings.Repeat("x", 5000) + "\n")
	}
	d := Diagnose(Spec{LogPath: logFile(t, log.String())}, Exit{Code: 1})
	size := 0
	for _, e := range d.Evidence {
		size += len(e)
	}
	if len(d.Evidence) > maxEvidence+1 || size > (maxEvidence+1)*(maxEvidenceLine+3) {
		t.Errorf("%d lines, %d bytes of evidence", len(d.Evidence), size)
	}
	if d.Cause.Text() != "KeyError: 'first'" || d.Evidence[0] != d.Cause.Text() {
		t.Errorf("cause %q, evidence begins with %q", d.Cause.Text(), d.Evidence[0])
	}
}

// What a rule knows may lie behind the part of a line that is shown, in any kind
// of line that can be the cause; and a group may hold all of it.
func TestKnownPhraseBehindWhatIsShown(t *testing.T) {
	long := strings.Repeat("x", maxEvidenceLine) + "\u00e4 "
	engine := &Engine{
		Rules: []Rule{On(ClassEngineDead, `the sky is (?P<file>\w+)`, "model-file-missing")},
		Hints: []Rule{On(ClassTimeout, `looks (?P<path>\w+)`, "weights-missing")},
	}
	for line, want := range map[string]string{
		"RuntimeError: " + long + "No CUDA GPUs are available":       "The server finds no GPU.",
		"ERROR " + long + "CUDA out of memory":                       "Lower gpu-memory-utilization",
		"RuntimeError: " + long + "the sky is blue":                  "no blue",
		"vllm serve: error: " + long + "address already in use":      "Another program took the port",
		"vllm: error: unrecognized arguments: " + long:               "does not have xxx",
		"KeyError: 'first'\nERROR: " + long + "the sky is blue":      "no blue",
		"1 validation error for X\n  Value error, " + long + "Errno": "",
	} {
		d := Diagnose(Spec{LogPath: logFile(t, line), Engine: engine}, Exit{Code: 1})
		if !strings.Contains(d.Remedy.Text(), want) || len(d.Cause.Text()) > maxEvidenceLine+3 || len(d.Remedy.Text()) > 2*maxEvidenceLine || !utf8.ValidString(d.Cause.Text()) {
			t.Errorf("%.60q...: %d bytes of cause, remedy %q, want %q", line, len(d.Cause.Text()), d.Remedy.Text(), want)
		}
	}
	if d := Classify(long+"no space left on device", ClassBackend); d.Class != ClassDisk {
		t.Errorf("class %q", d.Class)
	}
	// A rule that is asked about another text than the one that it knows has
	// nothing to add, and says its remedy all the same.
	if got, _ := engine.Rules[0].fill(&complaint{message: "something else"}, nil); !strings.HasPrefix(got.Text(), "The model has no .") {
		t.Errorf("remedy %q", got.Text())
	}
}

func TestTimeoutNamesPhaseAndHint(t *testing.T) {
	log := logFile(t, "\n(EngineCore pid=9) INFO 08-17 12:00:03 [shm_broadcast.py:104] No available shared memory broadcast block found in 60 seconds. This typically happens when some processes are hanging.")
	phases := []Phase{{PhaseLaunched, 0}, {PhaseCompiling, 90 * time.Second}}
	engine := &Engine{Hints: []Rule{On(ClassTimeout, `No available shared memory broadcast block`, "worker-hangs")}}
	d := diagnoseTimeout(Spec{LogPath: log, ReadyTimeout: 10 * time.Minute, Engine: engine}, phases, os.ErrDeadlineExceeded, 0)
	if d.Class != ClassTimeout || !strings.Contains(d.Cause.Text(), "10m 00s (last phase: compiling, 1m 30s after the launch)") {
		t.Errorf("class %q, cause %q", d.Class, d.Cause.Text())
	}
	if !strings.Contains(d.Remedy.Text(), "A worker does not answer the engine") {
		t.Errorf("remedy %q", d.Remedy.Text())
	}
}

func logFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server.log")
	if err := os.WriteFile(path, []byte(strings.TrimPrefix(text, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestACauseIsWholeSentences(t *testing.T) {
	for in, want := range map[string]string{
		"World size (2) is larger than the number of available GPUs (1) in this node. If this is intentional and you are using:": "World size (2) is larger than the number of available GPUs (1) in this node.",
		"one sentence:": "one sentence:", "no colon. at the end": "no colon. at the end", "": "",
	} {
		if got := wholeSentences(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// What a container service says is classified by the same rules.
func TestClassify(t *testing.T) {
	for text, want := range map[string]Class{
		"write /var/lib/containers/storage/overlay: no space left on device":                       ClassDisk,
		"setting up CDI devices: unresolvable CDI devices nvidia.com/gpu=7":                        ClassGPUs,
		"rootlessport listen tcp 127.0.0.1:8000: bind: address already in use":                     ClassPort,
		"something that nobody has seen before":                                                    ClassBackend,
		"OSError: We couldn't connect to 'https://huggingface.co' to load this file":               ClassNetwork,
		"huggingface_hub.errors.GatedRepoError: 403 Client Error. Access to model x is restricted": ClassModel,
	} {
		if d := Classify(text, ClassBackend); d.Class != want || d.Cause.Text() != text || want != ClassBackend && d.Remedy.Code == "" {
			t.Errorf("%q: %+v, want %s", text, d, want)
		}
	}
}
