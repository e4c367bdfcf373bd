package containers

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/launcher"
)

// Pull policies.
const (
	PullMissing = "missing" // pull what is not there (default)
	PullAlways  = "always"  // pull once a run, before the first start
	PullNever   = "never"
)

// defaultPort is where vLLM listens inside the container.
const defaultPort = 8000

// defaultShmSize is the size of /dev/shm, a limit of which only what is used
// takes memory. The 64 MB that a container has by itself are too few: vLLM's
// processes talk through 160 MiB from 0.32 on, also on one GPU, and NCCL needs
// more. An own /dev/shm goes with its container, however that ends; segments in
// the host's stay behind when a server is killed.
const defaultShmSize = 16 << 30

// defaultServiceWait is how long a service that is away is waited for when a
// container is to be stopped. One that systemd starts by socket, or that is
// restarted by hand, is back in time.
const defaultServiceWait = 30 * time.Second

// Options say which image is started and how.
type Options struct {
	Image   string   // fully qualified reference
	Command []string // put before the model and the flags; empty for vllm-openai images
	// ModelArg says how the model is passed; see launcher.ModelArgs.
	ModelArg string
	GPUs     string   // "all", "none" or "", or a comma-separated list of indices
	Volumes  []string // host:container[:options], or volume:container[:options]
	Network  string   // "": a published port on the loopback interface; "host": the host's network
	Port     int      // port inside the container with a published port; 0 means 8000
	// IPC "host" shares the host's shared memory.
	IPC     string
	ShmSize int64  // bytes of /dev/shm; 0: defaultShmSize
	Pull    string // PullMissing, PullAlways or PullNever; "" means PullMissing
	User    string
	Memory  int64   // limit in bytes; 0: none
	CPUs    float64 // limit in cores; 0: none
	CPUSet  string  // cores it may use, such as 0-7,16; "": all

	// Socket is the address of the service, Connection the name of one in
	// podman's configuration (or of a context in docker's); with neither it is
	// found as the program of that name finds it.
	Socket     string
	Connection string

	// Progress, which may be nil, is called with the lines that a pull reports.
	Progress func(line string)
	// ServiceWait bounds the wait for a service that is away while a container
	// is to be stopped; 0 means half a minute.
	ServiceWait time.Duration
}

func (o Options) withDefaults() Options {
	if o.Port == 0 {
		o.Port = defaultPort
	}
	if o.Pull == "" {
		o.Pull = PullMissing
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.ServiceWait == 0 {
		o.ServiceWait = defaultServiceWait
	}
	return o
}

func (o Options) validate() error {
	switch o.Pull {
	case PullMissing, PullAlways, PullNever:
	default:
		return fmt.Errorf("unknown pull policy %q", o.Pull)
	}
	if _, err := launcher.ModelArgs(o.ModelArg, ""); err != nil {
		return err
	}
	if o.Network != "" && o.Network != "host" {
		return fmt.Errorf("unknown network %q: want \"host\", or omit it", o.Network)
	}
	if o.IPC != "" && o.IPC != "host" {
		return fmt.Errorf("unknown ipc %q: want \"host\", or omit it", o.IPC)
	}
	for _, v := range o.Volumes {
		if _, err := ParseVolume(v); err != nil {
			return err
		}
	}
	return nil
}

// mountable checks that what is to be mounted exists, where that can be seen.
// Docker, and podman behind docker's interface, would make an empty folder.
func (o Options) mountable(e Engine) error {
	if !e.Local() {
		return nil
	}
	for _, text := range o.Volumes {
		v, err := ParseVolume(text)
		if err != nil {
			return err
		}
		if _, err := os.Stat(v.Source); !v.Named && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("volume %s: no %s on this machine", text, v.Source)
		}
	}
	return nil
}

// Volume is one mount: of a folder or file of the host, or of a named volume.
type Volume struct {
	Source, Destination string
	Options             []string
	Named               bool
}

// ParseVolume reads SOURCE:DESTINATION[:OPTIONS]. The source is a volume's
// name unless it is a path.
func ParseVolume(s string) (Volume, error) {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || !strings.HasPrefix(parts[1], "/") {
		return Volume{}, fmt.Errorf("volume %q must be SOURCE:/DESTINATION or SOURCE:/DESTINATION:OPTIONS", s)
	}
	v := Volume{Source: parts[0], Destination: parts[1]}
	if len(parts) == 3 {
		v.Options = strings.Split(parts[2], ",")
	}
	if !strings.HasPrefix(parts[0], "/") {
		if strings.ContainsAny(parts[0], "/~") {
			return Volume{}, fmt.Errorf("volume %q: the source must be an absolute path or a volume's name", s)
		}
		v.Named = true
	}
	return v, nil
}
