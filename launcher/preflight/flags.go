package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// flags checks each flag against the catalogue.
func (f Facts) flags(flags experiment.Flags) []Finding {
	var out []Finding
	for _, flag := range flags {
		if flag.Kind == experiment.FlagUnset {
			continue
		}
		if found := f.flag(flag); found != nil {
			found.Class, found.Flag = launcher.ClassArguments, flag.Name
			out = append(out, *found)
		}
	}
	return out
}

// release is the one by which flags are judged: the newest that the catalogue
// describes, if the server's is not known.
func (f Facts) release() int {
	if f.Known {
		return f.Release
	}
	return vllmflags.Newest()
}

// sure is the severity of what the release's parser refuses: an error if the
// catalogue describes the release, a warning if it only resembles it.
func (f Facts) sure() Severity {
	if f.Exact || f.Known && vllmflags.Describes(f.Release) {
		return Wrong
	}
	return Doubtful
}

// flag checks one flag.
func (f Facts) flag(flag experiment.Flag) *Finding {
	name, _, dotted := strings.Cut(flag.Name, ".")
	entry, known := f.catalogue[name]
	switch {
	case strings.HasPrefix(name, "sim-") && f.Exact:
		return nil // the simulator's own
	case !known:
		return f.missing(name)
	case dotted && !entry.Keys():
		return &Finding{Severity: f.sure(), Cause: fmt.Sprintf("%s has no keys", name), Remedy: "only flags that take JSON have keys after a dot"}
	case dotted:
		return nil
	}
	return f.value(entry, flag)
}

// missing judges a flag that the release does not have: one that it lost, one
// that came later, or one that the catalogue does not know.
func (f Facts) missing(name string) *Finding {
	entry, known := vllmflags.Find(name)
	switch {
	case !known:
		return f.unknown(name)
	case entry.Gone > 0 && !f.Known:
		return &Finding{Severity: Doubtful, Label: "removed " + entry.Removed(), Name: true, Remedy: entry.Instead,
			Cause: fmt.Sprintf("newer releases of vLLM do not have flag %s", name)}
	case entry.Gone > 0 && f.Release >= entry.Gone:
		return &Finding{Severity: Impossible, Remedy: entry.Instead, Name: true,
			Cause: fmt.Sprintf("vLLM 0.%d has no flag %s: it was removed %s", f.Release, name, entry.Removed())}
	}
	found := &Finding{Severity: Impossible, Name: true, Remedy: "use a newer release, or omit the flag",
		Cause: fmt.Sprintf("vLLM 0.%d has no flag %s yet: it was added in 0.%d", f.Release, name, entry.Since)}
	if f.sure() != Wrong { // older than the catalogue
		found.Severity = Doubtful
	}
	return found
}

// unknown judges a flag that the catalogue does not have. It may be a slip of
// the pen, or a flag of a plug-in or of a newer release: that only the server
// knows.
func (f Facts) unknown(name string) *Finding {
	long := vllmflags.Abbreviates(name, f.release())
	switch {
	case len(long) == 1:
		return &Finding{Severity: Doubtful, Name: true, Label: fmt.Sprintf("did you mean %q?", long[0]), Remedy: "write flags in full, because other releases may read the abbreviation as another flag",
			Cause: fmt.Sprintf("flag %q is an abbreviation", name)}
	case len(long) > 1:
		return &Finding{Severity: f.sure(), Name: true, Label: "ambiguous", Remedy: "write it in full: " + strings.Join(long, ", "),
			Cause: fmt.Sprintf("flag %q is ambiguous", name)}
	}
	found := &Finding{Severity: Doubtful, Name: true, Cause: fmt.Sprintf("unknown flag %q", name), Label: "not in sweep's catalog of vLLM flags",
		Remedy: fmt.Sprintf("the catalog covers vLLM up to 0.%d; a newer release or a plug-in may have this flag", vllmflags.Newest())}
	if near, ok := experiment.Nearest(name, vllmflags.Names(f.release())); ok {
		found.Label = fmt.Sprintf("did you mean %q?", near)
	}
	if f.sure() == Wrong {
		found.Remedy = fmt.Sprintf("unless a plug-in adds the flag, vLLM 0.%d will fail with: unrecognized arguments: --%s", f.Release, name)
	}
	if f.Exact { // it has no plug-ins
		found.Severity = Wrong
	}
	return found
}

