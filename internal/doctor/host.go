package doctor

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher/preflight"
	"github.com/vllm-sweep/sweep/launcher/vllmmemory"
)

const (
	// filesWanted are descriptors for a thousand streams, the server's side of
	// them where it is a process of this machine, and the rest.
	filesWanted = 4096
	// portsWanted are ephemeral ports for a load that opens a connection for
	// each request: closed ones are held for a minute.
	portsWanted = 10_000
	// memoryWanted is what a server's start takes of the host beside the GPU.
	memoryWanted = 8 << 30
	gib          = 1 << 30
)

// machine examines limits, clocks and load.
func (o Options) machine() []Check {
	var out []Check
	if n, known := openFiles(); known {
		c := Check{Name: "open files", Status: OK, Text: fmt.Sprintf("limit %d", n)}
		if n < filesWanted {
			c.Status = Warning
			c.Text += fmt.Sprintf(": a load with many streams needs %d", filesWanted)
			c.Remedy = fmt.Sprintf("run ulimit -n %d, or set LimitNOFILE= in the unit", 16*filesWanted)
		}
		out = append(out, c)
	}
	out = append(out, o.governor(), o.clockSource(), o.load())
	if kb, ok := o.memAvailable(); ok {
		c := Check{Name: "memory", Status: OK, Text: fmt.Sprintf("%.1f GiB available", float64(kb)/(1<<20))}
		if kb<<10 < memoryWanted {
			c.Status, c.Remedy = Warning, "a server may be killed while it loads its model: free memory, or use a smaller model"
		}
		out = append(out, c)
	}
	return out
}

// governor looks at how the processor chooses its clock.
func (o Options) governor() Check {
	c := Check{Name: "CPU clock", Status: OK, Text: "the governor is unknown (a virtual machine, or a fixed clock)"}
	files, _ := filepath.Glob(o.path("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")) // the pattern is well formed
	counts := map[string]int{}
	for _, f := range files {
		counts[o.word(f)]++
	}
	switch {
	case counts["powersave"]+counts["conservative"] > 0:
		c.Status, c.Text = Warning, fmt.Sprintf("governor powersave on %d of %d cores: the client's latencies vary with the clock", counts["powersave"]+counts["conservative"], len(files))
		c.Remedy = "sudo cpupower frequency-set -g performance"
	case len(files) > 0:
		c.Text = "governor " + o.word(files[0])
	}
	return c
}

