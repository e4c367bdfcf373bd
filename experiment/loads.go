package experiment

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	arrivallaw "github.com/vllm-sweep/sweep/internal/arrivals"
)

// named reads a mapping of free names to sections, in file order.
func named[T any](s section[T], what string, name func(*T) *string) value[[]T] {
	return value[[]T]{schema: objectOf(s.schema()), read: func(d *decoder, path string, e entry) ([]T, bool) {
		if e.value.kind != mapNode && e.value.kind != nullNode {
			d.expect("wrong-type", path, e, "a mapping of names to "+what)
			return nil, false
		}
		var out []T
		for _, child := range e.value.entries {
			if !namePattern.MatchString(child.name) {
				d.fail("name-unusable", child.key.at, args{"path": path})
			}
			got, _ := s.decode(d, join(path, child.name), child)
			*name(&got) = child.name
			out = append(out, got)
		}
		return out, true
	}}
}

// loads is the mapping of load names to loads, at least one.
func loads() value[[]Load] {
	v := named(loadSection(), "loads", func(l *Load) *string { return &l.Name })
	one := 1
	schema := *v.schema
	schema.Type, schema.Types, schema.MinProperties = "object", nil, &one
	return value[[]Load]{schema: &schema, read: func(d *decoder, path string, e entry) ([]Load, bool) {
		got, ok := v.read(d, path, e)
		if ok && len(got) == 0 {
			d.fail("no-loads", e.place(), args{
				"path": path, "example": "chat: {prompt_tokens: 100, output_tokens: 100, arrivals: {poisson: [2, 5]}, duration: 60s}",
			})
		}
		return got, ok
	}}
}

func loadSection() section[Load] {
	return section[Load]{
		initial: Load{API: "completions", Timeout: DefaultRequestTimeout, IgnoreEOS: true},
		fields: []field[Load]{
			bind("api", "completions (default) or chat.", word("completions", "chat"), func(l *Load) *string { return &l.API }),
			bind("prompt_tokens", "Tokens per prompt. Required unless a dataset or a trace has the prompts.", lengths(), func(l *Load) *Lengths { return &l.Prompt }),
			bind("output_tokens", "Tokens to ask for per answer. Required unless a dataset or a trace has them.", lengths(), func(l *Load) *Lengths { return &l.Output }),
			must(bind("arrivals", "When to send requests.", arrivals(), func(l *Load) *Arrivals { return &l.Arrivals })),
			bind("duration", "Length of the measured window, after the warm-up.", duration(time.Nanosecond), func(l *Load) *time.Duration { return &l.Duration }),
			bind("requests", "Requests in the measured window. If duration is given, too, the load ends at whichever comes first.", whole(1, math.MaxInt32),
				func(l *Load) *int { return &l.Requests }),
			bind("timeout", "Longest time for one request. Default: 10m.", duration(time.Nanosecond), func(l *Load) *time.Duration { return &l.Timeout }),
			bind("ignore_eos", "Ask the server for exactly the specified number of tokens. Default: true.", boolean(), func(l *Load) *bool { return &l.IgnoreEOS }),
			bind("min_tokens", "Fewest tokens that a request asks for. With ignore_eos: false, requests also carry min_tokens.", whole(1, math.MaxInt32), func(l *Load) *int { return &l.MinTokens }),
			bind("max_tokens", "Most tokens that a request asks for.", whole(1, math.MaxInt32), func(l *Load) *int { return &l.MaxTokens }),
			bind("prefix", "The part of the prompts that requests share. Default: none.", prefixSection().value(), func(l *Load) *Prefix { return &l.Prefix }),
			bind("dataset", "Prompts from a file instead of random ones.", pointerTo(datasetSection().value()), func(l *Load) **Dataset { return &l.Dataset }),
			bind("sessions", "Conversations: each turn repeats what was said and adds to it. Arrivals are then those of sessions.", pointerTo(sessionsSection().value()), func(l *Load) **Sessions { return &l.Sessions }),
			bind("headers", "Headers of every request. Pass secrets by reference: {from_env: NAME} or {from_file: PATH}.", headers(), func(l *Load) *[]Header { return &l.Headers }),
			bind("body", "More fields for the body of every request.", body(), func(l *Load) *string { return &l.Body }),
			bind("benchmark", "Tool that makes this load: native, guidellm, vllm or aiperf. Default: that of the file.", benchmark(), func(l *Load) **Benchmark { return &l.Benchmark }),
			bind("stop_when_saturated", "Run the points in rising order, and skip the rest on a launch once the server falls behind. Default: false.", boolean(), func(l *Load) *bool { return &l.StopWhenSaturated }),
		},
		check: func(d *decoder, path string, e entry, l *Load) {
			d.checkLoad(path, e, l)
			_, duration := e.value.get("duration")
			_, requests := e.value.get("requests")
			if !duration && !requests && l.Arrivals.Kind != TraceReplay {
				d.fail("load-without-end", e.keyPlace(), args{"path": path})
			}
			d.checkTurnovers(path, e, l)
			if l.Prompt.Kind == Empirical && l.Output.Kind == Empirical && l.Prompt.File == l.Output.File {
				d.checkSameRows(path, e, l)
			}
		},
	}
}

