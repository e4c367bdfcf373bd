// Package planted breaks the rules about sentences, on the lines that say so.
package planted

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
)

var pattern = regexp.MustCompile(`^(\d+) requests`)

var sentences = regexp.MustCompile(`the load generator (was|is) late`) // want: a sentence

const saturated = "the server is saturated"

func notices(n notice.Notice, list []notice.Notice, words map[string]bool) bool {
	if n.Text() == "late" { // want: the sentence of a notice
		return true
	}
	if strings.HasPrefix(n.String(), "The load") { // want: the sentence of a notice
		return true
	}
	if words[n.Remedy()] { // want: the sentence of a notice
		return true
	}
	text := n.Text() + "."
	if pattern.MatchString(strings.ToLower(text)) { // want: the sentence of a notice
		return true
	}
	if slices.Contains(notice.Texts(list), "late") { // want: the sentence of a notice
		return true
	}
	for _, each := range notice.Texts(list) {
		switch each { // want: the sentence of a notice
		case "late":
			return true
		}
	}
	if _, rest, ok := strings.Cut(fmt.Sprintf("%s", n), ":"); ok && rest != "" { // want: the sentence of a notice
		return true
	}
	return n.Code == "client-late" || n.Text() == "" || n.Args["check"].String() == "roofline"
}

func errorsAsText(err error) bool {
	if strings.Contains(err.Error(), "refused") { // want: the text of an error
		return true
	}
	said := fmt.Sprint(err)
	if said != "EOF" { // want: the text of an error
		return true
	}
	var n *notice.Error
	if errors.As(err, &n) && n.Error() == "x" { // want: the sentence of a notice
		return true
	}
	return errors.Is(err, errors.ErrUnsupported)
}

func literals(text string) bool {
	if text == saturated {
		return true
	}
	if strings.Contains(text, saturated) { // want: a sentence
		return true
	}
	switch text {
	case "none of the above": // want: a sentence
		return true
	case "two words":
		return false
	}
	if strings.HasSuffix(text, " is out of range") { // want: a sentence
		return true
	}
	return strings.Contains(text, ": ") || text != "n/a"
}

// Result is exported.
type Result struct {
	Warnings []string // want: []string
	Reason   string   // want: string
	Reasons  []notice.Notice
	Names    []string
	Label    string
}

type record struct {
	Remedy string `json:"remedy"` // want: string
	Model  string `json:"model"`
}

type view struct{ Text string }
