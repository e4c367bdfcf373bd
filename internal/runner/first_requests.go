package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/wait"
	"github.com/vllm-sweep/sweep/launcher"
	"github.com/vllm-sweep/sweep/matrix"
)

// ErrRefused is wrapped when a server refuses a load and no configuration of
// the run would answer it: the load has to change.
var ErrRefused = errors.New("the server refuses the load")

const (
	// probeTries is how often a request that is refused is sent: what is refused
	// once may have met a server that was not quite there.
	probeTries = 2
	probeGap   = 500 * time.Millisecond
)

// refusals are what the probes of a run found, of this session and earlier ones.
type refusals struct {
	answered map[string]bool              // load → a server answered it
	refused  map[string]map[string]string // load → configuration ID → words of its server
	ways     map[string]string            // words → what to change, of this session
}

func newRefusals() refusals {
	return refusals{map[string]bool{}, map[string]map[string]string{}, map[string]string{}}
}

// recall takes up what an earlier session measured.
func (r *session) recall(t rundir.Trial) {
	point, ok := r.Plan.LoadPoint(t.LoadPoint)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case !ok:
	case t.Refused != "":
		r.probed.refuse(point.Load, t.Configuration, t.Refused)
	case t.Requests[string(loadgen.ClassOK)] > 0:
		r.probed.answered[point.Load] = true
	}
}

func (n refusals) refuse(load, configuration, words string) {
	if n.refused[load] == nil {
		n.refused[load] = map[string]string{}
	}
	n.refused[load][configuration] = words
}

// probe sends one request of each load that waits for this start, before any of
// them runs: a load that is refused would fail trial by trial, on every start,
// all night. It returns the loads that this server refuses, with its words. The
// error is ErrRefused where no configuration of the run would answer one of
// them, or a *death.
func (l *lane) probe(ctx context.Context, loads []string, s *launcher.Server, rec *rundir.Start) (map[string]string, error) {
	l.stage(StageProbing)
	refused, asked := map[string]string{}, map[string]probed{}
	l.vocabulary = 0
	for _, name := range loads {
		load, err := l.loads.named(name)
		if err != nil {
			return nil, err
		}
		shape := shapeOf(load)
		found, known := asked[shape]
		if !known {
			if found, err = l.ask(ctx, load, s, rec); err != nil {
				return nil, err
			}
			asked[shape] = found
		}
		if found.words != "" {
			refused[name] = found.words
		}
		l.locked(func() {
			if found.answered {
				l.probed.answered[name] = true
			}
			if found.words != "" {
				l.probed.refuse(name, rec.Configuration, found.words)
			}
		})
	}
	return refused, nil
}

// loadsOf lists the loads of trials, each once.
func (r *session) loadsOf(trials []matrix.Trial) []string {
	var out []string
	for _, t := range trials {
		if point, ok := r.pointOf(t); ok && !slices.Contains(out, point.Load) {
			out = append(out, point.Load)
		}
	}
	return out
}

// shapeOf is what the requests of a load are made of: loads of one shape need
// one probe.
func shapeOf(l experiment.Load) string {
	trace := l.Arrivals.Trace
	name := l.Name
	l.Name, l.Arrivals, l.Duration, l.Requests, l.StopWhenSaturated = "", experiment.Arrivals{Trace: trace}, 0, 0, false
	if !l.Benchmark.Foreign() {
		l.Benchmark = nil
	}
	shape, err := json.Marshal(l)
	if err != nil {
		return name // lengths that JSON cannot hold: such a load is probed by itself
	}
	return string(shape)
}

// probed is what came of a probe. Neither is a failure that the load itself will
// meet and judge (silence, 503), or a load that another tool makes.
type probed struct {
	answered bool
	words    string // with which the server refused it
}

// ask sends the request, and sends it again where it is refused.
func (l *lane) ask(ctx context.Context, load experiment.Load, s *launcher.Server, rec *rundir.Start) (probed, error) {
	cfg, err := l.config(load, matrix.LoadPoint{Kind: experiment.Throughput, Value: 1}, l.Experiment.Trials.Seed, s)
	if err != nil {
		return probed{}, err
	}
	// Another tool words its requests itself; only its warm-up is ours.
	foreign := load.Benchmark.Foreign()
	cfg.Warmup, cfg.Duration, cfg.Requests, cfg.Sessions = 0, 0, 1, nil // the first turn of a session is a request like any
	if t := load.Arrivals.Trace; t != nil {
		cfg.Arrivals, cfg.Trace = loadgen.Arrivals{Kind: loadgen.Trace, Speed: 1}, l.loads.material.traces[t.File]
	}
	loadCtx, dog := l.guard(ctx, s)
	var dead *death
	var refusal *loadgen.Refusal
	for try := 1; ; try++ {
		cfg.Salt = fmt.Sprintf("%s %s %d", l.runID, rec.ID, try)
		if err = nil; cfg.API == loadgen.Completions && len(cfg.Dataset) == 0 && cfg.Vocabulary == 0 {
			err = loadgen.Fit(loadCtx, &cfg, 0)
		}
		if err == nil && !foreign {
			err = loadgen.ProbeLoad(loadCtx, cfg, 0)
		}
		if refusal = nil; !errors.As(err, &refusal) || !refusal.OfTheRequest() || try == probeTries {
			break
		}
		if wait.For(loadCtx, probeGap) != nil {
			break
		}
	}
	dead = dog.stop(loadCtx)
	if dead == nil && ctx.Err() == nil && err != nil {
		dead = dog.afterFailures(ctx)
	}
	if dead != nil {
		dog.exit(ctx, dead)
	}
	l.vocabulary = cfg.Vocabulary
	switch {
	case ctx.Err() != nil:
		return probed{}, ctx.Err()
	case dead != nil:
		return probed{}, dead
	case foreign:
		return probed{}, nil
	case refusal != nil && refusal.OfTheRequest():
		words := refusal.Route + ": " + refusal.Text
		l.locked(func() { l.probed.ways[words] = wayOut(load, refusal, l.Server.Engine) })
		return probed{words: words}, nil
	case err != nil:
		l.tell(notice.Launch, rec.ID, notice.New("probe-unanswered", notice.Args{
			"load": notice.Text(load.Name), "error": notice.Text(err.Error()),
		}))
		return probed{}, nil
	}
	return probed{answered: true}, nil
}

