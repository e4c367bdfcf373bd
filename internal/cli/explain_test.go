package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

// The texts of an entry fit the terminal, and so do the lines of the list.
func TestExplanationsFit(t *testing.T) {
	for _, columns := range []int{60, 80, 200} {
		var out strings.Builder
		for _, e := range explanations() {
			if err := writeExplanation(&out, e, columns); err != nil {
				t.Fatal(err)
			}
		}
		if err := listMessages(&out, explanations(), columns); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > columns {
				t.Errorf("%d columns of %d: %s", n, columns, line)
			}
		}
		if !strings.Contains(out.String(), "\n            ") {
			t.Error("nothing was wrapped")
		}
	}
}

// docs/messages.md is made of the catalogue: `make messages` writes it anew.
func TestMessagesAreDocumented(t *testing.T) {
	var want bytes.Buffer
	if err := writeMessages(&want, explanations()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/messages.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want.Bytes()) {
		t.Error("docs/messages.md is not what the catalogue says: run 'make messages'")
	}
}
