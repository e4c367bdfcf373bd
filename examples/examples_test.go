package examples

import (
	"io/fs"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/matrix"
)

// TestExamples expects every example to be valid, without warnings, and to
// expand.
func TestExamples(t *testing.T) {
	names, err := fs.Glob(FS, "*.yaml")
	if err != nil || len(names) < 4 {
		t.Fatalf("examples %v, error %v", names, err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			data, err := fs.ReadFile(FS, name)
			if err != nil {
				t.Fatal(err)
			}
			e, ds := experiment.Parse(name, data)
			if len(ds) > 0 {
				var b strings.Builder
				if err := ds.WriteText(&b, false); err != nil {
					t.Fatal(err)
				}
				t.Fatalf("diagnostics:\n%s", b.String())
			}
			if e.Name+".yaml" != name {
				t.Errorf("the experiment is named %s", e.Name)
			}
			if !strings.Contains(string(data), "What it teaches") {
				t.Error("no comment says what it teaches")
			}
			p, err := matrix.New(e)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range p.Warnings {
				if w.Code == "use-case-unanswerable" {
					t.Error(w)
				}
			}
		})
	}
}

// TestQuickstartIsQuick holds the quickstart to its promise of three minutes.
func TestQuickstartIsQuick(t *testing.T) {
	e, ds := experiment.LoadFile("quickstart.yaml")
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	p, err := matrix.New(e)
	if err != nil {
		t.Fatal(err)
	}
	if minutes := p.Estimate.Total.Minutes(); minutes > 3 {
		t.Errorf("estimated to take %.1f minutes", minutes)
	}
}
