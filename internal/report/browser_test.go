package report

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	printing "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a page open in a real Chromium, with what its console said and
// what it asked of the network.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	console  []string
	requests []string
}

// openPage opens a file in headless Chromium.
func openPage(t *testing.T, path string, width, height int) *tab {
	t.Helper()
	exe, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SWEEP_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("SWEEP_REQUIRE_CHROMIUM=1 and no chromium")
		}
		t.Skip("NOT TESTED: no chromium in the path, the page was not loaded in a browser")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(exe), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(width, height), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	ctx, cancelTab := chromedp.NewContext(ctx)
	ctx, cancelTime := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser and waits for it
		cancelTime()
		cancelTab()
		cancel()
	})
	b := &tab{t: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.event)
	b.run(runtime.Enable(), network.Enable(), log.Enable(), emulation.SetFocusEmulationEnabled(true), emulation.SetDeviceMetricsOverride(int64(width), int64(height), 1, false), chromedp.Navigate("file://"+path))
	return b
}

func (b *tab) event(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		b.console = append(b.console, string(e.Type))
	case *runtime.EventExceptionThrown:
		b.console = append(b.console, e.ExceptionDetails.Error())
	case *log.EventEntryAdded:
		b.console = append(b.console, e.Entry.Text)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, e.Request.URL)
	}
}

func (b *tab) run(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatal(err)
	}
}

// eval evaluates an expression to a string.
func (b *tab) eval(script string) string {
	b.t.Helper()
	var out any
	b.run(chromedp.Evaluate(script, &out))
	return fmt.Sprint(out)
}

// text is the text of the first element that a selector finds.
func (b *tab) text(selector string) string {
	b.t.Helper()
	return strings.TrimSpace(b.eval(fmt.Sprintf("document.querySelector(%q).textContent", selector)))
}

// dark chooses the theme.
func (b *tab) dark(yes bool) {
	b.t.Helper()
	value := "light"
	if yes {
		value = "dark"
	}
	b.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}

// awaitPromise waits for the value that an expression promises.
func awaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// check fails if the console spoke or anything but the page was asked for.
func (b *tab) check(path string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.console) > 0 {
		b.t.Errorf("the console is not empty: %v", b.console)
	}
	for _, r := range b.requests {
		if r != "file://"+path {
			b.t.Errorf("the page asked for %s", r)
		}
	}
	if len(b.requests) == 0 {
		b.t.Error("no request was seen, not even the page's: the check proves nothing")
	}
}

var (
	shots     = flag.String("shots", "", "write pictures of the page given by -page into this folder")
	shotsPage = flag.String("page", "", "index.html of a report")
)

// TestShots writes pictures of a report for people to look at, section by
// section, on a desktop and on a telephone, light and dark, and printed:
//
//	go test ./internal/report -run TestShots -shots /some/folder -page /some/report/index.html
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("no -shots folder")
	}
	for _, size := range []struct {
		name          string
		width, height int
		dark          bool
	}{{"desktop", 1440, 900, false}, {"phone", 390, 844, false}, {"dark", 1440, 900, true}} {
		b := openPage(t, *shotsPage, size.width, size.height)
		b.dark(size.dark)
		save := func(name string, content []byte) {
			if err := os.WriteFile(filepath.Join(*shots, size.name+"-"+name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ids := strings.Split(b.eval(`[...document.querySelectorAll('main section[id]')].map(s => s.id).join(' ')`), " ")
		for _, id := range append([]string{"top"}, ids...) {
			if id == "top" {
				b.eval("window.scrollTo(0, 0)")
			} else {
				b.eval(fmt.Sprintf("document.getElementById(%q).scrollIntoView()", id))
			}
			var picture []byte
			b.run(chromedp.CaptureScreenshot(&picture))
			save(id+".png", picture)
		}
		if size.name == "desktop" {
			var pdf []byte
			b.run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
				pdf, _, err = printing.PrintToPDF().WithPreferCSSPageSize(true).WithPrintBackground(true).Do(ctx)
				return err
			}))
			save("printed.pdf", pdf)
		}
	}
}
