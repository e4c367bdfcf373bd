package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/vllm-sweep/sweep/internal/report"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// terminal is stdout as a terminal.
func (sys *System) terminal() report.Terminal {
	t := report.Terminal{Color: sys.OutColor}
	if sys.OutTTY {
		t.Width = sys.OutWidth()
	}
	return t
}

// shownParts choose what is printed of the findings; none: the first screen.
type shownParts struct{ table, details bool }

// show prints the findings of a run, whose directory the caller was given as dir.
func (sys *System) show(r *results, dir string, parts shownParts) error {
	t, in := sys.terminal(), r.reportInput()
	var out bytes.Buffer
	var err error
	switch {
	case parts.table && parts.details:
		if err = t.Table(&out, in); err == nil {
			out.WriteByte('\n')
			err = t.Details(&out, in)
		}
	case parts.table:
		err = t.Table(&out, in)
	case parts.details:
		err = t.Details(&out, in)
	default:
		end := report.Ending{Dir: dir, Took: worked(r.run.Events)}
		if page := filepath.Join(dir, "report", report.IndexFile); fileExists(page) {
			end.Page = page
		}
		err = t.Answer(&out, in, end)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(sys.Stdout, sys.called(out.String()))
	return err
}

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// worked is how long sweep worked on a run: the time between its first and its
// last event, without the pauses before it was resumed.
func worked(events []rundir.Event) time.Duration {
	var out time.Duration
	for i := 1; i < len(events); i++ {
		if events[i].Event != rundir.EventRunResumed {
			out += max(events[i].Time.Sub(events[i-1].Time), 0)
		}
	}
	return out
}
