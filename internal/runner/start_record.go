package runner

import (
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
)

// The record of a start has types of its own, so that a change of package
// launcher is not one of the files. Here they are made, and a diagnosis is read
// back by a resumed run.

func recordPhases(phases []launcher.Phase) (out []rundir.Phase) {
	for _, p := range phases {
		out = append(out, rundir.Phase(p))
	}
	return out
}

func recordLogged(l launcher.Logged) *rundir.Logged {
	return &rundir.Logged{
		EngineVersion: l.EngineVersion, KVCacheTokens: l.KVCacheTokens, MaxConcurrency: l.MaxConcurrency,
		KVCacheGiB: l.KVCacheGiB,
		ModelGiB:   l.ModelGiB, Device: l.Device, Cores: string(l.Cores),
	}
}

func recordEffective(e *launcher.Effective) *rundir.Effective {
	if e == nil {
		return nil
	}
	out := &rundir.Effective{
		Source: e.Source, Values: e.Values, Confirmed: e.Confirmed, Parsed: e.Parsed, Unconfirmed: e.Unconfirmed,
		Refused: e.Refused,
	}
	for _, d := range e.Contradicted {
		out.Contradicted = append(out.Contradicted, rundir.Difference(d))
	}
	return out
}

func recordDiagnosis(d launcher.Diagnosis) *rundir.Diagnosis {
	return &rundir.Diagnosis{
		Class: string(d.Class), Cause: d.Cause, Evidence: d.Evidence, Remedy: d.Remedy, Exit: (*rundir.Exit)(d.Exit),
		Certain: d.Certain,
		Limit:   (*rundir.Limit)(d.Limit),
	}
}

func recordedDiagnosis(d *rundir.Diagnosis) launcher.Diagnosis {
	return launcher.Diagnosis{
		Class: launcher.Class(d.Class), Cause: d.Cause, Evidence: d.Evidence, Remedy: d.Remedy,
		Exit:    (*launcher.Exit)(d.Exit),
		Certain: d.Certain, Limit: (*launcher.Limit)(d.Limit),
	}
}
