package loadgen

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/workload"
)

// Token IDs of completions prompts. Below 1000 lie the special tokens of the
// known tokenizers; nearly every vocabulary that is served in practice reaches
// 10,000, and 9,000 IDs are enough to make each prompt unique. Where the server
// has fewer, the IDs are the upper nine tenths of what it has.
const (
	DefaultTokenLow  = 1_000
	DefaultTokenHigh = 10_000
)

// DefaultTimeout bounds a request when Config.Timeout is 0.
const DefaultTimeout = 10 * time.Minute

// Validate reports everything that is wrong with the configuration, joined.
func (c *Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if u, err := url.Parse(c.BaseURL); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		bad("base URL %q: want http://host:port or https://host:port", c.BaseURL)
	} else if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		bad("base URL http://%s: leave out user, password, query and fragment; a header can carry credentials", u.Host)
	} else if strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v1") {
		bad("base URL %q: leave out /v1", c.BaseURL)
	}
	if c.Model == "" {
		bad("model is empty")
	}
	if c.API != Completions && c.API != Chat {
		bad("API %q: want %s or %s", c.API, Completions, Chat)
	}
	if err := c.Arrivals.validate(); err != nil {
		errs = append(errs, err)
	}
	if err := c.validateWork(); err != nil {
		errs = append(errs, err)
	}
	if c.Warmup < 0 || c.Duration < 0 || c.Timeout < 0 || c.Drain < 0 {
		bad("warm-up, duration, time-out and drain must not be negative")
	}
	if c.Vocabulary < 0 {
		bad("vocabulary of %d token IDs", c.Vocabulary)
	}
	if c.Requests < 0 {
		bad("requests must not be negative")
	}
	if c.Duration == 0 && c.Requests == 0 && c.Arrivals.Kind != Trace {
		bad("neither a duration nor a number of requests is set: the load would never end")
	}
	if c.Arrivals.Kind == Ramp && c.Duration == 0 {
		bad("a ramp needs a duration to reach its end rate")
	}
	if c.Arrivals.Kind == Throughput && c.Arrivals.Concurrency == 0 && c.Requests == 0 {
		bad("throughput without a concurrency needs a number of requests")
	}
	if low, high := c.tokens(); low < 0 || high-low < 2 {
		bad("token IDs %d to %d: want at least two", low, high)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Body)) {
		if refusal, refused := workload.CheckField("body", name); refused {
			errs = append(errs, errors.New(refusal.Text()))
		}
	}
	return errors.Join(errs...)
}

// validateWork checks what the requests are made of.
func (c *Config) validateWork() error {
	var errs []error
	trace := c.Arrivals.Kind == Trace
	if trace {
		errs = append(errs, c.validateTrace())
	}
	if len(c.Dataset) > 0 && (trace || c.Prefix != Prefix{}) {
		errs = append(errs, errors.New("a dataset has its own prompts: no trace and no shared prefix with it"))
	}
	if len(c.Dataset) == 0 && !trace {
		if err := c.Prompt.validate(); err != nil {
			errs = append(errs, fmt.Errorf("prompt tokens: %w", err))
		}
	}
	given := len(c.Dataset) > 0 && !slices.ContainsFunc(c.Dataset, func(s workload.Sample) bool { return s.Output == 0 && s.Answer == "" })
	if c.MinOutput < 0 || c.MaxOutput < 0 || (c.MaxOutput > 0 && c.MinOutput > c.MaxOutput) {
		errs = append(errs, fmt.Errorf("output between %d and %d tokens", c.MinOutput, c.MaxOutput))
	}
	if c.Sessions != nil {
		errs = append(errs, c.validateSessions())
	}
	if err := c.validateHeaders(); err != nil {
		errs = append(errs, err)
	}
	if !trace && (!given || c.Output.Kind != "") {
		if err := c.Output.validate(); err != nil {
			errs = append(errs, fmt.Errorf("output tokens: %w", err))
		}
	}
	return errors.Join(append(errs, c.Prefix.validate())...)
}

func (a Arrivals) validate() error {
	switch a.Kind {
	case Trace: // see validateTrace
	case Constant, Poisson, Gamma, Ramp:
		if !positive(a.Rate) {
			return fmt.Errorf("%s arrivals: rate %v req/s: want more than 0", a.Kind, a.Rate)
		}
		if a.Kind == Ramp && !positive(a.RateTo) {
			return fmt.Errorf("%s arrivals: end rate %v req/s: want more than 0", a.Kind, a.RateTo)
		}
		if a.Kind == Gamma && !positive(a.Burstiness) {
			return fmt.Errorf("%s arrivals: burstiness %v: want more than 0", a.Kind, a.Burstiness)
		}
	case Concurrency:
		if a.Concurrency < 1 {
			return fmt.Errorf("concurrency %d: want at least 1", a.Concurrency)
		}
	case Throughput:
		if a.Concurrency < 0 {
			return fmt.Errorf("throughput with concurrency %d: want 0 (no limit) or more", a.Concurrency)
		}
	default:
		return fmt.Errorf("arrivals %q: want %s, %s, %s, %s, %s, %s or %s", a.Kind, Constant, Poisson, Gamma, Ramp, Trace, Concurrency, Throughput)
	}
	if a.MaxConcurrency < 0 {
		return fmt.Errorf("concurrency cap %d: want 0 (none) or more", a.MaxConcurrency)
	}
	return nil
}

