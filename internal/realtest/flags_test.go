package realtest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// release32 is the column of the catalogue that the installed vLLM is compared with.
const release32 = 32

// optionLines are the lines of an options.tsv that a release has, by option.
func optionLines(t *testing.T, file string, release int) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(columns) != 6 || columns[0] == "option" {
			continue
		}
		for span := range strings.FieldsSeq(columns[5]) {
			least, most := 0, 0
			if n, _ := fmt.Sscanf(span, "%d-%d", &least, &most); n == 1 {
				most = least
			}
			if least <= release && release <= most {
				out[columns[0]] = strings.Join(columns[1:5], " | ")
			}
		}
	}
	return out
}

// The catalogue of flags says of the installed vLLM what its own parser says:
// the same options, of the same kind and with the same choices.
func TestFlagCatalogue(t *testing.T) {
	root := need(t, full, vllm)
	if version, err := os.ReadFile(filepath.Join(root, "vllm.version")); err != nil || !strings.Contains(string(version), fmt.Sprintf("0.%d.", release32)) {
		t.Skipf("NOT TESTED: vLLM %s is installed, not 0.%d: %v", strings.TrimSpace(string(version)), release32, err)
	}
	script, err := filepath.Abs("../../launcher/vllmflags/options.py")
	if err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(t.TempDir(), "options.tsv")
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "vllm/bin/python"), script, fresh)
	cmd.Env = append(os.Environ(), offline...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	real, known := optionLines(t, fresh, release32), optionLines(t, "../../launcher/vllmflags/options.tsv", release32)
	if len(real) < 300 {
		t.Fatalf("the parser has %d options", len(real))
	}
	for name, want := range real {
		if got, ok := known[name]; !ok {
			t.Errorf("--%s is not in the catalogue: %s", name, want)
		} else if got != want {
			t.Errorf("--%s: the catalogue says %s, the parser %s", name, got, want)
		}
	}
	for name := range known {
		if _, ok := real[name]; !ok {
			t.Errorf("--%s is in the catalogue and not in the parser", name)
		}
	}
	t.Logf("%d options compared", len(real))
}

// commandLines are flags as an experiment file names them, and the words that
// vLLM gets for them.
var commandLines = []struct {
	flag, value string
	words       []string
}{
	{"max-model-len", "8192", []string{"--max-model-len", "8192"}},
	{"max-model-len", "32k", []string{"--max-model-len", "32k"}},
	{"max-model-len", "32K", []string{"--max-model-len", "32K"}},
	{"max-model-len", "1.5k", []string{"--max-model-len", "1.5k"}},
	{"max-model-len", "1.5K", []string{"--max-model-len", "1.5K"}},
	{"max-model-len", "auto", []string{"--max-model-len", "auto"}},
	{"max-model-len", "8x", []string{"--max-model-len", "8x"}},
	{"max-model-len", "0x20", []string{"--max-model-len", "0x20"}},
	{"max-num-batched-tokens", "8k", []string{"--max-num-batched-tokens", "8k"}},
	{"max-num-batched-tokens", "8.5", []string{"--max-num-batched-tokens", "8.5"}},
	{"max-num-batched-tokens", "auto", []string{"--max-num-batched-tokens", "auto"}},
	{"max-num-seqs", "64", []string{"--max-num-seqs", "64"}},
	{"max-num-seqs", "1e3", []string{"--max-num-seqs", "1e3"}},
	{"max-num-seqs", "many", []string{"--max-num-seqs", "many"}},
	{"max_num_seqs", "64", []string{"--max_num_seqs", "64"}},
	{"max-num-sqs", "64", []string{"--max-num-sqs", "64"}},
	{"gpu-memory-utilization", "0.9", []string{"--gpu-memory-utilization", "0.9"}},
	{"gpu-memory-utilization", "90%", []string{"--gpu-memory-utilization", "90%"}},
	{"gpu-memory-utilization", ".5", []string{"--gpu-memory-utilization", ".5"}},
	{"gpu-memory-utilization", "0,9", []string{"--gpu-memory-utilization", "0,9"}},
	{"enforce-eager", "true", []string{"--enforce-eager"}},
	{"enforce-eager", "false", []string{"--no-enforce-eager"}},
	{"enable-prefix-caching", "true", []string{"--enable-prefix-caching"}},
	{"enable-prefix-caching", "false", []string{"--no-enable-prefix-caching"}},
	{"headless", "true", []string{"--headless"}},
	{"headless", "false", []string{"--no-headless"}},
	{"enable-chunked-prefill", "false", []string{"--no-enable-chunked-prefill"}},
	{"async-scheduling", "true", []string{"--async-scheduling"}},
	{"dtype", "bfloat16", []string{"--dtype", "bfloat16"}},
	{"dtype", "BFLOAT16", []string{"--dtype", "BFLOAT16"}},
	{"dtype", "fp16", []string{"--dtype", "fp16"}},
	{"kv-cache-dtype", "fp8", []string{"--kv-cache-dtype", "fp8"}},
	{"kv-cache-dtype", "fp9", []string{"--kv-cache-dtype", "fp9"}},
	{"block-size", "16", []string{"--block-size", "16"}},
	{"block-size", "sixteen", []string{"--block-size", "sixteen"}},
	{"scheduling-policy", "priority", []string{"--scheduling-policy", "priority"}},
	{"scheduling-policy", "priorty", []string{"--scheduling-policy", "priorty"}},
	{"load-format", "dummy", []string{"--load-format", "dummy"}},
	{"tokenizer-mode", "auto", []string{"--tokenizer-mode", "auto"}},
	{"distributed-executor-backend", "mp", []string{"--distributed-executor-backend", "mp"}},
	{"compilation-config", `{"mode":3}`, []string{"--compilation-config", `{"mode":3}`}},
	{"compilation-config", `{"mode"`, []string{"--compilation-config", `{"mode"`}},
	{"compilation-config.cudagraph_mode", "NONE", []string{"--compilation-config.cudagraph_mode", "NONE"}},
	{"speculative-config", `{"method":"ngram","num_speculative_tokens":3,"prompt_lookup_max":4}`, []string{"--speculative-config", `{"method":"ngram","num_speculative_tokens":3,"prompt_lookup_max":4}`}},
	{"speculative-config", "ngram", []string{"--speculative-config", "ngram"}},
	{"hf-overrides", `{"max_position_embeddings":4096}`, []string{"--hf-overrides", `{"max_position_embeddings":4096}`}},
	{"limit-mm-per-prompt", `{"image":2}`, []string{"--limit-mm-per-prompt", `{"image":2}`}},
	{"limit-mm-per-prompt", "image=2", []string{"--limit-mm-per-prompt", "image=2"}},
	{"limit-mm-per-prompt.image", "2", []string{"--limit-mm-per-prompt.image", "2"}},
	{"lora-modules", `["a=/a","b=/b"]`, []string{"--lora-modules", "a=/a", "b=/b"}},
	{"lora-modules", "a=/a", []string{"--lora-modules", "a=/a"}},
	{"cudagraph-capture-sizes", "[1,2,4]", []string{"--cudagraph-capture-sizes", "1", "2", "4"}},
	{"cudagraph-capture-sizes", `[1,"two"]`, []string{"--cudagraph-capture-sizes", "1", "two"}},
	{"middleware", `["a.B","c.D"]`, []string{"--middleware", "a.B", "--middleware", "c.D"}},
	{"tensor-parallel-size", "2", []string{"--tensor-parallel-size", "2"}},
	{"tensor-parallel-size", "two", []string{"--tensor-parallel-size", "two"}},
	{"swap-space", "4", []string{"--swap-space", "4"}},
	{"task", "generate", []string{"--task", "generate"}},
	{"disable-log-requests", "true", []string{"--disable-log-requests"}},
	{"use-v2-block-manager", "true", []string{"--use-v2-block-manager"}},
	{"num-scheduler-steps", "8", []string{"--num-scheduler-steps", "8"}},
	{"guided-decoding-backend", "xgrammar", []string{"--guided-decoding-backend", "xgrammar"}},
	{"attention-backend", "FLASH_ATTN", []string{"--attention-backend", "FLASH_ATTN"}},
	{"optimization-level", "2", []string{"--optimization-level", "2"}},
	{"seed", "-1", []string{"--seed", "-1"}},
}

