package vllmflags

import (
	"regexp"
	"strconv"
	"strings"
)

// Find returns the flag of that name.
func Find(name string) (Flag, bool) {
	for _, f := range Table() {
		if f.Name == name {
			return f, true
		}
	}
	return Flag{}, false
}

// Index is the table by name, for those who look up many.
func Index() map[string]Flag {
	index := map[string]Flag{}
	for _, f := range Table() {
		index[f.Name] = f
	}
	return index
}

// Names lists the flags that vLLM 0.release has.
func Names(release int) []string {
	var out []string
	for _, f := range Table() {
		if f.In(release) {
			out = append(out, f.Name)
		}
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
