package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/report"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/site"
)

func newServe(sys *System) *cobra.Command {
	var port int
	var open bool
	cmd := &cobra.Command{
		Use:   "serve DIR...",
		Short: "Browse runs in a browser, including live ones; on this machine only",
		Long: `Browse the runs below the directories: a list, the report of each run, and the
progress of a running one. sweep serves them on the loopback interface only and
changes nothing.`,
		Example: `  sweep serve runs
  sweep serve --port 8700 runs /data/other-runs
  ssh -L 8700:127.0.0.1:8700 gpu-host sweep serve --port 8700 runs`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return nil
			}
			return misused(cmd, errors.New("serve takes DIR..., got 0 arguments"))
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, stop := sys.interruptible(cmd.Context(), func() {})
			defer stop()
			return serve(ctx, sys, site.Site{Dirs: args, Summarise: summarise}, port, open)
		},
	}
	cmd.Flags().IntVar(&port, "port", 0, "`port` to listen on (0: any free port)")
	cmd.Flags().BoolVar(&open, "open", false, "open the list of runs in a browser")
	return cmd
}

// serve answers until the context ends, which is no error.
func serve(ctx context.Context, sys *System, s site.Site, port int, open bool) error {
	for _, d := range s.Dirs {
		if info, err := os.Stat(d); err == nil && !info.IsDir() {
			return withCode(exitUsage, fmt.Errorf("%s is a file: want a directory of runs", d))
		}
	}
	runs, err := s.Runs()
	if err != nil {
		return withCode(exitUsage, err)
	}
	listener, err := listenFor("--port", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	address := "http://" + listener.Addr().String() + "/"
	fmt.Fprintf(sys.Stdout, "%s\n", address)
	fmt.Fprintf(sys.Stderr, "%s (press Ctrl-C to stop)\n", say.Count(len(runs), "run"))
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	if open {
		sys.openBrowser(address)
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// openBrowser shows an address or a file in a browser. Where there is none, it
// says so and where the page is: the page is there all the same.
func (sys *System) openBrowser(target string) {
	err := handToDesktop(target)
	if err == nil {
		return
	}
	if path, e := filepath.Abs(target); e == nil && !strings.Contains(target, "://") {
		target = path
	}
	sys.say("sweep could not open a browser: %v. Open the page yourself:\n  %s", err, target)
}

// openerWait is how long the desktop's opener is waited for. It ends at once
// where it finds no browser, and may go on as long as the browser it became.
const openerWait = 2 * time.Second

// handToDesktop has the desktop open an address or a file.
func handToDesktop(target string) error {
	opener := map[string]string{"darwin": "open", "windows": "explorer"}[runtime.GOOS]
	if opener == "" {
		opener = "xdg-open"
	}
	path, err := exec.LookPath(opener)
	if err != nil {
		return fmt.Errorf("%s is not installed", opener)
	}
	cmd := exec.Command(path, target)
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // a browser may outlive us
	select {
	case err := <-ended:
		if err != nil && runtime.GOOS != "windows" { // explorer ends with 1 when it has opened the page
			return fmt.Errorf("%s failed: %w", opener, err)
		}
	case <-time.After(openerWait):
	}
	return nil
}

// shownEvents is how many events the page of a run shows.
const shownEvents = 25

// summarise reads what the site shows of a run.
func summarise(path string) (site.Summary, error) {
	st, err := statusOf(path)
	if err != nil {
		return site.Summary{}, err
	}
	out := site.Summary{
		Name: st.Name, State: st.State, Began: st.Began, Planned: st.Planned, Done: st.finished(), Failed: st.Failed, Invalid: st.Invalid, Warnings: notice.Texts(st.Warnings),
	}
	r, err := readResults(path)
	if err != nil {
		return out, err
	}
	for _, e := range slices.Backward(r.run.Events) {
		if len(out.Events) == shownEvents {
			break
		}
		text := strings.TrimSpace(e.Detail + " " + strings.Join(notice.Texts(e.Notices), " "))
		for _, id := range []string{e.Trial, e.Start} {
			if id != "" {
				text = id + " " + text
				break
			}
		}
		out.Events = append(out.Events, site.Event{Time: e.Time, Event: eventText(e.Event), Text: text})
	}
	for _, rec := range r.findings.Recommendations {
		out.Answers = append(out.Answers, answerText(rec))
	}
	return out, nil
}

// answerText is a recommendation in one line.
func answerText(r analysis.Recommendation) string {
	if r.Cell == "" || r.Estimate == nil {
		return r.UseCase + ": no recommendation"
	}
	return fmt.Sprintf("%s: %s at %s, %s, %s", r.UseCase, r.Label, r.PointLabel, say.Metric(r.Objective, r.Estimate.Center), report.Standing(r))
}
