package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/pflag"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/translate"
)

// pastedCommands are those of other tools that init makes an experiment of.
type pastedCommands struct{ docker, compose, vllm, guidellm, bench string }

func (c *pastedCommands) register(flags *pflag.FlagSet) {
	flags.StringVar(&c.docker, "from-docker", "", "take the server from a `docker run` or podman run command")
	flags.StringVar(&c.compose, "from-compose", "", "take the server from a compose `file`, or FILE#SERVICE")
	flags.StringVar(&c.vllm, "from-vllm", "", "take the server from a `vllm serve` command")
	flags.StringVar(&c.guidellm, "from-guidellm", "", "take the load from a `guidellm` command")
	flags.StringVar(&c.bench, "from-vllm-bench", "", "take the load from a `vllm bench serve` command")
}

// draft is the experiment of the commands; nil if none is given.
func (c *pastedCommands) draft(ctx context.Context) (*translate.Draft, error) {
	compose := func(place string) (translate.Draft, error) { return translate.Compose(ctx, place, os.Environ()) }
	var out *translate.Draft
	for _, from := range []struct {
		option, text string
		read         func(string) (translate.Draft, error)
	}{
		{"--from-docker", c.docker, translate.DockerRun}, {"--from-compose", c.compose, compose},
		{"--from-vllm", c.vllm, translate.VLLMServe}, {"--from-guidellm", c.guidellm, translate.GuideLLM},
		{"--from-vllm-bench", c.bench, translate.VLLMBench},
	} {
		if from.text == "" {
			continue
		}
		d, err := from.read(from.text)
		if err != nil {
			return nil, withCode(exitUsage, fmt.Errorf("%s: %w", from.option, err), commandHelp(err))
		}
		if out == nil {
			out = new(translate.Draft)
		}
		out.Merge(d)
	}
	return out, nil
}

// commandHelp says what to do about a command that cannot be read.
func commandHelp(err error) string {
	switch {
	case errors.Is(err, translate.ErrNoServer):
		return "Give the whole command that starts the server, with its image or program, in single quotes."
	case errors.Is(err, translate.ErrWhichService):
		return "Name the service: --from-compose FILE#SERVICE."
	case errors.Is(err, translate.ErrNotThisTool):
		return "Use the option of the tool whose command it is: --from-docker, --from-compose, --from-vllm, " +
			"--from-guidellm or --from-vllm-bench."
	}
	return "Give the command as you type it into a shell, in single quotes."
}

func writeDraft(sys *System, path string, d translate.Draft) error {
	heading := "sweep experiment, made out of commands of other tools. Look at these first:\n" +
		"matrix (the values to try), loads and use_cases. docs/experiment-file.md explains every field."
	if len(d.Left) > 0 {
		heading += "\n\nNot carried over: " + strings.Join(d.Left, ", ")
	}
	b, err := d.Write(experiment.UsableName(experimentName(path)), heading)
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(path, b); err != nil {
		return err
	}
	fmt.Fprintf(sys.Stdout, "Wrote %s.\n", path)
	if len(d.Left) > 0 {
		fmt.Fprintf(sys.Stdout, "Not carried over, because the experiment file has no place for it:\n  %s\n",
			strings.Join(d.Left, "\n  "))
	}
	fmt.Fprintf(sys.Stdout, "Next:\n  edit %s\n  %s\n  %s\n", path,
		sys.called("sweep validate "+say.ShellWord(path)), sys.called("sweep run "+say.ShellWord(path)))
	return nil
}
