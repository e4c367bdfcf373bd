package vllm

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Lines of the log that tell the configuration: what the parser understood
// (entrypoints/utils.py), what the engine got (v1/engine/core.py), and what was
// made of it (config/scheduler.py, config/vllm.py, platforms/cuda.py).
//
// "Asynchronous scheduling is enabled." is passed over: 0.15 to 0.25 say so
// before the platform decides, and on processors it is off all the same.
var (
	parsedArgs   = regexp.MustCompile(`non-default args: (\{.*)`)
	engineConfig = regexp.MustCompile(`Initializing (?:a V1|an) LLM engine \(v[^)]*\) with config: (.*)`)
	single       = []struct {
		fragment, flag string
		value          *regexp.Regexp // whose first group is the value; nil: false
	}{
		{"Chunked prefill is enabled", "max-num-batched-tokens", regexp.MustCompile(`with max_num_batched_tokens=(\d+)`)},
		{"backend out of potential", "attention-backend", regexp.MustCompile(`Using (\w+)(?: attention)? backend out of potential`)},
		{"Using AttentionBackendEnum", "attention-backend", regexp.MustCompile(`Using AttentionBackendEnum\.(\w+) backend`)},
		{"Asynchronous scheduling is disabled", "async-scheduling", nil},
	}
)

// configuration takes what the line tells of the values of flags.
func (r *reader) configuration(line string) {
	switch {
	case strings.Contains(line, "non-default args"):
		if m := parsedArgs.FindStringSubmatch(line); m != nil {
			for dest, value := range pythonDict(m[1]) {
				if flag := flagName(dest); known(flag) {
					put(r.parsed, flag, value)
				}
			}
		}
		return
	case strings.Contains(line, "LLM engine (v"):
		if m := engineConfig.FindStringSubmatch(line); m != nil {
			maps.Copy(r.settings, flagsOf(pythonFields(m[1])))
		}
		return
	}
	for _, l := range single {
		if !strings.Contains(line, l.fragment) {
			continue
		}
		if l.value == nil {
			r.settings[l.flag] = "false"
		} else if m := l.value.FindStringSubmatch(line); m != nil {
			r.settings[l.flag] = m[1]
		}
	}
}

// renamed are fields of vLLM's configuration that are called otherwise than
// the flag that sets them, behind their section where the name alone means
// several things.
var renamed = map[string]string{
	"max_seq_len": "max-model-len", "chunked_prefill_enabled": "enable-chunked-prefill",
	"cache_config.cache_dtype": "kv-cache-dtype", "scheduler_config.policy": "scheduling-policy",
	"parallel_config.data_parallel_master_ip":        "data-parallel-address",
	"mamba_config.enable_stochastic_rounding":        "enable-mamba-cache-stochastic-rounding",
	"mamba_config.stochastic_rounding_philox_rounds": "mamba-cache-philox-rounds",
	"speculative_config.method":                      "spec-method", "speculative_config.model": "spec-model",
	"speculative_config.num_speculative_tokens": "spec-tokens",
	"parallel_config._api_process_count":        "api-server-count",
}

// foreign are sections whose fields are no flags of the server: those of another
// model, what belongs to plug-ins, and what the platform found.
var foreign = []string{"speculative_config", "additional_config", "kv_transfer_config", "ec_transfer_config", "quant_config", "device_config"}

// flagName is the name of a flag by the name of its field.
func flagName(field string) string { return strings.ReplaceAll(field, "_", "-") }

// flagOf is the flag that sets a field of a section ("" outside sections): of
// attention_config.backend attention-backend, of most fields one of their own
// name.
func flagOf(section, field string) (string, bool) {
	path := field
	if section != "" {
		path = section + "." + field
	}
	if name, ok := renamed[path]; ok {
		return name, true
	}
	if slices.Contains(foreign, section) {
		return "", false
	}
	if head, ok := strings.CutSuffix(section, "_config"); ok {
		if name := flagName(head + "_" + field); known(name) {
			return name, true
		}
	}
	name := flagName(field)
	return name, known(name)
}

func known(name string) bool { _, ok := vllmflags.Find(name); return ok }

// flagsOf are the values of the flags in a configuration, by flag, in sections
// or without. A key of a flag that takes JSON stands behind a dot.
func flagsOf(config map[string]any) map[string]string {
	out := map[string]string{}
	collect(out, "", config)
	if lora, told := config["lora_config"]; told { // which is there when enable-lora is set
		out["enable-lora"] = plain(lora != nil)
	}
	return out
}

func collect(out map[string]string, section string, fields map[string]any) {
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		flag, ok := flagOf(section, field)
		nested, isMap := fields[field].(map[string]any)
		if ok {
			put(out, flag, fields[field])
		}
		// Below the sections, what is a flag of its own has other keys than fields.
		if isMap && (section == "" || !ok) && !slices.Contains(foreign, section) {
			collect(out, field, nested)
		}
	}
}

// put sets the value of a flag, or of each key of a mapping. None is no value:
// it stands for what is left to later, and the flag's real value may be told
// elsewhere.
func put(out map[string]string, flag string, value any) {
	nested, isMap := value.(map[string]any)
	if !isMap {
		if text := plain(value); text != "" {
			out[flag] = text
		}
		return
	}
	for key, v := range nested {
		put(out, flag+"."+key, v)
	}
}

