// Package browsertest opens pages in a real Chromium for tests. A test is
// skipped, loudly, where there is no Chromium; with SWEEP_REQUIRE_CHROMIUM=1 it
// fails instead.
package browsertest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Tab is a page open in a real Chromium, with what its console said and
// what it asked of the network.
type Tab struct {
	T   *testing.T
	ctx context.Context

	mu       sync.Mutex
	console  []string
	requests []string
}

// Open opens an address in headless Chromium.
func Open(t *testing.T, url string, width, height int) *Tab {
	t.Helper()
	exe, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SWEEP_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("SWEEP_REQUIRE_CHROMIUM=1 and no chromium")
		}
		t.Skip("NOT TESTED: no chromium in the path, the page was not loaded in a browser")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(exe), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(profile(t)),
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
	b := &Tab{T: t, ctx: ctx}
	chromedp.ListenTarget(ctx, b.event)
	b.Run(runtime.Enable(), network.Enable(), log.Enable(), emulation.SetFocusEmulationEnabled(true), emulation.SetDeviceMetricsOverride(int64(width), int64(height), 1, false), chromedp.Navigate(url))
	return b
}

// profile makes a folder for a browser, and removes it after the test. The
// browser's helper processes may outlive it and write there a moment longer, so
// t.TempDir would fail tests by chance.
func profile(t *testing.T) string {
	dir, err := os.MkdirTemp("", "browsertest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := os.RemoveAll(dir)
		for tries := 0; err != nil && tries < 100; tries++ {
			time.Sleep(50 * time.Millisecond)
			err = os.RemoveAll(dir)
		}
		if err != nil {
			t.Logf("left behind: %v", err)
		}
	})
	return dir
}

func (b *Tab) event(ev any) {
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

// Run carries out actions.
func (b *Tab) Run(actions ...chromedp.Action) {
	b.T.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.T.Fatal(err)
	}
}

// Eval evaluates an expression to a string.
func (b *Tab) Eval(script string) string {
	b.T.Helper()
	var out any
	b.Run(chromedp.Evaluate(script, &out))
	return fmt.Sprint(out)
}

// Text is the text of the first element that a selector finds.
func (b *Tab) Text(selector string) string {
	b.T.Helper()
	return strings.TrimSpace(b.Eval(fmt.Sprintf("document.querySelector(%q).textContent", selector)))
}

// Dark chooses the theme.
func (b *Tab) Dark(yes bool) {
	b.T.Helper()
	value := "light"
	if yes {
		value = "dark"
	}
	b.Run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}

// AwaitPromise waits for the value that an expression promises.
func AwaitPromise(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// Console is what the console said so far.
func (b *Tab) Console() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.console)
}

// Check fails if the console spoke, or if anything was asked for whose address
// does not begin with the page's.
func (b *Tab) Check(url string) {
	b.T.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.console) > 0 {
		b.T.Errorf("the console is not empty: %v", b.console)
	}
	for _, r := range b.requests {
		if !strings.HasPrefix(r, url) {
			b.T.Errorf("the page asked for %s", r)
		}
	}
	if len(b.requests) == 0 {
		b.T.Error("no request was seen, not even the page's: the check proves nothing")
	}
}
