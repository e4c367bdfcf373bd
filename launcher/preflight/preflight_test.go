package preflight

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
	"github.com/vllm-sweep/sweep/launcher/vllmmemory"
	"github.com/vllm-sweep/sweep/matrix"
)

// flagsOf reads `name=value` pairs: yes is a switch that is on, no one that is
// off.
func flagsOf(text string) experiment.Flags {
	var out experiment.Flags
	for _, f := range strings.Fields(text) {
		name, value, _ := strings.Cut(f, "=")
		flag := experiment.Flag{Name: name, Value: value}
		switch value {
		case "yes":
			flag = experiment.Flag{Name: name, Value: "true", Kind: experiment.FlagBool}
		case "no":
			flag = experiment.Flag{Name: name, Value: "false", Kind: experiment.FlagBool}
		case "~":
			flag = experiment.Flag{Name: name, Kind: experiment.FlagUnset}
		}
		if strings.HasPrefix(value, "[") && name != "allowed-origins" {
			flag.Kind = experiment.FlagWords
		}
		out = append(out, flag)
	}
	return out
}

const none Severity = -1

func TestFlags(t *testing.T) {
	known := Facts{Release: 20, Known: true}
	var unknown Facts
	newer := Facts{Release: vllmflags.Newest() + 3, Known: true}
	newest := Facts{Release: vllmflags.Newest(), Known: true}
	exact := Facts{Release: vllmflags.Newest(), Known: true, Exact: true}
	for _, c := range []struct {
		facts Facts
		flag  string
		want  Severity
		says  string // in cause, label or remedy
	}{
		{known, "max-num-seqs=64", none, ""},
		{known, "max-num-seqs=~", none, ""},
		// What the catalogue does not have may be a plug-in's.
		{known, "max-num-sqs=64", Doubtful, `did you mean "max-num-seqs"?`},
		{known, "deploy-config=x.yaml", Doubtful, "unless a plug-in adds the flag"},
		{unknown, "max-num-sqs=64", Doubtful, "max-num-seqs"},
		{newer, "max-num-sqs=64", Doubtful, "max-num-seqs"},
		{newer, "turbo-encabulator=1", Doubtful, "a newer release or a plug-in may have this flag"},
		{exact, "max-num-sqs=64", Wrong, "max-num-seqs"},
		{exact, "turbo-encabulator=1", Wrong, "unrecognized arguments: --turbo-encabulator"},
		{exact, "sim-gpus=2", none, ""},
		{known, "max-model=8", Doubtful, "max-model-len"},
		{known, "max-num=8", Wrong, "ambiguous"},
		{unknown, "max-num=8", Doubtful, "ambiguous"},
		// What came and went.
		{known, "swap-space=4", Impossible, "removed in 0.18"},
		{newer, "swap-space=4", Impossible, "removed in 0.18"},
		{Facts{Release: 17, Known: true}, "swap-space=4", none, ""},
		{unknown, "swap-space=4", Doubtful, "newer releases"},
		{known, "task=generate", Impossible, "removed in 0.13"},
		{newest, "eplb-window-size=10", Impossible, "use eplb-config.window_size"},
		{Facts{Release: 18, Known: true}, "scheduler-reserve-full-isl=yes", Impossible, "was added in 0.19"},
		{Facts{Release: 8, Known: true}, "scheduler-reserve-full-isl=yes", Doubtful, "was added in 0.19"},
		{known, "watermark-config={}", Impossible, "was added in 0.3"},
		{newest, "watermark-config={}", none, ""},
		{newest, "device-memory-utilization=0.5", none, ""},
		// Switches.
		{known, "enforce-eager=yes", none, ""}, {known, "enforce-eager=no", none, ""},
		{known, "enforce-eager=1", Wrong, "switch"}, {unknown, "enforce-eager=1", Doubtful, "switch"},
		{known, "headless=no", Wrong, "there is no --no-headless"},
		{known, "hf-token=yes", none, ""}, {known, "hf-token=no", Wrong, "takes a value"},
		// Values.
		{known, "scheduling-policy=yes", Wrong, "fcfs or priority"},
		{known, "scheduling-policy=priorty", Wrong, "priority"},
		{unknown, "scheduling-policy=priorty", Doubtful, "priority"},
		{newer, "scheduling-policy=priorty", Doubtful, "priority"},
		{known, "kv-cache-dtype=turbo9", Wrong, "want auto, "},
		{newer, "kv-cache-dtype=turbo9", Doubtful, "want auto, "},
		{known, "tokenizer-mode=deepseek_v4", none, ""},
		{known, "tokenizer-mode=deepseek_v9", Doubtful, "plug-ins"},
		{known, "attention-backend=flashinfer", none, ""},
		{known, "attention-backend=flashinfr", Doubtful, "FLASHINFER"},
		{newest, "moe-backend=FLASHINFER-cutlass", none, ""},
		{known, "max-model-len=8x", Wrong, "8192 or 32k"}, {newer, "max-model-len=8x", Doubtful, "8192 or 32k"},
		{known, "max-model-len=auto", none, ""}, {known, "max-model-len=32K", none, ""},
		{known, "gpu-memory-utilization=1.5", Wrong, "at most 1"},
		{known, "max-num-batched-tokens=0", Wrong, "at least 1"},
		{known, "compilation-config.cudagraph_mode=NONE", none, ""},
		{known, "max-num-seqs.x=1", Wrong, "no keys"},
		{known, `compilation-config={"mode":3}`, none, ""},
		{known, `compilation-config={"mode"`, Wrong, "mapping"},
		// Several words.
		{known, `lora-modules=["a=/a","b=/b"]`, none, ""}, {known, `lora-modules=a=/a`, none, ""},
		{known, `middleware=["a.B","c.D"]`, none, ""},
		{known, `cudagraph-capture-sizes=[1,2,4]`, none, ""}, {known, `cudagraph-capture-sizes=[1,"two"]`, Wrong, "list of whole numbers"},
		{known, `enforce-eager=[1]`, Wrong, "switch"}, {known, `max-num-seqs=[1,2]`, Wrong, "one value"}, {known, `max-num-seqs=[1]`, none, ""},
		{known, `allowed-origins=["*"]`, none, ""},
	} {
		c.facts.catalogue = vllmflags.Index(c.facts.release())
		found := c.facts.flags(flagsOf(c.flag))
		got := none
		var text string
		if len(found) > 0 {
			got = found[0].Severity
			n := found[0].Notice
			text = n.Text() + "|" + n.Label() + "|" + n.Remedy()
		}
		if got != c.want || !strings.Contains(text, c.says) {
			t.Errorf("%s on %+v: severity %d (%s), want %d and %q", c.flag, c.facts.Release, got, text, c.want, c.says)
		}
	}
}

