package importer

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// AIPerf 0.12 and later run one or several phases, each a warm-up or measured, and
// each with a load of its own. The records name the phase of each request; the
// summary of the run pools the measured ones. 0.13 also writes the summary of each
// phase, phases/NAME/profile_export_aiperf.json, with the configuration of all.

// phases are those of the configuration in their order; none: it is that of an
// earlier release.
func (a aiSummary) phases() []map[string]any {
	var out []map[string]any
	list, _ := member(a, "input_config")["phases"].([]any)
	for _, p := range list {
		phase, _ := p.(map[string]any)
		out = append(out, phase)
	}
	return out
}

// measured are the phases that are no warm-up.
func (a aiSummary) measured() []map[string]any {
	return slices.DeleteFunc(a.phases(), func(p map[string]any) bool {
		return p == nil || p["kind"] == "warmup" || p["exclude_from_results"] == true
	})
}

func phaseName(p map[string]any) string {
	name, _ := p["name"].(string)
	return name
}

func phaseNames(phases []map[string]any) []string {
	var out []string
	for _, p := range phases {
		out = append(out, phaseName(p))
	}
	return out
}

// phase is the measured phase of that name, or the only one; nil: there is none.
func (a aiSummary) phase(name string) map[string]any {
	measured := a.measured()
	if len(measured) == 1 && name == "" {
		return measured[0]
	}
	if i := slices.Index(phaseNames(measured), name); i >= 0 {
		return measured[i]
	}
	return nil
}

// warmup says whether the phase of that name is not measured.
func (a aiSummary) warmup(name string) bool { return len(a.measured()) > 0 && a.phase(name) == nil }

// phaseOf is the phase whose summary a file is, by its folder; "": it is of a run.
func phaseOf(path string) string {
	if dir := filepath.Dir(path); filepath.Base(filepath.Dir(dir)) == "phases" {
		return filepath.Base(dir)
	}
	return ""
}

// unsteady are the settings of a phase that make its load another one than type,
// rate and concurrency tell.
var unsteady = []string{"concurrency_ramp", "prefill_ramp", "rate_ramp", "rate_series", "adaptive_scale"}

// notes are what sets the load of a phase apart besides: its name where a run has
// several, settings of its own, and what a sweep of AIPerf varied, such as
// "prefill_concurrency 4".
func (a aiSummary) notes(name string) []string {
	var out []string
	measured, phase := a.measured(), a.phase(name)
	if len(measured) > 1 {
		out = append(out, "phase "+name)
	}
	if rate, _ := member(phase, "cancellation")["rate"].(float64); rate > 0 {
		out = append(out, "cancels "+strconv.FormatFloat(rate, 'g', -1, 64)+"%")
	}
	for _, key := range unsteady {
		if v, given := phase[key]; given && v != nil && v != false {
			out = append(out, key)
		}
	}
	values := member(member(a, "run_info"), "variation_values")
	for _, key := range slices.Sorted(maps.Keys(values)) {
		parts := strings.Split(key, ".")
		ofAnother := parts[0] == "phases" && len(parts) > 2 && phase != nil && !a.names(parts[1], phase)
		told := aiAxes.MatchString(key) || slices.Contains(parts, "cancellation")
		if v := plain(values[key]); !ofAnother && !told && len(v) < 40 {
			out = append(out, parts[len(parts)-1]+" "+v)
		}
	}
	return out
}

// names says whether a sweep's path means a phase: by its name, its number, or as
// "profiling", the only one that is measured.
func (a aiSummary) names(word string, phase map[string]any) bool {
	if word == phaseName(phase) || word == "profiling" && len(a.measured()) == 1 {
		return true
	}
	n, err := strconv.Atoi(word)
	phases := a.phases()
	return err == nil && n >= 0 && n < len(phases) && phaseName(phases[n]) == phaseName(phase)
}

// aiAxes are the parameters of AIPerf's sweeps that the load itself tells, and
// those that change only how long it is measured.
var aiAxes = regexp.MustCompile(`(^|\.)(concurrency|rate|request_rate|requests|request_count|duration|grace_period|smoothness|isl\.mean|osl\.mean|isl|osl|random_seed|entries)$`)

// seamless says whether requests of a neighboring phase are in flight when the
// phase begins or ends.
func (a aiSummary) seamless(name string) bool {
	phases := a.phases()
	i := slices.Index(phaseNames(phases), name)
	return i >= 0 && phases[i]["seamless"] == true || i >= 0 && i+1 < len(phases) && phases[i+1]["seamless"] == true
}

