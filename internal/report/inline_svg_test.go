package report

import (
	"strings"
	"testing"
)

func TestInlineSVG(t *testing.T) {
	got, err := inlineSVG([]byte(`<?xml version="1.0"?><!DOCTYPE svg><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="10pt" height="5pt">
<defs><clipPath id="c"><rect width="1"/></clipPath></defs><g clip-path="url(#c)" style="fill:url('#c')"><use xlink:href="#c"/><text>a &lt; b</text></g></svg>`), "f1-", `say "hi"`)
	if err != nil {
		t.Fatal(err)
	}
	want := `<svg role="img" aria-label="say &#34;hi&#34;" viewBox="0 0 10 5">
<defs><clipPath id="f1-c"><rect width="1"></rect></clipPath></defs><g clip-path="url(#f1-c)" style="fill:url(#f1-c)"><use href="#f1-c"></use><text>a &lt; b</text></g></svg>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestInlineSVGDropsWhatActs(t *testing.T) {
	got, err := inlineSVG([]byte(`<svg viewBox="0 0 1 1" onload="x()"><script>alert(1)</script><foreignObject><p>x</p></foreignObject>
<style>@import url(http://example.org/a.css)</style><a href="javascript:x()"><text>inside a link</text></a><image href="http://example.org/x.png"/>
<use href="http://example.org/x.svg#y"/><rect fill="url(http://example.org/x)" OnClick="x()" width="1"/><g style="fill:URL(//example.org)"/></svg>`), "f-", "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"script", "alert", "foreign", "@import", "example.org", "javascript", "onload", "OnClick", "<a", "image"} {
		if strings.Contains(got, bad) {
			t.Errorf("%q survived: %s", bad, got)
		}
	}
	if !strings.Contains(got, `<rect width="1">`) {
		t.Errorf("the rectangle was lost: %s", got)
	}
}

func TestInlineSVGRefusesTheUnreadable(t *testing.T) {
	for _, src := range []string{"", "no drawing", "<p>x</p>", "<svg><g></svg>", "<svg>", "<svg></svg><svg></svg>", "\x89PNG\r\n"} {
		if got, err := inlineSVG([]byte(src), "f-", "x"); err == nil {
			t.Errorf("inlineSVG(%q) = %q, want an error", src, got)
		}
	}
}

func FuzzInlineSVG(f *testing.F) {
	f.Add(`<svg viewBox="0 0 1 1"><g id="a"/></svg>`)
	f.Add(`<svg><svg:script xmlns:svg="x">1</svg:script></svg>`)
	f.Fuzz(func(t *testing.T, src string) {
		got, err := inlineSVG([]byte(src), "p-", "label")
		if err != nil {
			return
		}
		if strings.Contains(strings.ToLower(got), "<script") || !strings.HasPrefix(got, "<svg role=") {
			t.Errorf("%q became %q", src, got)
		}
	})
}
