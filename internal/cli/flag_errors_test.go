package cli

import (
	"io"
	"testing"

	"github.com/vllm-sweep/sweep/internal/say"
)

// Every command can stand in a hint.
func TestCommandsAreWrittenAsCalled(t *testing.T) {
	sys := &System{Name: "/opt/my tools/sweep", Stdout: io.Discard, Stderr: io.Discard}
	for _, c := range newRoot(sys).Commands() {
		text := "'sweep " + c.Name() + " x'"
		if got, want := sys.called(text), "'"+say.ShellWord(sys.Name)+" "+c.Name()+" x'"; !c.Hidden && got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"a sweep load finds its rates":              "a sweep load finds its rates",
		"see runs/sweep run":                        "see runs/sweep run",
		"To continue:\n  sweep run --resume runs/a": "To continue:\n  " + say.ShellWord(sys.Name) + " run --resume runs/a",
		"help: `sweep init` writes one":             "help: `" + say.ShellWord(sys.Name) + " init` writes one",
	} {
		if got := sys.called(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := (&System{}).called("'sweep run'"); got != "'sweep run'" {
		t.Errorf("called as sweep: %s", got)
	}
}
