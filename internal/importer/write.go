package importer

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// Declared is what whoever imports knows and the files do not say. It fills
// in; where a file says otherwise, the two contradict and nothing is written.
type Declared struct {
	Model         string
	Tool          string // version of the tool
	ServerVersion string
	Image         string
	GPU           string
	GPUs          int
	Flags         experiment.Flags // of every configuration
	Baseline      string           // label of the configuration to compare with
	Load          string           // name of the load
	Restarted     bool             // every file was measured on a server start of its own
}

// Import collects results and makes one run directory of them. Requests wait
// in files under the folder of the runs, so that large imports need not fit
// into memory.
type Import struct {
	root    string // of run directories
	work    string // folder under root, renamed or removed at the end
	results []Result
	files   []rundir.ImportedFile
	labels  []string // of the configurations, once they are planned
	// Skipped are the files of folders that hold no results, or known ones.
	Skipped []notice.Notice
	// Warnings about the results as a whole, once written.
	Warnings []notice.Notice
}

// Begin starts an import under the folder of the runs. Close must follow.
func Begin(root string) (*Import, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(root, ".import-")
	if err != nil {
		return nil, err
	}
	return &Import{root: root, work: work}, nil
}

// Close removes what is not part of a finished import.
func (im *Import) Close() error { return os.RemoveAll(im.work) }

// Results are what was read so far.
func (im *Import) Results() []Result { return im.results }

// Add reads a file or folder. label names the configuration that it was
// measured on; "" leaves that to the files.
func (im *Import) Add(path, label string, o Options) error {
	o.each = func(r *Result) error { return im.spill(r) }
	results, skipped, err := Read(path, o)
	if err != nil {
		return err
	}
	im.Skipped = append(im.Skipped, skipped...)
	byFile := map[string]int{}
	for i := range results {
		r := &results[i]
		byFile[r.File]++
		if label != "" {
			if flags, ok := labelFlags(label); ok {
				r.Flags = flags
			} else {
				r.Label = label
			}
		}
	}
	kept, twice := fresh(im.results, results)
	if twice > 0 {
		im.Skipped = append(im.Skipped, knownAlready(path, twice, len(results)))
	}
	im.results = append(im.results, kept...)
	for _, f := range slices.Sorted(maps.Keys(byFile)) {
		sum, size, err := digest(f)
		if err != nil {
			return err
		}
		im.files = append(im.files, rundir.ImportedFile{Path: f, SHA256: sum, Bytes: size, Results: byFile[f]})
	}
	return nil
}

// labelFlags reads a label that is nothing but flags: "max-num-seqs=64 enforce-eager=true".
func labelFlags(label string) (experiment.Flags, bool) {
	var out experiment.Flags
	for word := range strings.FieldsSeq(label) {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" || value == "" {
			return nil, false
		}
		out = out.With(flagOf(name, value))
	}
	return out, len(out) > 0
}

// ParseFlags reads NAME=VALUE pairs.
func ParseFlags(pairs []string) (experiment.Flags, error) {
	var out experiment.Flags
	for _, p := range pairs {
		flags, ok := labelFlags(p)
		if !ok {
			return nil, fmt.Errorf("%q: want NAME=VALUE, such as max-num-seqs=64", p)
		}
		for _, f := range flags {
			out = out.With(f)
		}
	}
	return out, nil
}