// clockSource looks for a clock that is cheap to read: the client reads it for
// every token.
func (o Options) clockSource() Check {
	name := o.word(o.path("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
	switch name {
	case "":
		return Check{Name: "time source", Status: OK, Text: "unknown"}
	case "hpet", "acpi_pm", "refined-jiffies", "jiffies":
		return Check{Name: "time source", Status: Warning, Text: name + " is slow to read: every timestamp costs microseconds",
			Remedy: "find out why the kernel does not trust tsc: dmesg | grep -i tsc"}
	}
	return Check{Name: "time source", Status: OK, Text: name}
}

// load looks whether the machine is busy already.
func (o Options) load() Check {
	first, _, _ := strings.Cut(o.word(o.path("/proc/loadavg")), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return Check{Name: "load", Status: OK, Text: "unknown"}
	}
	c := Check{Name: "load", Status: OK, Text: fmt.Sprintf("%.1f on %d cores", load, cores())}
	if load > float64(cores())/2 {
		c.Status, c.Remedy = Warning, "stop other work on this machine: it disturbs the client and the server"
	}
	return c
}

func (o Options) memAvailable() (kb int64, ok bool) {
	text, err := os.ReadFile(o.path("/proc/meminfo"))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "MemAvailable:"); found {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

// word is the content of a short file, "" when it cannot be read.
func (o Options) word(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// disks looks for room where runs, models and images go.
func (o Options) disks() []Check {
	var out []Check
	for _, d := range []struct {
		name, path      string
		wanted, minimum uint64
		what            string
	}{
		{"disk (runs)", o.Dir, 5 * gib, gib / 2, "run directories"},
		{"disk (models)", o.modelCache(), 50 * gib, 2 * gib, "models"},
	} {
		path := existing(d.path)
		free, known := diskFree(path)
		if !known {
			continue
		}
		c := Check{Name: d.name, Status: OK, Text: fmt.Sprintf("%.1f GiB free at %s", float64(free)/gib, path)}
		switch {
		case free < d.minimum:
			c.Status, c.Remedy = Failure, "free some space for "+d.what
		case free < d.wanted:
			c.Status, c.Remedy = Warning, "free some space for "+d.what
		}
		if d.name == "disk (runs)" {
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				c = Check{Name: d.name, Status: Failure, Text: path + " is a file, not a directory", Remedy: "choose another directory: --out DIR"}
			} else if !writable(path) {
				c = Check{Name: d.name, Status: Failure, Text: "no permission to write to " + path, Remedy: "choose another directory with --out DIR, or change its permissions"}
			}
		}
		if d.name == "disk (models)" && c.Status == Failure && !o.mayUseGPU() {
			c.Status = Warning // nothing is fetched
		}
		out = append(out, c)
	}
	return out
}

// existing is the nearest folder above that exists.
func existing(path string) string {
	path, err := filepath.Abs(path)
	if err != nil {
		return "/"
	}
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// modelCache is the Hugging Face cache.
func (o Options) modelCache() string {
	for _, name := range []string{"HF_HUB_CACHE", "HF_HOME"} {
		if dir := o.env(name); dir != "" {
			return dir
		}
	}
	return filepath.Join(o.Home, ".cache", "huggingface")
}

// cache looks whether models are there, and the experiment's among them.
func (o Options) cache(ctx context.Context) Check {
	dir := o.modelCache()
	models, _ := filepath.Glob(filepath.Join(dir, "hub", "models--*")) // the pattern is well formed
	if len(models) == 0 {
		models, _ = filepath.Glob(filepath.Join(dir, "models--*"))
	}
	c := Check{Name: "model cache", Status: OK, Text: fmt.Sprintf("%s has %s", dir, say.Count(len(models), "model"))}
	if o.Experiment == nil || !o.mayUseGPU() || !o.Experiment.Server.PassesModel() ||
		o.Experiment.Server.Engine != experiment.EngineVLLM || strings.HasPrefix(o.Experiment.Server.Model, "/") {
		return c
	}
	dirs := preflight.Caches(o.Experiment.Server, o.host())
	if vllmmemory.FindConfig(o.Experiment.Server.Model, dirs) == "" {
		model := o.Experiment.Server.Model
		c.Status, c.Remedy = Warning, "hf download "+model
		hub, fault := o.hub(ctx, model)
		if fault == "" {
			c.Text += fmt.Sprintf("; it lacks %s, which the first launch downloads from %s", model, hub)
		} else {
			c.Text += fmt.Sprintf("; it lacks %s, and the first launch cannot download it: %s", model, fault)
		}
	}
	return c
}

// folder looks for a model that is a folder of this machine and is not there:
// every start would fail after vLLM's imports, a minute each. A command that
// may run elsewhere (ssh, a container) makes it a warning.
func (o Options) folder() []Check {
	if o.Experiment == nil || o.Experiment.Server.Process == nil || o.Experiment.Server.Engine != experiment.EngineVLLM {
		return nil
	}
	s := o.Experiment.Server
	if !filepath.IsAbs(s.Model) || !s.PassesModel() {
		return nil
	}
	if _, err := os.Stat(s.Model); err == nil {
		return []Check{{Name: "model", Status: OK, Text: "found " + s.Model}}
	}
	c := Check{Name: "model", Status: Warning, Text: "no such folder: " + s.Model,
		Remedy: "set server.model to the folder that has the model's config.json, or to a Hugging Face name (organization/model)"}
	alone := *s.Process
	alone.Command = alone.Command[:min(1, len(alone.Command))]
	s.Process = &alone
	if preflight.Installed(s, o.host()) != "" {
		c.Status = Failure
	}
	return []Check{c}
}

// host is what the pre-flight checks may ask of this machine.
func (o Options) host() preflight.Host { return preflight.Host{LookupEnv: o.LookupEnv, Home: o.Home} }

// installed is the version of vLLM that the experiment starts here, if known.
func (o Options) installed() string {
	if o.Experiment == nil {
		return ""
	}
	return preflight.Installed(o.Experiment.Server, o.host())
}

// ports opens one on the loopback device, as every start does.
func ports() Check {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return Check{Name: "ports", Status: Failure, Text: err.Error(), Remedy: "bring up the loopback device: ip link set lo up"}
	}
	defer l.Close()
	c := Check{Name: "ports", Status: OK, Text: "ports can be opened on 127.0.0.1"}
	if n, known := ephemeralPorts(); known && n < portsWanted {
		c.Status, c.Text = Warning, fmt.Sprintf("%d ephemeral ports: a load with many connections runs out of them", n)
		c.Remedy = "sudo sysctl net.ipv4.ip_local_port_range='15000 60999'"
	}
	return c
}
