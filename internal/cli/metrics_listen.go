package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/vllm-sweep/sweep/internal/runner"
)

// metricsServer serves the state of a run to Prometheus, so that a dashboard can
// watch the night. It is an Observer that passes on to another.
type metricsServer struct {
	runner.Observer
	server *http.Server
	done   chan struct{}

	mu     sync.Mutex
	status runner.Status
	lanes  lanes
}

// listenFor opens the address that a flag names, such as 127.0.0.1:9188.
func listenFor(flag, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	var wrong *net.AddrError
	switch {
	case errors.As(err, &wrong):
		return nil, withCode(exitUsage, fmt.Errorf("%s: %w", flag, err))
	case err != nil:
		return nil, withCode(exitEnvironment, fmt.Errorf("%s: %w", flag, err))
	}
	return listener, nil
}

// serveMetrics begins to serve. It closes the listener.
func serveMetrics(listener net.Listener, name string, next runner.Observer) (*metricsServer, string, error) {
	e := &metricsServer{Observer: next, done: make(chan struct{})}
	registry := prometheus.NewRegistry()
	if err := registry.Register(runCollector{e, name}); err != nil {
		return nil, "", errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	e.server = &http.Server{Handler: mux, ReadHeaderTimeout: scrapeWait, WriteTimeout: scrapeWait}
	go func() {
		defer close(e.done)
		_ = e.server.Serve(listener) // ends with Close
	}()
	return e, "http://" + listener.Addr().String() + "/metrics", nil
}

// Limits of a scraper that hangs: of one scrape, and of the one that may be under
// way at the end of the run.
const (
	scrapeWait     = 10 * time.Second
	lastScrapeWait = 300 * time.Millisecond
)

// Close ends the service after the scrape that may be under way.
func (e *metricsServer) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), lastScrapeWait)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		_ = e.server.Close()
	}
	<-e.done
}

// Status implements runner.Observer.
func (e *metricsServer) Status(s runner.Status) {
	e.mu.Lock()
	e.status = s
	e.lanes.take(s)
	e.mu.Unlock()
	e.Observer.Status(s)
}

// runCollector renders the state at the time of a scrape. It is unchecked: which
// metrics there are depends on the stage.
type runCollector struct {
	e    *metricsServer
	name string
}

func (c runCollector) Describe(chan<- *prometheus.Desc) {}

func (c runCollector) Collect(out chan<- prometheus.Metric) {
	c.e.mu.Lock()
	st, working := c.e.status, slices.Collect(maps.Values(c.e.lanes))
	c.e.mu.Unlock()
	send := func(name, help string, v float64, labels prometheus.Labels) {
		l := prometheus.Labels{"experiment": c.name}
		for k, x := range labels {
			l[k] = x
		}
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("sweep_"+name, help, nil, l), prometheus.GaugeValue, v)
	}
	send("trials_planned", "Planned trials.", float64(st.Total), nil)
	send("trials_done", "Planned trials that have a record.", float64(st.Done), nil)
	send("block", "Current round.", float64(st.Block), nil)
	if st.Left.Most > 0 {
		left := st.Left.After(time.Since(st.At))
		send("left_least_seconds", "Least estimated time until the run ends.", left.Least.Seconds(), nil)
		send("left_most_seconds", "Most estimated time until the run ends.", left.Most.Seconds(), nil)
	}
	if len(working) == 0 {
		working = []runner.Status{st}
	}
	for _, st := range working {
		c.work(st, send)
	}
}

// work renders what one lane does, labelled with its GPUs where there are
// several.
func (c runCollector) work(st runner.Status, sendWith func(name, help string, v float64, labels prometheus.Labels)) {
	if st.Stage == "" {
		return
	}
	send := func(name, help string, v float64, labels prometheus.Labels) {
		if st.GPUs != "" {
			if labels == nil {
				labels = prometheus.Labels{}
			}
			labels["gpus"] = st.GPUs
		}
		sendWith(name, help, v, labels)
	}
	send("stage", "What the run is doing: 1 for the current stage.", 1, prometheus.Labels{
		"stage": st.Stage, "configuration": st.Configuration, "load_point": st.Point,
	})
	send("stage_seconds", "Time in the current stage.", time.Since(st.StageBegan).Seconds(), nil)
	if st.Stage == runner.StageMeasuring {
		send("load_in_flight", "Requests in flight.", float64(st.Load.InFlight), nil)
		send("load_completed", "Requests completed in this trial.", float64(st.Load.Completed), nil)
		send("load_failed", "Requests failed in this trial.", float64(st.Load.Failed), nil)
		send("load_requests_per_second", "Requests completed per second over the last five seconds.", st.Live.Rate, nil)
		send("server_kv_cache_usage", "KV cache usage, 0..1.", st.Live.KVUsage, nil)
		send("server_waiting", "Requests in the server's queue.", st.Live.Waiting, nil)
		if n := len(st.Live.TTFT); n > 0 {
			send("server_ttft_seconds", "The server's mean time to first token since the previous reading.", st.Live.TTFT[n-1], nil)
		}
	}
	if st.Live.Temperature > 0 {
		send("gpu_temperature_celsius", "Temperature of the warmest GPU.", st.Live.Temperature, nil)
		send("gpu_power_watts", "Power draw of all GPUs.", st.Live.Power, nil)
	}
}