// refuse records the trials of this start whose load its server refuses, and
// ends the run where that is true of every configuration.
func (l *lane) refuse(p matrix.Start, rec *rundir.Start, refused map[string]string) error {
	for _, t := range append(l.pending(p), l.onceMore(p)...) {
		point, _ := l.pointOf(t)
		words, no := refused[point.Load]
		if !no {
			continue
		}
		cell, _ := l.Plan.Cell(t.Cell)
		out := l.nextTrial(t, cell, rec.ID)
		out.Ended, out.Outcome, out.Refused, out.Reasons = out.Began, rundir.OutcomeFailed, words, []notice.Notice{refusedNotice(words)}
		out.Causes = []string{rundir.FailedRefused}
		if err := l.finish(*out); err != nil {
			return err
		}
		l.locked(func() { delete(l.deaths, t.ID) }) // it is not measured once more
		l.tellTrial(*out)
	}
	return l.hopelessLoad(refused)
}

func refusedNotice(words string) notice.Notice {
	return notice.New("load-refused", notice.Args{"words": notice.Text(words)})
}

// hopelessLoad is an ErrRefused where a load that was refused will be refused by
// every configuration that it is planned for.
func (r *session) hopelessLoad(refused map[string]string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.Experiment.Loads {
		words, no := refused[l.Name]
		if !no || r.probed.answered[l.Name] {
			continue
		}
		told := map[string]bool{} // what bears on the refusal, of the configurations that were asked
		for id, w := range r.probed.refused[l.Name] {
			told[r.bearing(id, w)] = true
		}
		if slices.ContainsFunc(r.configurationsOf(l.Name), func(id string) bool { return !told[r.bearing(id, words)] }) {
			continue
		}
		return fmt.Errorf("%w %s, and would with every other configuration of this run: %s. %s",
			ErrRefused, l.Name, strings.TrimSuffix(words, "."), r.probed.ways[words])
	}
	return nil
}

// configurationsOf lists the configurations that the load is planned for, but
// for those that do not start.
func (r *session) configurationsOf(load string) []string {
	var out []string
	for _, c := range r.Plan.Cells {
		point, _ := r.Plan.LoadPoint(c.LoadPoint)
		if _, given := r.prune.hopeless[c.Configuration]; point.Load == load && !given && !slices.Contains(out, c.Configuration) {
			out = append(out, c.Configuration)
		}
	}
	return out
}

// tooLong matches the words of a server for a request that does not fit.
var tooLong = regexp.MustCompile(`(?i)context (length|size|window)|max_?(model|total|seq)_?(len|tokens)|maximum.*(length|tokens)|too (long|large|many tokens)|longer than|exceed`)

// bearing is the part of a configuration that may decide whether a request is
// refused with these words: configurations that agree in it answer alike.
func (r *session) bearing(configuration, words string) string {
	conf, _ := r.Plan.Configuration(configuration)
	var parts []string
	for _, f := range conf.Flags {
		if e := r.Server.Engine.Effect(f.Name); e.Speed || e.Context && !tooLong.MatchString(words) {
			continue
		}
		parts = append(parts, f.Name+"="+f.String())
	}
	slices.Sort(parts)
	return strings.Join(parts, "\x00")
}

// wayOut is what to change about a load that is refused.
func wayOut(l experiment.Load, e *loadgen.Refusal, engine *launcher.Engine) string {
	words := strings.ToLower(e.Text)
	has := func(fragments ...string) bool {
		return slices.ContainsFunc(fragments, func(f string) bool { return strings.Contains(words, f) })
	}
	chat := l.API == string(loadgen.Chat)
	noRoute := slices.Contains([]int{http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented}, e.Status) && !has("model")
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return "Give sweep the API key that the server asks for (server.api_key)."
	case has("ignore_eos", "min_tokens"):
		return fmt.Sprintf("Set ignore_eos: false in loads.%s.", l.Name)
	case tooLong.MatchString(words):
		limit := "the server's context"
		if engine != nil && engine.LengthFlag != "" {
			limit += " (" + engine.LengthFlag + ")"
		}
		return fmt.Sprintf("Lower prompt_tokens or output_tokens of loads.%s, or raise %s.", l.Name, limit)
	case chat && (noRoute || has("chat template", "chat_template")):
		return fmt.Sprintf("Set api: completions in loads.%s, or give the server a chat template.", l.Name)
	case e.TextOnly && !e.Chat:
		return fmt.Sprintf("The server takes prompts as text only: give loads.%s a dataset.", l.Name)
	case !chat && (e.Chat || noRoute || has("vocab", "token id", "prompt")):
		return fmt.Sprintf("Set api: chat in loads.%s.", l.Name)
	}
	return fmt.Sprintf("Change loads.%s so that the server takes it. 'sweep bench URL' shows what it takes.", l.Name)
}
