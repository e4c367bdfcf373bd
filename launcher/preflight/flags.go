package preflight

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
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
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-without-keys", notice.Args{"flag": notice.Text(name)})}
	case dotted:
		return nil
	}
	return f.value(entry, flag)
}

// missing judges a flag that the release does not have: one that it lost, one
// that came later, or one that the catalogue does not know.
func (f Facts) missing(name string) *Finding {
	entry, known := vllmflags.Find(name)
	if !known {
		return f.unknown(name)
	}
	args := notice.Args{"flag": notice.Text(name)}
	if entry.Gone > 0 {
		args["removed"] = notice.Text(entry.Removed())
		if entry.Instead != "" {
			args["instead"] = notice.Text(entry.Instead)
		}
	}
	switch {
	case entry.Gone > 0 && !f.Known:
		return &Finding{Severity: Doubtful, Name: true, Notice: notice.New("flag-removed-later", args)}
	case entry.Gone > 0 && f.Release >= entry.Gone:
		args["release"] = release(f.Release)
		return &Finding{Severity: Impossible, Name: true, Notice: notice.New("flag-removed", args)}
	}
	found := &Finding{Severity: Impossible, Name: true, Notice: notice.New("flag-not-yet", notice.Args{
		"release": release(f.Release), "flag": notice.Text(name), "since": release(entry.Since),
	})}
	if f.sure() != Wrong { // older than the catalogue
		found.Severity = Doubtful
	}
	return found
}

// release names a release of vLLM by its minor number.
func release(minor int) notice.Arg { return notice.Text(fmt.Sprintf("0.%d", minor)) }

// unknown judges a flag that the catalogue does not have. It may be a slip of
// the pen, or a flag of a plug-in or of a newer release: that only the server
// knows.
func (f Facts) unknown(name string) *Finding {
	args := notice.Args{"flag": notice.Text(name)}
	long := vllmflags.Abbreviates(name, f.release())
	switch {
	case len(long) == 1:
		args["near"] = notice.Text(long[0])
		return &Finding{Severity: Doubtful, Name: true, Notice: notice.New("flag-abbreviated", args)}
	case len(long) > 1:
		args["candidates"] = notice.Choice(long...)
		return &Finding{Severity: f.sure(), Name: true, Notice: notice.New("flag-ambiguous", args)}
	}
	nearest(args, name, vllmflags.Names(f.release()))
	severity := Doubtful
	if f.Exact { // it has no plug-ins
		severity = Wrong
	}
	if f.sure() == Wrong {
		args["release"] = release(f.Release)
	} else {
		args["newest"] = release(vllmflags.Newest())
	}
	return &Finding{Severity: severity, Name: true, Notice: notice.New("flag-unknown", args)}
}

// nearest adds the known word that was probably meant, if there is one.
func nearest(args notice.Args, word string, known []string) {
	if near, ok := wording.Nearest(word, known); ok {
		args["near"] = notice.Text(near)
	} else {
		args["catalog"] = notice.Text("vLLM flags")
	}
}

// value checks what a flag is given: how many words, and each of them.
func (f Facts) value(entry vllmflags.Flag, flag experiment.Flag) *Finding {
	words := flag.Words()
	isSwitch, list := entry.Kind == vllmflags.Bool, flag.Kind == experiment.FlagWords || flag.Kind == experiment.FlagEach
	args := notice.Args{"flag": notice.Text(flag.Name)}
	switch {
	case flag.Kind == experiment.FlagBool && flag.Value == "true" && (isSwitch || entry.Words == vllmflags.Maybe):
		return nil
	case isSwitch && flag.Kind == experiment.FlagBool && entry.Negated():
		return nil
	case isSwitch && flag.Kind == experiment.FlagBool:
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-not-negatable", args)}
	case isSwitch:
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-is-switch", args)}
	case flag.Kind == experiment.FlagBool:
		choices(args, entry)
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-takes-value", args)}
	case list && len(words) > 1 && (entry.Words == vllmflags.One || entry.Words == vllmflags.Maybe):
		choices(args, entry)
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-takes-one-value", args)}
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
	wrong := func(want string) *Finding {
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-value-wrong", notice.Args{
			"flag": notice.Text(name), "want": notice.Text(want), "value": trimmed(word),
		})}
	}
	switch err := entry.Check(word); {
	case err != nil && !entry.Closed:
		return wrong(kind(entry))
	case err != nil:
		args := notice.Args{"flag": notice.Text(name), "value": trimmed(word)}
		choices(args, entry)
		if near, ok := wording.Nearest(word, entry.Choices); ok {
			args["near"] = notice.Text(near)
		}
		return &Finding{Severity: f.sure(), Notice: notice.New("flag-choice-wrong", args)}
	case !entry.InRange(word):
		return wrong(entry.Range.String())
	case !entry.Closed && len(entry.Choices) > 0 && !slices.ContainsFunc(entry.Choices, func(c string) bool { return strings.EqualFold(c, word) }):
		args := notice.Args{"flag": notice.Text(name), "value": trimmed(word)}
		choices(args, entry)
		nearest(args, word, entry.Choices)
		return &Finding{Severity: Doubtful, Notice: notice.New("flag-choice-unknown", args)}
	}
	return nil
}

// trimmed is a value as people write it.
func trimmed(word string) notice.Arg { return notice.Text(strings.TrimSpace(word)) }

// choices adds what to write instead.
func choices(args notice.Args, entry vllmflags.Flag) {
	switch {
	case len(entry.Choices) == 0:
		args["kind"] = notice.Text(kind(entry))
	case !entry.Closed:
		args["known"] = notice.List(entry.Choices...)
	default:
		args["choices"] = notice.Choice(entry.Choices...)
	}
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
