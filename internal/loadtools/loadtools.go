// Package loadtools drives other load generators: GuideLLM, `vllm bench serve`
// and AIPerf. It translates a load of ours into the tool's command, runs it under
// a wall-clock limit in a process group (or container) of its own, keeps its
// output, and reads what it wrote with package importer.
//
// The tools are not trusted: they are known to hang, and they exit with 0
// after every request failed. A run ends when its limit is over, whatever the
// tool does, and its result is judged by its requests.
package loadtools

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/importer"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Job is one load run by a tool.
type Job struct {
	Tool   experiment.Benchmark
	Load   loadgen.Config    // server, model, arrivals, lengths, seed; no warm-up
	Server experiment.Server // whose image and podman service a tool in a container may use
	Model  string            // name of the model for the tokenizer, where the served name is another
	Dir    string            // where the files go; it must exist
	Say    func(line string)
	// Environ of the tool, NAME=VALUE; nil: this program's own.
	Environ []string
}

// ErrTimeLimit is wrapped when a tool was still running when its time was over.
var ErrTimeLimit = errors.New("still running when its time limit was over: it was killed")

// Run runs the tool once. An error says what the tool did wrong; a result says
// what it measured, failures included.
func Run(ctx context.Context, j Job) (*importer.Result, error) {
	dir, err := filepath.Abs(j.Dir)
	if err != nil {
		return nil, err
	}
	j.Dir = dir
	c, err := j.command(ctx)
	if err != nil {
		return nil, err
	}
	defer c.clean()
	log, err := os.Create(filepath.Join(j.Dir, rundir.ToolLogFile))
	if err != nil {
		return nil, err
	}
	tail := &tail{say: j.Say, secret: j.Load.APIKey}
	out := io.MultiWriter(redactor{log, j.Load.APIKey}, tail)
	fmt.Fprintf(out, "$ %s\n", strings.Join(c.shown(), " "))
	runErr := c.run(ctx, out, j.limit())
	tail.flush()
	if err := errors.Join(log.Close(), j.redactFiles()); err != nil {
		return nil, err
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case runErr != nil:
		return nil, fmt.Errorf("%s: %w%s", c.name, runErr, tail.last())
	}
	return j.read(c, tail)
}

// read reads the file that the tool wrote.
func (j *Job) read(c *command, t *tail) (*importer.Result, error) {
	name := cmp.Or(c.result, rundir.ToolResultFile)
	path := filepath.Join(j.Dir, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s ended with exit code 0 and wrote no result%s", c.name, t.last())
	}
	results, _, err := importer.Read(path, importer.Options{As: c.format})
	if err != nil {
		return nil, fmt.Errorf("%s ended with exit code 0, and its result cannot be read: %w", c.name, err)
	}
	if len(results) != 1 {
		return nil, fmt.Errorf("%s wrote %d results where one load was asked for", c.name, len(results))
	}
	r := &results[0]
	r.File = name
	if j.Tool.Tool == experiment.ToolAIPerf {
		j.aiperfRepeats(r)
	}
	r.ToolVersion = cmp.Or(c.version, r.ToolVersion)
	return r, nil
}

// Limits of a run that declares none: twice the load and room for the tool's
// start, its tokenizer and its own report.
const (
	limitFactor = 2
	limitRoom   = 10 * time.Minute
	// limitUnknown is assumed of a closed loop that ends after requests.
	limitUnknown = 30 * time.Minute
)

func (j *Job) limit() time.Duration {
	if j.Tool.TimeLimit > 0 {
		return j.Tool.TimeLimit
	}
	load := j.Load.Duration
	if rate := j.Load.Arrivals.Rate; load == 0 && rate > 0 {
		load = time.Duration(float64(j.Load.Requests) / rate * float64(time.Second))
	}
	if load == 0 {
		load = limitUnknown
	}
	return limitFactor*load + limitRoom
}

// redactFiles takes the API key out of the files that the tool wrote, whatever
// their names: a server's refusal may repeat it in a log or a record.
func (j *Job) redactFiles() error {
	if j.Load.APIKey == "" {
		return nil
	}
	return filepath.WalkDir(j.Dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		clean := bytes.ReplaceAll(data, []byte(j.Load.APIKey), []byte(redacted))
		if bytes.Equal(clean, data) {
			return nil
		}
		return os.WriteFile(path, clean, 0o644)
	})
}

const redacted = "[redacted]"
