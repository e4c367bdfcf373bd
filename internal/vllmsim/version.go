package vllmsim

import "fmt"

// newest is the version whose dialect is spoken by default.
const newest = "0.27.1"

// version is a vLLM release.
type version struct{ major, minor, patch int }

func parseVersion(s string) (version, error) {
	var v version
	n, _ := fmt.Sscanf(s, "%d.%d.%d", &v.major, &v.minor, &v.patch)
	if n < 2 {
		return v, fmt.Errorf("want a version such as %s, got %q", newest, s)
	}
	return v, nil
}

func (v version) String() string { return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch) }

func (v version) before(major, minor int) bool {
	return v.major < major || v.major == major && v.minor < minor
}
