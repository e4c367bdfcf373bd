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
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented experiment file to start from",
		Example: `  sweep init
  sweep init my-service.yaml`,
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
			return writeStarter(sys, path, force)
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "overwrite an existing file")
	return cmd
}

func writeStarter(sys *System, path string, force bool) error {
	name := filepath.Base(path)
	name = name[:len(name)-len(filepath.Ext(name))]
	if _, err := os.Lstat(path); err == nil && !force {
		return withCode(exitUsage, fmt.Errorf("%s already exists", path), "Choose another name, or use --force to overwrite it.")
	}
	if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
		return withCode(exitUsage, fmt.Errorf("no such directory: %s", filepath.Dir(path)))
	}
	if err := atomicfile.WriteBytes(path, experiment.Starter(name)); err != nil {
		return err
	}
	fmt.Fprintf(sys.Stdout, "Wrote %s. It measures a simulated server until you choose another under server:. Next:\n  edit %s\n  %s\n  %s\n",
		path, path, sys.called("sweep plan "+say.ShellWord(path)), sys.called("sweep run "+say.ShellWord(path)))
	return nil
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
