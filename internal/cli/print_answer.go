package cli

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
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

// answer is the findings of a run, as stdout is to show them. The caller was
// given the run directory as dir.
func (sys *System) answer(r *results, dir string, parts shownParts) (string, error) {
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
		end := report.Ending{Dir: dir, Took: r.run.Worked()}
		if page := rundir.ReportPage(dir); fileExists(page) {
			end.Page = page
		}
		err = t.Answer(&out, in, end)
	}
	return sys.called(out.String()), err
}

// answerWait is how long the end of a run waits for a reader of stdout.
const answerWait = 30 * time.Second

// printAnswer writes the answer of a run to stdout, below what stderr has to
// say. A reader that is gone is none of the run's business. One that does not
// read is waited for, but not after an interrupt: the answer is in the report.
func (sys *System) printAnswer(ctx context.Context, text, dir string) {
	sys.screen.Flush()
	written := make(chan error, 1)
	go func() {
		_, err := io.WriteString(sys.Stdout, text)
		written <- err
	}()
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	err := errUnread
	select {
	case err = <-written:
	case <-time.After(flushWait):
		select {
		case err = <-written:
		case <-ctx.Done():
		}
	}
	args := notice.Args{"command": notice.Command("sweep", "analyze", dir)}
	switch {
	case err == nil, errors.Is(err, syscall.EPIPE):
		return
	case !errors.Is(err, errUnread):
		args["error"] = notice.Text(err.Error())
	}
	n := notice.New("answer-not-printed", args)
	sys.screen.Message("warning: "+n.String(), n)
}

var errUnread = errors.New("nobody reads it")

func fileExists(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
