package experiment

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/vllm-sweep/sweep/internal/wording"
)

// maxFileSize bounds the experiment file, in bytes.
const maxFileSize = 1 << 20

// LoadFile reads, decodes and validates the experiment file at path. All faults
// are reported at once. The experiment is nil when there are errors;
// diagnostics may hold warnings beside an experiment.
func LoadFile(path string) (*Experiment, Diagnostics) {
	whole := Range{File: path}
	unreadable := func(why string) (*Experiment, Diagnostics) {
		return nil, Diagnostics{fault("file-unreadable", whole, args{"error": why})}
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return unreadable(wording.Plain(err.Error()))
	case info.IsDir():
		return unreadable("it is a directory")
	case !info.Mode().IsRegular():
		return unreadable("it is not a regular file")
	case info.Size() > maxFileSize:
		return nil, Diagnostics{tooLarge(whole, int(info.Size()))}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return unreadable(wording.Plain(err.Error()))
	}
	return Parse(path, data)
}

func tooLarge(at Range, size int) Diagnostic {
	return fault("file-too-large", at, args{"size": size, "limit": maxFileSize})
}

// Parse decodes and validates an experiment file that has been read. Paths in
// it are resolved against the folder of path.
func Parse(path string, data []byte) (*Experiment, Diagnostics) {
	raw := data
	data = bytes.TrimPrefix(data, []byte("\ufeff")) // some editors put a byte order mark first
	if len(data) > maxFileSize {
		return nil, Diagnostics{tooLarge(Range{File: path}, len(data))}
	}
	if bad := badText(path, data); bad != nil {
		return nil, Diagnostics{*bad}
	}
	src := newSource(path, data)
	root, ds := parseYAML(src, data)
	if root == nil {
		return nil, ds
	}
	d := &decoder{src: src, dir: filepath.Dir(path), ds: ds}
	e, _ := fileSection().decode(d, "", entry{value: root})
	e.File, e.Raw = path, raw
	ds = d.ds.sorted()
	if ds.HasErrors() {
		return nil, ds
	}
	return &e, ds
}

// badText reports bytes that are not UTF-8.
func badText(path string, data []byte) *Diagnostic {
	if utf8.Valid(data) {
		return nil
	}
	rest, line := data, 1
	for len(rest) > 0 {
		text, after, _ := bytes.Cut(rest, []byte("\n"))
		if !utf8.Valid(text) {
			column := 1
			for tail := text; ; column++ {
				r, n := utf8.DecodeRune(tail)
				if r == utf8.RuneError && n <= 1 {
					break
				}
				tail = tail[n:]
			}
			shown := strings.ToValidUTF8(strings.TrimSuffix(string(text), "\r"), "\ufffd")
			at := Range{File: path, Line: line, Column: column, EndColumn: column + 1, Text: shown}
			bad := fault("file-not-text", at, nil)
			return &bad
		}
		rest, line = after, line+1
	}
	return nil
}

// namePattern keeps the experiment's name usable as a folder name.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func fileSection() section[Experiment] {
	return section[Experiment]{
		initial: Experiment{
			Trials:  trialsSection().initial,
			Matrix:  Matrix{Strategy: OneAtATime},
			Confirm: confirmSection().initial,
			Gates:   gatesSection().initial,
		},
		fields: []field[Experiment]{
			must(bind("version", "Version of this file format: 1.", version(), func(e *Experiment) *int { return &e.Version })),
			must(bind("name", "Name of the experiment, and of its folder under runs/.",
				matching(namePattern, "letters, digits, dots, hyphens and underscores, starting with a letter or digit"),
				func(e *Experiment) *string { return &e.Name })),
			bind("description", "What the experiment is about. The report shows it.", text("text"),
				func(e *Experiment) *string { return &e.Description }),
			must(bind("server", "What to launch, and how.", serverSection().value(), func(e *Experiment) *Server { return &e.Server })),
			bind("matrix", "Which flags to vary. Without it, sweep measures only the baseline.", matrixSection().value(),
				func(e *Experiment) *Matrix { return &e.Matrix }),
			must(bind("loads", "The loads, by name. sweep measures every configuration under each of them.", loads(),
				func(e *Experiment) *[]Load { return &e.Loads })),
			bind("benchmark", "Tool that makes the loads: native (default), guidellm, vllm or aiperf.", benchmark(),
				func(e *Experiment) **Benchmark { return &e.Benchmark }),
			bind("trials", "How often and how to measure each configuration at each load.", trialsSection().value(),
				func(e *Experiment) *Trials { return &e.Trials }),
			bind("cooldown", "The wait between servers.", cooldownSection().value(),
				func(e *Experiment) *Cooldown { return &e.Cooldown }),
			bind("slo", "Limits that every recommended configuration must meet, by metric.", constraints(),
				func(e *Experiment) *[]Constraint { return &e.SLO }),
			bind("use_cases", "The questions to answer, by name: one recommendation per question.", useCases(),
				func(e *Experiment) *[]UseCase { return &e.UseCases }),
			bind("confirm", "Measure the finalists again on freshly restarted servers before sweep recommends them. false: do not.", confirmation(),
				func(e *Experiment) *Confirm { return &e.Confirm }),
			bind("gates", "Validity checks: when sweep discards a trial, and how often it measures it again.", gatesSection().value(),
				func(e *Experiment) *Gates { return &e.Gates }),
			bind("abort_when", "End the run early when too many trials are discarded or fail.", abortSection().value(),
				func(e *Experiment) *AbortWhen { return &e.AbortWhen }),
			bind("telemetry", "How and how often to read the GPUs.", telemetrySection().value(), func(e *Experiment) *Telemetry { return &e.Telemetry }),
			bind("notify", "Notifications at the end of the run.", notifications(), func(e *Experiment) *[]Notify { return &e.Notify }),
		},
		check: checkFile,
	}
}

func version() value[int] {
	one := any(1)
	return value[int]{schema: &jsonschema.Schema{Const: &one}, read: func(d *decoder, path string, e entry) (int, bool) {
		if e.value.text != "1" || e.value.kind != intNode {
			d.expect("wrong-value", path, e, "1, the only version of this format")
			return 0, false
		}
		return 1, true
	}}
}