// parseAll asks the real parser about every command line, in one process.
const parseAll = `
import json, sys
sys.path.insert(0, sys.argv[1])
import options
parser = options.parser()
answers = []
for words in json.load(sys.stdin):
    try:
        parser.parse_args(["m"] + words)
        answers.append("")
    except BaseException as e:
        answers.append(str(e) or type(e).__name__)
sys.stdout.write("\nANSWERS " + json.dumps(answers) + "\n")
`

// What validate accepts the real parser accepts, and what it refuses too.
func TestCommandLines(t *testing.T) {
	root := need(t, full, vllm)
	scripts, err := filepath.Abs("../../launcher/vllmflags")
	if err != nil {
		t.Fatal(err)
	}
	var lines [][]string
	for _, c := range commandLines {
		lines = append(lines, c.words)
	}
	input, err := json.Marshal(lines)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "vllm/bin/python"), "-B", "-c", parseAll, scripts)
	cmd.Env, cmd.Stdin = append(os.Environ(), append([]string{"VLLM_LOGGING_LEVEL=ERROR"}, offline...)...), strings.NewReader(string(input))
	out, err := cmd.Output()
	_, found, ok := strings.Cut(string(out), "\nANSWERS ")
	var answers []string
	if err != nil || !ok || json.Unmarshal([]byte(found), &answers) != nil || len(answers) != len(commandLines) {
		t.Fatalf("%v\n%s", err, out)
	}
	refused := 0
	for i, c := range commandLines {
		value, err := json.Marshal(c.value)
		if err != nil {
			t.Fatal(err)
		}
		if c.value == "true" || c.value == "false" || strings.HasPrefix(c.value, "[") {
			value = []byte(c.value)
		}
		dir := write(t, fmt.Sprintf(`
version: 1
name: flags
server: {model: m, version: "0.32.0", process: {command: [vllm, serve]}, flags: {%q: %s}}
loads:
  chat: {prompt_tokens: 16, output_tokens: 16, arrivals: {concurrency: 1}, requests: 4}
`, c.flag, value))
		_, stderr, code := sweep(t, dir, time.Minute, "validate", "--strict", "e.yaml")
		if answers[i] != "" {
			refused++
		}
		if (code == 0) != (answers[i] == "") {
			t.Errorf("%s=%s: validate ends with %d, the parser says %q of %q\n%s", c.flag, c.value, code, answers[i], c.words, stderr)
		}
	}
	t.Logf("%d command lines, of which the parser refuses %d", len(commandLines), refused)
}
