package torture

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// injury does harm at a moment of a session.
type injury struct {
	name string
	disk bool // needs a disk of its own
	do   func(v *victim, session *exec.Cmd)
}

var injuries = []injury{
	{"the runner is killed", false, func(v *victim, s *exec.Cmd) { kill(s.Process.Pid, syscall.SIGKILL) }},
	{"the runner is killed while it resumes", false, func(v *victim, s *exec.Cmd) {
		kill(s.Process.Pid, syscall.SIGKILL)
		v.wait(s)
		again := v.start()
		v.sleep(300 * time.Millisecond)
		kill(again.Process.Pid, syscall.SIGKILL)
		v.wait(again)
	}},
	{"the server is killed", false, func(v *victim, s *exec.Cmd) {
		for _, pid := range v.servers() {
			kill(pid, syscall.SIGKILL)
		}
	}},
	{"the server stops for a second", false, func(v *victim, s *exec.Cmd) {
		pids := v.servers()
		for _, pid := range pids {
			kill(pid, syscall.SIGSTOP)
		}
		time.Sleep(time.Second)
		for _, pid := range pids {
			kill(pid, syscall.SIGCONT)
		}
	}},
	{"the runner stops for a second", false, func(v *victim, s *exec.Cmd) {
		kill(s.Process.Pid, syscall.SIGSTOP)
		time.Sleep(time.Second)
		kill(s.Process.Pid, syscall.SIGCONT)
	}},
	{"Ctrl-C", false, func(v *victim, s *exec.Cmd) { kill(s.Process.Pid, syscall.SIGINT) }},
	{"Ctrl-C twice", false, func(v *victim, s *exec.Cmd) {
		kill(s.Process.Pid, syscall.SIGINT)
		kill(s.Process.Pid, syscall.SIGINT)
	}},
	{"a second runner resumes beside it, and sweep clean runs", false, func(v *victim, s *exec.Cmd) {
		clean := append([]string{"clean", v.dir()}, v.place.clean...)
		for _, args := range [][]string{{"run", "--resume", v.dir()}, clean} {
			alive := syscall.Kill(s.Process.Pid, 0) == nil && v.recorded() == ""
			out, err := v.command(args...).CombinedOutput()
			// The run may have ended meanwhile; then there is nothing to refuse.
			if args[0] == "run" && err == nil && alive && v.recorded() == "" {
				v.t.Errorf("%v beside a living run went through:\n%s", args, out)
			}
		}
	}},
	{"the disk is full", true, func(v *victim, s *exec.Cmd) {
		ballast := filepath.Join(v.disk.folder, "ballast")
		f, err := os.Create(ballast)
		if err == nil {
			_, _ = io.Copy(f, io.LimitReader(zeros{}, 1<<30)) // until it is full
			f.Close()
		}
		v.sleep(time.Second)
		_ = os.Remove(ballast)
	}},
	{"the disk breaks and is read-only", true, func(v *victim, s *exec.Cmd) {
		v.disk.breakDown(v.t)
		v.wait(s)
		v.disk.mend(v.t)
	}},
	{"the disk takes a second per write", true, func(v *victim, s *exec.Cmd) {
		for range 1 + v.random.IntN(8) {
			v.disk.hang(v.t, time.Second)
		}
	}},
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func kill(pid int, s syscall.Signal) { _ = syscall.Kill(pid, s) } // it may be gone
