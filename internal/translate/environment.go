package translate

import (
	"regexp"
	"strings"
)

// assignment is a variable of a server's environment; value is "" and passed
// true where the command takes it from the shell (-e NAME).
type assignment struct{ name, value string }

var assigned = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

func isAssignment(word string) bool { return assigned.MatchString(word) }

var reference = regexp.MustCompile(`^\$\{?([A-Za-z_][A-Za-z0-9_]*)\}?$`)

// secret are names whose values an experiment file must not hold.
var secret = regexp.MustCompile(`(?i)(^|_)(TOKEN|KEY|SECRET|PASSWORD|CREDENTIALS?)(_|$)`)

// environment are variables as the experiment file has them: values that the
// shell would put in, and secrets whatever their value, by reference.
func environment(list []assignment) Fields {
	var out Fields
	for _, a := range list {
		switch m := reference.FindStringSubmatch(a.value); {
		case m != nil:
			out.Add(a.name, flow{{"from_env", m[1]}})
		case secret.MatchString(a.name) || a.value == fromShell:
			out.Add(a.name, flow{{"from_env", a.name}})
		default:
			out = append(out, Field{a.name, a.value})
		}
	}
	return out
}

// fromShell marks a variable without a value: the shell's own is passed on.
const fromShell = "\x00"

// assign reads NAME=value or NAME.
func assign(text string) assignment {
	name, value, given := strings.Cut(text, "=")
	if !given {
		value = fromShell
	}
	return assignment{name, value}
}
