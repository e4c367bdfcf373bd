package hostlock

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be another process that holds locks.
func TestMain(m *testing.M) {
	if dir := os.Getenv("HOSTLOCK_HOLD"); dir != "" {
		if _, err := Hold(dir, "", []int{1}, Owner{PID: os.Getpid(), User: "anna", Run: "runs/other", Since: time.Now()}); err != nil {
			panic(err)
		}
		os.Stdout.WriteString("held\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestSetsOfGPUs(t *testing.T) {
	me := Owner{PID: os.Getpid(), User: "me", Run: "runs/mine", Since: time.Now()}
	for _, c := range []struct {
		name   string
		first  []int
		second []int
		host   string // of the second
		fits   bool
	}{
		{"disjoint", []int{0, 1}, []int{2}, "", true},
		{"same", []int{0}, []int{0}, "", false},
		{"overlapping", []int{0, 1}, []int{1, 2}, "", false},
		{"all after one", []int{3}, nil, "", false},
		{"one after all", nil, []int{3}, "", false},
		{"all after all", nil, nil, "", false},
		{"another host", nil, nil, "ssh://lab", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "locks")
			first, err := Hold(dir, "", c.first, me)
			if err != nil {
				t.Fatal(err)
			}
			second, err := Hold(dir, c.host, c.second, me)
			if (err == nil) != c.fits {
				t.Fatalf("got %v", err)
			}
			if err == nil {
				second.Release()
			} else if !errors.Is(err, ErrHeld) || !strings.Contains(err.Error(), "process "+strconv.Itoa(me.PID)+" of user me (runs/mine, since ") {
				t.Errorf("got %v", err)
			}
			first.Release()
			again, err := Hold(dir, c.host, c.second, me)
			if err != nil {
				t.Fatalf("after the release: %v", err)
			}
			again.Release()
		})
	}
}

// A lock goes with its process, also when that is killed, and until then says
// whose it is and how to break it.
func TestTheLockGoesWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), "HOSTLOCK_HOLD="+dir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	_, err = Hold(dir, "", []int{0, 1}, Owner{PID: 1})
	pid := strconv.Itoa(other.Process.Pid)
	if err == nil || !strings.Contains(err.Error(), "GPU 1: process "+pid+" of user anna (runs/other") || !strings.Contains(err.Error(), "kill -INT "+pid) {
		t.Errorf("got %v", err)
	}
	other.Process.Kill()
	other.Wait()
	l, err := Hold(dir, "", []int{0, 1}, Owner{PID: 1})
	if err != nil {
		t.Fatalf("after the death of the owner: %v", err)
	}
	l.Release()
}

func TestDir(t *testing.T) {
	set := func(string) (string, bool) { return "/x", true }
	if got := Dir(set); got != "/x" {
		t.Errorf("got %s", got)
	}
	if got := Dir(func(string) (string, bool) { return "", false }); !strings.Contains(got, "sweep") {
		t.Errorf("got %s", got)
	}
}
