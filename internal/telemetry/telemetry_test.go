package telemetry

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// scripted is a GPU whose samples are given.
type scripted struct {
	samples []Sample // one a call; the last repeats
	calls   int
}

func (*scripted) Source() string       { return "scripted" }
func (*scripted) Driver() string       { return "" }
func (*scripted) Devices() []Device    { return nil }
func (*scripted) Close() error         { return nil }
func (*scripted) Least() time.Duration { return time.Millisecond }
func (s *scripted) Sample(context.Context) ([]Sample, error) {
	i := min(s.calls, len(s.samples)-1)
	s.calls++
	return []Sample{s.samples[i]}, nil
}

func warm(celsius float64) Sample {
	return Sample{Values: map[string]float64{Temperature: celsius}}
}

func TestCooldown(t *testing.T) {
	rule := CooldownRule{AtLeast: 5 * time.Second, AtMost: 20 * time.Second, Temperature: 50, Memory: 1 << 30}
	cooling := &scripted{samples: []Sample{warm(70), warm(55), {Values: map[string]float64{Temperature: 49, MemoryUsed: 2 << 30}}, warm(48)}}
	hot := &scripted{samples: []Sample{warm(80)}}
	for _, tc := range []struct {
		name    string
		rule    CooldownRule
		gpus    GPUs
		waited  time.Duration
		reached bool
		detail  string
	}{
		{"no conditions", CooldownRule{AtLeast: 3 * time.Second}, nil, 3 * time.Second, true, ""},
		{"no GPUs", rule, nil, 5 * time.Second, false, "the GPUs cannot be read"},
		{"cools", rule, cooling, 8 * time.Second, true, ""},
		{"stays hot", rule, hot, 20 * time.Second, false, "GPU 0 is at 80 °C (target 50 °C)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var look func(context.Context) ([]Sample, error)
				if tc.gpus != nil {
					look = tc.gpus.Sample
				}
				got, err := Cooldown(t.Context(), tc.rule, look, nil)
				if err != nil || got.Waited != tc.waited || got.Reached != tc.reached || got.Missing.Text() != tc.detail {
					t.Errorf("got %+v, %v; want %+v", got, err, tc)
				}
			})
		})
	}
}

func TestCooldownEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		r, err := Cooldown(ctx, CooldownRule{AtLeast: time.Hour}, nil, nil)
		if !errors.Is(err, context.DeadlineExceeded) || r.Waited != 2*time.Second {
			t.Errorf("got %+v, %v", r, err)
		}
	})
}

func TestReadHost(t *testing.T) {
	if h := ReadHost(); h.Cores < 1 || h.OS == "" {
		t.Errorf("got %+v", h)
	}
}
