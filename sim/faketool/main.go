// Command faketool stands in for guidellm, vllm and aiperf in tests that must
// run where the tools are not installed. It is a fake: its command lines and
// files are those that GuideLLM 0.8.1, vllm bench serve 0.32.0 and AIPerf 0.13.0
// were seen to take and write, its client is its own and small. But it does load
// the endpoint that it is given, over plain HTTP, and writes down what it
// measured in the tool's format.
//
// Its name decides which tool it is. FAKE_GUIDELLM_VERSION sets the version of
// guidellm, FAKE_MODE how it misbehaves: hang, children (hang with a child that
// ignores TERM), truncated, crash, nothing.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	var err error
	args := os.Args[1:]
	switch name := filepath.Base(os.Args[0]); {
	case len(args) > 0 && args[0] == "as": // of an image whose entry point has another name
		name, args = args[1], args[2:]
		err = run(name, args)
	default:
		err = run(name, args)
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "Usage: %s\n\nError: %v\n", os.Args[0], err)
		os.Exit(2) // as click and argparse do
	case err != nil:
		fmt.Fprintf(os.Stderr, "Traceback (most recent call last):\n  File \"main.py\", line 1, in <module>\nRuntimeError: %v\n", err)
		os.Exit(1)
	}
}

func run(name string, args []string) error {
	switch name {
	case "vllm":
		return vllm(args)
	case "aiperf":
		return aiperf(args)
	default:
		return guidellm(args)
	}
}

// usageError is a command line that the tool does not take.
type usageError string

func (e usageError) Error() string { return string(e) }

// misbehave does what FAKE_MODE asks for, before the load. done: nothing more
// is to be done.
func misbehave() (done bool, err error) {
	switch os.Getenv("FAKE_MODE") {
	case "hang":
		time.Sleep(time.Hour)
	case "children":
		signal.Ignore(syscall.SIGTERM)
		child := exec.Command("sleep", "600")
		if err := child.Start(); err != nil {
			return true, err
		}
		fmt.Printf("child %d\n", child.Process.Pid)
		time.Sleep(time.Hour)
	case "crash":
		fmt.Println("Setting up the backend")
		return true, errors.New("worker process died unexpectedly")
	case "nothing":
		fmt.Println("Benchmarking complete")
		return true, nil
	}
	return false, nil
}

// store writes the result file, half of it if that is asked for.
func store(path string, data []byte) error {
	if os.Getenv("FAKE_MODE") == "truncated" {
		data = data[:len(data)/2]
	}
	return os.WriteFile(path, data, 0o644)
}
