// Package sentences checks that nothing depends on the sentences that people
// read. They are written in internal/notice and internal/report. Who wants to
// know what happened asks for a code. It has tests only, which find code that
// compares, searches or parses sentences, and fields of records and of exported
// types that hold sentences instead of notices.
package sentences