func digest(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

// spill stores the requests of a result and lets go of them.
func (im *Import) spill(r *Result) error {
	if r.Run == nil {
		return nil
	}
	run := r.Run
	r.Run = nil
	if !r.Timed {
		return nil
	}
	entries, err := os.ReadDir(im.work)
	if err != nil {
		return err
	}
	r.spilled = filepath.Join(im.work, strconv.Itoa(len(entries)))
	return errors.Join(
		atomicfile.Write(r.spilled+".parquet", func(w io.Writer) error { return loadgen.WriteParquet(w, run) }),
		atomicfile.Write(r.spilled+".hlog", func(w io.Writer) error { return loadgen.WriteHistograms(w, run) }))
}

// Write makes the run directory root/name/<time> and returns its path. Until
// everything is written nothing of it is seen there.
func (im *Import) Write(name, version string, now time.Time, d Declared) (path string, err error) {
	if len(im.results) == 0 {
		return "", errors.New("no results were read")
	}
	if err := im.declare(d); err != nil {
		return "", err
	}
	model, err := im.model()
	if err != nil {
		return "", err
	}
	im.sort()
	im.nameLoads()
	plan, placed, starts, err := matrix.Imported(name, model, d.Baseline, im.observations(d))
	if err != nil {
		return "", err
	}
	im.Warnings = im.planWarnings(plan, d)
	plan.Warnings = im.Warnings
	for _, c := range plan.Configurations {
		im.labels = append(im.labels, c.Label)
	}
	dir, err := rundir.Create(im.work, name, now)
	if err != nil {
		return "", err
	}
	defer dir.Close()
	note := im.describe(plan)
	prov := im.provenance(dir.RunID(), version, now, d, note)
	if err := dir.Init(note, plan, prov); err != nil {
		return "", err
	}
	if err := im.records(dir, plan, placed, starts); err != nil {
		return "", err
	}
	return im.publish(dir, name)
}

// publish moves the finished directory to where it belongs.
func (im *Import) publish(dir *rundir.Dir, name string) (string, error) {
	parent := filepath.Join(im.root, name)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	base := filepath.Base(dir.Path)
	for n := 1; ; n++ {
		to := filepath.Join(parent, base)
		if n > 1 {
			to += "-" + strconv.Itoa(n)
		}
		if _, err := os.Lstat(to); err == nil {
			continue
		}
		err := os.Rename(dir.Path, to)
		if err == nil {
			return to, atomicfile.SyncDir(parent)
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("put the run directory in its place: %w", err)
		}
	}
}

// declare fills in what was declared, and refuses what the files contradict.
func (im *Import) declare(d Declared) error {
	for i := range im.results {
		r := &im.results[i]
		for _, f := range []struct {
			what     string
			file     *string
			declared string
		}{{"GPU", &r.GPU, d.GPU}, {"image", &r.Image, d.Image}, {"server version", &r.ServerVersion, d.ServerVersion}, {"tool version", &r.ToolVersion, d.Tool}} {
			switch {
			case f.declared == "" || f.declared == *f.file:
			case *f.file == "" || f.what == "tool version" && !strings.Contains(*f.file, ".dev"):
				*f.file = f.declared
			default:
				return &FaultError{File: r.File, Path: r.Place, Err: fmt.Errorf("the %s is %s here, declared is %s", f.what, *f.file, f.declared)}
			}
		}
		if d.GPUs > 0 && r.GPUs > 0 && r.GPUs != d.GPUs {
			return &FaultError{File: r.File, Path: r.Place, Err: fmt.Errorf("there are %d GPUs here, declared are %d", r.GPUs, d.GPUs)}
		}
		if d.GPUs > 0 && r.GPUs == 0 {
			r.GPUs = d.GPUs
			for _, name := range []string{"output_throughput", "total_throughput"} {
				if v, ok := r.Metrics[name]; ok {
					r.rate(name, v)
				}
			}
		}
		for _, f := range d.Flags {
			if _, ok := r.Flags.Get(f.Name); !ok {
				r.Flags = r.Flags.With(f)
			}
		}
		if d.Load != "" {
			r.Load.Name = d.Load
		}
	}
	if d.Model == "" {
		return nil
	}
	// With several models in the files, the one that was named is taken.
	named := slices.ContainsFunc(im.results, func(r Result) bool { return r.Model == d.Model })
	var kept []Result
	for _, r := range im.results {
		if r.Model == "" {
			r.Model = d.Model
		}
		if r.Model == d.Model {
			kept = append(kept, r)
		}
	}
	if len(kept) == 0 {
		return fmt.Errorf("no result of model %s: the files have %s", d.Model, strings.Join(im.models(), ", "))
	}
	if named || len(kept) == len(im.results) {
		im.results = kept
		return nil
	}
	return fmt.Errorf("the files have results of %s, declared is %s", strings.Join(im.models(), ", "), d.Model)
}

func (im *Import) models() []string {
	var out []string
	for _, r := range im.results {
		if r.Model != "" && !slices.Contains(out, r.Model) {
			out = append(out, r.Model)
		}
	}
	slices.Sort(out)
	return out
}

// model is the one model that all results are of.
func (im *Import) model() (string, error) {
	switch models := im.models(); len(models) {
	case 0:
		return "", nil
	case 1:
		return models[0], nil
	default:
		return "", fmt.Errorf("a run has one model, and the files have results of %d: choose with --model: %s", len(models), strings.Join(models, ", "))
	}
}

// sort brings the results into the order of time where all tell it.
func (im *Import) sort() {
	if im.dated() {
		slices.SortStableFunc(im.results, func(a, b Result) int { return a.Began.Compare(b.Began) })
	}
}

func (im *Import) dated() bool {
	return !slices.ContainsFunc(im.results, func(r Result) bool { return r.Began.IsZero() })
}

func (im *Import) observations(d Declared) []matrix.Observation {
	var out []matrix.Observation
	for _, r := range im.results {
		o := matrix.Observation{
			Label: r.Label, Flags: r.Flags, Image: r.Image, GPUs: r.GPUs,
			Load: cmp.Or(r.Load.Name, "imported"), Kind: r.Load.Kind, Value: r.Load.Value, Cap: r.Load.Cap, Note: r.Load.Note,
		}
		if d.Restarted {
			o.Start = r.File
		}
		out = append(out, o)
	}
	return out
}

// planWarnings says what an import as a whole cannot tell.
func (im *Import) planWarnings(p *matrix.Plan, d Declared) []notice.Notice {
	w := []notice.Notice{notice.New("imported", nil)}
	if !d.Restarted && len(im.results) > len(p.Starts) {
		w = append(w, notice.New("import-restarts-unknown", nil))
	}
	if len(p.Configurations) > 1 {
		w = append(w, notice.New("import-order-unknown", nil))
	}
	return append(w, severalChanges(p)...)
}

// severalChanges names configurations that differ from the middle of the sweep
// in more than one flag: an effect there cannot be ascribed to either.
func severalChanges(p *matrix.Plan) []notice.Notice {
	if len(p.Parameters) < 2 || len(p.Configurations) < 3 {
		return nil
	}
	differ := func(a, b matrix.Configuration) (names []string) {
		for _, name := range p.Parameters {
			x, okX := a.Flags.Get(name)
			y, okY := b.Flags.Get(name)
			if okX != okY || okX && !x.Equal(y) {
				names = append(names, name)
			}
		}
		return names
	}
	middle, least := 0, 1<<30
	for i, a := range p.Configurations {
		sum := 0
		for _, b := range p.Configurations {
			sum += len(differ(a, b))
		}
		if sum < least {
			middle, least = i, sum
		}
	}
	var out []notice.Notice
	for _, c := range p.Configurations {
		if names := differ(p.Configurations[middle], c); len(names) > 1 {
			out = append(out, notice.New("several-changes", notice.Args{
				"middle": notice.Text(p.Configurations[middle].Label), "configuration": notice.Text(c.Label), "flags": notice.List(names...),
			}).On(notice.Configuration, c.ID))
		}
	}
	return out
}