// facts of a Llama 3.1 8B on an H100.
func llama(t *testing.T) Facts {
	t.Helper()
	m, ok := vllmmemory.FindModel("meta-llama/Llama-3.1-8B-Instruct")
	if !ok {
		t.Fatal("the library lost its model")
	}
	return Facts{Model: &m, GPUs: 2, GPUMemory: 79.18 * vllmmemory.GiB, Release: 20, Known: true}
}

func TestTogetherAndMemory(t *testing.T) {
	long := llama(t)
	long.LongAllowed = true
	small := llama(t)
	small.GPUMemory = 24e9
	blind := Facts{}
	for _, c := range []struct {
		facts Facts
		flags string
		want  Severity
		says  string
	}{
		{blind, "max-num-batched-tokens=128 max-num-seqs=256", Impossible, "at least 256, or lower max-num-seqs to at most 128"},
		{blind, "max-num-batched-tokens=1k max-num-seqs=1000", none, ""},
		{blind, "max-num-batched-tokens=2048 max-model-len=4096", none, ""},
		{blind, "max-num-batched-tokens=2048 max-model-len=4096 enable-chunked-prefill=no", Impossible, "at least 4096"},
		{blind, "long-prefill-token-threshold=9000 max-model-len=4096", Impossible, "at most 4096"},
		{blind, "tensor-parallel-size=3", none, ""},
		{llama(t), "tensor-parallel-size=3", Impossible, "divides 32"},
		{llama(t), "tensor-parallel-size=3 hf-overrides={}", Impossible, "3 GPUs"}, // heads may be overridden, GPUs may not
		{llama(t), "tensor-parallel-size=2", none, ""},
		{llama(t), "tensor-parallel-size=4", Impossible, "4 GPUs, but the server gets 2"},
		{llama(t), "max-model-len=200000", Impossible, "at most 131072"},
		{long, "max-model-len=200000", none, ""},
		{llama(t), "max-model-len=131072", none, ""},
		{small, "max-model-len=8192 max-num-seqs=64", none, ""},
		{small, "max-model-len=131072 max-num-seqs=64", Impossible, "needs 16 GiB"},
		{small, "max-model-len=131072 max-num-seqs=64 kv-cache-dtype=fp8", Impossible, "needs 8 GiB"},
		{small, "max-model-len=131072 max-num-seqs=64 kv-cache-dtype=turboquant_k8v4", none, ""}, // not known
		{small, "max-model-len=32768 max-num-seqs=256 gpu-memory-utilization=0.86", Doubtful, "(estimated)"},
		{small, "dtype=float32", Impossible, "leave nothing"},
		{small, "gpu-memory-utilization=0.5", Impossible, "leave nothing"},
		{small, "gpu-memory-utilization=0.5 speculative-config={}", none, ""},
		{small, "gpu-memory-utilization=0.5 cpu-offload-gb=10", Doubtful, "max-model-len 131072"}, // the model's own
		{small, "gpu-memory-utilization=0.5 cpu-offload-gb=10 max-model-len=8192", none, ""},
		{small, "gpu-memory-utilization=0.5 tensor-parallel-size=2 max-model-len=8192", none, ""},
	} {
		flags := flagsOf(c.flags)
		conf := matrix.Configuration{ID: "c", Flags: flags, GPUs: 1}
		if n, ok := whole(flags, "tensor-parallel-size"); ok {
			conf.GPUs = n
		}
		r := Check(&experiment.Experiment{Server: experiment.Server{Engine: experiment.EngineVLLM}}, &matrix.Plan{Configurations: []matrix.Configuration{conf}}, c.facts)
		got := none
		text := ""
		if found := r.Findings["c"]; len(found) > 0 {
			got = found[0].Severity
			for _, f := range found {
				text += f.Notice.Text() + "|" + f.Notice.Remedy() + "|"
			}
		}
		if got != c.want || !strings.Contains(text, c.says) {
			t.Errorf("%s: severity %d (%s), want %d and %q", c.flags, got, text, c.want, c.says)
		}
		if d, impossible := r.Impossible()["c"]; impossible != (c.want == Impossible) || impossible && (d.Class == "" || !strings.HasPrefix(d.Cause.Text(), "cannot start: ")) {
			t.Errorf("%s: diagnosis %+v", c.flags, d)
		}
	}
}

