package experiment

import (
	"net/url"
	"slices"
	"time"
)

// Gates are the causes, besides those that always hold (a load generator at
// its limits, a server that restarted inside the window), for which a trial
// does not count, and what is done about it.
type Gates struct {
	Throttled      float64 // share of the window throttled for heat, power brake or hardware slowdown above which it does not count; 1: never
	ForeignProcess bool    // another process on the server's GPUs
	GPUError       bool    // an uncorrected ECC error or an Xid on them
	Failures       float64 // share of failed requests above which it does not count
	TelemetryLost  float64 // share of the trial without GPU readings above which it does not count; 1: never
	Requeue        int     // how often such a trial is measured again, at the end of its block
	Settle         Settle
	// Client says by which limits the load generator is judged: ClientAuto, ClientStrict or ClientShared.
	Client string
}

// Limits of the load generator on itself.
const (
	ClientAuto   = "auto"   // those of a shared machine where the server computes on this machine's processors, else strict
	ClientStrict = "strict" // for a client that has its processors to itself
	ClientShared = "shared" // for a client that shares them with the server
)

// Settle is the warm-up gate: rounds of fresh prompts at the target load until
// the latencies of two rounds agree. Within 0: off.
type Settle struct {
	Within float64       // relative difference of two rounds' medians, 0..1
	AtMost time.Duration // limit of all rounds together
}

// Band is how far above its state at the block's first start a GPU may be
// when the next server starts. A zero field is not waited for.
type Band struct {
	Temperature float64 // degrees Celsius
	Clock       float64 // share of the SM clock then
	Memory      int64   // bytes
	Utilisation float64 // 0..1
}

// Telemetry says what is observed and how.
type Telemetry struct {
	Interval time.Duration // between two GPU samples; 0: 200 ms
	GPUs     GPUSource
}

// GPUSource says how GPUs are read that NVML of this host does not see. At
// most one field is set.
type GPUSource struct {
	Off     bool     // not at all
	Command []string // runs nvidia-smi where the GPUs are; the query is appended
	DCGM    string   // address of a DCGM exporter's metrics
}

// Notify is a receiver of messages: when the run ends, and when it begins badly.
type Notify struct {
	Command []string // gets the message as JSON on its standard input
	Webhook string   // address that the message is posted to
	// WebhookEnv names the environment variable that holds the address.
	WebhookEnv string
	On         []string // NotifyFinished, NotifyFailed, NotifyInterrupted, NotifyWarning; empty: all
}

// What a message can be asked for: the ends of a run, and a bad beginning.
const (
	NotifyFinished    = "finished"
	NotifyFailed      = "failed"
	NotifyInterrupted = "interrupted"
	NotifyWarning     = "warning"
)

// Defaults of the gates.
const (
	DefaultThrottled     = 0.10
	DefaultFailures      = 0.05
	DefaultTelemetryLost = 0.5
	DefaultRequeue       = 1
	DefaultSettleAtMost  = time.Minute
)

// share is a fraction written as 5% or 0.05.
func share() value[float64] {
	return value[float64]{
		schema: anyOf(number("number", 0, false), pattern(`^[0-9]+(\.[0-9]+)? ?%$`)),
		read: func(d *decoder, path string, e entry) (float64, bool) {
			f, err := percentage(e.value)
			if !e.value.scalar() || err != nil {
				d.expect("out-of-range", path, e, "a fraction such as 5% or 0.05")
				return 0, false
			}
			return f, true
		},
	}
}

func gatesSection() section[Gates] {
	settle := section[Settle]{
		initial: Settle{AtMost: DefaultSettleAtMost},
		fields: []field[Settle]{
			must(bind("within", "Largest change of the median latencies between two rounds, such as 5%.", share(), func(s *Settle) *float64 { return &s.Within })),
			bind("at_most", "Longest time for all rounds. Default: 60s.", duration(time.Nanosecond), func(s *Settle) *time.Duration { return &s.AtMost }),
		},
	}
	return section[Gates]{
		initial: Gates{
			Throttled: DefaultThrottled, ForeignProcess: true, GPUError: true, Failures: DefaultFailures,
			TelemetryLost: DefaultTelemetryLost, Requeue: DefaultRequeue, Client: ClientAuto,
		},
		fields: []field[Gates]{
			bind("throttled", "Discard a trial if its GPUs were throttled (heat, power brake, hardware slowdown) for more than this fraction of the window. Default: 10%. 100%: never.",
				share(), func(g *Gates) *float64 { return &g.Throttled }),
			bind("foreign_process", "Discard a trial if another process held memory of the server's GPUs. Default: true.",
				boolean(), func(g *Gates) *bool { return &g.ForeignProcess }),
			bind("gpu_error", "Discard a trial if the server's GPUs reported an uncorrected ECC error or an Xid. Default: true.",
				boolean(), func(g *Gates) *bool { return &g.GPUError }),
			bind("failures", "Discard a trial if more than this fraction of its requests failed. Default: 5%.", share(), func(g *Gates) *float64 { return &g.Failures }),
			bind("telemetry_lost", "Discard a trial if GPUs that were readable could not be read for more than this fraction of it. Default: 50%. 100%: never.",
				share(), func(g *Gates) *float64 { return &g.TelemetryLost }),
			bind("requeue", "How often to measure a discarded trial again, at the end of its round. Default: 1.",
				whole(0, 20), func(g *Gates) *int { return &g.Requeue }),
			bind("client", "Limits for the load generator itself: auto (default: shared if the server computes on this machine's CPUs), strict or shared.",
				word(ClientAuto, ClientStrict, ClientShared), func(g *Gates) *string { return &g.Client }),
			bind("settle", "Send rounds of fresh prompts at the target load before the warm-up, until latencies settle.", settle.value(),
				func(g *Gates) *Settle { return &g.Settle }),
		},
	}
}

