package analysis

import (
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// command is the server command line of a configuration, quoted for a POSIX shell.
func command(model string, flags experiment.Flags) string {
	return quoteAll(append([]string{"vllm", "serve", model}, flags.Args()...))
}

func quoteAll(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, " ")
}

// quote leaves words alone that mean themselves in a shell and wraps all
// others in single quotes.
func quote(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,+@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
