// Package prose checks what people read: the README, the pages under docs, the
// comments of the examples, the catalog of notices, and the literals of the
// program. It has tests only.
// They find what a pattern can find; docs/style.md has the rules.
package prose