func bandSection() section[Band] {
	return section[Band]{fields: []field[Band]{
		bind("temperature", "Degrees Celsius above the round's first launch.", realNumber(0, true), func(b *Band) *float64 { return &b.Temperature }),
		bind("clock", "SM clock above the round's first launch, such as 10%.", share(), func(b *Band) *float64 { return &b.Clock }),
		bind("memory", "Used memory above the round's first launch, such as 512MiB.", size(), func(b *Band) *int64 { return &b.Memory }),
		bind("utilization", "Utilization above the round's first launch, such as 5%.", share(),
			func(b *Band) *float64 { return &b.Utilisation }),
	}}
}

func telemetrySection() section[Telemetry] {
	return section[Telemetry]{fields: []field[Telemetry]{
		bind("interval", "Time between two GPU readings. Default: 200ms.", duration(time.Nanosecond), func(t *Telemetry) *time.Duration { return &t.Interval }),
		bind("gpus", "How to read the GPUs: nvml (default), none, {command: [...]} that runs nvidia-smi, or {dcgm: URL} of a DCGM exporter.",
			gpuSource(), func(t *Telemetry) *GPUSource { return &t.GPUs }),
	}}
}

func gpuSource() value[GPUSource] {
	remote := section[GPUSource]{
		oneOf: []string{"command", "dcgm"},
		fields: []field[GPUSource]{
			bind("command", "Command that runs nvidia-smi where the GPUs are. sweep appends the query.", words(), func(g *GPUSource) *[]string { return &g.Command }),
			bind("dcgm", "URL of a DCGM exporter's metrics, such as http://gpuhost:9400/metrics.", baseURL(), func(g *GPUSource) *string { return &g.DCGM }),
		},
		check: func(d *decoder, path string, e entry, g *GPUSource) {
			if c, given := e.value.get("command"); given && len(g.Command) == 0 && c.value.kind == listNode {
				d.fail("command-empty", c.place(), args{"path": join(path, "command")})
			}
		},
	}
	local := word("nvml", "none")
	return value[GPUSource]{schema: anyOf(local.schema, remote.schema()), read: func(d *decoder, path string, e entry) (GPUSource, bool) {
		if e.value.scalar() {
			w, ok := local.read(d, path, e)
			return GPUSource{Off: w == "none"}, ok
		}
		return remote.decode(d, path, e)
	}}
}

func notifications() value[[]Notify] {
	s := section[Notify]{
		oneOf: []string{"command", "webhook"},
		fields: []field[Notify]{
			bind("command", "Command that receives the message as JSON on standard input.", words(), func(n *Notify) *[]string { return &n.Command }),
			webhookField(),
			bind("on", "What to report: the ends finished, failed and interrupted, "+
				"and a warning about a bad beginning. Default: all.",
				listOf(word(NotifyFinished, NotifyFailed, NotifyInterrupted, NotifyWarning),
					"a list of finished, failed, interrupted and warning", true),
				func(n *Notify) *[]string { return &n.On }),
		},
		check: func(d *decoder, path string, e entry, n *Notify) {
			if c, given := e.value.get("command"); given && len(n.Command) == 0 && c.value.kind == listNode {
				d.fail("command-empty", c.place(), args{"path": join(path, "command")})
			}
		},
	}
	return listOf(s.value(), "a list such as [{command: [mail-me]}]", false)
}

// webhookField takes an address, or the name of the variable that holds it.
func webhookField() field[Notify] {
	plain, reference := text("a URL such as https://hooks.example.org/sweep"), fromEnv()
	return field[Notify]{
		name: "webhook", doc: "URL to post the message to as JSON. If it has a secret: {from_env: NAME}.",
		schema: anyOf(pattern("^https?://.+"), reference.schema),
		read: func(d *decoder, path string, e entry, n *Notify) {
			if e.value.kind == mapNode {
				n.WebhookEnv, _ = reference.read(d, path, e)
				return
			}
			got, ok := plain.read(d, path, e)
			if !ok {
				return
			}
			u, err := url.Parse(got)
			if err != nil || !slices.Contains([]string{"http", "https"}, u.Scheme) || u.Host == "" {
				d.expect("wrong-value", path, e, "a URL such as https://hooks.example.org/sweep")
				return
			}
			if u.User != nil {
				d.fail("url-with-credentials", e.place(), args{"path": path, "field": path, "reference": byName})
				return
			}
			n.Webhook = got
		},
	}
}
