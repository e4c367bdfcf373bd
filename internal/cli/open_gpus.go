package cli

import (
	"context"
	"fmt"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/telemetry"
)

// openGPUs opens the GPUs where the experiment says they are read; nil where
// none can be read, which is said once unless the installed vLLM is a build for
// processors. A source that the experiment names must
// answer.
func (sys *System) openGPUs(ctx context.Context, e *experiment.Experiment) (telemetry.GPUs, error) {
	source := e.Telemetry.GPUs
	switch {
	case source.Off:
		return nil, nil
	case len(source.Command) > 0:
		g, err := telemetry.OpenCommand(ctx, source.Command)
		if err != nil {
			return nil, withCode(exitEnvironment, fmt.Errorf("telemetry.gpus.command: %w", err))
		}
		return g, nil
	case source.DCGM != "":
		g, err := telemetry.OpenDCGM(ctx, source.DCGM)
		if err != nil {
			return nil, withCode(exitEnvironment, fmt.Errorf("telemetry.gpus.dcgm: %w", err))
		}
		return g, nil
	case e.Server.Simulated != nil || e.Server.Endpoint != nil || e.Server.Compute == experiment.ComputeCPU:
		return nil, nil
	}
	g, err := telemetry.OpenGPUs(ctx)
	if err != nil {
		sys.say("warning: %v; sweep does not monitor the GPUs or wait for them", err)
		return nil, nil
	}
	return g, nil
}
