package report

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	printing "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/vllm-sweep/sweep/sim/browsertest"
)

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
		b := browsertest.Open(t, "file://"+*shotsPage, size.width, size.height)
		b.Dark(size.dark)
		save := func(name string, content []byte) {
			if err := os.WriteFile(filepath.Join(*shots, size.name+"-"+name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		ids := strings.Split(b.Eval(`[...document.querySelectorAll('main section[id]')].map(s => s.id).join(' ')`), " ")
		for _, id := range append([]string{"top"}, ids...) {
			if id == "top" {
				b.Eval("window.scrollTo(0, 0)")
			} else {
				b.Eval(fmt.Sprintf("document.getElementById(%q).scrollIntoView()", id))
			}
			var picture []byte
			b.Run(chromedp.CaptureScreenshot(&picture))
			save(id+".png", picture)
		}
		if size.name == "desktop" {
			var pdf []byte
			b.Run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
				pdf, _, err = printing.PrintToPDF().WithPreferCSSPageSize(true).WithPrintBackground(true).Do(ctx)
				return err
			}))
			save("printed.pdf", pdf)
		}
	}
}
