package analysis

import (
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// commandWords is the server command line of a configuration, each word quoted
// for a POSIX shell.
func commandWords(model string, flags experiment.Flags) []string {
	words := []string{"vllm", "serve", quote(model)}
	for _, a := range flags.Args() {
		words = append(words, quote(a))
	}
	return words
}

// command joins commandWords.
func command(model string, flags experiment.Flags) string {
	return strings.Join(commandWords(model, flags), " ")
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
