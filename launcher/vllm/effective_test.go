package vllm_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vllm-sweep/sweep/launcher/internal/launchertest"
	"github.com/vllm-sweep/sweep/launcher/vllm"
)

// What the releases tell of the flags that were asked for. Each file of
// testdata/effective is one server: what its log, /metrics and /server_info
// said, and for each flag the value it ran with, another value, and what must
// come of the two, with /server_info ("-": not recorded) and without it, as most
// servers have no development mode.
func TestEffectiveOfReleases(t *testing.T) {
	files, err := filepath.Glob("testdata/effective/*.txtar")
	if err != nil || len(files) < 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range archive.Files {
				part[f.Name] = string(f.Data)
			}
			for i, name := range []string{"as it ran", "as it ran, without /server_info", "otherwise", "otherwise, without /server_info"} {
				asked, want := map[string]string{}, map[string]string{}
				for line := range strings.Lines(part["flags"]) {
					f := strings.Fields(line)
					if len(f) != 7 {
						t.Fatalf("%q has %d columns", line, len(f))
					}
					asked[f[0]], want[f[0]] = f[1+i/2], f[3+i]
				}
				r := launchertest.Recording{Log: part["log"], Answers: map[string]string{
					"/v1/models": `{"object":"list","data":[{"id":"tiny","object":"model","root":"/models/tiny","max_model_len":2048}]}`,
					"/metrics":   part["metrics"],
				}}
				if info := part["server_info.json"]; i%2 == 0 && info == "" {
					continue
				} else if i%2 == 0 {
					r.Answers["/server_info"] = info
				}
				got, _ := launchertest.Effective(t, vllm.Engine(), r, "tiny", asked)
				launchertest.Verdicts(t, name, got, want)
			}
		})
	}
}

// What was asked for a key, or for a mapping, is kept of what the server tells,
// and other keys are not.
func TestKeysInEffect(t *testing.T) {
	r := launchertest.Recording{
		Log: `(APIServer pid=1) INFO 11-30 22:14:30 [utils.py:233] non-default args: {'model': 'm', 'speculative_config': {'model': 'draft', 'method': "ngram", 'num_speculative_tokens': 3}, 'api_key': ['secret']}
(EngineCore pid=2) INFO 11-30 22:14:43 [core.py:109] Initializing a V1 LLM engine (v0.20.2) with config: model='m', speculative_config=SpeculativeConfig(method='ngram', model='draft', num_spec_tokens=3), compilation_config={'mode': <CompilationMode.VLLM_COMPILE: 3>, 'backend': 'inductor', 'cudagraph_mode': <CUDAGraphMode.FULL_AND_PIECEWISE: (2, 1)>, 'pass_config': {'fuse_norm_quant': True}}
(EngineCore pid=2) INFO 11-30 22:14:44 [cuda.py:372] Using FLASH_ATTN attention backend out of potential backends: ['FLASH_ATTN', 'FLASHINFER'].
(APIServer pid=1) INFO 11-30 22:15:44 [api_server.py:602] Starting vLLM server on http://127.0.0.1:18480
`,
		Answers: map[string]string{"/v1/models": `{"data":[{"id":"m","max_model_len":2048}]}`},
	}
	got, e := launchertest.Effective(t, vllm.Engine(), r, "m", map[string]string{
		"compilation-config":                `{"mode":"vllm_compile","pass_config":{"fuse_norm_quant":true}}`,
		"compilation-config.cudagraph_mode": "FULL_AND_PIECEWISE",
		"compilation-config.backend":        "eager",
		"speculative-config":                `{"method":"ngram","num_speculative_tokens":3}`,
		"attention-backend":                 "FLASH_ATTN",
		"kernel-config":                     `{"moe_backend":"auto"}`,
	})
	launchertest.Verdicts(t, "verdicts", got, map[string]string{
		"compilation-config": "confirmed", "compilation-config.cudagraph_mode": "confirmed", "compilation-config.backend": "unconfirmed",
		"speculative-config": "parsed", "attention-backend": "confirmed", "kernel-config": "unconfirmed",
	})
	for flag, want := range map[string]string{"model": "m", "api-key": "", "compilation-config.mode": "3 (VLLM_COMPILE)", "spec-model": "draft"} {
		if got := e.Values[flag]; got != want {
			t.Errorf("%s in effect is %q, want %q", flag, got, want)
		}
	}
	_, e = launchertest.Effective(t, vllm.Engine(), r, "m", map[string]string{"attention-backend": "FLASH_ATTN"})
	for flag := range e.Values {
		if strings.Contains(flag, ".") {
			t.Errorf("%s is kept, though nobody asked for it", flag)
		}
	}
}
