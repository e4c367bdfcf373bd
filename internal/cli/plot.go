package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// plotOptions are the flags of sweep plot.
type plotOptions struct {
	figures, formats   []string
	x, y, where, theme string
	out                string
	list               bool
}

func newPlot(sys *System) *cobra.Command {
	var o plotOptions
	cmd := &cobra.Command{
		Use:   "plot DIR",
		Short: "Redraw the figures of a run as PNG, SVG and CSV",
		Long: `Redraw the figures of a run. Every figure comes with its data as CSV.

With --x and --y, sweep draws one metric against another instead. --where keeps
the results that meet all conditions, joined by "and". A condition is NAME OP
VALUE: NAME is a flag, a metric, load, point or label, and OP is = != < <= > >=
or ~ (contains).`,
		Example: `  sweep plot runs/acme-support-bot/20261123-221004
  sweep plot --list DIR
  sweep plot --figure frontier-chat --format svg --theme dark --out slides DIR
  sweep plot --x e2e_p95 --y output_throughput_per_gpu --where "load=chat and max-num-seqs>=64" DIR`,
		Args:              exactly("DIR"),
		ValidArgsFunction: completeRuns,
		RunE:              func(_ *cobra.Command, args []string) error { return runPlot(sys, args[0], o) },
	}
	f := cmd.Flags()
	f.StringSliceVar(&o.figures, "figure", nil, "draw only these figures (repeatable)")
	f.StringSliceVar(&o.formats, "format", nil, "write only these `formats` of "+strings.Join(plots.Formats(), ", ")+" (default all)")
	f.StringVar(&o.x, "x", "", "`metric` of the x axis; needs --y")
	f.StringVar(&o.y, "y", "", "`metric` of the y axis; needs --x")
	f.StringVar(&o.where, "where", "", "draw only results that meet these `conditions`")
	f.StringVar(&o.theme, "theme", "light", "color `theme`: light or dark")
	f.StringVar(&o.out, "out", "", "`directory` to write to (default DIR/report/figures)")
	f.BoolVar(&o.list, "list", false, "list the figures, and why others are missing; write nothing")
	complete := func(name string, values func() []string) {
		_ = cmd.RegisterFlagCompletionFunc(name, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return values(), cobra.ShellCompDirectiveNoFileComp
		})
	}
	complete("x", metric.Names)
	complete("y", metric.Names)
	complete("format", plots.Formats)
	complete("theme", func() []string { return []string{"light", "dark"} })
	_ = cmd.RegisterFlagCompletionFunc("figure", completeFigures)
	return cmd
}

func runPlot(sys *System, dir string, o plotOptions) error {
	th, err := o.check()
	if err != nil {
		return withCode(exitUsage, err)
	}
	r, err := readResults(dir)
	if err != nil {
		return err
	}
	in := r.plotInput()
	if o.where != "" {
		conditions, err := plots.ParseWhere(o.where, r.run.Plan)
		if err != nil {
			return withCode(exitUsage, err)
		}
		in = in.Where(conditions)
	}
	if o.list {
		return listFigures(sys, in)
	}
	if o.out == "" {
		o.out = rundir.FiguresDir(r.run.Path)
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	opts := plots.Options{Figures: o.figures, Formats: o.formats, Theme: th}
	var names []string
	if o.x != "" {
		chosen, absent := plots.Chosen(in, o.x, o.y)
		names, err = plots.Write(o.out, chosen, opts)
		for _, a := range absent {
			fmt.Fprintf(sys.Stderr, "%s is not drawn: %s\n", a.Name, a.Reason)
		}
	} else {
		names, err = plots.Render(o.out, in, opts)
	}
	if err != nil {
		return err
	}
	for _, n := range names {
		fmt.Fprintln(sys.Stdout, filepath.Join(o.out, n))
	}
	if len(names) == 0 {
		if o.where != "" {
			return fmt.Errorf("no figure to draw: no result meets --where %q, or too few do", o.where)
		}
		return fmt.Errorf("no figure to draw; 'sweep plot --list %s' says why", say.ShellWord(dir))
	}
	return nil
}

// check tests the values of the flags that need no run.
func (o plotOptions) check() (draw.Theme, error) {
	switch {
	case (o.x == "") != (o.y == ""):
		return draw.Theme{}, errors.New("--x and --y need each other: give both")
	case o.x != "" && len(o.figures) > 0:
		return draw.Theme{}, errors.New("--figure cannot be used with --x and --y")
	}
	for _, f := range o.formats {
		if !slices.Contains(plots.Formats(), f) {
			return draw.Theme{}, fmt.Errorf("--format %q: want one of %s", f, strings.Join(plots.Formats(), ", "))
		}
	}
	for _, m := range []string{o.x, o.y} {
		if _, err := metric.Parse(m); err != nil && m != "" {
			return draw.Theme{}, fmt.Errorf("%w: want one of %s", err, strings.Join(metric.Names(), ", "))
		}
	}
	return draw.ThemeNamed(o.theme)
}

// listFigures prints the figures that can be drawn, then those that cannot.
func listFigures(sys *System, in plots.Input) error {
	for _, f := range plots.Figures(in) {
		fmt.Fprintf(sys.Stdout, "%-32s %s\n", f.Name, f.Title)
	}
	for _, a := range plots.Absent(in) {
		fmt.Fprintf(sys.Stdout, "%-32s not drawn: %s\n", a.Name, a.Reason)
	}
	return nil
}

// completeRuns offers the run directories below runs and the directories of
// the file system.
func completeRuns(_ *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	dirs, _ := rundir.Find(filepath.Join("runs", "*", "*")) // the pattern is well-formed
	var out []string
	for _, dir := range dirs {
		if strings.HasPrefix(dir, toComplete) {
			out = append(out, dir)
		}
	}
	slices.Sort(out)
	slices.Reverse(out) // the latest run first
	if len(out) == 0 {
		return nil, cobra.ShellCompDirectiveFilterDirs
	}
	return out, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveKeepOrder
}

// completeFigures offers the figures of the run named, else of the latest.
func completeFigures(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		args, _ = completeRuns(cmd, nil, "")
	}
	if len(args) == 0 {
		return plots.Kinds(), cobra.ShellCompDirectiveNoFileComp
	}
	r, err := readResults(args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, f := range plots.Figures(r.plotInput()) {
		out = append(out, f.Name)
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
