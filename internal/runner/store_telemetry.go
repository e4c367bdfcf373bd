package runner

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/telemetry"
	"github.com/vllm-sweep/sweep/internal/telemetry/facts"
	"github.com/vllm-sweep/sweep/launcher"
)

// nightEvery is the time between two GPU samples of a start's record. A
// trial's own record has them all.
const nightEvery = time.Second

// stretch is the part of the night that one start takes, from its launch to
// the end of the cool-down after it.
type stretch struct {
	recording *telemetry.Recording
	start     *rundir.Start
	resident  []int // processes on the GPUs before the launch
}

// watchNight begins the stretch of a start, after the one before was stored.
func (l *lane) watchNight(rec *rundir.Start) error {
	err := l.storeNight()
	l.night = &stretch{l.monitor.Record(nightEvery), rec, l.monitor.Processes()}
	return err
}

// storeNight writes the stretch that is open, if there is one.
func (l *lane) storeNight() error {
	s := l.night
	if s == nil {
		return nil
	}
	l.night = nil
	dir, err := l.dir.StartDir(s.start.ID)
	if err != nil {
		return err
	}
	return storeReadings(dir, s.start.Began, s.recording.Stop())
}

func storeReadings(dir string, start time.Time, rec telemetry.Recorded) error {
	return atomicfile.Write(filepath.Join(dir, rundir.TelemetryFile), func(w io.Writer) error {
		return telemetry.WriteParquet(w, start, rec.Readings)
	})
}

// observe begins the record of a trial's surroundings.
func (l *lane) observe(ctx context.Context) *telemetry.Recording {
	rec := l.monitor.Record(0)
	l.scrape(ctx)
	return rec
}

// scrapeWait bounds the scrapes at the ends of a trial. A server that does not
// answer in that time costs the trial the figure, not more.
const scrapeWait = time.Second

func (l *lane) scrape(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, scrapeWait)
	defer cancel()
	l.monitor.Now(ctx)
}

// observed ends the record and puts it and its facts beside the trial. res may
// be nil: the load never ran.
func (l *lane) observed(ctx context.Context, recording *telemetry.Recording, rec *rundir.Trial, res *loadgen.Result, died bool) error {
	if !died {
		l.scrape(ctx)
	}
	all := recording.Stop()
	origin := all.Began
	window := facts.Trial{From: all.Began, To: all.Ended}
	if res != nil {
		origin = res.Start
		window.From, window.To = res.Start.Add(res.WindowStart), res.Start.Add(res.WindowEnd)
		window.OutputTokens, window.Requests = float64(res.WindowTokens), float64(res.WindowCompleted)
		window.Load = sent(res)
	}
	if l.night != nil {
		window.Owns = owner(l.night.start.Facts)
		window.Resident = l.night.resident
	}
	rec.Telemetry = facts.Derive(all, window)
	if rec.Telemetry.ServerAbsent == "" {
		rec.Engine = engineFacts(all.Scrapes)
	}
	dir, err := l.dir.TrialDir(rec.ID)
	return errors.Join(err, storeReadings(dir, origin, all))
}

// sent is all that the client sent in a trial.
func sent(res *loadgen.Result) *facts.Load {
	l := &facts.Load{Began: res.Start}
	for i := range res.Requests {
		switch q := &res.Requests[i]; q.Class {
		case loadgen.ClassDropped:
		case loadgen.ClassOK:
			l.Completed++
			l.Tokens += float64(q.OutputTokens)
			l.Sent++
		default:
			l.Sent++
		}
	}
	return l
}

// engineFacts is the change of the engine's counters over a trial, warm-up and
// drain included; nil when they were read less than twice.
func engineFacts(scrapes []telemetry.Engine) *rundir.EngineFacts {
	if len(scrapes) < 2 {
		return nil
	}
	before, after := scrapes[0].Values, scrapes[len(scrapes)-1].Values
	diff := func(name string) *float64 {
		a, ok1 := before[name]
		b, ok2 := after[name]
		if !ok1 || !ok2 {
			return nil
		}
		return new(b - a)
	}
	f := &rundir.EngineFacts{
		Preemptions:        diff(telemetry.Preemptions),
		PrefixCacheQueries: diff(telemetry.PrefixCacheQueries),
		PrefixCacheHits:    diff(telemetry.PrefixCacheHits),
		GenerationTokens:   diff(telemetry.GenerationTokens),
	}
	for _, e := range scrapes {
		if v, ok := e.Values[telemetry.KVCacheUsage]; ok && (f.KVCacheUsage == nil || v > *f.KVCacheUsage) {
			f.KVCacheUsage = &v
		}
	}
	return f
}

// watchServer reads the metrics of a server from now on.
func (l *lane) watchServer(s *launcher.Server) {
	l.monitor.Trust(l.Server.TLS)
	l.monitor.Watch(s.BaseURL())
}