func TestGather(t *testing.T) {
	cache := t.TempDir()
	snapshot := filepath.Join(cache, "hub", "models--acme--bot", "snapshots", "1")
	if err := os.MkdirAll(snapshot, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(snapshot, "config.json"), []byte(`{"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100}`), 0o600); err != nil {
		t.Fatal(err)
	}
	gpus := []GPU{{"NVIDIA A100-SXM4-80GB", 80e9}, {"NVIDIA A100-SXM4-40GB", 40e9}}
	parse := func(server string) *experiment.Experiment {
		t.Helper()
		e, ds := experiment.Parse("x.yaml", []byte("version: 1\nname: x\nserver:\n"+server+"loads:\n  a: {prompt_tokens: 1, output_tokens: 1, arrivals: {concurrency: 1}, requests: 5}\n"))
		if e == nil {
			t.Fatal(ds)
		}
		return e
	}
	f, notes := Gather(parse("  model: acme/bot\n  podman: {image: \"docker.io/vllm/vllm-openai:v0.20.1-x86_64@sha256:"+strings.Repeat("a", 64)+"\", gpus: all, volumes: [\""+cache+":/root/.cache/huggingface\"], env: {VLLM_ALLOW_LONG_MAX_MODEL_LEN: \"1\"}}\n"), Host{GPUs: gpus})
	if f.Release != 20 || !f.Known || f.Exact || f.Model == nil || f.Model.Layers != 2 || f.GPUs != 2 || f.GPUMemory != 40e9 || !f.A100 || !f.LongAllowed || len(notes) != 0 {
		t.Errorf("podman: %+v, %v", f, notes)
	}
	f, notes = Gather(parse("  model: acme/none\n  process: {command: [vllm, serve]}\n  gpu_memory: 24GB\n"), Host{GPUs: gpus, LookupEnv: func(string) (string, bool) { return cache, true }})
	if f.Known || f.Model != nil || f.GPUMemory != 24e9 || len(notes) != 1 || notes[0].Code != "model-unknown" {
		t.Errorf("process: %+v, %v", f, notes)
	}
	f, _ = Gather(parse("  model: Qwen/Qwen3-8B\n  simulated: {gpus: 4}\n"),
		Host{GPUs: slices.Repeat([]GPU{{"NVIDIA X", 1e9}}, 4), Simulator: "0.9.2+sim"})
	if f.Release != 9 || !f.Exact || f.GPUs != 4 || f.GPUMemory != 1e9 || f.Model == nil {
		t.Errorf("simulated: %+v", f)
	}
	f, notes = Gather(parse("  model: bot\n  engine: llama.cpp\n  process: {command: [llama-server], model: none}\n"), Host{})
	if f.Model != nil || len(notes) != 0 {
		t.Errorf("llama.cpp: %+v, %v", f, notes)
	}
}