// checkLoad looks for faults between the fields of a load.
func (d *decoder) checkLoad(path string, e entry, l *Load) {
	d.checkPrompts(path, e, l)
	if l.Sessions != nil {
		d.checkSessions(path, e, l)
	}
	if _, timed := e.value.get("duration"); l.Arrivals.Kind == Ramp && !timed {
		d.fail("ramp-without-duration", e.keyPlace(), args{"field": join(path, "duration")})
	}
	if l.MinTokens > 0 && l.MaxTokens > 0 && l.MinTokens > l.MaxTokens {
		low, _ := e.value.get("min_tokens")
		high, _ := e.value.get("max_tokens")
		d.crossed(path, low, high)
	}
	if stop, given := e.value.get("stop_when_saturated"); given && l.StopWhenSaturated && !l.Arrivals.Kind.Rates() && l.Arrivals.Kind != TraceReplay && l.Arrivals.Kind != "" {
		d.fail("saturation-without-rates", stop.key.at, args{"path": path, "kind": l.Arrivals.Kind})
	} else if given && l.StopWhenSaturated && l.Sessions != nil {
		d.fail("saturation-with-sessions", stop.key.at, args{"path": path})
	}
}

// checkTurnovers warns of a closed loop that ends before each slot has had a few
// requests. How many a duration gives is not known before the run.
func (d *decoder) checkTurnovers(path string, e entry, l *Load) {
	if l.Arrivals.Kind != Concurrency || l.Sessions != nil || l.Requests == 0 || len(l.Arrivals.Points) == 0 {
		return
	}
	slots := int(slices.Max(l.Arrivals.Points))
	least := arrivallaw.Turnovers * slots
	if l.Requests >= least {
		return
	}
	requests, _ := e.value.get("requests")
	process, _ := e.value.get("arrivals")
	points, _ := process.value.get(string(Concurrency))
	diag := d.warn("requests-per-slot-few", requests.place(), args{
		"path": path, "least": arrivallaw.Turnovers, "slots": slots, "enough": strconv.Itoa(least),
	})
	diag.Related = []Related{{points.place(), fmt.Sprintf("up to %d requests in flight", slots)}}
}

// loadNames are the fields of a load.
func loadNames() []string { return loadSection().names() }

// lengths is a number of tokens or a distribution of them.
func lengths() value[Lengths] {
	fixed := whole(1, math.MaxInt32)
	mapping := section[Lengths]{
		oneOf: []string{string(Fixed), string(Normal), string(Lognormal), string(Uniform), string(Empirical)},
		fields: []field[Lengths]{
			{name: string(Fixed), doc: "Always this many tokens.", schema: fixed.schema, read: func(d *decoder, path string, e entry, l *Lengths) {
				if n, ok := fixed.read(d, path, e); ok {
					*l = Lengths{Kind: Fixed, Mean: float64(n)}
				}
			}},
			distribution(Normal, "Normal distribution, rounded and clamped.", true),
			distribution(Lognormal, "Lognormal distribution. mean and stdev are those of the lengths, not of their logarithms.", true),
			distribution(Uniform, "Every whole number from min to max with equal probability.", false),
			bind(string(Empirical), "Drawn from a column of a CSV file.", empiricalSection().value(), func(l *Lengths) *Lengths { return l }),
		},
	}
	return value[Lengths]{schema: anyOf(fixed.schema, mapping.schema()), read: func(d *decoder, path string, e entry) (Lengths, bool) {
		if e.value.scalar() {
			n, ok := fixed.read(d, path, e)
			return Lengths{Kind: Fixed, Mean: float64(n)}, ok
		}
		return mapping.decode(d, path, e)
	}}
}

