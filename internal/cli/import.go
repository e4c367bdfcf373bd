package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/importer"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/report"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

// importOptions are the flags of `sweep import`.
type importOptions struct {
	as, name, out  string
	columns, flags []string
	declared       importer.Declared
	dryRun         bool
}

func newImport(sys *System) *cobra.Command {
	var o importOptions
	cmd := &cobra.Command{
		Use:   "import [LABEL=]FILE|DIR...",
		Short: "Import other tools' results as a run directory",
		Long: `Import the results of other load generators as a run directory that analyze, plot,
report and compare read like any other. sweep reads:

  GuideLLM        reports of 0.2 to 0.8, JSON and YAML
  vLLM            'vllm bench serve' (JSON, JSONL) and 'vllm bench sweep' (folders)
  AIPerf          exports
  inference-perf  reports
  InferenceMAX    rows
  CSV             tables, with --map

A label before a path names the server configuration that was measured. A label
of the form NAME=VALUE is a server flag. sweep does not guess what the files do
not say; declare it with the flags below. Files may be compressed with gzip.
docs/interop.md has the details.`,
		Example: `  sweep import benchmarks.json
  sweep import default=monday/ max-num-seqs=64=tuesday/ --baseline default --gpu H100 --gpus 1
  sweep import results/20261120_101500 --name nightly
  sweep import table.csv --map ttft_p50=latency:ms --map concurrency=users --map flag:max-num-seqs=seqs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misused(cmd, errors.New("import takes at least one FILE or DIR"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return sys.importResults(cmd.Context(), args, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.as, "as", importer.Auto, strings.Join(importer.Formats(), ", "))
	f.StringVar(&o.name, "name", "", "`name` of the experiment (default: taken from the first path)")
	f.StringVar(&o.out, "out", "runs", "`directory` in which sweep creates the run directory")
	f.StringArrayVar(&o.columns, "map", nil, "what a CSV column holds, `TARGET=COLUMN[:UNIT]` (repeatable); targets: a metric, flag:NAME, label, constant, poisson, concurrency, completed, failed, duration, ...")
	f.StringArrayVar(&o.flags, "flag", nil, "server flag of all configurations, `NAME=VALUE` (repeatable)")
	f.StringVar(&o.declared.Baseline, "baseline", "", "`configuration` to compare the others with, by its label or some of its flags")
	f.StringVar(&o.declared.Model, "model", "", "`model`, if the files do not name it; if they name several, the one to import")
	f.StringVar(&o.declared.GPU, "gpu", "", "`name` of the GPU")
	f.IntVar(&o.declared.GPUs, "gpus", 0, "GPUs per server")
	f.StringVar(&o.declared.Image, "image", "", "container `image` of the server")
	f.StringVar(&o.declared.ServerVersion, "server-version", "", "`version` of the server")
	f.StringVar(&o.declared.Tool, "tool-version", "", "`version` of the tool that wrote the files")
	f.StringVar(&o.declared.Load, "load", "", "`name` of the load")
	f.BoolVar(&o.declared.Restarted, "restarted", false, "declare that the server was restarted before every file")
	f.BoolVar(&o.dryRun, "dry-run", false, "print what would be imported; write nothing")
	return cmd
}

func (sys *System) importResults(ctx context.Context, args []string, o importOptions) error {
	columns, err := importer.ParseColumns(o.columns)
	if err != nil {
		return withCode(exitUsage, fmt.Errorf("--map: %w", err))
	}
	if o.declared.Flags, err = importer.ParseFlags(o.flags); err != nil {
		return withCode(exitUsage, fmt.Errorf("--flag: %w", err))
	}
	if !slices.Contains(importer.Formats(), o.as) {
		return withCode(exitUsage, fmt.Errorf("--as %s: want one of %s", o.as, strings.Join(importer.Formats(), ", ")))
	}
	if o.name == "" {
		o.name = importName(args[0])
	}
	if !plainName.MatchString(o.name) {
		return withCode(exitUsage, fmt.Errorf("--name %q: want letters, digits, dots, hyphens and underscores", o.name))
	}
	root := o.out
	if o.dryRun {
		if root, err = os.MkdirTemp("", "sweep-import-"); err != nil {
			return err
		}
		defer os.RemoveAll(root)
	}
	im, err := importer.Begin(root)
	if err != nil {
		return withCode(exitEnvironment, err)
	}
	defer im.Close()
	for _, arg := range args {
		label, path := labelled(arg)
		err := im.Add(path, label, importer.Options{As: o.as, Map: columns})
		if errors.Is(err, fs.ErrNotExist) {
			return withCode(exitUsage, err)
		}
		if err != nil {
			return err
		}
	}
	path, err := im.Write(o.name, programVersion(), time.Now(), o.declared)
	if err != nil {
		return err
	}
	sys.importSummary(im, path, o)
	if o.dryRun {
		return nil
	}
	return writeReport(ctx, path, true)
}

// plainName is what an experiment may be called.
var plainName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// importName makes a name of a path: without extensions and odd characters.
func importName(arg string) string {
	_, path := labelled(arg)
	base := filepath.Base(filepath.Clean(path))
	for _, ext := range []string{".gz", ".json", ".jsonl", ".yaml", ".yml", ".csv"} {
		base = strings.TrimSuffix(base, ext)
	}
	name := strings.Trim(regexp.MustCompile(`[^A-Za-z0-9._-]+`).ReplaceAllString(base, "-"), "-._")
	if name == "" {
		return "imported"
	}
	return name[:min(len(name), 100)]
}

// labelled splits LABEL=PATH. A path that exists as it stands has no label,
// and of several ways to split, the first whose path exists is taken.
func labelled(arg string) (label, path string) {
	if _, err := os.Stat(arg); err == nil {
		return "", arg
	}
	for i := range arg {
		if arg[i] != '=' {
			continue
		}
		if _, err := os.Stat(arg[i+1:]); err == nil {
			return arg[:i], arg[i+1:]
		}
	}
	return "", arg
}

// importSummary says what was read, what was passed over and what stays unknown.
func (sys *System) importSummary(im *importer.Import, path string, o importOptions) {
	sys.tell("note", im.Skipped)
	sys.tell("warning", slices.Concat(importNotices(im.Results()), im.Warnings))
	tools := map[string]int{}
	recomputed := 0
	for _, r := range im.Results() {
		tools[strings.TrimSpace(r.Tool+" "+r.ToolVersion)]++
		if r.Recomputed() {
			recomputed++
		}
	}
	for tool, n := range tools {
		fmt.Fprintf(sys.Stderr, "%s of %s\n", say.Count(n, "result"), tool)
	}
	sys.say("%s", notice.New("import-recomputed", notice.Args{"n": notice.Count(recomputed), "all": notice.Count(len(im.Results()))}))
	if u := im.Unknown(); len(u) > 0 {
		fmt.Fprintf(sys.Stderr, "unknown: %s\n", strings.Join(u, ", "))
	}
	if labels := im.Configurations(); o.declared.Baseline == "" && len(labels) > 1 {
		sys.say("%s", notice.New("import-no-baseline", notice.Args{"configurations": notice.Text(strings.Join(labels, "; "))}))
	}
	if !o.dryRun {
		fmt.Fprintln(sys.Stdout, shortest(path))
	}
}

// importNotices are what is said of results, each about its place in the files.
func importNotices(results []importer.Result) []notice.Notice {
	var all []notice.Notice
	for _, r := range results {
		for _, n := range slices.Concat(r.Invalid, r.Warnings) {
			all = append(all, n.On(notice.File, strings.TrimSuffix(r.File+" "+r.Place, " ")))
		}
	}
	return all
}

// tell prints notices, those of one code once, with the first file that they are about.
func (sys *System) tell(word string, list []notice.Notice) {
	for _, g := range notice.Merge(list) {
		text, more := g.String(), len(g.Subjects)-1
		switch {
		case g.Subject.Kind == notice.File && more > 0:
			text = fmt.Sprintf("%s and %d more: %s", g.Subject.ID, more, text)
		case g.Subject.Kind == notice.File:
			text = g.Subject.ID + ": " + text
		case more > 0:
			text += fmt.Sprintf(" The same applies to %d more.", more)
		}
		fmt.Fprintf(sys.Stderr, "%s: %s\n", word, text)
	}
}

// dateOf is the day of a run for a caption.
func dateOf(t time.Time) string {
	if t.IsZero() {
		return "date unknown"
	}
	return t.Format("2006-01-02")
}

// reimport is how an imported run comes about again; nil for one that sweep
// measured.
func reimport(p *rundir.Provenance) []report.Command {
	if p.Imported == nil {
		return nil
	}
	line := "sweep import"
	for _, f := range p.Imported.Files {
		line += " " + f.Path
	}
	return []report.Command{{Line: line, Purpose: "import the files again, with the same flags"}}
}
