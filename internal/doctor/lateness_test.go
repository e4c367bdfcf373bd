package doctor

import (
	"context"
	"strings"
	"testing"
	"time"
)

// What the timers allow a client to claim.
func TestLateness(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		l      Lateness
		status Status
		want   string
	}{
		"quiet":      {Lateness{P50: 60 * time.Microsecond, P99: 300 * time.Microsecond, Max: 2 * ms, Stolen: ms}, OK, "60 µs (p50), 300 µs (p99) and at most 2 ms late; a busy thread waited up to 1 ms for the CPU. Clients here can keep a limit of 1 ms"},
		"shared":     {Lateness{P50: 100 * time.Microsecond, P99: 3 * ms, Max: 9 * ms}, Warning, "can keep a limit of 5 ms, but not of 1 ms"},
		"busy":       {Lateness{P50: 200 * time.Microsecond, P99: 8 * ms, Max: 9 * ms}, Warning, "exceed even the 5 ms that a shared machine allows. Open loops need a median TTFT above 160 ms"},
		"all timers": {Lateness{P50: 2 * ms, P99: 4 * ms, Max: 9 * ms}, Warning, "a shared machine"},
	} {
		o := host(t, nil)
		o.Lateness = func(context.Context) Lateness { return c.l }
		got := get(t, Examine(t.Context(), o), "timers")
		if got.Status != c.status || !strings.Contains(got.Text, c.want) || (got.Remedy == "") != (c.status == OK) {
			t.Errorf("%s: %+v, want %s with %q", name, got, c.status, c.want)
		}
	}
}

func TestMeasureLateness(t *testing.T) {
	l := MeasureLateness(t.Context())
	if l.P50 <= 0 || l.P99 < l.P50 || l.Max < l.P99 || l.Stolen <= 0 || l.Max > 10*time.Second {
		t.Errorf("%+v", l)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if l := MeasureLateness(ctx); l != (Lateness{}) {
		t.Errorf("%+v after the end", l)
	}
}
