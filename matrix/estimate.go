package matrix

import (
	"math"
	"slices"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
)

// perStart is the assumed time from launch to ready plus stop and release,
// per backend, until the run has measured its own.
var perStart = map[string]time.Duration{
	"simulated": time.Second,       // a child process without a model to load
	"process":   120 * time.Second, // weights from disk, memory profiling, graph capture of a model of some billion parameters
	"docker":    120 * time.Second, // the same
	"podman":    120 * time.Second, // the same; the container itself costs less than a second
	"endpoint":  0,                 // is not started
}

// Assumed latency of one request where only the number of requests bounds a
// trial: time to first token, and time per output token at moderate load.
const (
	assumedFirstToken = 500 * time.Millisecond
	assumedPerToken   = 20 * time.Millisecond
)

// estimate predicts the cost of the plan.
func (p *Plan) estimate(e *experiment.Experiment) Estimate {
	est := Estimate{PerStart: perStart[p.Backend], Trials: len(p.MeasuredTrials())}
	loads := map[string]experiment.Load{}
	for _, l := range e.Loads {
		loads[l.Name] = l
	}
	points, configurations := map[string]LoadPoint{}, map[string]Configuration{}
	for _, l := range p.LoadPoints {
		points[l.ID] = l
	}
	for _, c := range p.Configurations {
		configurations[c.ID] = c
	}
	cells := map[string]LoadPoint{}
	for _, c := range p.Cells {
		cells[c.ID] = points[c.LoadPoint]
	}
	speedup := 1.0
	if e.Server.Simulated != nil {
		speedup = e.Server.Simulated.Speedup
	}
	longest := map[string]time.Duration{} // trial of a load
	var spans []time.Duration
	var need []int
	for _, s := range p.Starts {
		est.Starts++
		span := est.PerStart + e.Cooldown.AtLeast
		for _, t := range s.Trials {
			point := cells[t.Cell]
			load := loads[point.Load]
			latency := requestLatency(load, speedup)
			measured, known := window(load, point, latency)
			if !known {
				est.UnknownTrials++
			}
			trial := e.Trials.Warmup + measured + latency // the last requests drain
			est.Measuring += trial
			longest[point.Load] = max(longest[point.Load], trial)
			span += trial
		}
		if p.ownsGPUs() {
			est.GPUHours += float64(configurations[s.Configuration].GPUs) * span.Hours()
		}
		spans, need = append(spans, span), append(need, configurations[s.Configuration].GPUs)
	}
	est.Loading = est.PerStart * time.Duration(est.Starts)
	est.CoolingDown = e.Cooldown.AtLeast * time.Duration(est.Starts)
	if e.Cooldown.Conditional() {
		est.CooldownLimit = max(e.Cooldown.AtLeast, e.Cooldown.AtMost) * time.Duration(est.Starts)
	}
	est.Total = est.Loading + est.Measuring + est.CoolingDown
	if gpus := gpusKnown(e.Server); e.Server.Parallel == experiment.PerGPU && gpus > 1 {
		est.Total = makespan(p.Starts, spans, need, gpus)
	}
	p.estimateConfirmation(&est, e, longest)
	return est
}

// ownsGPUs says whether the plan's starts take real GPUs: a simulated server
// has none, and an endpoint's belong to somebody else.
func (p *Plan) ownsGPUs() bool {
	return p.Backend == "podman" || p.Backend == "docker" || p.Backend == "process"
}

// takesGPUs says whether any configuration takes GPUs, as far as is known.
func (p *Plan) takesGPUs() bool {
	return slices.ContainsFunc(p.Configurations, func(c Configuration) bool { return c.GPUs > 0 })
}

// window is the measured time of one trial, and whether it is known rather
// than guessed from an assumed latency.
func window(l experiment.Load, p LoadPoint, latency time.Duration) (time.Duration, bool) {
	if t := l.Arrivals.Trace; t != nil {
		whole := seconds(t.Span().Seconds() / p.Value)
		if l.Duration > 0 {
			whole = min(whole, l.Duration)
		}
		return whole, true
	}
	if l.Requests == 0 {
		return l.Duration, true
	}
	byRequests, known := time.Duration(0), false
	switch p.Kind {
	case experiment.Constant, experiment.Poisson, experiment.Gamma, experiment.Ramp:
		byRequests, known = seconds(float64(l.Requests)/meanRate(l, p)), true
	default:
		inFlight := p.Value
		if p.Kind == experiment.Sweep { // one request in flight at 0, the cap at 1
			inFlight = math.Pow(experiment.DefaultThroughputCap, p.Value)
		}
		byRequests = seconds(latency.Seconds() * math.Ceil(float64(l.Requests)/inFlight))
	}
	if l.Duration > 0 && (!known || l.Duration < byRequests) {
		return l.Duration, true
	}
	return byRequests, known
}

// requestLatency is the assumed latency of one request of the load.
func requestLatency(l experiment.Load, speedup float64) time.Duration {
	tokens := meanLength(l.Output)
	return seconds((assumedFirstToken.Seconds() + tokens*assumedPerToken.Seconds()) / speedup)
}

// meanLength is the mean number of tokens without the effect of clamping.
func meanLength(l experiment.Lengths) float64 {
	if l.Kind == experiment.Uniform {
		return float64(l.Min+l.Max) / 2
	}
	return l.Mean
}

// seconds is a duration, at most a century.
func seconds(s float64) time.Duration {
	return time.Duration(min(s, 100*365*24*3600) * float64(time.Second))
}
