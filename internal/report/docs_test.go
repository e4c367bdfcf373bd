package report

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/matrix"
)

// The page that documents the formats must name every field, event and column.
func TestFormatsAreDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/run-directory.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(b)
	var names []string
	for _, v := range []any{matrix.Plan{}, matrix.Confirmation{}, rundir.Provenance{}, rundir.Event{}, rundir.Start{}, rundir.Trial{}, rundir.Floor{}, Results{}} {
		names = append(names, jsonNames(reflect.TypeOf(v), nil)...)
	}
	names = append(names, resultsHeader...)
	names = append(names, trialsHeader...)
	names = append(names,
		rundir.EventRunStarted, rundir.EventRunResumed, rundir.EventLoadsResolved, rundir.EventStartBegan, rundir.EventStartReady,
		rundir.EventStartFailed, rundir.EventTrialBegan, rundir.EventTrialFinished, rundir.EventStartStopped, rundir.EventCooldown,
		rundir.EventOrphans, rundir.EventConfirmPlanned, rundir.EventRunInterrupted, rundir.EventRunFinished)
	if len(names) < 150 {
		t.Fatalf("only %d names found: the walk over the types is broken", len(names))
	}
	slices.Sort(names)
	for _, n := range slices.Compact(names) {
		if !strings.Contains(doc, "`"+n+"`") {
			t.Errorf("docs/run-directory.md does not name `%s`", n)
		}
	}
}

// jsonNames lists the JSON members of a struct and of what it holds.
func jsonNames(typ reflect.Type, seen []reflect.Type) []string {
	switch typ.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return jsonNames(typ.Elem(), seen)
	case reflect.Struct:
	default:
		return nil
	}
	if !strings.Contains(typ.PkgPath(), "sweep") || slices.Contains(seen, typ) {
		return nil // time.Time and the like
	}
	seen = append(seen, typ)
	var out []string
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		if name == "" {
			name = f.Name
		}
		out = append(out, name)
		out = append(out, jsonNames(f.Type, seen)...)
	}
	return out
}
