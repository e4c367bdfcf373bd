package preflight

import (
	"fmt"
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

// flag checks one flag.
func (f Facts) flag(flag experiment.Flag) *Finding {
	name, _, dotted := strings.Cut(flag.Name, ".")
	entry, known := f.catalogue[name]
	switch {
	case strings.HasPrefix(name, "sim-") && f.Exact:
		return nil // the simulator's own
	case !known:
		return f.unknown(name)
	case entry.Old && f.Known && !entry.In(f.Release):
		return &Finding{Severity: Impossible, Remedy: entry.Instead,
			Name:  true,
			Cause: fmt.Sprintf("vLLM 0.%d has no flag %s: it was removed%s", f.Release, name, gone(entry))}
	case entry.Old && !f.Known:
		return &Finding{Severity: Doubtful, Label: "removed" + gone(entry), Name: true, Remedy: entry.Instead,
			Cause: fmt.Sprintf("newer versions of vLLM do not have the flag %s", name)}
	case f.Known && f.Release < entry.Since:
		return &Finding{Severity: Impossible, Name: true, Remedy: "use a newer image, or leave it out",
			Cause: fmt.Sprintf("vLLM 0.%d has no flag %s yet: it came with 0.%d", f.Release, name, entry.Since)}
	case dotted && entry.Kind != vllmflags.JSON:
		return &Finding{Severity: Wrong, Cause: fmt.Sprintf("%s has no keys", name), Remedy: "only flags that take JSON have keys behind a dot"}
	case dotted:
		return nil
	}
	return f.value(entry, flag)
}

// gone is " in 0.18" where that is known.
func gone(f vllmflags.Flag) string {
	if f.Gone == 0 {
		return ""
	}
	return fmt.Sprintf(" in 0.%d", f.Gone)
}

// unknown judges a flag that the catalogue does not have. In a release that
// the catalogue describes a near miss is a slip of the pen; anything else may
// be a flag of a newer version or of a plug-in.
func (f Facts) unknown(name string) *Finding {
	release := vllmflags.Newest
	if f.Known {
		release = f.Release
	}
	long := vllmflags.Abbreviates(name, release)
	switch {
	case len(long) == 1:
		return &Finding{Severity: Doubtful, Name: true, Label: fmt.Sprintf("did you mean %q?", long[0]), Remedy: "write flags in full: another version may take the abbreviation for another flag",
			Cause: fmt.Sprintf("flag %q is an abbreviation", name)}
	case len(long) > 1:
		return &Finding{Severity: Wrong, Name: true, Label: "ambiguous", Remedy: "write it in full: " + strings.Join(long, ", "),
			Cause: fmt.Sprintf("flag %q can stand for several", name)}
	}
	found := &Finding{Severity: Doubtful, Name: true, Cause: fmt.Sprintf("unknown flag %q", name), Label: "vLLM's catalogue does not have it",
		Remedy: fmt.Sprintf("the catalogue describes vLLM up to 0.%d; a newer version or a plug-in may have it", vllmflags.Newest)}
	near, ok := experiment.Nearest(name, vllmflags.Names(release))
	if ok {
		found.Label = fmt.Sprintf("did you mean %q?", near)
	}
	if f.Exact || ok && f.Known && f.Release <= vllmflags.Newest {
		found.Severity = Wrong
		found.Remedy = fmt.Sprintf("vLLM 0.%d would end with: unrecognized arguments: --%s", release, name)
	}
	return found
}

// value checks a flag's value against its type.
func (f Facts) value(entry vllmflags.Flag, flag experiment.Flag) *Finding {
	isSwitch := entry.Kind == vllmflags.Bool
	switch {
	case isSwitch && flag.Kind == experiment.FlagBool:
		return nil
	case isSwitch:
		return &Finding{Severity: Wrong, Label: "did you mean true or false?", Cause: fmt.Sprintf("%s is a switch and takes no value", flag.Name)}
	case flag.Kind == experiment.FlagBool:
		return &Finding{Severity: Wrong, Cause: fmt.Sprintf("%s takes a value, not true or false", flag.Name), Remedy: choices(entry)}
	case entry.Kind == vllmflags.Texts:
		return nil
	}
	if err := entry.Check(flag.Value); err != nil {
		if len(entry.Choices) == 0 {
			return &Finding{Severity: Wrong, Label: "found " + quoted(flag.Value), Cause: fmt.Sprintf("%s must be %s", flag.Name, kind(entry))}
		}
		return f.choice(entry, flag)
	}
	if !entry.InRange(flag.Value) {
		return &Finding{Severity: Wrong, Label: "found " + quoted(flag.Value), Cause: fmt.Sprintf("%s must be %s", flag.Name, entry.Range)}
	}
	return nil
}

// choice judges a value that is none of those listed.
func (f Facts) choice(entry vllmflags.Flag, flag experiment.Flag) *Finding {
	found := &Finding{Severity: Wrong, Cause: fmt.Sprintf("%s has no value %s", flag.Name, quoted(flag.Value)), Remedy: choices(entry)}
	if near, ok := experiment.Nearest(flag.Value, entry.Choices); ok {
		found.Label = fmt.Sprintf("did you mean %q?", near)
	} else if entry.Open {
		found.Severity = Doubtful
	}
	if !f.Exact && !f.Known {
		found.Severity = Doubtful
	}
	return found
}

func choices(entry vllmflags.Flag) string {
	if len(entry.Choices) == 0 {
		return "write " + kind(entry)
	}
	more := ""
	if entry.Open {
		more = "; plug-ins and other versions may know more"
	}
	return "its values are " + strings.Join(entry.Choices, ", ") + more
}

// kind says what a flag takes.
func kind(entry vllmflags.Flag) string {
	switch entry.Kind {
	case vllmflags.Int:
		return "a whole number"
	case vllmflags.Ints:
		return "one whole number; a list goes into compilation-config"
	case vllmflags.HumanInt:
		if entry.Auto {
			return "a whole number such as 8192 or 32k, or auto"
		}
		return "a whole number such as 8192 or 32k"
	case vllmflags.Float:
		return "a number"
	case vllmflags.JSON:
		return "a mapping"
	}
	return "text"
}
