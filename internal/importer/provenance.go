package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/matrix"
)

// describe is the text that stands for the experiment file: what is known of
// how the results came about.
func (im *Import) describe(p *matrix.Plan) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Imported results: there is no experiment file, and sweep cannot run this again.\n")
	fmt.Fprintf(&b, "# %d results of %s.\n", len(im.results), cmp.Or(p.Model, "an unknown model"))
	for _, f := range im.files {
		fmt.Fprintf(&b, "# %d from %s\n", f.Results, f.Path)
	}
	return []byte(b.String())
}

func (im *Import) provenance(runID, version string, now time.Time, d Declared, note []byte) rundir.Provenance {
	sum := sha256.Sum256(note)
	p := rundir.Provenance{
		RunID: runID, Began: im.began(), SweepVersion: version, Experiment: hex.EncodeToString(sum[:]),
		Backend:  map[string]string{},
		Imported: &rundir.Imported{At: now, Files: im.files, Declared: d.words(), Unknown: im.unknown()},
	}
	facts := []struct {
		key string
		of  func(Result) string
	}{
		{"tool", func(r Result) string { return strings.TrimSpace(r.Tool + " " + r.ToolVersion) }},
		{"image", func(r Result) string { return r.Image }},
		{"server_version", func(r Result) string { return r.ServerVersion }},
		{"url", func(r Result) string { return r.Target }},
		{"gpu", func(r Result) string { return r.GPU }},
	}
	for _, f := range facts {
		var all []string
		for _, r := range im.results {
			if v := f.of(r); v != "" && !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
		p.Backend[f.key] = cmp.Or(strings.Join(all, ", "), "unknown")
	}
	gpu, n := im.results[0].GPU, im.results[0].GPUs
	one := !slices.ContainsFunc(im.results, func(r Result) bool { return r.GPU != gpu || r.GPUs != n })
	for i := 0; one && gpu != "" && i < n; i++ {
		p.GPUs = append(p.GPUs, rundir.GPU{Index: i, Name: gpu})
	}
	return p
}

// began is the earliest known beginning; the zero time: not known.
func (im *Import) began() time.Time {
	var t time.Time
	for _, r := range im.results {
		if !r.Began.IsZero() && (t.IsZero() || r.Began.Before(t)) {
			t = r.Began
		}
	}
	return t
}

func (d Declared) words() map[string]string {
	out := map[string]string{}
	put := func(k, v string) {
		if v != "" {
			out[k] = v
		}
	}
	put("model", d.Model)
	put("tool_version", d.Tool)
	put("server_version", d.ServerVersion)
	put("image", d.Image)
	put("gpu", d.GPU)
	put("baseline", d.Baseline)
	put("load", d.Load)
	if d.GPUs > 0 {
		put("gpus", strconv.Itoa(d.GPUs))
	}
	if d.Restarted {
		put("restarted", "true")
	}
	put("flags", say.Shell(d.Flags.Args("")))
	return out
}

// unknown lists what neither the files nor the caller told.
func (im *Import) unknown() []string {
	var out []string
	note := func(what string, missing func(Result) bool) {
		n := 0
		for _, r := range im.results {
			if missing(r) {
				n++
			}
		}
		switch {
		case n == len(im.results):
			out = append(out, what)
		case n > 0:
			out = append(out, fmt.Sprintf("%s (of %d of %d results)", what, n, len(im.results)))
		}
	}
	note("model", func(r Result) bool { return r.Model == "" })
	note("server flags", func(r Result) bool { return len(r.Flags) == 0 })
	note("server version", func(r Result) bool { return r.ServerVersion == "" })
	note("container image", func(r Result) bool { return r.Image == "" })
	note("GPU", func(r Result) bool { return r.GPU == "" })
	note("number of GPUs", func(r Result) bool { return r.GPUs == 0 })
	note("tool version", func(r Result) bool { return r.ToolVersion == "" })
	note("time", func(r Result) bool { return r.Began.IsZero() })
	note("arrival process", func(r Result) bool { return r.Load.Kind == Unknown })
	out = append(out, "server starts", "seeds of prompts and arrivals", "host of the load generator")
	return out
}

// Unknown lists what neither the files nor the caller told, once written.
func (im *Import) Unknown() []string { return im.unknown() }

// Configurations lists the labels of the configurations, once written.
func (im *Import) Configurations() []string { return im.labels }