// readAIBeside reads a summary beside other files of the same run; nil: there is
// none that can be read.
func readAIBeside(path string) aiSummary {
	src := fileSource(path)
	f, err := src.open()
	if err != nil {
		return nil
	}
	defer f.Close()
	a, err := decodeAISummary(newStream(src, f))
	if err != nil || !a.ofAIPerf() {
		return nil
	}
	return a
}

// aiSummaryName is the name of the summary beside records.
func aiSummaryName(records string) string {
	if prefix, ok := strings.CutSuffix(records, ".jsonl"); ok && prefix != "profile_export" {
		return prefix + ".json" // of --profile-export-prefix
	}
	return "profile_export_aiperf.json"
}

// aiCompanion takes load and model of records from the summary beside them, and in
// open loop counts latencies from the moments at which requests were due.
func aiCompanion(path string, r *Result) error {
	dir, base := filepath.Dir(path), aiSummaryName(filepath.Base(path))
	whole := readAIBeside(filepath.Join(dir, base))
	if whole == nil {
		return nil
	}
	counted := whole
	if measured := whole.measured(); len(measured) > 1 {
		if r.phase == "" {
			return &FaultError{File: path, Err: fmt.Errorf("the run has %d phases with loads of their own (%s), and the records do not "+
				"say which is whose: run it again with AIPerf 0.13 or later, or with one phase per run",
				len(measured), strings.Join(phaseNames(measured), ", "))}
		}
		r.Place = "phase " + r.phase
		counted = readAIBeside(filepath.Join(dir, "phases", r.phase, base))
	}
	sum := whole.result(r.phase)
	r.Load, r.Model, r.Target, r.ToolVersion, r.sentFor = sum.Load, sum.Model, sum.Target, sum.ToolVersion, sum.sentFor
	if counted != nil {
		of := counted.result(r.phase)
		r.Invalid = append(r.Invalid, of.Invalid...)
		ok := string(loadgen.ClassOK)
		if have, want := r.Requests[ok], of.Requests[ok]; have < want {
			r.warn(notice.New("requests-partial", notice.Args{"n": notice.Count(have), "all": notice.Count(want)}))
		}
	} else {
		r.Invalid = append(r.Invalid, sum.Invalid...)
	}
	if whole.seamless(r.phase) {
		r.warn(notice.New("phases-overlap", nil))
	}
	switch {
	case !r.Load.open():
	case r.due == nil, r.Load.Cap > 0:
		// With a cap a credit is issued when there is a slot, and without one the
		// arrival is skipped: nothing says when a request was due.
		r.warn(fromSend())
	default:
		r.Clock = ClockIntended
		for i := range r.Run.Requests {
			r.Run.Requests[i].Scheduled = r.due[i]
		}
		r.recompute()
	}
	r.Run.Label = label(r.Load)
	return nil
}

// aiPart says why a file below phases/ of a run of AIPerf need not be read; the
// zero value: it must, because the run has several measured phases and no records of them.
func aiPart(path string, files []string) notice.Notice {
	base, root := filepath.Base(path), filepath.Dir(filepath.Dir(filepath.Dir(path)))
	has := func(name string) bool { return slices.Contains(files, filepath.Join(root, name)) }
	whole := readAIBeside(filepath.Join(root, base))
	switch {
	case has("profile_export.jsonl"), has(base + "l"), len(whole.measured()) < 2:
		return notice.New("aiperf-phase", nil)
	case whole.warmup(phaseOf(path)):
		return notice.New("aiperf-warmup", nil)
	}
	return notice.Notice{}
}

// aiPools says whether a summary only pools phases whose own summaries are there.
func aiPools(path string, files []string) bool {
	phases := filepath.Join(filepath.Dir(path), "phases")
	own := func(name string) bool {
		return slices.Contains(files, filepath.Join(phases, name, filepath.Base(path)))
	}
	if !slices.ContainsFunc(files, func(f string) bool {
		return filepath.Dir(filepath.Dir(f)) == phases && filepath.Base(f) == filepath.Base(path)
	}) {
		return false
	}
	measured := readAIBeside(path).measured()
	return len(measured) > 1 && !slices.ContainsFunc(phaseNames(measured), func(name string) bool { return !own(name) })
}
