package doctor

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/internal/wording"
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
		c := fine("open files", "limit %d", n)
		if n < filesWanted {
			c = found("open files", Warning, notice.New("open-files-low", notice.Args{
				"limit": notice.Count(n), "needed": notice.Count(filesWanted), "enough": notice.Text(strconv.Itoa(16 * filesWanted)),
			}))
		}
		out = append(out, c)
	}
	out = append(out, o.governor(), o.clockSource(), o.load())
	if kb, ok := o.memAvailable(); ok {
		c := fine("memory", "%s available", say.Bytes(kb<<10))
		if kb<<10 < memoryWanted {
			c = found("memory", Warning, notice.New("memory-low", notice.Args{"available": notice.Bytes(kb << 10)}))
		}
		out = append(out, c)
	}
	return out
}

// governor looks at how the processor chooses its clock.
func (o Options) governor() Check {
	files, _ := filepath.Glob(o.path("/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor")) // the pattern is well formed
	counts := map[string]int{}
	for _, f := range files {
		counts[o.word(f)]++
	}
	switch slow := counts["powersave"] + counts["conservative"]; {
	case slow > 0:
		return found("CPU clock", Warning, notice.New("governor-powersave", notice.Args{"n": notice.Count(slow), "cores": notice.Count(len(files))}))
	case len(files) > 0:
		return fine("CPU clock", "governor %s", o.word(files[0]))
	}
	return fine("CPU clock", "the governor is unknown (a virtual machine, or a fixed clock)")
}

// clockSource looks for a clock that is cheap to read: the client reads it for
// every token.
func (o Options) clockSource() Check {
	name := o.word(o.path("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
	switch name {
	case "":
		return fine("time source", "unknown")
	case "hpet", "acpi_pm", "refined-jiffies", "jiffies":
		return found("time source", Warning, notice.New("clock-slow", notice.Args{"name": notice.Text(name)}))
	}
	return fine("time source", "%s", name)
}

// load looks whether the machine is busy already.
func (o Options) load() Check {
	first, _, _ := strings.Cut(o.word(o.path("/proc/loadavg")), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return fine("load", "unknown")
	}
	if load > float64(cores())/2 {
		return found("load", Warning, notice.New("machine-busy", notice.Args{"load": notice.Number(load), "cores": notice.Count(cores())}))
	}
	return fine("load", "%s on %s", say.Number(load), say.Count(cores(), "core"))
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
		c := fine(d.name, "%s free at %s", say.Bytes(free), path)
		if free < d.wanted {
			c = found(d.name, Warning, notice.New("disk-low", notice.Args{"free": notice.Bytes(free), "what": notice.Text(d.what), "path": notice.Text(path)}))
		}
		if free < d.minimum {
			c.Status = Failure
		}
		if d.name == "disk (runs)" {
			if info, err := os.Stat(path); err == nil && !info.IsDir() {
				c = found(d.name, Failure, notice.New("runs-not-directory", notice.Args{"path": notice.Text(path)}))
			} else if !writable(path) {
				c = found(d.name, Failure, notice.New("runs-not-writable", notice.Args{"path": notice.Text(path)}))
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
	here := fine("model cache", "%s has %s", dir, say.Count(len(models), "model"))
	if o.Experiment == nil || o.Experiment.Server.Simulated != nil || o.Experiment.Server.Endpoint != nil || !o.Experiment.Server.PassesModel() ||
		o.Experiment.Server.Engine != experiment.EngineVLLM || strings.HasPrefix(o.Experiment.Server.Model, "/") {
		return here
	}
	dirs := preflight.Caches(o.Experiment.Server, o.host())
	model := o.Experiment.Server.Model
	if vllmmemory.FindConfig(model, dirs) != "" {
		return here
	}
	args := notice.Args{"cache": notice.Text(dir), "model": notice.Text(model)}
	hub, fault := o.hub(ctx, model)
	if fault != "" {
		args["error"] = notice.Text(wording.Plain(fault))
		return found("model cache", Warning, notice.New("model-not-available", args))
	}
	args["hub"] = notice.Text(hub)
	return found("model cache", Warning, notice.New("model-not-cached", args))
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
	if info, err := os.Stat(s.Model); err == nil {
		if info.IsDir() && !holdsModel(s.Model) {
			return []Check{found("model", Warning, notice.New("model-folder-empty", notice.Args{"model": notice.Text(s.Model)}))}
		}
		return []Check{fine("model", "found %s", s.Model)}
	}
	c := found("model", Warning, notice.New("model-folder-absent", notice.Args{"model": notice.Text(s.Model)}))
	alone := *s.Process
	alone.Command = alone.Command[:min(1, len(alone.Command))]
	s.Process = &alone
	if preflight.Installed(s, o.host()) != "" {
		c.Status = Failure
	}
	return []Check{c}
}

// holdsModel reports whether a folder has a file by which vLLM knows a model:
// Hugging Face's, Mistral's, or a GGUF.
func holdsModel(dir string) bool {
	for _, name := range []string{"config.json", "params.json", "*.gguf"} {
		if files, _ := filepath.Glob(filepath.Join(dir, name)); len(files) > 0 {
			return true
		}
	}
	return false
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
		return found("ports", Failure, notice.New("loopback-down", notice.Args{"error": plain(err)}))
	}
	defer l.Close()
	if n, known := ephemeralPorts(); known && n < portsWanted {
		return found("ports", Warning, notice.New("ports-few", notice.Args{"n": notice.Count(n)}))
	}
	return fine("ports", "ports can be opened on 127.0.0.1")
}