// distribution is one of the drawn lengths. Only moments says whether mean and
// stdev are given; otherwise min and max are, and are required.
func distribution(kind LengthKind, doc string, moments bool) field[Lengths] {
	bounds := []field[Lengths]{
		bind("min", "Smallest length; smaller draws are raised to it.", whole(1, math.MaxInt32), func(l *Lengths) *int { return &l.Min }),
		bind("max", "Largest length; larger draws are lowered to it.", whole(1, math.MaxInt32), func(l *Lengths) *int { return &l.Max }),
	}
	s := section[Lengths]{initial: Lengths{Kind: kind}, check: checkBounds}
	if moments {
		s.fields = append([]field[Lengths]{
			must(bind("mean", "Mean, in tokens.", realNumber(1, false), func(l *Lengths) *float64 { return &l.Mean })),
			must(bind("stdev", "Standard deviation, in tokens.", realNumber(0, true), func(l *Lengths) *float64 { return &l.Stdev })),
		}, bounds...)
	} else {
		s.fields = []field[Lengths]{must(bounds[0]), must(bounds[1])}
		s.fields[0].doc, s.fields[1].doc = "Smallest length.", "Largest length."
	}
	return bind(string(kind), doc, s.value(), func(l *Lengths) *Lengths { return l })
}

// checkBounds reports bounds that contradict each other or the mean.
func checkBounds(d *decoder, path string, e entry, l *Lengths) {
	low, _ := e.value.get("min")
	high, hasMax := e.value.get("max")
	if l.Min > 0 && l.Max > 0 && l.Min > l.Max {
		d.crossed(path, low, high)
		return
	}
	mean, hasMean := e.value.get("mean")
	if hasMean && (hasMax && l.Max > 0 && l.Mean > float64(l.Max) || l.Mean > 0 && l.Mean < float64(l.Min)) {
		d.warn("mean-outside-bounds", mean.place(), args{"path": path})
	}
}

// crossed reports an upper bound below the lower one.
func (d *decoder) crossed(path string, low, high entry) {
	d.fail("bounds-crossed", high.place(), args{"path": path, "low": low.name, "high": high.name}).Related =
		[]Related{{low.place(), low.name + " is given here"}}
}

// arrivals is an arrival process with its points.
func arrivals() value[Arrivals] {
	s := section[Arrivals]{
		oneOf: []string{string(Constant), string(Poisson), string(Gamma), string(Ramp), string(TraceReplay), string(Concurrency), string(Throughput), string(Sweep)},
		fields: []field[Arrivals]{
			process(Constant, "Open loop with constant gaps, in requests per second.", rates()),
			process(Poisson, "Open loop with exponential gaps, in requests per second.", rates()),
			gammaArrivals(), rampArrivals(), traceArrivals(),
			process(Concurrency, "Closed loop with this many requests in flight.", inFlight()),
			process(Throughput, "All requests at once, with at most this many in flight. Default: 512.", caps()),
			{name: string(Sweep), doc: "Number of points, at least 3: synchronous, saturated, and rates between them that sweep finds before round 1.",
				schema: whole(3, 100).schema, read: func(d *decoder, path string, e entry, a *Arrivals) {
					if n, ok := whole(3, 100).read(d, path, e); ok {
						a.SweepPoints = n
					}
					a.Kind = Sweep
				}},
			bind("max_concurrency", "Cap on the requests in flight of an open loop. Default: none.", whole(1, math.MaxInt32),
				func(a *Arrivals) *int { return &a.MaxConcurrency }),
		},
		check: func(d *decoder, path string, e entry, a *Arrivals) {
			limit, given := e.value.get("max_concurrency")
			if given && (a.Kind == Concurrency || a.Kind == Throughput) {
				d.fail("cap-on-closed-loop", limit.key.at, args{"path": path, "kind": a.Kind})
			}
		},
	}
	v := s.value()
	return value[Arrivals]{schema: v.schema, read: func(d *decoder, path string, e entry) (Arrivals, bool) {
		if e.value.scalar() {
			d.expectLike(path, e, "a mapping", "{poisson: [2, 5]} or {concurrency: [1, 4]}")
			return Arrivals{}, false
		}
		return v.read(d, path, e)
	}}
}

