package vllmflags

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Find returns the flag of that name as the newest release that has it has it.
func Find(name string) (Flag, bool) {
	of, ok := options()[name]
	if !ok {
		return Flag{}, false
	}
	newest := -1
	for r := range of {
		newest = max(newest, r)
	}
	if newest < 0 {
		i := slices.IndexFunc(earlier, func(f Flag) bool { return f.Name == name })
		return earlier[i], true
	}
	return of[newest], true
}

// Index is the table by name, for those who look up many: other long names of
// a flag are there too.
func Index(release int) map[string]Flag {
	index := map[string]Flag{}
	for _, f := range Table(release) {
		index[f.Name] = f
		for _, s := range f.Others {
			if long, ok := strings.CutPrefix(s, "--"); ok && long != "no-"+f.Name {
				index[long] = f
			}
		}
	}
	return index
}

// Names lists the flags that vLLM 0.release has.
func Names(release int) []string {
	var out []string
	for _, f := range Table(release) {
		out = append(out, f.Name)
	}
	return out
}

// Abbreviates returns the flags of the release of which name is the beginning:
// argparse takes an abbreviation that only one flag begins with.
func Abbreviates(name string, release int) []string {
	var out []string
	for _, n := range Names(release) {
		if strings.HasPrefix(n, name) {
			out = append(out, n)
		}
	}
	return out
}

// Long returns the flag of which short, without its dash, is another name:
// "tensor-parallel-size" for "tp".
func Long(short string) (string, bool) {
	for _, f := range Table(Newest()) {
		if slices.Contains(f.Others, "-"+short) {
			return f.Name, true
		}
	}
	return "", false
}

// version is 0.27.1, v0.27.1, v0.27.1-x86_64, v0.27.1.dev3+g1a2b3c4...
var version = regexp.MustCompile(`^v?0\.(\d+)(?:\.\d+)?(?:[.\-+a-z].*)?$`)

// Release reads the minor number of a version, as an image's tag or
// --version gives it; false for anything else, such as "latest".
func Release(text string) (int, bool) {
	m := version.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}
