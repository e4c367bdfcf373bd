package flags

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for _, test := range []struct {
		args, flag, want string
	}{
		{"Qwen/Qwen3-0.6B", "model", "Qwen/Qwen3-0.6B"},
		{"--model a/b", "model", "a/b"},
		{"--port 9000 a/b", "model", "a/b"},
		{"--max-model-len 8192", "max-model-len", "8192"},
		{"--max_model_len=8192", "max-model-len", "8192"},
		{"--max-model 8192", "max-model-len", "8192"},
		{"--max-model-len -1", "max-model-len", "-1"},
		{"--max-model-len auto", "max-model-len", "auto"},
		{"-tp 2", "tensor-parallel-size", "2"},
		{"-tp=2", "tensor-parallel-size", "2"},
		{"-O3", "optimization-level", "3"},
		{"-O 0", "optimization-level", "0"},
		{"-q fp8", "quantization", "fp8"},
		{"--enable-prefix-caching", "enable-prefix-caching", "true"},
		{"--no-enable-prefix-caching", "enable-prefix-caching", "false"},
		{"--no-enable-pref", "enable-prefix-caching", "false"},
		{"--enforce-eager --no-enforce-eager", "enforce-eager", "false"},
		{"--port 1 --port 2", "port", "2"},
		{"-cc.cudagraph_mode NONE", "compilation-config", `{"cudagraph_mode":"NONE"}`},
		{"--compilation-config.pass-config.fuse=true", "compilation-config", `{"pass_config":{"fuse":true}}`},
		{"--hf-overrides.a.b 2 --hf-overrides.a.c x", "hf-overrides", `{"a":{"b":2,"c":"x"}}`},
		{"-cc.sizes+ 1,2 -cc.sizes+ 4", "compilation-config", `{"sizes":[1,2,4]}`},
		{`-cc {"cudagraph_mode":"FULL"}`, "compilation-config", `{"cudagraph_mode":"FULL"}`},
		{"--device-memory-utilization 0.5", "gpu-memory-utilization", "0.5"},
		{"--moe-backend FlashInfer-CUTLASS", "moe-backend", "FlashInfer-CUTLASS"},
		{"--hf-token --port 1", "hf-token", "true"},
		{"-qfp8", "quantization", "fp8"},
	} {
		v, err := Parse(strings.Fields(test.args))
		if err != nil {
			t.Errorf("%s: %v", test.args, err)
			continue
		}
		if got := v.Text(test.flag, ""); got != test.want {
			t.Errorf("%s: %s = %q, want %q", test.args, test.flag, got, test.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for args, want := range map[string]string{
		"--foo":                         "unrecognized arguments: --foo",
		"--foo=1 --bar x":               "unrecognized arguments: --foo=1 --bar",
		"a/b serve":                     "unrecognized arguments: serve",
		"--swap-space 4":                "unrecognized arguments: --swap-space",
		"--disable-log-requests":        "unrecognized arguments: --disable-log-requests",
		"--num-scheduler-steps 8":       "unrecognized arguments: --num-scheduler-steps",
		"--task generate":               "unrecognized arguments: --task",
		"--max-num-queued 4":            "ambiguous option: --max-num-queued could match --max-num-queued-reqs, --max-num-queued-tokens",
		"--port":                        "argument --port: expected one argument",
		"--port --enforce-eager":        "argument --port: expected one argument",
		"--served-model-name":           "argument --served-model-name: expected at least one argument",
		"--port x":                      "argument --port: invalid int value: 'x'",
		"--gpu-memory-utilization high": "argument --gpu-memory-utilization/--device-memory-utilization: invalid float value: 'high'",
		"--max-model-len 8x":            "argument --max-model-len: invalid human_readable_int value: '8x'",
		"--max-model-len 1.5K":          "argument --max-model-len: invalid human_readable_int value: '1.5K'",
		"--kv-cache-memory-bytes auto":  "argument --kv-cache-memory-bytes: invalid human_readable_int value: 'auto'",
		"--scheduling-policy lifo":      "argument --scheduling-policy: invalid choice: 'lifo' (choose from 'fcfs', 'priority')",
		"--enable-prefix-caching=true":  "argument --enable-prefix-caching/--no-enable-prefix-caching: ignored explicit argument 'true'",
		"-tp two":                       "argument --tensor-parallel-size/-tp: invalid int value: 'two'",
		`--compilation-config {"a":`:    `argument --compilation-config/-cc: invalid loads value: '{"a":'`,
		"--port.x 1":                    "unrecognized arguments: --port.x",
		"-tp2":                          "unrecognized arguments: -tp2",
		"--no-headless":                 "unrecognized arguments: --no-headless",
	} {
		_, err := Parse(strings.Fields(args))
		var usage *Error
		if !errors.As(err, &usage) {
			t.Errorf("%s: error %v, want a usage error", args, err)
			continue
		}
		if !strings.HasPrefix(usage.Message, want) {
			t.Errorf("%s: %q, want %q", args, usage.Message, want)
		}
	}
}

func TestLists(t *testing.T) {
	v, err := Parse([]string{"--served-model-name", "a", "b", "--cudagraph-capture-sizes", "1", "2", "4", "--port", "1", "--middleware", "a.B", "--middleware", "c.D"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, v.Texts("served-model-name")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"1", "2", "4"}, v.Texts("cudagraph-capture-sizes")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a.B", "c.D"}, v.Texts("middleware")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"served-model-name", "cudagraph-capture-sizes", "port", "middleware"}, v.Order); diff != "" {
		t.Error(diff)
	}
}

func TestHumanInt(t *testing.T) {
	for text, want := range map[string]int{"17": 17, "32k": 32000, "32K": 32768, "1.5k": 1500, "2m": 2000000, "1M": 1 << 20, "3G": 3 << 30, "25.6k": 25600} {
		v, err := Parse([]string{"--max-model-len", text})
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := v.Int("max-model-len", 0); got != want {
			t.Errorf("%s reads as %d, want %d", text, got, want)
		}
	}
}

func TestDuplicatesWarn(t *testing.T) {
	for args, want := range map[string]string{
		"--port 1 --port 2":                            "Found duplicate keys --port",
		"--port 1 --port=2 --seed 1 --port 3 --seed 2": "Found duplicate keys --port, --seed",
		"--max-num-seqs 1 --max_num_seqs 2":            "Found duplicate keys --max-num-seqs",
		"-cc.a.b 1 -cc.a.b 2":                          "Found duplicate keys -cc.a.b",
		"-cc.a.b+ 1 -cc.a.b+ 2 -cc.a.c 3":              "",
		"--enforce-eager --no-enforce-eager":           "",
		"-tp 1 -tp 2":                                  "",
	} {
		v, err := Parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(v.Warnings, "\n"); got != want {
			t.Errorf("%s: warnings %q, want %q", args, got, want)
		}
	}
}

// TestRemovedFlags: a version takes a flag until the release that lost it.
func TestRemovedFlags(t *testing.T) {
	for args, known := range map[string]bool{
		"--swap-space 4":                                           false,
		"--swap-space 4 --sim-version 0.18.0":                      false,
		"--swap-space 4 --sim-version 0.17.1":                      true,
		"--swap-space 4 --sim_version=0.11.0":                      true,
		"--swap-space 4 --sim-version 1.0.0":                       false,
		"--swap-space 4 --sim-version":                             false,
		"--max-seq-len-to-capture 8192 --sim-version 0.10.2":       true,
		"--max-seq-len-to-capture 8192 --sim-version 0.11.0":       false,
		"--cuda-graph-sizes 1 2 4 --sim-version 0.12.0":            true,
		"--cuda-graph-sizes 1 2 4 --sim-version 0.13.0":            false,
		"--max-num-partial-prefills 2 --sim-version 0.26.0":        true,
		"--max-num-partial-prefills 2 --sim-version 0.27.1":        false,
		"--num-scheduler-steps 8 --sim-version 0.9.2":              true,
		"--num-scheduler-steps 8 --sim-version 0.10.1":             false,
		"--use-v2-block-manager --sim-version 0.9.2":               true,
		"--use-v2-block-manager --sim-version 0.10.2":              false,
		"--sim-version 0.11.0 --swap-space 4 --sim-version 0.27.1": false,
	} {
		if _, err := Parse(strings.Fields(args)); (err == nil) != known {
			t.Errorf("%s: %v, want known %t", args, err, known)
		}
	}
}

// TestModelOptionWarns: the portable form is accepted with vLLM's warning.
func TestModelOptionWarns(t *testing.T) {
	for args, want := range map[string]int{"--model a/b": 1, "--model=a/b": 1, "a/b": 0} {
		v, err := Parse(strings.Fields(args))
		if err != nil {
			t.Fatal(err)
		}
		if len(v.Warnings) != want || want == 1 && !strings.HasPrefix(v.Warnings[0], "With `vllm serve`, you should provide the model as a positional argument") {
			t.Errorf("%s: warnings %q", args, v.Warnings)
		}
	}
}

func TestConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "serve.yaml")
	text := "model: a/b\nport: 9000\nmax-model-len: 32k\nenforce-eager: true\nenable-prefix-caching: false\nserved-model-name: [x, y]\ncompilation-config: {level: 3}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	v, err := Parse([]string{"--config", path, "--port", "9001"})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{v.Text("model", ""), v.Text("port", ""), v.Text("max-model-len", ""), v.Text("enforce-eager", ""), v.Text("enable-prefix-caching", ""), v.Text("compilation-config", "")}
	want := []string{"a/b", "9001", "32k", "true", "false", `{"level":3}`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := Parse([]string{"--config", path + ".missing"}); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing file: %v", err)
	}
}

// FuzzParse: no command line panics; an accepted one reads the same again.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"--port 1", "-tp=2 a/b", "--no-enforce-eager", "-cc.a.b+ 1,2", "--max-model-len 1.5m", "--", "-O", `-cc {"a":{}} -cc.a.b 1`, "--=", "-", "--.", "--max"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Fields(line)
		for _, a := range args {
			if strings.HasPrefix(a, "--config") || strings.HasPrefix(a, "--conf") {
				t.Skip("reads files")
			}
		}
		v, err := Parse(args)
		if err != nil {
			return
		}
		again, err := Parse(args)
		if err != nil {
			t.Fatalf("accepted once, refused then: %v", err)
		}
		for _, name := range v.Order {
			if diff := cmp.Diff(v.Texts(name), again.Texts(name)); diff != "" {
				t.Fatal(diff)
			}
			v.Int(name, 0)
			v.Float(name, 0)
		}
	})
}
