package importer

import (
	"math"
	"slices"
	"strconv"
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
	var once []notice.Notice
	for _, n := range r.Warnings {
		if !slices.ContainsFunc(once, n.Equal) {
			once = append(once, n)
		}
	}
	r.Warnings = once
}

// checkNumbers takes out what is no number that a record can hold. Metrics are
// looked at where they are stored.
func (r *Result) checkNumbers() {
	if implausible(r.Load.Value) != "" {
		r.warn(outside("the load", r.Load.Value))
		r.Load.Kind, r.Load.Value = Unknown, 0
	}
	for _, f := range []struct {
		what string
		v    *float64
	}{{"the length of the run", &r.Window}, {"the length of the answers", &r.outputMean}, {"the number of tokens per chunk", &r.TokensPerChunk}} {
		if implausible(*f.v) == "" {
			continue
		}
		if !math.IsNaN(*f.v) {
			r.warn(outside(f.what, *f.v))
		}
		*f.v = 0
	}
	for name, v := range r.Metrics {
		if why := implausible(v); why != "" {
			r.lack(name, why)
		}
	}
}

// outside is the notice of a value that cannot have been measured. JSON has no
// form for all such values, so that the notice holds it as a word.
func outside(what string, v float64) notice.Notice {
	return notice.New("value-implausible", notice.Args{"what": notice.Text(what), "value": notice.Text(strconv.FormatFloat(v, 'g', 4, 64))})
}

// contradicts is the notice of a throughput that is not a count by the duration.
func contradicts(name string, stated, computed float64) notice.Notice {
	return notice.New("throughput-contradicts", notice.Args{
		"metric": notice.Text(metric.Short(name)), "stated": notice.Metric(name, stated), "computed": notice.Metric(name, computed),
	})
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
	length := r.outputMean
	if r.Recomputed() || !(ttft > 0 && tpot > 0 && e2e > ttft && length > 1) {
		return
	}
	sum := ttft + tpot*(length-1)
	if math.Abs(sum/e2e-1) <= contradiction {
		return
	}
	implied := (e2e - ttft) / (length - 1)
	n := notice.New("tpot-contradicts", notice.Args{"stated": notice.Seconds(tpot), "implied": notice.Seconds(implied)})
	r.warn(n)
	for _, base := range []string{"tpot", "itl"} {
		for _, st := range metric.Stats() {
			r.lack(base+"_"+st, n.Text())
		}
	}
}

// same reports whether two results are one and the same measurement, found in
// two files, and how the files contradict each other about the server (nil: they
// do not).
func (r *Result) same(o *Result) (same bool, conflict *notice.Notice) {
	tables := r.Format == "table" || o.Format == "table"
	switch {
	case r.Tool != o.Tool && !tables, r.Load.Value != o.Load.Value:
		return false, nil
	case r.Load.Kind != o.Load.Kind && r.Load.Kind != Unknown && o.Load.Kind != Unknown:
		return false, nil
	case !r.Ended.IsZero() && !o.Ended.IsZero() && !r.Ended.Equal(o.Ended):
		return false, nil
	}
	common := 0
	for name, v := range r.Metrics {
		if w, ok := o.Metrics[name]; ok {
			if math.Abs(v-w) > 1e-6*math.Abs(v) {
				return false, nil
			}
			common++
		}
	}
	switch {
	case common < 3:
		return false, nil
	case r.configuration() == o.configuration(), tables && r.Label != "" && r.Label == o.Label: // one may know more
		return true, nil
	case common < 6 || !tables:
		return false, nil // alike by chance, perhaps; and a file of the tool's own is its own witness
	}
	for _, f := range r.Flags {
		if g, ok := o.Flags.Get(f.Name); ok && !g.Equal(f) {
			n := notice.New("files-contradict", notice.Args{"file": notice.Text(r.File), "there": notice.Text(f.String()), "here": notice.Text(g.String())})
			if r.Place != "" {
				n = n.With("place", notice.Text(r.Place))
			}
			conflict = &n
		}
	}
	return conflict != nil, conflict
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
