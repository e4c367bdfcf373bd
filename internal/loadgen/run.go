package loadgen

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vllm-sweep/sweep/internal/loadgen/timed"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// run is one load run under way.
type run struct {
	cfg     *Config
	client  *client
	bodies  *bodies
	window  *window
	notes   []notice.Notice // warnings of the preparation
	lengths lengthNote

	mu      sync.Mutex
	records []*Request

	sent, completed, failed, inFlight atomic.Int64
}

// Run loads the server and returns what it measured.
//
// The error is not nil when the configuration is wrong, when the server cannot
// be reached at the very start, and when ctx ends first; in the last case the
// result of the part that ran is returned too. A request that fails is data,
// not an error.
func Run(ctx context.Context, cfg Config) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("load configuration: %w", err)
	}
	r, err := prepare(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	defer r.client.close()
	if stamps, err := timed.Keep(); err == nil { // else each connection says why
		defer stamps.Close()
	}
	r.drive(ctx)
	result := r.result()
	if err := ctx.Err(); err != nil {
		return result, fmt.Errorf("load run stopped: %w", context.Cause(ctx))
	}
	return result, nil
}

func prepare(ctx context.Context, cfg *Config) (_ *run, err error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if err := cfg.checkRoom(openFiles(), localPorts()); err != nil {
		return nil, err
	}
	if err := c.reach(ctx); err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, client: c, notes: c.others(ctx)}
	var words wordPlan
	if cfg.API == Chat && len(cfg.Dataset) == 0 {
		var notes []notice.Notice
		words, notes = findOneTokenWords(ctx, c, cfg)
		r.notes = append(r.notes, notes...)
	}
	if cfg.Output.Kind == "" && len(cfg.Dataset) > 0 {
		if r.lengths, err = fillOutputs(ctx, c, cfg); err != nil {
			return nil, err
		}
	}
	if r.bodies, err = newBodies(cfg, words); err != nil {
		return nil, err
	}
	r.window = newWindow(c.now, &c.readLags.on, &c.writeLags.on, &c.handovers.on, &c.gaps.on)
	return r, nil
}

// reach proves that something listens, before any schedule starts, and settles
// on its address: a name is looked up once, so that no latency holds the lookup
// and all requests go to one server.
func (c *client) reach(ctx context.Context) error {
	dialer := net.Dialer{Timeout: dialTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", c.address())
	if err != nil {
		return &ReachError{URL: c.url.Scheme + "://" + c.url.Host, Cause: cause(err), err: err}
	}
	c.peer = conn.RemoteAddr().String()
	if err := conn.Close(); err != nil {
		return err
	}
	if c.url.Scheme == "http" {
		return c.openWire()
	}
	return nil
}

// lookupTimeout bounds the question whether a name stands for several machines.
const lookupTimeout = 2 * time.Second

// others warns of a name that stands for several machines.
func (c *client) others(ctx context.Context) []notice.Notice {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", c.url.Hostname())
	if err != nil || len(found) < 2 {
		return nil // an address, a name of one machine, or of IPv6 alone
	}
	return []notice.Notice{notice.New("several-addresses", notice.Args{
		"name": notice.Text(c.url.Hostname()), "n": notice.Count(len(found)), "address": notice.Text(c.peer),
	})}
}

// ReachError says that no connection to the server could be made.
type ReachError struct {
	URL, Cause string
	err        error
}

func (e *ReachError) Error() string { return fmt.Sprintf("cannot reach %s: %s", e.URL, e.Cause) }
func (e *ReachError) Unwrap() error { return e.err }

// address is host and port of the server.
func (c *client) address() string {
	if c.url.Port() != "" {
		return c.url.Host
	}
	return net.JoinHostPort(c.url.Hostname(), map[string]string{"http": "80", "https": "443"}[c.url.Scheme])
}

// drive runs the load from the first send to the end of the drain and returns
// when every goroutine of it has ended.
func (r *run) drive(ctx context.Context) {
	requests, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	switch {
	case r.cfg.Sessions != nil:
		r.startSessions(requests, &wg)
	case r.cfg.Arrivals.open():
		r.startOpen(requests, &wg)
	default:
		r.startClosed(requests, &wg)
	}
	if r.cfg.Progress != nil {
		wg.Go(func() { r.report(requests) })
	}

	select {
	case <-r.window.closed:
	case <-ctx.Done():
		r.window.close(r.client.now())
	}
	drain := time.NewTimer(r.cfg.drain())
	defer drain.Stop()
	select {
	case <-r.window.drained:
	case <-drain.C:
	case <-ctx.Done():
	}
	cancel() // whatever is still in flight
	wg.Wait()
}

// begin sets offset 0.
func (r *run) begin() { r.client.start = time.Now() }

// record opens the record of a request.
func (r *run) record(j *job) *Request {
	rec := &Request{
		Phase: j.phase, Scheduled: j.at, Ready: r.client.now(),
		Sent: -1, First: -1, Last: -1, End: -1,
		PromptAsked: j.prompt, OutputAsked: j.output,
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	rec.ID = len(r.records)
	r.records = append(r.records, rec)
	return rec
}

// issue sends a request and waits for its end.
func (r *run) issue(ctx context.Context, j *job, rec *Request) {
	r.sent.Add(1)
	r.inFlight.Add(1)
	r.client.do(ctx, j, rec)
	r.inFlight.Add(-1)
	if rec.Class == ClassOK {
		r.completed.Add(1)
	} else {
		r.failed.Add(1)
	}
}

// report calls Progress about twice a second until ctx ends.
func (r *run) report(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.cfg.Progress(Progress{
				Elapsed:   r.client.now(),
				InWindow:  r.window.isNow(),
				Sent:      int(r.sent.Load()),
				Completed: int(r.completed.Load()),
				Failed:    int(r.failed.Load()),
				InFlight:  int(r.inFlight.Load()),
				LastToken: time.Duration(r.client.lastToken.Load()),
			})
		}
	}
}
