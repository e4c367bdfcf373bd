package runner

import (
	"fmt"
	"maps"
	"slices"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/launcher"
)

// sameEnvironment compares what servers inherited when the run began with what
// they would inherit now. Other GPUs are refused; other values are warnings. A
// run from before environments were recorded has none to compare.
func sameEnvironment(began, now map[string]string) (warnings []notice.Notice, err error) {
	if began == nil {
		return nil, nil
	}
	names := maps.Clone(began)
	maps.Copy(names, now)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		then, was := began[name]
		value, is := now[name]
		if was == is && then == value {
			continue
		}
		if launcher.ChoosesDevices(name) {
			return nil, fmt.Errorf("%w: the run began with %s and would go on with %s, on other GPUs: %s",
				ErrEnvironment, setting(name, then, was), setting(name, value, is), mendVariable(name, then, was))
		}
		warnings = append(warnings, notice.New("resumed-environment", notice.Args{
			"now": notice.Text(setting(name, value, is)), "before": notice.Text(setting(name, then, was)),
		}))
	}
	return warnings, nil
}

func setting(name, value string, set bool) string {
	if !set {
		return name + " not set"
	}
	return name + "=" + value
}

// mendVariable is the command that restores it.
func mendVariable(name, value string, set bool) string {
	if !set {
		return "unset " + name
	}
	return "export " + name + "=" + value
}
