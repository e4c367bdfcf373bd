package loadtools

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/importer"
)

// command is a tool that is ready to run.
type command struct {
	name    string // for messages
	version string
	format  string // of importer
	argv    []string
	env     []string
	dir     string
	secret  string
	result  string   // file that the tool writes, inside of the folder; "": rundir.ToolResultFile
	stop    []string // ends a container whose client is gone; nil: none
	remove  []string // files that must not stay
}

// command finds the tool, asks for its version where the dialect depends on
// it, and translates the load.
func (j *Job) command(ctx context.Context) (*command, error) {
	c := &command{env: j.Environ, dir: j.Dir, secret: j.Load.APIKey}
	if c.env == nil {
		c.env = os.Environ()
	}
	base, err := j.base(c)
	if err != nil {
		return nil, err
	}
	switch j.Tool.Tool {
	case experiment.ToolGuideLLM:
		c.format = importer.GuideLLM
		version, err := askVersion(ctx, base, c.env)
		if err != nil {
			return nil, err
		}
		c.version, c.name = version.text, "guidellm "+version.text
		err = j.guidellm(c, base, version)
		return c, err
	case experiment.ToolVLLM:
		c.format, c.name = importer.VLLMBench, "vllm bench serve"
		args, err := j.vllmArgs()
		c.argv = slices.Concat(base, args, j.Tool.Args)
		if j.Load.APIKey != "" {
			c.env = append(slices.Clone(c.env), "OPENAI_API_KEY="+j.Load.APIKey)
		}
		return c, err
	case experiment.ToolAIPerf:
		c.format, c.name = importer.AIPerf, "aiperf"
		err := j.aiperf(c, base)
		return c, err
	default:
		return nil, fmt.Errorf("benchmark %q is not a tool that sweep can drive", j.Tool.Tool)
	}
}

// base is what the tool's own arguments are appended to.
func (j *Job) base(c *command) ([]string, error) {
	executable := j.Tool.Tool // their commands have the names of the tools
	if j.Tool.Image != "" {
		return j.container(c, executable)
	}
	words := slices.Clone(j.Tool.Command)
	if len(words) == 0 {
		words = []string{executable}
	}
	path, err := exec.LookPath(words[0])
	if err != nil {
		return nil, fmt.Errorf("%s is not found: install it, or name it with benchmark.command or benchmark.image: %w", words[0], err)
	}
	words[0] = path
	return words, nil
}

// container runs the tool by podman in a container that shares the host's
// network, so that it reaches a server on the loopback device.
func (j *Job) container(c *command, executable string) ([]string, error) {
	podman, err := exec.LookPath("podman")
	if err != nil {
		return nil, fmt.Errorf("benchmark.image needs podman: %w", err)
	}
	served := j.Server.Podman
	if served == nil {
		served = &experiment.Container{} // podman's own service, and no image is known
	}
	image := j.Tool.Image
	if image == experiment.ImageServed {
		if image = served.Image; image == "" {
			return nil, errors.New("benchmark.image: served, and the server's image is not known")
		}
	}
	words := []string{podman}
	if served.Socket != "" {
		words = append(words, "--url", served.Socket)
	}
	name := "sweep-bench-" + random()
	c.stop = append(slices.Clone(words), "rm", "--force", "--time", "0", "--ignore", name)
	words = append(words, "run", "--rm", "--name", name, "--label", "sweep.bench=1", "--network", "host",
		"--volume", j.Dir+":"+j.Dir, "--workdir", j.Dir)
	for _, v := range j.Tool.Volumes {
		words = append(words, "--volume", expand(v))
	}
	for _, v := range passedOn {
		words = append(words, "--env", v) // by name: the value comes from podman's own environment
	}
	entry := slices.Clone(j.Tool.Command)
	if len(entry) == 0 && (executable != experiment.ToolGuideLLM || j.Tool.Image == experiment.ImageServed) {
		entry = []string{executable} // the entry point of vllm's image is the server, that of an image of AIPerf's may be a shell
	}
	if len(entry) == 0 {
		return append(words, image), nil
	}
	return append(append(words, "--entrypoint", entry[0], image), entry[1:]...), nil
}

// passedOn are variables that the tools read.
var passedOn = []string{"OPENAI_API_KEY", "HF_TOKEN", "HF_HOME", "GUIDELLM__OPENAI__API_KEY", "GUIDELLM__PREFERRED_ROUTE", "GUIDELLM_BACKEND_KWARGS"}

// expand replaces ~ at the beginning of a mount.
func expand(mount string) string {
	rest, ok := strings.CutPrefix(mount, "~/")
	home, err := os.UserHomeDir()
	if !ok || err != nil {
		return mount
	}
	return filepath.Join(home, rest)
}

func random() string {
	b := make([]byte, 6)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// shown is the command without secrets.
func (c *command) shown() []string {
	out := slices.Clone(c.argv)
	for i := range out {
		out[i] = redact(out[i], c.secret)
		if strings.ContainsAny(out[i], " \"{}") {
			out[i] = "'" + out[i] + "'"
		}
	}
	return out
}

func redact(text, secret string) string {
	if secret == "" {
		return text
	}
	return strings.ReplaceAll(text, secret, redacted)
}

func (c *command) clean() {
	for _, f := range c.remove {
		os.Remove(f)
	}
}

// killGrace is how long a tool may take to end after TERM.
const killGrace = 3 * time.Second

// run runs the command in a process group of its own and ends all of it when
// ctx or the limit ends.
func (c *command) run(ctx context.Context, out io.Writer, limit time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrTimeLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.argv[0], c.argv[1:]...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = groupAttributes()
	cmd.Cancel = func() error { return endGroup(cmd.Process.Pid, false) }
	cmd.WaitDelay = killGrace
	err := cmd.Run()
	if cmd.Process != nil {
		_ = endGroup(cmd.Process.Pid, true) // children that outlived it; a group that is gone is no fault
	}
	if c.stop != nil {
		err = errors.Join(err, c.endContainer(ctx))
	}
	switch {
	case errors.Is(context.Cause(ctx), ErrTimeLimit):
		return fmt.Errorf("after %s %w", limit, ErrTimeLimit)
	case err == nil:
		return nil
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("ended with %s", exit.ProcessState)
	}
	return err
}

// endContainer removes the container, which lives on when its client is killed.
func (c *command) endContainer(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, c.stop[0], c.stop[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("remove the tool's container: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// model is what the tool is told of model and tokenizer.
func (j *Job) tokenizer() string { return cmp.Or(j.Tool.Tokenizer, j.Model, j.Load.Model) }