// settings asks a server that is ready: /server_info tells everything, but
// only with VLLM_SERVER_DEV_MODE=1; the labels of vllm:cache_config_info tell
// what concerns the cache.
func settings(ctx context.Context, get launcher.Getter) launcher.Told {
	var cache launcher.Told
	if body, err := get(ctx, "/metrics"); err == nil {
		cache = cacheInfo(string(body))
	}
	if body, err := get(ctx, "/server_info?config_format=json"); err == nil {
		if told := serverInfo(body); len(told.Values) > 0 {
			told.KVCacheTokens, told.MaxConcurrency = cache.KVCacheTokens, cache.MaxConcurrency
			return told
		}
	}
	return cache
}

// serverInfo reads vLLM's configuration, as JSON or, where that was not asked
// for or is not known, as in the log.
func serverInfo(body []byte) launcher.Told {
	var info struct {
		Config any `json:"vllm_config"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&info) != nil {
		return launcher.Told{}
	}
	told := launcher.Told{Source: "/server_info"}
	switch config := info.Config.(type) {
	case map[string]any:
		told.Values = flagsOf(config)
		if on, ok := config["device_config"].(map[string]any); ok {
			told.Device = plain(on["device"])
		}
	case string:
		fields := pythonFields(config)
		told.Values, told.Device = flagsOf(fields), plain(fields["device_config"])
	}
	return told
}

var (
	cacheMetric = regexp.MustCompile(`(?m)^vllm:cache_config_info\{(.*)\} `)
	label       = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)
)

// cacheInfo reads the labels of vllm:cache_config_info: flags, and the size of
// the cache, which releases before 0.25 tell in blocks.
func cacheInfo(metrics string) launcher.Told {
	m := cacheMetric.FindStringSubmatch(metrics)
	if m == nil {
		return launcher.Told{}
	}
	labels := map[string]any{}
	var told launcher.Told
	var blocks, size int64
	for _, pair := range label.FindAllStringSubmatch(m[1], -1) {
		switch n, err := strconv.ParseFloat(pair[2], 64); {
		case err != nil || n <= 0 || n > 1e15:
		case pair[1] == "num_gpu_blocks":
			blocks = int64(n)
		case pair[1] == "block_size":
			size = int64(n)
		case pair[1] == "kv_cache_size_tokens":
			told.KVCacheTokens = int64(n)
		case pair[1] == "kv_cache_max_concurrency":
			told.MaxConcurrency = n
		case pair[1] == "cpu_kvcache_space_bytes": // until 0.19, of processors alone
			told.Device = "cpu"
		}
		labels[pair[1]] = pythonWord(pair[2])
	}
	if told.KVCacheTokens == 0 {
		told.KVCacheTokens = blocks * size
	}
	if out := flagsOf(map[string]any{"cache_config": labels}); len(out) > 0 {
		told.Values, told.Source = out, "vllm:cache_config_info"
	}
	return told
}

// compare holds a value in effect against the one asked for, by the flag's type.
// Words that differ are not judged: most have several spellings, or name what the
// server then makes of them (awq, awq_marlin).
func compare(flag, asked, inEffect string) launcher.Verdict {
	f, ok := vllmflags.Find(flag)
	value, name, _ := strings.Cut(strings.TrimSuffix(inEffect, ")"), " (") // of an enumeration
	switch {
	case asked == inEffect, name != "" && (strings.EqualFold(asked, value) || strings.EqualFold(asked, name)),
		sameList(asked, inEffect), sameNumber(asked, inEffect):
		return launcher.Confirmed
	case !ok || asked == "-1":
		return launcher.Unjudged
	case asked == "auto":
		return launcher.Confirmed // the server chooses, and says what
	}
	switch f.Kind {
	case vllmflags.Bool:
		if isSwitch(asked) && isSwitch(inEffect) {
			return launcher.Contradicted
		}
	case vllmflags.Int, vllmflags.HumanInt, vllmflags.AutoInt:
		a, err1 := vllmflags.ReadHumanInt(asked)
		b, err2 := strconv.ParseFloat(inEffect, 64)
		if err1 == nil && err2 == nil {
			return launcher.Judge(float64(a) == b)
		}
	case vllmflags.Float:
		if isNumber(asked) && isNumber(inEffect) {
			return launcher.Contradicted // sameNumber has seen them
		}
	}
	if canonical, judged := spellings[flag]; judged {
		return launcher.Judge(canonical(asked) == canonical(inEffect))
	}
	return launcher.Unjudged
}

func isSwitch(value string) bool { return value == "true" || value == "false" }

func isNumber(text string) bool { _, err := strconv.ParseFloat(text, 64); return err == nil }

// sameNumber says whether two decimal numbers are the same: 0.9 and 0.90.
func sameNumber(a, b string) bool {
	x, err1 := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	return err1 == nil && err2 == nil && math.Abs(x-y) < 1e-6
}

// sameList says whether two lists of JSON are the same, or a list of one and
// its item.
func sameList(a, b string) bool {
	return len(a) > 0 && len(b) > 0 && (a[0] == '[' || b[0] == '[') && slices.Equal(items(a), items(b))
}

// items are those of a list of JSON as flags are written, or the value alone.
func items(text string) []string {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var list []any
	if decoder.Decode(&list) != nil {
		return []string{text}
	}
	out := []string{}
	for _, v := range list {
		out = append(out, plain(v))
	}
	return out
}

// spellings of words that mean the same.
var spellings = map[string]func(string) string{
	"dtype": func(s string) string {
		switch s {
		case "half":
			return "float16"
		case "float":
			return "float32"
		}
		return s
	},
	"kv-cache-dtype":    func(s string) string { return strings.TrimSuffix(s, "_e4m3") },
	"scheduling-policy": strings.ToLower,
}