// process is one of the arrival processes with points.
func process(kind ArrivalKind, doc string, points value[[]float64]) field[Arrivals] {
	return field[Arrivals]{name: string(kind), doc: doc, schema: points.schema, read: func(d *decoder, path string, e entry, a *Arrivals) {
		a.Kind = kind
		got, ok := points.read(d, path, e)
		if !ok {
			return
		}
		a.Points = got
		if len(got) == 0 {
			d.fail("empty-list", e.place(), args{"path": path, "what": "point"})
		}
		d.checkPoints(path, e, got)
	}}
}

// checkPoints reports points that do not rise.
func (d *decoder) checkPoints(path string, e entry, got []float64) {
	for i := 1; i < len(got); i++ {
		if got[i] <= got[i-1] {
			d.fail("points-not-ascending", e.value.items[i].at, args{"path": path})
			return
		}
	}
}

// gammaArrivals is arrivals.gamma.
func gammaArrivals() field[Arrivals] {
	s := section[Arrivals]{fields: []field[Arrivals]{
		must(process("rate", "Requests per second.", rates())),
		must(bind("burstiness", "Shape of the gaps: 1 is Poisson, less is burstier, more is smoother.", realNumber(0, true),
			func(a *Arrivals) *float64 { return &a.Burstiness })),
	}}
	return shaped(Gamma, "Open loop with gamma gaps.", s)
}

// rampArrivals is arrivals.ramp.
func rampArrivals() field[Arrivals] {
	s := section[Arrivals]{fields: []field[Arrivals]{
		must(bind("from", "Requests per second during the warm-up and at the start of the window.", realNumber(0, true),
			func(a *Arrivals) *float64 { return &a.From })),
		must(process("to", "Requests per second at the end of the window.", rates())),
	}}
	return shaped(Ramp, "Open loop: a Poisson process whose rate changes linearly over the window.", s)
}

// shaped is a process with points and something beside them.
func shaped(kind ArrivalKind, doc string, s section[Arrivals]) field[Arrivals] {
	return field[Arrivals]{name: string(kind), doc: doc, schema: s.schema(), read: func(d *decoder, path string, e entry, a *Arrivals) {
		got, _ := s.decode(d, path, e)
		a.Kind, a.Points, a.Burstiness, a.From = kind, got.Points, got.Burstiness, got.From
	}}
}

func rates() value[[]float64] {
	return listOf(realNumber(0, true), "a rate in requests per second or a list of them", true)
}

func inFlight() value[[]float64] {
	one := whole(1, math.MaxInt32)
	point := value[float64]{schema: one.schema, read: func(d *decoder, path string, e entry) (float64, bool) {
		n, ok := one.read(d, path, e)
		return float64(n), ok
	}}
	return listOf(point, "a number of requests in flight or a list of them", true)
}

// caps is like inFlight, and empty for the default.
func caps() value[[]float64] {
	v := inFlight()
	none := 0
	empty := &jsonschema.Schema{Types: []string{"null", "object"}, MaxProperties: &none}
	return value[[]float64]{schema: anyOf(append(v.schema.AnyOf, empty)...), read: func(d *decoder, path string, e entry) ([]float64, bool) {
		if e.value.kind == nullNode || e.value.kind == mapNode && len(e.value.entries) == 0 {
			return []float64{DefaultThroughputCap}, true
		}
		return v.read(d, path, e)
	}}
}
