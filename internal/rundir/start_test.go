package rundir

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// wholeStart is a record of format 2 as sweep wrote it when its parts were types of
// package launcher, with every field that can be set.
const wholeStart = `{"format":2,"id":"s01","block":1,"configuration":"c1","label":"a","purpose":"block",
"backend":"podman","gpus":[0,1],
"compute":"gpu","flags":[],"command":["vllm","serve"],"facts":{"image":"sha256:1"},"outcome":"failed",
"began":"2026-11-23T22:10:04Z",
"ready_after_ns":7000000000,"phases":[{"name":"launched","at_ns":1},{"name":"ready","at_ns":7000000000}],
"identity":{"model":"acme/m","max_model_len":4096,"version":"0.32.0","owner":"4f2a"},
"logged":{"engine_version":"0.32.0","kv_cache_tokens":412992,"max_concurrency":50.4,"kv_cache_gib":14.2,
"model_gib":15.1,"device":"cuda",
"cores":"0-3|4-7"},
"effective":{"source":"/server_info, log","values":{"max-num-seqs":"64"},"confirmed":["max-num-seqs"],
"contradicted":[{"flag":"dtype","asked":"half","in_effect":"bfloat16"}],"parsed":["seed"],
"unconfirmed":["swap-space"],"refused":"answered 500"},
"diagnosis":{"class":"kv-cache","cause":{"code":"quoted","severity":"caveat","args":{"words":{"text":"no room"}},
"text":"no room"},"evidence":["line 1"],
"exit":{"Code":1,"Detail":"ended by itself","At":"2026-11-23T22:11:04Z"},"certain":true,
"limit":{"flag":"max-model-len","value":1024,"least":true}},
"tries":[{"began":"2026-11-23T22:10:04Z","ended":"2026-11-23T22:10:05Z","class":"port","cause":{"code":"quoted",
"severity":"caveat",
"args":{"words":{"text":"in use"}},"text":"in use"},"log":"server.try1.log"}],
"stopped":"2026-11-23T22:12:04Z","stop_took_ns":5,"released":true,"gpu_release":{"back":true,"waited_ns":3,
"left_bytes":7,"left":"GPU 0"},
"cooldown_ns":9}`

func readStart(t *testing.T, text string) Start {
	t.Helper()
	d := newRun(t)
	dir, err := d.StartDir("s01")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, startFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	d.Close()
	r, err := Read(d.Path)
	if err != nil || len(r.Warnings) > 0 || len(r.Starts) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	return r.Starts[0]
}

// A record that is read and written again says the same under the same names.
func TestStartKeepsItsFormat(t *testing.T) {
	written, err := json.Marshal(readStart(t, wholeStart))
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal([]byte(wholeStart), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(written, &got); err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if !reflect.DeepEqual(got[name], want[name]) {
			t.Errorf("%s: %v, want %v", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d fields, want %d", len(got), len(want))
	}
}

// In format 1 the cause and the remedy of a diagnosis are sentences.
func TestDiagnosisOfFormat1(t *testing.T) {
	text := strings.NewReplacer(
		`"format":2`, `"format":1`,
		`{"code":"quoted","severity":"caveat","args":{"words":{"text":"no room"}},"text":"no room"}`, `"no room"`,
		`"certain":true`, `"remedy":"lower max-model-len","certain":true`,
	).Replace(wholeStart)
	d := readStart(t, text).Diagnosis
	if d.Cause.Text() != "no room" || d.Remedy.Text() != "lower max-model-len" || d.Class != "kv-cache" ||
		d.Exit.Code != 1 || d.Limit.Value != 1024 {
		t.Errorf("%+v", d)
	}
}
