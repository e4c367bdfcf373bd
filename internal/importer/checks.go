package importer

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// contradiction is how far the parts of the mean latency may miss the whole.
const contradiction = 0.10

// check holds the numbers of a result against each other.
func (r *Result) check() {
	r.checkNumbers()
	r.checkParts()
	r.checkLaw()
	ok, all := 0, 0
	for class, n := range r.Requests {
		all += n
		if class == string(loadgen.ClassOK) {
			ok += n
		}
	}
	if bad := all - ok; ok > 0 && float64(bad) > experiment.DefaultFailures*float64(all) {
		r.Invalid = append(r.Invalid, notice.New("too-many-failures", notice.Args{"n": notice.Count(bad), "all": notice.Count(all)}))
	}
	slices.SortStableFunc(r.Warnings, func(a, b notice.Notice) int { return strings.Compare(a.Text(), b.Text()) })
	r.Warnings = slices.CompactFunc(r.Warnings, notice.Notice.Equal)
}

// checkNumbers takes out what is no number that a record can hold. Metrics are
// looked at where they are stored.
func (r *Result) checkNumbers() {
	if why := implausible(r.Load.Value); why != "" {
		r.warn("the load is not known: " + why)
		r.Load.Kind, r.Load.Value = Unknown, 0
	}
	for what, v := range map[string]*float64{"the length of the run": &r.Window, "the length of the answers": &r.outputMean, "tokens per chunk": &r.TokensPerChunk} {
		if why := implausible(*v); why != "" && !math.IsNaN(*v) {
			r.warn(what + ": " + why)
		}
		if implausible(*v) != "" {
			*v = 0
		}
	}
	for name, v := range r.Metrics {
		if why := implausible(v); why != "" {
			r.lack(name, why)
		}
	}
}

// checkParts checks mean(e2e) = mean(ttft) + mean(tpot) * (mean output - 1). It
// holds exactly for equal lengths and nearly for others. Where it does not, the
// time per token is what tools get wrong (events that hold no token counted as
// tokens), so it is taken out.
func (r *Result) checkParts() {
	ttft, tpot, e2e := r.Metrics["ttft_sent_mean"], r.Metrics["tpot_mean"], r.Metrics["e2e_sent_mean"]
	if ttft == 0 {
		ttft, e2e = r.Metrics["ttft_mean"], r.Metrics["e2e_mean"]
	}
	n := r.outputMean
	if r.Recomputed() || !(ttft > 0 && tpot > 0 && e2e > ttft && n > 1) {
		return
	}
	sum := ttft + tpot*(n-1)
	if math.Abs(sum/e2e-1) <= contradiction {
		return
	}
	implied := (e2e - ttft) / (n - 1)
	why := fmt.Sprintf("contradicts the file's own latencies: ttft + tpot x (output - 1) is %.3g s where e2e is %.3g s; %.3g ms a token would fit, stated are %.3g ms",
		sum, e2e, implied*1e3, tpot*1e3)
	r.warn("time per output token " + why)
	for _, base := range []string{"tpot", "itl"} {
		for _, st := range metric.Stats() {
			r.lack(base+"_"+st, why)
		}
	}
}

// same reports whether two results are one and the same measurement, found in
// two files, and how the files contradict each other about the server ("": they
// do not).
func (r *Result) same(o *Result) (same bool, conflict string) {
	tables := r.Format == "table" || o.Format == "table"
	switch {
	case r.Tool != o.Tool && !tables, r.Load.Value != o.Load.Value:
		return false, ""
	case r.Load.Kind != o.Load.Kind && r.Load.Kind != Unknown && o.Load.Kind != Unknown:
		return false, ""
	case !r.Ended.IsZero() && !o.Ended.IsZero() && !r.Ended.Equal(o.Ended):
		return false, ""
	}
	common := 0
	for name, v := range r.Metrics {
		if w, ok := o.Metrics[name]; ok {
			if math.Abs(v-w) > 1e-6*math.Abs(v) {
				return false, ""
			}
			common++
		}
	}
	switch {
	case common < 3:
		return false, ""
	case r.configuration() == o.configuration(), tables && r.Label != "" && r.Label == o.Label: // one may know more
		return true, ""
	case common < 6 || !tables:
		return false, "" // alike by chance, perhaps; and a file of the tool's own is its own witness
	}
	for _, f := range r.Flags {
		if g, ok := o.Flags.Get(f.Name); ok && !g.Equal(f) {
			conflict = fmt.Sprintf("the same numbers stand in %s (%s) with %s instead of %s", r.File, r.Place, f, g)
		}
	}
	return conflict != "", conflict
}

// configuration identifies the server configuration as far as it is known.
func (r *Result) configuration() string {
	var parts []string
	for _, f := range r.Flags {
		parts = append(parts, f.Name+"="+f.Canonical())
	}
	slices.Sort(parts)
	return r.Label + "\x00" + strings.Join(parts, "\x00")
}
