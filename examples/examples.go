// Package examples holds experiment files that run as they stand; each says
// at its top what it teaches.
package examples

import "embed"

// FS holds the examples: quickstart.yaml and so on.
//
//go:embed *.yaml
var FS embed.FS
