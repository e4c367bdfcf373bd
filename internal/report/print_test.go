package report

import (
	"bytes"
	"context"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	printing "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// printed is the page as a PDF.
func (b tab) printed() []byte {
	var pdf []byte
	b.Run(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		pdf, _, err = printing.PrintToPDF().WithPreferCSSPageSize(true).WithPrintBackground(true).Do(ctx)
		return err
	}))
	return pdf
}

func pages(pdf []byte) int { return bytes.Count(pdf, []byte("/Type /Page\n")) }

// TestPrinted: on paper the answers, their picture and the doubts share the
// first page, nothing is shown that only a click would open, and the whole stays
// a few sheets.
func TestPrinted(t *testing.T) {
	b, _ := writtenPage(t, fixtureInput())
	if n := pages(b.printed()); n < 2 || n > 7 {
		t.Errorf("printed on %d pages, want at most 7", n)
	}
	b.Run(chromedp.EmulateViewport(1047, 718), emulation.SetEmulatedMedia().WithMedia("print")) // A4 landscape less margins
	for script, want := range map[string]string{
		`['answers','doubts','cells','failures','method'].map(id => document.getElementById(id).getBoundingClientRect().top).every((y, i, all) => i == 0 || y > all[i-1])`:          "true",
		`[...document.querySelectorAll('#answers, .side > figure, #doubts')].every(e => e.getBoundingClientRect().bottom <= 718)`:                                                   "true",
		`[...document.querySelectorAll('.turns, nav, .filter, .copy, #explore, details:not(.print):not(.counted)')].some(e => e.getClientRects().length)`:                           "false",
		`[...document.querySelectorAll('.turns li')].every(e => document.querySelector('.paper').textContent.includes(e.textContent))`:                                              "true",
		`[...document.querySelectorAll('main *')].filter(e => e.getClientRects().length && !e.closest('svg') && e.getBoundingClientRect().right > 1048).map(e => e.tagName).join()`: "",
	} {
		if got := b.Eval(script); got != want {
			t.Errorf("%s is %q, want %q", script, got, want)
		}
	}
}
