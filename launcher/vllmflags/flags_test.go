package vllmflags

import (
	"slices"
	"strings"
	"testing"
)

func TestEveryFlagIsListedOnceAndChecksItself(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range Table() {
		for _, name := range append([]string{f.Name}, f.Short...) {
			if seen[name] {
				t.Errorf("%s is listed twice", name)
			}
			seen[name] = true
		}
		if strings.ContainsAny(f.Name, "_ ") || strings.HasPrefix(f.Name, "-") {
			t.Errorf("%q is not spelled as vLLM spells it", f.Name)
		}
		for _, c := range f.Choices {
			if err := f.Check(c); err != nil {
				t.Errorf("%s refuses its own choice %s: %v", f.Name, c, err)
			}
		}
		if f.Old && f.Instead == "" {
			t.Errorf("%s was removed, and nothing says what to do instead", f.Name)
		}
	}
	if len(seen) < 200 {
		t.Errorf("%d flags: the table lost some", len(seen))
	}
}

func TestReleasesHaveTheirFlags(t *testing.T) {
	for _, c := range []struct {
		flag    string
		release int
		want    bool
	}{
		{"max-num-seqs", 8, true}, {"max-num-seqs", Newest, true}, {"max-num-seqs", Newest + 9, true},
		{"swap-space", 17, true}, {"swap-space", 18, false},
		{"cuda-graph-sizes", 12, true}, {"cuda-graph-sizes", 13, false},
		{"scheduler-reserve-full-isl", 18, false}, {"scheduler-reserve-full-isl", 19, true},
		{"task", 8, false},
	} {
		f, ok := Find(c.flag)
		if !ok || f.In(c.release) != c.want || slices.Contains(Names(c.release), c.flag) != c.want {
			t.Errorf("%s in 0.%d: found %v, has %v, want %v", c.flag, c.release, ok, f.In(c.release), c.want)
		}
	}
}

func TestRelease(t *testing.T) {
	for text, want := range map[string]int{
		"v0.27.1": 27, "0.8.5": 8, "0.11.0rc2": 11, "v0.20.0-x86_64": 20, "0.21.0.dev3+g1a2b3c4": 21, "v0.9": 9,
		"latest": -1, "nightly": -1, "": -1, "27": -1, "1.2.3": -1, "v0.x": -1, "cu128-nightly": -1,
	} {
		got, ok := Release(text)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("Release(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		flag, value string
		want        bool
	}{
		{"gpu-memory-utilization", "0.9", true}, {"gpu-memory-utilization", "1", true}, {"gpu-memory-utilization", "0", false},
		{"gpu-memory-utilization", "1.01", false}, {"max-model-len", "auto", true}, {"max-model-len", "-1", true},
		{"max-model-len", "0", false}, {"max-model-len", "32k", true}, {"max-num-seqs", "0", false}, {"watermark", "0", true},
		{"kv-cache-dtype", "fp8", true},
	} {
		if f, _ := Find(c.flag); f.InRange(c.value) != c.want {
			t.Errorf("%s %s: in range %v, want %v (%v)", c.flag, c.value, !c.want, c.want, f.Range)
		}
	}
}
