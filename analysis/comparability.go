package analysis

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Comparability says whether two runs can be compared. A refusal names
// something without which a comparison says nothing of the server: another GPU,
// another model, no load in common, a simulated server beside a real one. A
// warning names what may have an effect of its own. A subject is a difference of
// the servers themselves, most likely what is being compared.
func Comparability(a, b *rundir.Run) (refusals, warnings, subjects []notice.Notice) {
	differ := func(list *[]notice.Notice, what, x, y string) {
		if x != y {
			*list = append(*list, notice.New("runs-differ", notice.Args{
				"what": notice.Text(what), "first": notice.Text(orUnknown(x)), "second": notice.Text(orUnknown(y)),
			}))
		}
	}
	pa, pb := a.Provenance, b.Provenance
	differ(&refusals, "model", a.Plan.Model, b.Plan.Model)
	differ(&refusals, "GPU", gpuKey(pa), gpuKey(pb))
	if a.Plan.Backend != b.Plan.Backend && (pa.Simulated || pb.Simulated || a.Plan.Backend == "endpoint" || b.Plan.Backend == "endpoint") {
		differ(&refusals, "server", a.Plan.Backend, b.Plan.Backend)
	} else {
		differ(&warnings, "server", a.Plan.Backend, b.Plan.Backend)
	}
	points := map[string]bool{}
	for _, p := range a.Plan.LoadPoints {
		points[p.ID] = true
	}
	common := 0
	for _, p := range b.Plan.LoadPoints {
		if points[p.ID] {
			common++
		}
	}
	switch {
	case common == 0:
		refusals = append(refusals, notice.New("no-common-load", nil))
	case common < len(a.Plan.LoadPoints) || common < len(b.Plan.LoadPoints):
		warnings = append(warnings, notice.New("few-common-loads", notice.Args{
			"common": notice.Count(common), "first": notice.Count(len(a.Plan.LoadPoints)), "second": notice.Count(len(b.Plan.LoadPoints)),
		}))
	}
	differ(&warnings, "client version", pa.SweepVersion, pb.SweepVersion)
	differ(&warnings, "client host", pa.Host, pb.Host)
	differ(&warnings, "client processor", fmt.Sprintf("%s, %d cores", pa.CPU, pa.Cores), fmt.Sprintf("%s, %d cores", pb.CPU, pb.Cores))
	differ(&warnings, "time stamps", stamps(a), stamps(b))
	differ(&warnings, "GPU driver", pa.Driver, pb.Driver)
	differ(&warnings, "kernel", pa.Kernel, pb.Kernel)
	differ(&warnings, "order", a.Plan.Order, b.Plan.Order)
	var facts []string
	for _, p := range []rundir.Provenance{pa, pb} {
		for fact := range p.Backend {
			if !slices.Contains(facts, fact) && !strings.HasPrefix(fact, "simulated_gpu") && fact != "simulated_speedup" && fact != "backend" {
				facts = append(facts, fact)
			}
		}
	}
	slices.Sort(facts)
	for _, fact := range facts {
		differ(&subjects, strings.ReplaceAll(fact, "_", " "), pa.Backend[fact], pb.Backend[fact])
	}
	for i := range refusals {
		refusals[i] = refusals[i].As(notice.Refused)
	}
	for i := range subjects {
		subjects[i] = subjects[i].As(notice.Note)
	}
	return refusals, warnings, subjects
}

// gpuKey names the devices that the server ran on.
func gpuKey(p rundir.Provenance) string {
	if p.Simulated {
		return fmt.Sprintf("simulated %s x %s at speed %s", p.Backend["simulated_gpu"], p.Backend["simulated_gpus"], p.Backend["simulated_speedup"])
	}
	var names []string
	for _, g := range p.GPUs {
		names = append(names, g.Name)
	}
	slices.Sort(names)
	return strings.Join(names, " + ")
}

// stamps is whose clock stamped the chunks in most trials.
func stamps(r *rundir.Run) string {
	n, most := map[string]int{}, ""
	for _, t := range r.Trials {
		if t.Client != nil && t.Client.StampSource != "" {
			n[t.Client.StampSource]++
			if n[t.Client.StampSource] > n[most] {
				most = t.Client.StampSource
			}
		}
	}
	return most
}

func orUnknown(s string) string {
	if s == "" {
		return "not recorded"
	}
	return s
}
