package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/say"
)

func newInit(sys *System) *cobra.Command {
	var force bool
	var from pastedCommands
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented experiment file to start from",
		Long: `Write an experiment file to start from: a commented one, or one made out of the commands that you use today.
A server's command and a benchmark's make one experiment.`,
		Example: `  sweep init
  sweep init my-service.yaml
  sweep init --from-docker 'docker run --gpus all vllm/vllm-openai:v0.27.1 --model Qwen/Qwen3-0.6B'
  sweep init --from-compose compose.yaml#vllm --from-vllm-bench 'vllm bench serve --num-prompts 500 --request-rate 5'`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return exactly("FILE")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "experiment.yaml"
			if len(args) == 1 {
				path = args[0]
			}
			if err := free(path, force); err != nil {
				return err
			}
			d, err := from.draft(cmd.Context())
			if err != nil {
				return err
			}
			if d == nil {
				return writeStarter(sys, path)
			}
			return writeDraft(sys, path, *d)
		},
	}
	from.register(cmd.Flags())
	cmd.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return cmd
}

// free is an error where the file exists, unless it may be overwritten, and
// where its folder does not.
func free(path string, force bool) error {
	if _, err := os.Lstat(path); err == nil && !force {
		return withCode(exitUsage, fmt.Errorf("%s already exists", path), "Choose another name, or use --force to overwrite it.")
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return withCode(exitUsage, fmt.Errorf("no such directory: %s", filepath.Dir(path)))
	}
	return nil
}

func writeStarter(sys *System, path string) error {
	if err := atomicfile.WriteBytes(path, experiment.Starter(experimentName(path))); err != nil {
		return err
	}
	fmt.Fprintf(sys.Stdout, "Wrote %s. It measures a simulated server until you choose another under server:. Next:\n  edit %s\n  %s\n  %s\n",
		path, path, sys.called("sweep plan "+say.ShellWord(path)), sys.called("sweep run "+say.ShellWord(path)))
	return nil
}

// experimentName is the file's name without folder and ending.
func experimentName(path string) string {
	name := filepath.Base(path)
	return name[:len(name)-len(filepath.Ext(name))]
}

func newSchema(sys *System) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the experiment file, for editors",
		Example: `  sweep schema > experiment.schema.json
  # then, as the first line of experiment.yaml:
  # yaml-language-server: $schema=./experiment.schema.json`,
		Args: exactly(),
		RunE: func(*cobra.Command, []string) error {
			b, err := experiment.Schema()
			if err != nil {
				return err
			}
			_, err = sys.Stdout.Write(b)
			return err
		},
	}
}