// TestReleased: the release is the declared one, or the one that is installed
// where the command runs.
func TestReleased(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		t.Helper()
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const site = "/lib/python3.11/site-packages/"
	write("system/bin/python3.11", "", 0o755)
	venv := write("venv/bin/vllm", "#!"+root+"/venv/bin/python\n", 0o755)
	if err := os.Symlink(root+"/system/bin/python3.11", root+"/venv/bin/python"); err != nil {
		t.Fatal(err)
	}
	write("venv"+site+"vllm-0.28.0+cpu.dist-info/METADATA", "", 0o644)
	write("venv"+site+"vllm_router-0.1.17.dist-info/METADATA", "", 0o644)
	long := write("long/bin/vllm", "#!/bin/sh\n'''exec' \""+root+"/venv/bin/python\" \"$0\" \"$@\"\n", 0o755)
	other := write("other/bin/vllm", "#!/usr/bin/env python3\n", 0o755)
	write("other"+site+"vllm/_version.py", "TYPE_CHECKING = False\n__version__ = version = '0.25.1'\n", 0o644)
	link := root + "/home/bin/vllm"
	if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(venv, link); err != nil {
		t.Fatal(err)
	}
	project := filepath.Dir(filepath.Dir(filepath.Dir(write("project/.venv/bin/vllm", "#!/usr/bin/python3\n", 0o755))))
	write("project/.venv"+site+"vllm-0.30.0.dist-info/METADATA", "", 0o644)
	write("tools/bin/numactl", "\x7fELF", 0o755)
	write("tools/bin/vllm-wrapper", "#!/bin/sh\nexec vllm \"$@\"\n", 0o755)
	path := func(dirs ...string) Host {
		return Host{LookupEnv: func(name string) (string, bool) {
			return root + "/" + strings.Join(dirs, string(filepath.ListSeparator)+root+"/"), name == "PATH"
		}}
	}
	for _, c := range []struct {
		process experiment.Process
		host    Host
		want    int
	}{
		{experiment.Process{Command: []string{venv, "serve"}}, Host{}, 28},
		{experiment.Process{Command: []string{link, "serve"}}, Host{}, 28},
		{experiment.Process{Command: []string{long, "serve"}}, Host{}, 28},
		{experiment.Process{Command: []string{other, "serve"}}, Host{}, 25},
		{experiment.Process{Command: []string{root + "/venv/bin/python", "-m", "vllm.entrypoints.openai.api_server"}}, Host{}, 28},
		{experiment.Process{Command: []string{"vllm", "serve"}}, path("tools/bin", "venv/bin"), 28},
		{experiment.Process{Command: []string{"vllm", "serve"}}, path("other/bin", "venv/bin"), 25},
		{experiment.Process{Command: []string{"vllm", "serve"}, Env: []experiment.EnvVar{{Name: "PATH", Value: root + "/venv/bin"}}}, path("other/bin"), 28},
		{experiment.Process{Command: []string{"numactl", "--cpunodebind=0", "vllm", "serve"}}, path("tools/bin", "venv/bin"), 28},
		{experiment.Process{Command: []string{"uv", "run", "vllm", "serve"}, Dir: project}, path("tools/bin"), 30},
		{experiment.Process{Command: []string{"venv/bin/vllm", "serve"}, Dir: root}, Host{}, 28},
		{experiment.Process{Command: []string{"vllm-wrapper"}}, path("tools/bin", "venv/bin"), 0},
		{experiment.Process{Command: []string{"vllm", "serve"}}, path("tools/bin"), 0},
		{experiment.Process{Command: []string{root + "/system/bin/python3.11"}}, Host{}, 0},
	} {
		var f Facts
		notes := f.released(experiment.Server{Engine: experiment.EngineVLLM, Process: &c.process, Flags: flagsOf("seed=1")}, c.host)
		if f.Release != c.want || f.Known != (c.want > 0) || (len(notes) == 0) != f.Known {
			t.Errorf("%v: 0.%d, known %v, want 0.%d; %v", c.process.Command, f.Release, f.Known, c.want, notes)
		}
	}
	var f Facts
	f.released(experiment.Server{Engine: experiment.EngineVLLM, Version: "v0.31.2", Process: &experiment.Process{Command: []string{venv}}}, Host{})
	if f.Release != 31 {
		t.Errorf("a declared version gives way to 0.%d", f.Release)
	}
}
