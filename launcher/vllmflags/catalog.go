package vllmflags

import (
	_ "embed"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed options.tsv
var optionsFile string

// line is one of options.tsv: an option as some releases have it.
type line struct {
	flag     Flag
	releases []int
}

// data is what options.tsv says.
type data struct {
	releases []string // "0.32.0", ascending
	minors   []int    // their minor numbers
	asked    []int    // those of which the parser was asked
	lines    []line
}

var read = sync.OnceValue(func() data { return parse(optionsFile) })

var kinds = map[string]Kind{
	"switch": Bool, "int": Int, "size": HumanInt, "size-auto": AutoInt, "float": Float, "text": Text,
	"json": JSON, "object": Object, "json-or-text": JSONOrText,
}

var words = map[string]Words{"?": Maybe, "+": Many, "*": Many, "each": Each}

var releaseLine = regexp.MustCompile(`^# (0\.(\d+)\S*): (.*)`)

// parse reads options.tsv, which the tests hold to its form.
func parse(text string) data {
	var d data
	for _, l := range strings.Split(text, "\n") {
		if m := releaseLine.FindStringSubmatch(l); m != nil {
			minor, _ := strconv.Atoi(m[2])
			d.releases, d.minors = append(d.releases, m[1]), append(d.minors, minor)
			if strings.HasPrefix(m[3], "asked its parser") {
				d.asked = append(d.asked, minor)
			}
			continue
		}
		columns := strings.Split(l, "\t")
		if len(columns) != 6 || columns[0] == "option" {
			continue
		}
		kind, optional := strings.CutSuffix(columns[2], "?")
		f := Flag{Name: columns[0], Kind: kinds[kind], Words: words[columns[3]], Optional: optional}
		if columns[1] != "-" {
			f.Others = strings.Fields(columns[1])
		}
		if mode, values, listed := strings.Cut(columns[4], " "); listed {
			f.Choices, f.Closed, f.Fold = strings.Fields(values), mode != "+", mode == "~"
		}
		d.lines = append(d.lines, line{f, spans(columns[5])})
	}
	return d
}

// spans reads "11-17 19".
func spans(text string) []int {
	var out []int
	for _, span := range strings.Fields(text) {
		from, to, several := strings.Cut(span, "-")
		least, _ := strconv.Atoi(from)
		most := least
		if several {
			most, _ = strconv.Atoi(to)
		}
		for r := least; r <= most; r++ {
			out = append(out, r)
		}
	}
	return out
}

// Newest is the newest release that the catalogue describes: a later one may
// have flags that it does not name.
func Newest() int { return slices.Max(read().minors) }

// Oldest is the oldest: an earlier one may have had other flags.
func Oldest() int { return slices.Min(read().minors) }

// NewestVersion is the newest release in full: "0.32.0".
func NewestVersion() string {
	all := read().releases
	return all[len(all)-1]
}

// Describes says whether the catalogue knows which flags vLLM 0.release has.
func Describes(release int) bool { return slices.Contains(read().minors, release) }

// options are all flags that the catalogue knows, by name, each as every
// described release has it.
var options = sync.OnceValue(func() map[string]map[int]Flag {
	d := read()
	out := map[string]map[int]Flag{}
	for _, l := range d.lines {
		if out[l.flag.Name] == nil {
			out[l.flag.Name] = map[int]Flag{}
		}
		for _, r := range l.releases {
			out[l.flag.Name][r] = l.flag
		}
	}
	for name, of := range out {
		for _, r := range slices.Sorted(maps.Keys(of)) {
			of[r] = d.complete(name, r, of)
		}
	}
	for _, f := range earlier {
		out[f.Name] = map[int]Flag{}
	}
	return out
})

// complete adds what options.tsv tells by the whole of its lines, and what
// the parser does not tell. Of a release whose parser was not asked the flag is
// known by name: its type and its values are those of the release asked before
// it or of the one after it.
func (d data) complete(name string, release int, of map[int]Flag) Flag {
	f := of[release]
	if !slices.Contains(d.asked, release) {
		for _, next := range d.asked {
			if g, ok := of[next]; ok && next > release {
				if !f.alike(g) {
					before := f
					f = g
					f.Or = &before
				}
				break
			}
		}
	}
	had := slices.Sorted(maps.Keys(of))
	if had[0] != d.minors[0] {
		f.Since = had[0]
	}
	if i := slices.Index(d.minors, had[len(had)-1]) + 1; i < len(d.minors) {
		f.Gone, f.Instead = d.minors[i], instead[name]
	}
	if s, ok := rewritten[name]; ok {
		f.Others = append(slices.Clone(f.Others), s)
	}
	for g := &f; g != nil; g = g.Or {
		if r, ok := ranges[name]; ok {
			g.Range = &r
		}
		if known := registered[name]; len(g.Choices) == 0 && len(known) > 0 {
			g.Choices = known
		}
	}
	return f
}

// alike says whether two flags accept the same.
func (f Flag) alike(g Flag) bool {
	return f.Kind == g.Kind && f.Words == g.Words && f.Optional == g.Optional && f.Closed == g.Closed && f.Fold == g.Fold &&
		slices.Equal(f.Choices, g.Choices) && slices.Equal(f.Others, g.Others)
}

// Table lists the flags of vLLM 0.release, by name. A release newer than all
// of the catalogue is taken for the newest, an older one than all for the
// oldest with what that had lost.
func Table(release int) []Flag {
	d := read()
	at := min(max(release, d.minors[0]), Newest())
	for !slices.Contains(d.minors, at) {
		at--
	}
	var out []Flag
	for _, of := range options() {
		if f, ok := of[at]; ok {
			out = append(out, f)
		}
	}
	for _, f := range earlier {
		if release < f.Gone {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Flag) int { return strings.Compare(a.Name, b.Name) })
	return out
}
