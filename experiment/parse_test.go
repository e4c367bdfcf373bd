package experiment

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flagsOf decodes the flags written in YAML.
func flagsOf(t *testing.T, yaml string) Flags {
	t.Helper()
	data := []byte(yaml)
	src := newSource("f", data)
	n, ds := parseYAML(src, data)
	if n == nil {
		t.Fatal(render(t, ds))
	}
	d := &decoder{src: src}
	got, _ := flags().read(d, "flags", entry{value: n})
	if d.ds.HasErrors() {
		t.Fatal(render(t, d.ds))
	}
	return got
}

// TestFlagText expects flag values to keep their text.
func TestFlagText(t *testing.T) {
	for written, want := range map[string]Flag{
		"gpu-memory-utilization: 0.90": {"gpu-memory-utilization", "0.90", FlagText},
		"--max_model_len: 32k":         {"max-model-len", "32k", FlagText},
		"seed: 0x10":                   {"seed", "0x10", FlagText},
		"seed: 010":                    {"seed", "010", FlagText},
		"revision: 2026-01-01":         {"revision", "2026-01-01", FlagText},
		"seed: 1e3":                    {"seed", "1e3", FlagText},
		"enforce-eager: true":          {"enforce-eager", "true", FlagBool},
		"enforce-eager: False":         {"enforce-eager", "false", FlagBool},
		`quantization: "true"`:         {"quantization", "true", FlagText},
		"quantization: null":           {"quantization", "", FlagUnset},
		"quantization:":                {"quantization", "", FlagUnset},
		`x: {b: 1.50, a: [true, null, "<&>"], c: 010}`: {"x", `{"b":1.50,"a":[true,null,"<&>"],"c":"010"}`, FlagText},
		"compilation-config.cudagraph_mode: FULL":      {"compilation-config.cudagraph_mode", "FULL", FlagText},
	} {
		if diff := cmp.Diff(Flags{want}, flagsOf(t, written)); diff != "" {
			t.Errorf("%s:\n%s", written, diff)
		}
	}
}

func TestFlagEqual(t *testing.T) {
	for _, c := range []struct {
		a, b Flag
		want bool
	}{
		{Flag{Name: "x", Value: "0.9"}, Flag{Name: "x", Value: "0.90"}, true},
		{Flag{Name: "x", Value: "8192"}, Flag{Name: "x", Value: "8192.0"}, true},
		{Flag{Name: "x", Value: "100"}, Flag{Name: "x", Value: "1"}, false},
		{Flag{Name: "x", Value: "1k"}, Flag{Name: "x", Value: "1K"}, false},
		{Flag{Name: "x", Value: "32k"}, Flag{Name: "x", Value: "32000"}, false},
		{Flag{Name: "x", Value: "1"}, Flag{Name: "y", Value: "1"}, false},
		{Flag{Name: "x", Value: "true"}, Flag{Name: "x", Value: "true", Kind: FlagBool}, false},
	} {
		if got := c.a.Equal(c.b); got != c.want {
			t.Errorf("%v equal to %v: %v", c.a, c.b, got)
		}
	}
}

