package importer

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// runFile is one run in the folder of a combination of `vllm bench sweep`:
// SERVE-…-BENCH-…/run=0.json. The overrides of server and client are written
// into the same object; the name of the folder tells them apart.
var runFile = regexp.MustCompile(`^run=([0-9]+)\.json$`)

// benchWords are the members that `vllm bench serve` writes by itself; others
// are metadata or overrides.
var benchWords = regexp.MustCompile(`^(date|endpoint_type|backend|label|model_id|tokenizer_id|best_of|num_prompts|request_rate|burstiness|max_concurrency|ramp_up_.*|duration|completed|failed|total_.*|request_(throughput|goodput).*|output_throughput|total_token_throughput|max_output_tokens_per_s|max_concurrent_requests|rtfx|(mean|median|std|p[0-9.]+)_.*_(ms|s)|probe_.*|rps_change_events|spec_decode_.*|diffusion_.*|latencies|queue_times|run_number|qps|filename|steady_state_.*)$`)

// sweepTree finds out from the folder what was varied. It returns false for a
// file that is no run of a sweep.
func sweepTree(path string, b *benchRun, r *Result) bool {
	m := runFile.FindStringSubmatch(filepath.Base(path))
	if m == nil {
		return false
	}
	folder := filepath.Base(filepath.Dir(path))
	serve, bench, _ := strings.Cut(folder, "BENCH-")
	if !strings.HasPrefix(folder, "SERVE-") {
		serve = ""
		if !strings.HasPrefix(folder, "BENCH-") {
			return false
		}
	}
	serve = strings.Trim(strings.TrimPrefix(serve, "SERVE-"), "-")
	var notes []string
	ofServer, ofClient := overrides(serve, b.order), overrides(strings.TrimLeft(bench, "-"), b.order)
	for _, key := range b.order {
		if benchWords.MatchString(key) {
			continue
		}
		switch {
		case ofServer[key]:
			r.Flags = append(r.Flags, flagOf(key, b.values[key]))
			delete(r.Metadata, key)
		case ofClient[key] && !strings.HasPrefix(key, "random_"):
			notes = append(notes, key+" "+plain(b.values[key]))
			delete(r.Metadata, key)
		}
	}
	if len(r.Flags) == 0 {
		r.Label = serve // a named combination that tells no flag by itself
		if serve == "" {
			r.Label = "as started"
		}
	}
	if len(notes) > 0 && r.Load.Note == "" {
		r.Load.Note = strings.Join(notes, ", ")
	}
	r.Place = "run " + m[1]
	return true
}

// overrides are the keys that a part of a folder's name gives a value:
// "max_num_seqs=16-enable_prefix_caching=False". Of keys that fit one place
// the longest is meant; a key that only stands inside another is not.
func overrides(part string, keys []string) map[string]bool {
	plain := func(s string) string { return strings.ReplaceAll(s, "_", "-") }
	part = "-" + plain(part)
	longest := map[int]string{} // by the place of the value
	for _, key := range keys {
		word := "-" + plain(strings.TrimLeft(key, "-")) + "="
		for at, rest := 0, part; ; {
			i := strings.Index(rest, word)
			if i < 0 {
				break
			}
			at += i + len(word)
			rest = part[at:]
			if len(key) > len(longest[at]) {
				longest[at] = key
			}
		}
	}
	out := map[string]bool{}
	for _, key := range longest {
		out[key] = true
	}
	return out
}

// flagOf makes a server flag of a value that a file states.
func flagOf(name string, v any) experiment.Flag {
	f := experiment.Flag{Name: flagName(name), Value: plain(v)}
	switch t := v.(type) {
	case nil:
		f.Kind = experiment.FlagUnset
	case bool:
		f.Kind = experiment.FlagBool
	case string:
		if low := strings.ToLower(t); low == "true" || low == "false" {
			f.Value, f.Kind = low, experiment.FlagBool
		}
	}
	return f
}

// flagName is the flag without dashes, spelled with hyphens.
func flagName(s string) string {
	return strings.ReplaceAll(strings.TrimLeft(strings.TrimSpace(s), "-"), "_", "-")
}

// readSweepRun reads one run of `vllm bench sweep`.
func readSweepRun(s *stream, path string) (Result, error) {
	b := benchRun{values: map[string]any{}}
	if err := b.read(s); err != nil {
		return Result{}, err
	}
	r, err := b.result("")
	if err != nil {
		return Result{}, s.fail(err)
	}
	if !sweepTree(path, &b, r) {
		return Result{}, s.fail(fmt.Errorf("%s is not in a folder SERVE-… or BENCH-… of vllm bench sweep", path))
	}
	return *r, s.end()
}
