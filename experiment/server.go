package experiment

import (
	"regexp"
	"time"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// variableName is the form of an environment variable's name.
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// backends are the sections of which a server has exactly one.
var backends = []string{"podman", "docker", "process", "endpoint", "simulated"}

func serverSection() section[Server] {
	return section[Server]{
		initial: Server{Engine: EngineVLLM, FlagStyle: FlagsHyphens, SilenceTimeout: DefaultSilenceTimeout,
			StallTimeout: DefaultStallTimeout, ReadyTimeout: DefaultReadyTimeout, StopTimeout: DefaultStopTimeout},
		oneOf: backends,
		fields: []field[Server]{
			bind("model", "Model, as the server names it. Required except for endpoint, whose server reports it.",
				text("the name of a model"), func(s *Server) *string { return &s.Model }),
			bind("flags", "The baseline: flags of `vllm serve`, spelled as vLLM does. Values are passed as written. true becomes --name, false --no-name, and null the server's default.",
				flags(), func(s *Server) *Flags { return &s.Flags }),
			bind("api_key", "Environment variable that holds the server's API key: {from_env: NAME}.", fromEnv(),
				func(s *Server) *string { return &s.APIKeyEnv }),
			bind("podman", "Launch each configuration in a podman container.", pointerTo(containerSection("podman").value()),
				func(s *Server) **Container { return &s.Podman }),
			bind("docker", "Launch each configuration in a docker container.", pointerTo(containerSection("docker").value()),
				func(s *Server) **Container { return &s.Docker }),
			bind("process", "Launch each configuration as a process.", pointerTo(processSection().value()),
				func(s *Server) **Process { return &s.Process }),
			bind("endpoint", "Measure an already running server. Flags cannot vary.", endpoint(),
				func(s *Server) **Endpoint { return &s.Endpoint }),
			bind("simulated", "Launch the simulated vLLM server, which needs no GPU.", pointerTo(simulatedSection().value()),
				func(s *Server) **Simulated { return &s.Simulated }),
			engineField(), computeField(), versionField(), flagStyleField(), modelConfigField(), gpuMemoryField(), silenceField(),
			bind("parallel", "per-gpu: run independent servers side by side, each on its own GPUs. Default: one server at a time.",
				word(PerGPU), func(s *Server) *string { return &s.Parallel }),
			bind("stall_timeout", "Longest time under load without a token on any stream before sweep considers the server hung. Default: 2m.", duration(time.Nanosecond),
				func(s *Server) *time.Duration { return &s.StallTimeout }),
			bind("ready_timeout", "Longest time from launch to ready. Default: 20m.", duration(time.Nanosecond),
				func(s *Server) *time.Duration { return &s.ReadyTimeout }),
			bind("stop_timeout", "Time for a clean stop before sweep kills the server. Default: 30s.", duration(time.Nanosecond),
				func(s *Server) *time.Duration { return &s.StopTimeout }),
		},
		check: checkServer,
	}
}

func checkServer(d *decoder, path string, e entry, s *Server) {
	if _, given := e.value.get("model"); !given {
		if _, ok := e.value.get("endpoint"); !ok {
			d.fail("missing-field", e.keyPlace(), args{"field": join(path, "model"), "name": "model", "doc": "Qwen/Qwen2.5-3B-Instruct"})
		}
	}
	s.ModelName = s.Model
	if f, ok := s.Flags.Get(vllmflags.ServedModelName); ok && f.Kind != FlagUnset && f.Kind != FlagBool {
		s.ModelName = f.Words()[0] // a server answers to all of its names, and calls itself by the first
	}
	if flags, ok := e.value.get("flags"); ok {
		d.checkTogether(placedFlags(flags.value))
		if _, ok := e.value.get("endpoint"); ok && len(s.Flags) > 0 {
			d.warn("endpoint-flags-unused", flags.key.at, nil)
		}
	}
}

// fromEnv is {from_env: NAME}.
func fromEnv() value[string] {
	named := section[string]{fields: []field[string]{
		must(bind("from_env", "Name of the variable in sweep's own environment.",
			matching(variableName, "the name of an environment variable"), func(s *string) *string { return s })),
	}}
	return value[string]{schema: named.schema(), read: func(d *decoder, path string, e entry) (string, bool) {
		if e.value.scalar() {
			d.fail("secret-in-plain-text", e.place(), args{"path": path, "reference": byName})
			return "", false
		}
		return named.decode(d, path, e)
	}}
}

// reference is {from_env: NAME} or {from_file: PATH}.
func reference() value[EnvVar] {
	either := section[EnvVar]{oneOf: []string{"from_env", "from_file"}, fields: []field[EnvVar]{
		bind("from_env", "Name of the variable in sweep's own environment.",
			matching(variableName, "the name of an environment variable"), func(v *EnvVar) *string { return &v.FromEnv }),
		bind("from_file", "File that holds the value, without a line break at its end.", file(),
			func(v *EnvVar) *string { return &v.FromFile }),
	}}
	return value[EnvVar]{schema: either.schema(), read: func(d *decoder, path string, e entry) (EnvVar, bool) {
		return either.decode(d, path, e)
	}}
}

// environment is a mapping of variables for the server.
func environment() value[[]EnvVar] {
	reference, plain := reference(), scalarText("text")
	return value[[]EnvVar]{
		schema: objectOf(anyOf(plain.schema, reference.schema)),
		read: func(d *decoder, path string, e entry) ([]EnvVar, bool) {
			if e.value.kind != mapNode && e.value.kind != nullNode {
				d.expectLike(path, e, "a mapping of variables to values", "{HF_HOME: /models, HF_TOKEN: {from_env: HF_TOKEN}}")
				return nil, false
			}
			var out []EnvVar
			for _, child := range e.value.entries {
				if !variableName.MatchString(child.name) {
					d.fail("variable-name-wrong", child.key.at, args{"path": path, "name": short(child.name)})
					continue
				}
				v := EnvVar{Name: child.name}
				if child.value.kind == mapNode {
					r, _ := reference.read(d, join(path, child.name), child)
					v.FromEnv, v.FromFile = r.FromEnv, r.FromFile
				} else {
					v.Value, _ = plain.read(d, join(path, child.name), child)
					if v.Value != "" && secretVariable(v.Name) {
						d.warnSecret(child.place(), v.Name)
					}
				}
				out = append(out, v)
			}
			return out, true
		},
	}
}
