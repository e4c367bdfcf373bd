package main

import (
	"bytes"
	"os"
	"testing"
)

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