func positive(x float64) bool { return x > 0 && !math.IsInf(x, 0) }

func (l Lengths) validate() error {
	finite := !math.IsNaN(l.Mean) && !math.IsInf(l.Mean, 0) && l.Stdev >= 0 && !math.IsInf(l.Stdev, 0)
	switch l.Kind {
	case Fixed, Normal, Lognormal:
		if !finite || l.Mean < 1 {
			return fmt.Errorf("%s with mean %v and standard deviation %v: want a mean of at least 1", l.Kind, l.Mean, l.Stdev)
		}
	case Uniform:
		if l.Min < 1 || l.Max < l.Min {
			return fmt.Errorf("uniform from %d to %d: want 1 <= min <= max", l.Min, l.Max)
		}
	case Empirical:
		if len(l.Values) == 0 {
			return errors.New("empirical without values")
		}
		if v := slices.Min(l.Values); v < 0 {
			return fmt.Errorf("empirical value %d is negative", v)
		}
	default:
		return fmt.Errorf("distribution %q: want %s, %s, %s, %s or %s", l.Kind, Fixed, Normal, Lognormal, Uniform, Empirical)
	}
	if l.Min < 0 || l.Max < 0 || (l.Max > 0 && l.Min > l.Max) {
		return fmt.Errorf("bounds %d to %d", l.Min, l.Max)
	}
	return nil
}

func (c *Config) tokens() (low, high int) {
	low, high = c.TokenLow, c.TokenHigh
	if high == 0 {
		high = DefaultTokenHigh
	}
	if c.Vocabulary > 0 {
		high = min(high, c.Vocabulary)
	}
	if low == 0 {
		low = min(DefaultTokenLow, high/10)
	}
	return low, high
}

func (c *Config) timeout() time.Duration {
	if c.Timeout == 0 {
		return DefaultTimeout
	}
	return c.Timeout
}

func (c *Config) drain() time.Duration {
	if c.Drain == 0 {
		return c.timeout()
	}
	return c.Drain
}

// open says whether requests are sent on a schedule of their own.
func (a Arrivals) open() bool {
	switch a.Kind {
	case Constant, Poisson, Gamma, Ramp, Trace:
		return true
	default:
		return false
	}
}

// steady says whether the load is meant to be the same all through the window.
func (a Arrivals) steady() bool { return a.Kind != Ramp && a.Kind != Trace }

// boundOutput applies MinOutput and MaxOutput.
func (c *Config) boundOutput(n int) int {
	if c.MaxOutput > 0 {
		n = min(n, c.MaxOutput)
	}
	return max(n, c.MinOutput, 1)
}

// validateHeaders refuses what would break the request, or the measurement.
func (c *Config) validateHeaders() error {
	var errs []error
	for name, value := range c.Headers {
		refusal, refused := workload.CheckHeader("headers", name)
		if !refused {
			refusal, refused = workload.CheckHeaderValue("headers."+name, value)
		}
		if refused {
			errs = append(errs, errors.New(refusal.Text()))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) label() string {
	switch {
	case c.Sessions != nil && c.Arrivals.open():
		return LabelSessions
	case c.Sessions != nil:
		return LabelClosedSessions
	case c.Arrivals.open() && c.Arrivals.MaxConcurrency > 0:
		return LabelPartly
	case c.Arrivals.open():
		return LabelOpen
	case c.burst():
		return LabelBurst
	default:
		return LabelClosed
	}
}

// burst says whether the load is a finite heap of requests worked off: a
// bounded throughput load, or a closed loop with no more requests than slots,
// which never hands a slot over.
func (c *Config) burst() bool {
	switch c.Arrivals.Kind {
	case Throughput:
		return c.Requests > 0
	case Concurrency:
		return c.Requests > 0 && c.Requests <= c.Arrivals.Concurrency
	default:
		return false
	}
}

// slots is the number of requests in flight that a closed loop or a burst holds.
func (c *Config) slots() int {
	if c.Arrivals.Concurrency > 0 {
		return c.Arrivals.Concurrency
	}
	return c.Requests // a burst without a limit
}

// connections is how many connections are worth keeping for reuse.
func (c *Config) connections() int {
	switch {
	case !c.Arrivals.open():
		return c.slots()
	case c.Arrivals.MaxConcurrency > 0:
		return c.Arrivals.MaxConcurrency
	default:
		return 1 << 14 // as many as it takes
	}
}
