package procs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// All lists the live processes. Those that end meanwhile are left out.
func All() ([]Process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("read processes: %w", err)
	}
	var out []Process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if p, ok := read(pid); ok {
			out = append(out, p)
		}
	}
	return out, nil
}

// read parses /proc/PID/stat: "pid (name) state parent group ...". The name
// may itself contain blanks and brackets.
func read(pid int) (Process, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Process{}, false
	}
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open {
		return Process{}, false
	}
	rest := strings.Fields(string(stat[shut+1:]))
	if len(rest) < 3 || rest[0] == "Z" || rest[0] == "X" {
		return Process{}, false
	}
	parent, _ := strconv.Atoi(rest[1])
	group, _ := strconv.Atoi(rest[2])
	return Process{PID: pid, Parent: parent, Group: group, Name: string(stat[open+1 : shut])}, true
}

// Marks returns the markers in the environment with which the process was
// started. Processes of other users are not looked into.
func Marks(pid int) map[string]string {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	var out map[string]string
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		name, value, _ := strings.Cut(string(entry), "=")
		switch name {
		case RunMarker, StartMarker, DirMarker:
			if out == nil {
				out = map[string]string{}
			}
			out[name] = value
		}
	}
	return out
}

// Marked reports whether the process was started with variable=value in its
// environment. Processes of other users are not looked into.
func Marked(pid int, variable, value string) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return false
	}
	for entry := range bytes.SplitSeq(env, []byte{0}) {
		if string(entry) == variable+"="+value {
			return true
		}
	}
	return false
}

// keeper reports whether the process is a resource tracker of Python's
// multiprocessing (Lib/multiprocessing/resource_tracker.py): its command line
// says so.
func keeper(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(line, []byte("resource_tracker"))
}
