package serverlog

import (
	"io"
	"slices"
	"strings"
)

// mask stands where a secret stood.
const mask = "[redacted]"

// Redact replaces every secret in text.
func Redact(text string, secrets []string) string {
	var b strings.Builder
	r := newRedactor(&b, secrets)
	r.Write([]byte(text)) // a strings.Builder does not fail
	r.flush()
	return b.String()
}

// redactor replaces secrets on their way to w, also when they are split over
// writes: a suffix that may turn out to be the beginning of a secret is held
// back until the next write or flush. Memory is bounded by the longest secret.
type redactor struct {
	w       io.Writer
	secrets []string // longest first, so that the longest match wins
	first   [256]bool
	held    []byte
}

func newRedactor(w io.Writer, secrets []string) *redactor {
	r := &redactor{w: w}
	for _, s := range secrets {
		if s != "" && !slices.Contains(r.secrets, s) {
			r.secrets = append(r.secrets, s)
			r.first[s[0]] = true
		}
	}
	slices.SortFunc(r.secrets, func(a, b string) int { return len(b) - len(a) })
	return r
}

func (r *redactor) Write(p []byte) (int, error) {
	if len(r.secrets) == 0 {
		return r.w.Write(p)
	}
	text := append(r.held, p...)
	r.held = nil
	out := make([]byte, 0, len(text))
	for i := 0; i < len(text); {
		if !r.first[text[i]] {
			out = append(out, text[i])
			i++
			continue
		}
		n, undecided := r.match(text[i:])
		if undecided {
			r.held = slices.Clone(text[i:])
			break
		}
		if n == 0 {
			out = append(out, text[i])
			i++
			continue
		}
		out = append(out, mask...)
		i += n
	}
	if _, err := r.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// match returns the length of the longest secret at the start of text. It is
// undecided when text ends inside a secret that would be longer than that.
func (r *redactor) match(text []byte) (n int, undecided bool) {
	for _, s := range r.secrets {
		if len(text) < len(s) {
			if strings.HasPrefix(s, string(text)) {
				return 0, true
			}
			continue
		}
		if string(text[:len(s)]) == s {
			return len(s), false
		}
	}
	return 0, false
}

// flush writes what was held back. A held beginning of a longer secret may
// itself contain a shorter one.
func (r *redactor) flush() error {
	held := string(r.held)
	r.held = nil
	for i := 0; i < len(held); {
		n := 0
		for _, s := range r.secrets {
			if strings.HasPrefix(held[i:], s) {
				n = len(s)
				break
			}
		}
		out := held[i : i+1]
		if n > 0 {
			out = mask
		}
		if _, err := io.WriteString(r.w, out); err != nil {
			return err
		}
		i += max(n, 1)
	}
	return nil
}
