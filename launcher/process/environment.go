package process

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/launcher/internal/procs"
)

// inherited are the variables that a server inherits: those it needs to find
// its files, its libraries, its GPUs and its model. Everything else would be
// an unrecorded difference between two machines. A trailing * stands for any
// rest.
var inherited = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", "TMPDIR", "XDG_*",
	"LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHON*", "VIRTUAL_ENV", "CONDA_*",
	"CUDA_*", "NVIDIA_*", "NCCL_*", "GLOO_*", "HIP_*", "ROCR_*", "OMP_*",
	"HF_*", "HUGGING*", "TRANSFORMERS_*", "VLLM_*", "TORCH*", "PYTORCH_*", "TRITON_*", "FLASHINFER_*",
	"http_proxy", "https_proxy", "no_proxy", "all_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
}

// personal are inherited variables that may differ from session to session and
// change no result.
var personal = []string{"HOME", "USER", "LOGNAME", "LANG", "LC_*", "TZ", "TMPDIR", "XDG_*"}

// withheld are exceptions: a server that inherits a key from the shell of
// whoever runs the experiment refuses every request without it.
var withheld = []string{"VLLM_API_KEY"}

// environment is the server's environment, and the values in it to redact:
// those that the spec names and inherited ones that look like credentials.
func environment(own []string, spec launcher.Spec) (env, secrets []string) {
	secrets = spec.AllSecrets()
	values := map[string]string{
		// setproctitle, which vLLM uses to name its processes, overwrites the
		// environment in /proc, and with it the markers, unless told not to.
		"SPT_NOENV": "1",
	}
	for _, entry := range own {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || !inherits(name) {
			continue
		}
		values[name] = value
		if credential(name) {
			secrets = append(secrets, value)
		}
	}
	maps.Copy(values, spec.Env)
	values[procs.RunMarker] = spec.RunID
	values[procs.StartMarker] = spec.StartID
	if spec.RunDir != "" {
		values[procs.DirMarker] = spec.RunDir
	}
	if len(spec.GPUs) > 0 {
		values["CUDA_VISIBLE_DEVICES"] = strings.Join(spec.GPUs, ",")
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		env = append(env, name+"="+values[name])
	}
	return env, secrets
}

func inherits(name string) bool { return !slices.Contains(withheld, name) && matches(inherited, name) }

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		prefix, wild := strings.CutSuffix(pattern, "*")
		return name == pattern || wild && strings.HasPrefix(name, prefix)
	})
}

// Inherited are the variables that servers inherit from environ and that may
// change what is measured. Of one that looks like a credential only a hash
// is kept, enough to tell that it changed.
func Inherited(environ []string) map[string]string {
	out := map[string]string{}
	for _, entry := range environ {
		name, value, ok := strings.Cut(entry, "=")
		if !ok || !inherits(name) || matches(personal, name) {
			continue
		}
		if credential(name) {
			value = fmt.Sprintf("(secret) %.8x", sha256.Sum256([]byte("sweep "+value)))
		}
		out[name] = value
	}
	return out
}

// credential tells from its name that a variable holds one.
func credential(name string) bool {
	name = strings.ToUpper(name)
	return slices.ContainsFunc([]string{"TOKEN", "_KEY", "SECRET", "PASSWORD"}, func(end string) bool {
		return strings.HasSuffix(name, end)
	})
}