// value checks what a flag is given: how many words, and each of them.
func (f Facts) value(entry vllmflags.Flag, flag experiment.Flag) *Finding {
	words := flag.Words()
	isSwitch, list := entry.Kind == vllmflags.Bool, flag.Kind == experiment.FlagWords || flag.Kind == experiment.FlagEach
	switch {
	case flag.Kind == experiment.FlagBool && flag.Value == "true" && (isSwitch || entry.Words == vllmflags.Maybe):
		return nil
	case isSwitch && flag.Kind == experiment.FlagBool && entry.Negated():
		return nil
	case isSwitch && flag.Kind == experiment.FlagBool:
		return &Finding{Severity: f.sure(), Cause: fmt.Sprintf("%s cannot be switched off: there is no --no-%s", flag.Name, flag.Name),
			Remedy: "omit it: it is off by default"}
	case isSwitch:
		return &Finding{Severity: f.sure(), Label: "did you mean true or false?", Cause: fmt.Sprintf("%s is a switch and takes no value", flag.Name)}
	case flag.Kind == experiment.FlagBool:
		return &Finding{Severity: f.sure(), Cause: fmt.Sprintf("%s takes a value, not true or false", flag.Name), Remedy: choices(entry)}
	case list && len(words) > 1 && (entry.Words == vllmflags.One || entry.Words == vllmflags.Maybe):
		return &Finding{Severity: f.sure(), Label: "found a list", Cause: fmt.Sprintf("%s takes one value, not several", flag.Name), Remedy: choices(entry)}
	}
	for _, w := range words {
		if found := f.word(entry, flag.Name, w); found != nil {
			return found
		}
	}
	return nil
}

// word checks one word against the flag's type, values and range.
func (f Facts) word(entry vllmflags.Flag, name, word string) *Finding {
	switch err := entry.Check(word); {
	case err != nil && !entry.Closed:
		return &Finding{Severity: f.sure(), Label: "found " + quoted(word), Cause: fmt.Sprintf("%s must be %s", name, kind(entry))}
	case err != nil:
		return f.choice(entry, name, word, f.sure())
	case !entry.InRange(word):
		return &Finding{Severity: f.sure(), Label: "found " + quoted(word), Cause: fmt.Sprintf("%s must be %s", name, entry.Range)}
	case !entry.Closed && len(entry.Choices) > 0 && !slices.ContainsFunc(entry.Choices, func(c string) bool { return strings.EqualFold(c, word) }):
		return f.choice(entry, name, word, Doubtful)
	}
	return nil
}

// choice judges a value that is none of those listed.
func (f Facts) choice(entry vllmflags.Flag, name, word string, severity Severity) *Finding {
	found := &Finding{Severity: severity, Cause: fmt.Sprintf("%s has no value %s", name, quoted(word)), Remedy: choices(entry)}
	if !entry.Closed {
		found.Cause = fmt.Sprintf("unknown value %s of %s", quoted(word), name)
		found.Label = "not in sweep's catalog of vLLM flags"
	}
	if near, ok := experiment.Nearest(word, entry.Choices); ok {
		found.Label = fmt.Sprintf("did you mean %q?", near)
	}
	return found
}

func choices(entry vllmflags.Flag) string {
	if len(entry.Choices) == 0 {
		return "write " + kind(entry)
	}
	if !entry.Closed {
		return "known values are " + strings.Join(entry.Choices, ", ") + "; plug-ins and other releases may add more"
	}
	return "want one of " + strings.Join(entry.Choices, ", ")
}

// kind says what a flag takes.
func kind(entry vllmflags.Flag) string {
	one := map[vllmflags.Kind]string{
		vllmflags.Int: "a whole number", vllmflags.HumanInt: "a whole number such as 8192 or 32k",
		vllmflags.AutoInt: "a whole number such as 8192 or 32k, or auto", vllmflags.Float: "a number",
		vllmflags.JSON: "JSON", vllmflags.Object: "a mapping", vllmflags.JSONOrText: "a mapping or a word",
	}[entry.Kind]
	many := entry.Words == vllmflags.Many || entry.Words == vllmflags.Each
	switch {
	case entry.Kind == vllmflags.Int && many:
		return "a list of whole numbers"
	case one == "" && many:
		return "a list of words"
	case one == "":
		return "text"
	}
	return one
}