// TestFlagInt reads integers as vLLM does.
func TestFlagInt(t *testing.T) {
	for text, want := range map[string]int64{"8192": 8192, "32k": 32000, "32K": 32768, "1.5k": 1500, "2M": 2 << 20, "-1": -1} {
		if got, ok := (Flag{Value: text}).Int(); !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "auto", "k", "1e99T", "0x10"} {
		if got, ok := (Flag{Value: text}).Int(); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

// TestDefaults expects the documented defaults where the file says nothing.
func TestDefaults(t *testing.T) {
	e, ds := LoadFile("testdata/minimal.good.yaml")
	if len(ds) > 0 {
		t.Fatal(render(t, ds))
	}
	if e.Trials != (Trials{Repeat: 3, PerStart: 1, Warmup: 10 * time.Second, Seed: 1, Order: Blocks}) {
		t.Errorf("trials %+v", e.Trials)
	}
	if e.Matrix.Strategy != OneAtATime || e.Server.Simulated.GPU != "H100" || e.Server.ModelName != "m" {
		t.Errorf("%+v %+v", e.Matrix, e.Server)
	}
	if l := e.Loads[0]; l.API != "completions" || l.Timeout != 10*time.Minute || !l.IgnoreEOS {
		t.Errorf("load %+v", l)
	}
}

func TestLoadFileUnreadable(t *testing.T) {
	big := filepath.Join(t.TempDir(), "big.yaml")
	if err := os.WriteFile(big, make([]byte, maxFileSize+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"no-such-file.yaml", t.TempDir(), big} {
		if e, ds := LoadFile(path); e != nil || !ds.HasErrors() {
			t.Errorf("%s: experiment %v, diagnostics %v", path, e, ds)
		}
	}
}

// TestVolumesExpandHome expects ~ to be the home directory of who runs sweep.
func TestVolumesExpandHome(t *testing.T) {
	t.Setenv("HOME", "/home/someone")
	text := strings.Replace(string(Starter("x")), "  simulated: {gpu: H100}\n",
		"  podman: {image: \"localhost/vllm:1\", volumes: [\"~/.cache:/root/.cache:ro\", \"~:/h\"]}\n", 1)
	e, ds := Parse("x.yaml", []byte(text))
	if len(ds) > 0 {
		t.Fatal(render(t, ds))
	}
	want := []string{"/home/someone/.cache:/root/.cache:ro", "/home/someone:/h"}
	if diff := cmp.Diff(want, e.Server.Podman.Volumes); diff != "" {
		t.Error(diff)
	}
}

// TestDigest expects the digest to follow the bytes of the file.
func TestDigest(t *testing.T) {
	plain, err := ReadLengths("testdata/lengths.csv", "prompt", "output")
	if err != nil {
		t.Fatal(err)
	}
	packed, err := ReadLengths("testdata/lengths.csv.gz", "prompt", "output")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain.Rows, packed.Rows); diff != "" {
		t.Error(diff)
	}
	// sha256sum testdata/lengths.csv
	if plain.Digest == packed.Digest || len(plain.Digest) != 64 {
		t.Errorf("digests %s and %s", plain.Digest, packed.Digest)
	}
}

// TestStarter expects the starter to be valid under any name.
func TestStarter(t *testing.T) {
	for name, want := range map[string]string{
		"my-bot": "my-bot", "my bot!": "my-bot", "": "experiment", "...": "experiment", "2026": "2026", "true": "true",
		"größe": "gr--e", "1e5": "1e5", "0xff": "0xff", strings.Repeat("a", 200): strings.Repeat("a", 100),
	} {
		e, ds := Parse("starter.yaml", Starter(name))
		if len(ds) > 0 {
			t.Fatalf("%q:\n%s", name, render(t, ds))
		}
		if e.Name != want {
			t.Errorf("%q becomes %q, want %q", name, e.Name, want)
		}
	}
}

// FuzzParse looks for panics and endless loops, and for places that are not
// in the file.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/*.yaml", "starter.yaml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		e, ds := Parse("testdata/fuzz.yaml", data)
		if (e == nil) != ds.HasErrors() {
			t.Fatalf("experiment %v with diagnostics %v", e, ds)
		}
		text := strings.TrimPrefix(string(data), "\ufeff")
		lines := strings.Count(text, "\n") + 1
		for _, d := range ds {
			r := d.Range
			if r.Line < 0 || r.Line > lines || r.Line > 0 && (r.Column < 1 || r.EndColumn <= r.Column) || d.Summary == "" {
				t.Fatalf("place %+v of %q", r, d.Summary)
			}
		}
		for _, format := range []string{FormatText, FormatJSON, FormatGitHub} {
			if err := ds.Write(&strings.Builder{}, format, true); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A field that had another spelling is still read.
func TestFormerSpelling(t *testing.T) {
	for _, name := range []string{"utilization", "utilisation"} {
		e, ds := Parse("e.yaml", []byte("version: 1\nname: n\nserver: {model: m, simulated: {}}\n"+
			"loads: {chat: {prompt_tokens: 10, output_tokens: 10, arrivals: {concurrency: 1}, duration: 5s}}\n"+
			"cooldown: {band: {"+name+": 5%}}\n"))
		if e == nil || e.Cooldown.Band.Utilisation != 0.05 {
			t.Errorf("%s: %v", name, ds)
		}
	}
}
