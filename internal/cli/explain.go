package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/wording"
)

func newExplain(sys *System) *cobra.Command {
	var asJSON, markdown bool
	cmd := &cobra.Command{
		Use:   "explain [CODE]",
		Short: "Explain a message by its code",
		Long: `Explain what a message means and what to do about it. Without a code, list all
messages. Codes are in --json output, in records, in the lines of
--progress json, and on the page (data-code).`,
		Example: `  sweep explain
  sweep explain client-late
  sweep analyze --json DIR | jq -r '.cells[].warnings[]?.code' | sort | uniq -c`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var out []string
			for _, c := range notice.Codes() {
				out = append(out, string(c))
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			all := explanations()
			if len(args) == 1 {
				e, ok := notice.Explain(notice.Code(args[0]))
				if !ok {
					return unknownCode(args[0])
				}
				all = []notice.Explanation{e}
			}
			switch {
			case asJSON:
				return writeJSON(sys, all)
			case markdown:
				return writeMessages(sys.Stdout, all)
			case len(args) == 1:
				return writeExplanation(sys.Stdout, all[0], sys.terminal().Width)
			}
			return listMessages(sys.Stdout, all, sys.terminal().Width)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print as Markdown, as docs/messages.md")
	cmd.MarkFlagsMutuallyExclusive("json", "markdown")
	return cmd
}

func explanations() []notice.Explanation {
	var out []notice.Explanation
	for _, c := range notice.Codes() {
		e, _ := notice.Explain(c)
		out = append(out, e)
	}
	return out
}

func unknownCode(code string) error {
	var codes []string
	for _, c := range notice.Codes() {
		codes = append(codes, string(c))
	}
	text := fmt.Sprintf("unknown code %q", code)
	if near, ok := wording.Nearest(code, codes); ok {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return withCode(exitUsage, errors.New(text), "'sweep explain' lists all codes.")
}

// writeExplanation wraps the texts at the columns of the terminal; 0: not one.
func writeExplanation(w io.Writer, e notice.Explanation, columns int) error {
	const label, widest = 12, 100
	if columns == 0 || columns > widest {
		columns = widest
	}
	var b strings.Builder
	for _, part := range [][2]string{
		{"code", string(e.Code)}, {"severity", string(e.Severity) + ": " + e.Severity.Meaning()},
		{"example", e.Example}, {"meaning", e.Means}, {"what to do", cmp.Or(e.Do, "-")},
	} {
		head := part[0]
		for _, line := range say.Wrap(part[1], max(columns-label, 2*label)) {
			fmt.Fprintf(&b, "%-*s%s\n", label, head, line)
			head = ""
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// listMessages prints a line per message, cut to the columns of the terminal; 0:
// not one.
func listMessages(w io.Writer, all []notice.Explanation, columns int) error {
	var code, severity int
	for _, e := range all {
		code, severity = max(code, len(e.Code)), max(severity, len(e.Severity))
	}
	var b strings.Builder
	for _, e := range all {
		line := fmt.Sprintf("%-*s  %-*s  %s", code, e.Code, severity, e.Severity, e.Example)
		if columns > 0 {
			line = say.Clip(line, columns)
		}
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeMessages is docs/messages.md.
func writeMessages(w io.Writer, all []notice.Explanation) error {
	var b strings.Builder
	b.WriteString(`# Messages

<!-- made by: make messages -->

Everything that sweep says of an experiment file, a machine, a run, a launch or a trial has a code. Codes are stable:
filter by them, not by the sentence. They are in the records, in the output of ` + "`--json`" + ` and ` + "`validate --format json`" + `, in the lines of ` + "`--progress json`" + `, and on the page
(attribute ` + "`data-code`" + `). ` + "`sweep explain CODE`" + ` prints the entry of one.

`)
	for _, s := range notice.Severities() {
		fmt.Fprintf(&b, "- **%s**: %s.\n", s, s.Meaning())
	}
	for _, e := range all {
		fmt.Fprintf(&b, "\n## %s\n\n%s. For example: *%s*\n\n%s\n", e.Code, e.Severity, e.Example, e.Means)
		if e.Do != "" {
			fmt.Fprintf(&b, "\nWhat to do: %s\n", e.Do)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
