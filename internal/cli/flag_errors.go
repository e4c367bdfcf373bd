package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/vllm-sweep/sweep/internal/wording"
)

// stopText answers the first Ctrl-C of a command that is not a run.
const stopText = "Stopping... Press Ctrl-C again to force quit."

// misused is wrong usage of a command.
func misused(cmd *cobra.Command, err error) error {
	return withCode(exitUsage, err, fmt.Sprintf("Run '%s --help' for usage.", cmd.CommandPath()))
}

// known refuses words that are not a command below a command.
func known(below *cobra.Command) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		if found, _, err := below.Find(args); err == nil && found != below {
			return nil
		}
		msg := fmt.Sprintf("unknown command %q", args[0])
		if s := below.SuggestionsFor(args[0]); len(s) > 0 {
			msg += fmt.Sprintf("; did you mean %q?", s[0])
		}
		return withCode(exitUsage, errors.New(msg), fmt.Sprintf("Run '%s --help' for the commands.", below.CommandPath()))
	}
}

// flagError names the flag, what is wrong with it, and what was expected.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && len(unknown.GetSpecifiedName()) > 1:
		text := "unknown flag --" + unknown.GetSpecifiedName()
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			text += "; did you mean --" + near + "?"
		}
		err = errors.New(text)
	case errors.As(err, &invalid):
		err = fmt.Errorf("--%s %q: want %s", invalid.GetFlag().Name, invalid.GetValue(), wanted(invalid.GetFlag(), invalid.GetValue()))
	}
	return misused(cmd, err)
}

// wanted says what a flag takes.
func wanted(f *pflag.Flag, value string) string {
	switch f.Value.Type() {
	case "duration":
		if strings.Trim(value, "0123456789.") == "" {
			return "a duration with its unit, such as " + value + "s"
		}
		return "a duration such as 30s or 5m"
	case "float64":
		return "a number"
	case "int", "int64", "uint", "uint64":
		return "a whole number"
	case "bool":
		return "true or false"
	default:
		return "a " + f.Value.Type()
	}
}

// nearestFlag is the flag of a command that name may stand for, "" where none
// is near.
func nearestFlag(cmd *cobra.Command, name string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	near, _ := wording.Nearest(name, names)
	return near
}
