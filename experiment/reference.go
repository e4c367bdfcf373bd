package experiment

import (
	"fmt"
	"os"
	"strings"
)

// Refers says whether the value comes from elsewhere, so that it is a secret.
func (v EnvVar) Refers() bool { return v.FromEnv != "" || v.FromFile != "" }

// Resolve is the value, or what it refers to: another variable, or the content
// of a file without the line break at its end. what names in the error whose
// value is missing.
func (v EnvVar) Resolve(what string, lookup func(string) (string, bool)) (string, error) {
	switch {
	case v.FromFile != "":
		raw, err := os.ReadFile(v.FromFile)
		if err != nil {
			return "", fmt.Errorf("%s is to come from a file that cannot be read: %w", what, err)
		}
		return strings.TrimRight(string(raw), "\r\n"), nil
	case v.FromEnv == "":
		return v.Value, nil
	}
	value, ok := lookup(v.FromEnv)
	if !ok {
		return "", fmt.Errorf("%s is to come from the environment variable %s, which is not set: "+
			"export it and try again", what, v.FromEnv)
	}
	return value, nil
}
