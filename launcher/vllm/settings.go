package vllm

import (
	"context"
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Lines of the log that tell the configuration in effect, in this order: what
// the parser understood (entrypoints/utils.py), what the engine got
// (v1/engine/core.py), what the scheduler made of it (config/scheduler.py).
var (
	parsedArgs   = regexp.MustCompile(`non-default args: \{(.*)\}`)
	pythonItem   = regexp.MustCompile(`'(\w+)': ('(?:[^'\\]|\\.)*'|[\w.+\-]+)(?:,|$)`)
	engineConfig = regexp.MustCompile(`Initializing (?:a V1|an) LLM engine \(v[^)]*\) with config: (.*)`)
	configItem   = regexp.MustCompile(`(?:^|, )(\w+)=('[^']*'|[\w.+\-]+)`)
	batchTokens  = regexp.MustCompile(`Chunked prefill is enabled with max_num_batched_tokens=(\d+)`)
)

// configuration takes what the line tells of the values in effect.
func (r *reader) configuration(line string) {
	switch {
	case strings.Contains(line, "non-default args"):
		if m := parsedArgs.FindStringSubmatch(line); m != nil {
			for _, item := range pythonItem.FindAllStringSubmatch(m[1], -1) {
				r.set(item[1], item[2])
			}
		}
	case strings.Contains(line, "LLM engine (v"):
		if m := engineConfig.FindStringSubmatch(line); m != nil {
			for _, item := range configItem.FindAllStringSubmatch(m[1], -1) {
				r.set(item[1], item[2])
			}
		}
	case strings.Contains(line, "Chunked prefill is enabled"):
		if m := batchTokens.FindStringSubmatch(line); m != nil {
			r.set("max_num_batched_tokens", m[1])
		}
	}
}

func (r *reader) set(name, value string) {
	if flag, ok := flagOf(name); ok {
		if v := plain(value); v != "" {
			r.settings[flag] = v
		}
	}
}

// renamed are fields of vLLM's configuration that are called otherwise than
// the flag that sets them.
var renamed = map[string]string{
	"max_seq_len": "max-model-len", "cache_dtype": "kv-cache-dtype", "policy": "scheduling-policy",
	"chunked_prefill_enabled": "enable-chunked-prefill",
}

// flagOf is the flag that sets a field of the configuration.
func flagOf(field string) (string, bool) {
	name, ok := renamed[field]
	if !ok {
		name = strings.ReplaceAll(field, "_", "-")
	}
	_, known := vllmflags.Find(name)
	return name, known
}

// plain is a Python value as a flag is written; "" for None.
func plain(value string) string {
	value = strings.TrimPrefix(strings.Trim(value, "'"), "torch.")
	switch value {
	case "None":
		return ""
	case "True", "False":
		return strings.ToLower(value)
	}
	return value
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

// serverInfo reads the fields of all sections that are single values.
func serverInfo(body []byte) launcher.Told {
	var info struct {
		Config map[string]json.RawMessage `json:"vllm_config"`
	}
	if json.Unmarshal(body, &info) != nil {
		return launcher.Told{}
	}
	out := map[string]string{}
	var on struct{ Device string }
	_ = json.Unmarshal(info.Config["device_config"], &on) // a section of another form says nothing
	for _, raw := range info.Config {
		var section map[string]any
		if json.Unmarshal(raw, &section) != nil {
			continue // a setting outside a section, or a list
		}
		for field, value := range section {
			flag, ok := flagOf(field)
			if !ok {
				continue
			}
			switch v := value.(type) {
			case string:
				out[flag] = plain(v)
			case bool:
				out[flag] = strconv.FormatBool(v)
			case float64:
				out[flag] = strconv.FormatFloat(v, 'f', -1, 64)
			}
		}
	}
	return launcher.Told{Values: out, Source: "/server_info", Device: on.Device}
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
	out := map[string]string{}
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
		flag, ok := flagOf(pair[1])
		if v := plain(pair[2]); ok && v != "" {
			out[flag] = v
		}
	}
	if told.KVCacheTokens == 0 {
		told.KVCacheTokens = blocks * size
	}
	if len(out) > 0 {
		told.Values, told.Source = out, "vllm:cache_config_info"
	}
	return told
}

// same compares values by the flag's type. Values that the server chooses
// (auto) and kinds that have several spellings (lists, JSON, most words) are
// not judged: what is called different here is different.
func same(flag, asked, inEffect string) bool {
	f, ok := vllmflags.Find(flag)
	if !ok || asked == "auto" || asked == "-1" || inEffect == "" {
		return true
	}
	switch f.Kind {
	case vllmflags.Bool:
		return asked == inEffect
	case vllmflags.Int, vllmflags.HumanInt, vllmflags.AutoInt:
		a, err1 := vllmflags.ReadHumanInt(asked)
		b, err2 := strconv.ParseFloat(inEffect, 64)
		return err1 != nil || err2 != nil || float64(a) == b
	case vllmflags.Float:
		a, err1 := strconv.ParseFloat(asked, 64)
		b, err2 := strconv.ParseFloat(inEffect, 64)
		return err1 != nil || err2 != nil || math.Abs(a-b) < 1e-6
	}
	if canonical, judged := spellings[flag]; judged {
		return canonical(asked) == canonical(inEffect)
	}
	return true
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
