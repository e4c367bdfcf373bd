package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

// importedFacts say of an imported run where it comes from and what nobody
// told of it.
func importedFacts(im *rundir.Imported) []fact {
	if im == nil {
		return nil
	}
	out := []fact{{"imported", stamp(im.At)}}
	var files []string
	for _, f := range im.Files {
		files = append(files, fmt.Sprintf("%s (%s, SHA-256 %.12s…)", f.Path, say.Count(f.Results, "result"), f.SHA256))
	}
	const most = 20
	if n := len(files); n > most {
		files = append(files[:most], fmt.Sprintf("and %d more", n-most))
	}
	out = append(out, fact{"files", strings.Join(files, "; ")})
	var declared []string
	for _, k := range slices.Sorted(maps.Keys(im.Declared)) {
		declared = append(declared, k+" "+im.Declared[k])
	}
	if len(declared) > 0 {
		out = append(out, fact{"declared on import", strings.Join(declared, "; ")})
	}
	return append(out, fact{"unknown", strings.Join(im.Unknown, ", ")})
}

func processor(p *rundir.Provenance) string {
	if p.Cores == 0 {
		return p.CPU
	}
	return joinNonEmpty(", ", p.CPU, say.Count(p.Cores, "core"))
}
