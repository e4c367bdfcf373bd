package experiment

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/vllm-sweep/sweep/internal/notice"
)

func trails(t *testing.T) Diagnostics {
	t.Helper()
	_, ds := Parse("experiment.yaml", []byte("version: 1\ntrails: 5\n"))
	for _, d := range ds {
		if d.Range.Line == 2 {
			return Diagnostics{d}
		}
	}
	t.Fatalf("no diagnostic on line 2 in\n%s", render(t, ds))
	return nil
}

func TestWriteText(t *testing.T) {
	want := `error: unknown field "trails"
 --> experiment.yaml:2:1
  |
2 | trails: 5
  | ^^^^^^ did you mean "trials"?
`
	if diff := cmp.Diff(want, render(t, trails(t))); diff != "" {
		t.Error(diff)
	}
}

// TestWriteTextColour expects colour to change nothing but escapes.
func TestWriteTextColour(t *testing.T) {
	var b bytes.Buffer
	ds := trails(t)
	if err := ds.WriteText(&b, true); err != nil {
		t.Fatal(err)
	}
	coloured := b.String()
	if !strings.Contains(coloured, "\x1b[1;31merror\x1b[0m") {
		t.Errorf("the severity is not red: %q", coloured)
	}
	for _, style := range []string{red, yellow, blue, bold} {
		coloured = strings.ReplaceAll(coloured, "\x1b["+style+"m", "")
	}
	if plain := strings.ReplaceAll(coloured, "\x1b[0m", ""); plain != render(t, ds) {
		t.Errorf("without escapes:\n%s", plain)
	}
}

// TestWriteTextCaret expects the caret below its text behind tabs, in long
// lines and at the end of a line.
func TestWriteTextCaret(t *testing.T) {
	long := strings.Repeat("x", 500)
	for _, r := range []Range{
		{File: "f", Line: 1, Column: 2, EndColumn: 6, Text: "\tHERE: 1"},
		{File: "f", Line: 1, Column: 501, EndColumn: 505, Text: long + "HERE" + long},
		{File: "f", Line: 1, Column: 4, EndColumn: 8, Text: "äöüHERE"},
		{File: "f", Line: 1, Column: 2, EndColumn: 6, Text: "\x1bHERE"},
	} {
		lines := strings.Split(render(t, Diagnostics{{Severity: Error, Summary: "s", Range: r}}), "\n")
		source, under := []rune(lines[3]), []rune(lines[4])
		if len(source) > windowWidth+10 {
			t.Errorf("a line of %d runes is shown", len(source))
		}
		marked := ""
		for i, c := range under {
			if c == '^' {
				marked += string(source[i])
			}
		}
		if marked != "HERE" {
			t.Errorf("marked %q in\n%s\n%s", marked, lines[3], lines[4])
		}
		if strings.ContainsRune(lines[3], 0x1b) {
			t.Error("an escape character reaches the terminal")
		}
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	ds := trails(t)
	if err := ds.Write(&b, FormatJSON, false); err != nil {
		t.Fatal(err)
	}
	var back Diagnostics
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ds, back, cmp.Comparer(func(a, b notice.Arg) bool { return a.String() == b.String() })); diff != "" {
		t.Error(diff)
	}
	b.Reset()
	if err := Diagnostics(nil).WriteJSON(&b); err != nil || b.String() != "[]\n" {
		t.Errorf("no diagnostics are %q, error %v", b.String(), err)
	}
}

func TestWriteGitHub(t *testing.T) {
	var b bytes.Buffer
	ds := append(trails(t), Diagnostic{Severity: Warning, Summary: "100%\nsure", Range: Range{File: "a,b:c.yaml"}, Help: "h"})
	if err := ds.Write(&b, FormatGitHub, false); err != nil {
		t.Fatal(err)
	}
	want := `::error file=experiment.yaml,line=2,col=1,endColumn=7::unknown field "trails"%0Adid you mean "trials"?
::warning file=a%2Cb%3Ac.yaml::100%25%0Asure%0Ah
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestWriteUnknownFormat(t *testing.T) {
	if err := (Diagnostics{}).Write(&bytes.Buffer{}, "xml", false); err == nil {
		t.Error("no error")
	}
}
