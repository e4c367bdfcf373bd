// Package benchstattest gives what `sweep compare --format benchfmt` writes to
// the parser of golang.org/x/perf and to benchstat. It is a module of its own,
// so that sweep does not depend on either.
package benchstattest
