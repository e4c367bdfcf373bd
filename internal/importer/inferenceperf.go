package importer

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// perfStats are inference-perf's statistics, in seconds or tokens.
type perfStats map[string]*float64

func (p perfStats) stats() stated {
	out := stated{}
	for st, key := range map[string]string{"mean": "mean", "p50": "median", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99", "p99.9": "p99.9"} {
		if v := p[key]; v != nil {
			out[st] = *v
		}
	}
	if v := p["p50"]; v != nil {
		out["p50"] = *v
	}
	return out
}

func (p perfStats) mean() float64 {
	if v := p["mean"]; v != nil {
		return *v
	}
	return math.NaN()
}

// perfStage is a lifecycle file: of one stage, or of all.
type perfStage struct {
	Load struct {
		Count         float64   `json:"count"`
		Requested     *float64  `json:"requested_rate"`
		Achieved      *float64  `json:"achieved_rate"`
		Concurrency   *float64  `json:"concurrency"`
		ScheduleDelay perfStats `json:"schedule_delay"`
	} `json:"load_summary"`
	Successes struct {
		Count      float64              `json:"count"`
		Latency    map[string]perfStats `json:"latency"`
		Throughput map[string]*float64  `json:"throughput"`
		PromptLen  perfStats            `json:"prompt_len"`
		OutputLen  perfStats            `json:"output_len"`
		// Server-side files (…prometheus_metrics.json) have these here.
		TPOT perfStats `json:"time_per_output_token"`
	} `json:"successes"`
	Failures struct {
		Count float64 `json:"count"`
	} `json:"failures"`
}

// readInferencePerf reads a lifecycle report of inference-perf.
func readInferencePerf(s *stream) ([]Result, error) {
	var p perfStage
	if err := s.decode(&p); err != nil {
		return nil, err
	}
	if err := s.end(); err != nil {
		return nil, err
	}
	if p.Successes.Latency == nil && p.Successes.Count > 0 {
		return nil, s.fail(errors.New("successes without latency: these are the server's metrics, not the client's"))
	}
	r := Result{Tool: InferencePerf, Format: "lifecycle", Clock: ClockSent}
	r.Load = Load{Name: "imported", Kind: Unknown}
	switch {
	case p.Load.Concurrency != nil && *p.Load.Concurrency > 0:
		r.Load.Kind, r.Load.Value = experiment.Concurrency, *p.Load.Concurrency
	case p.Load.Requested != nil && *p.Load.Requested > 0:
		r.Load.Value = *p.Load.Requested
	default:
		r.Load.Note = "all stages together"
	}
	p.fill(&r)
	return []Result{r}, nil
}

func (p *perfStage) fill(r *Result) {
	n := whole(p.Successes.Count)
	r.counts(n, whole(p.Failures.Count), 0)
	latency := func(key string) stated { return p.Successes.Latency[key].stats() }
	output := p.Successes.OutputLen.mean() * p.Successes.Count
	gaps := -1
	if !math.IsNaN(output) {
		gaps = max(0, whole(output)-n)
	}
	r.state("ttft_sent", latency("time_to_first_token"), n)
	r.state("e2e_sent", latency("request_latency"), n)
	r.state("tpot", latency("time_per_output_token"), n)
	r.state("itl", latency("inter_token_latency"), gaps)
	r.fromSent("ttft")
	r.fromSent("e2e")
	r.outputMean = p.Successes.OutputLen.mean()
	rate := func(key string) float64 {
		if v := p.Successes.Throughput[key]; v != nil {
			return *v
		}
		return math.NaN()
	}
	if v := rate("requests_per_sec"); v > 0 {
		r.throughput(p.Successes.Count, p.Successes.PromptLen.mean()*p.Successes.Count, output, p.Successes.Count/v)
	}
	r.rate("request_throughput", rate("requests_per_sec"))
	r.rate("output_throughput", rate("output_tokens_per_sec"))
	r.rate("total_throughput", rate("total_tokens_per_sec"))
	p.lateness(r)
}

// lateness notes that the client did not send what was asked for.
func (p *perfStage) lateness(r *Result) {
	r.warn(fromSend())
	if a, q := p.Load.Achieved, p.Load.Requested; a != nil && q != nil && *a < 0.95**q {
		n := notice.New("rate-not-sent", notice.Args{"sent": notice.Metric("request_throughput", *a), "asked": notice.Metric("request_throughput", *q)})
		if d := p.Load.ScheduleDelay["p99"]; d != nil {
			n = n.With("late", notice.Seconds(*d))
		}
		r.warn(n)
		r.Load.Cap = 1 // partly open: the workers' limit held requests back
	}
}

// perfRequests reads per_request_lifecycle_metrics.json, a list of requests.
func perfRequests(s *stream) ([]Result, error) {
	run := &loadgen.Result{}
	var starts []float64
	err := s.array(func(int) error {
		var q struct {
			Scheduled *float64 `json:"scheduled_time"`
			Start     float64  `json:"start_time"`
			End       float64  `json:"end_time"`
			Info      *struct {
				Input    float64   `json:"input_tokens"`
				Output   float64   `json:"output_tokens"`
				Times    []float64 `json:"output_token_times"`
				Response *struct {
					Output float64   `json:"output_tokens"`
					Times  []float64 `json:"output_token_times"`
				} `json:"response_metrics"`
				Request *struct {
					Text struct {
						Input float64 `json:"input_tokens"`
					} `json:"text"`
				} `json:"request_metrics"`
			} `json:"info"`
			Error any `json:"error"`
		}
		if err := s.decode(&q); err != nil {
			return err
		}
		starts = append(starts, q.Start)
		out := loadgen.Request{Phase: loadgen.PhaseWindow, Sent: seconds(q.Start), End: seconds(q.End), First: -1, Last: -1, Class: loadgen.ClassOK}
		out.Scheduled = out.Sent
		if q.Scheduled != nil && *q.Scheduled > 0 && *q.Scheduled <= q.Start+1 {
			out.Scheduled = seconds(*q.Scheduled)
		}
		out.Ready = out.Sent
		if info := q.Info; info != nil {
			times, output, input := info.Times, info.Output, info.Input
			if info.Response != nil {
				times, output = info.Response.Times, info.Response.Output
			}
			if info.Request != nil {
				input = info.Request.Text.Input
			}
			out.PromptTokens, out.OutputTokens = whole(input), whole(output)
			if len(times) > 0 {
				out.First, out.Last, out.Chunks = seconds(times[0]), seconds(times[len(times)-1]), len(times)
				gaps := make([]float64, 0, len(times))
				for i := 1; i < len(times); i++ {
					gaps = append(gaps, times[i]-times[i-1])
				}
				out.Gaps, _ = gapsOf(gaps)
			}
		}
		switch {
		case q.Error != nil:
			out.Error = plain(q.Error)
			out.Class = errorClass(out.Error)
		case out.First < 0 || out.OutputTokens == 0:
			out.Class, out.Error = loadgen.ClassEmpty, "no token"
		}
		out.ID = len(run.Requests)
		run.Requests = append(run.Requests, out)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(starts) == 0 {
		return nil, s.fail(errors.New("an empty list of requests"))
	}
	rebase(run, seconds(slices.Min(starts)))
	r := Result{Tool: InferencePerf, Format: "per-request", Clock: ClockIntended, Load: Load{Name: "imported", Kind: Unknown, Note: "all stages together"}, Run: run, Timed: true}
	account(run)
	r.recompute()
	return []Result{r}, s.end()
}

// rebase moves offsets so that they begin at origin, and makes the window the
// whole run.
func rebase(run *loadgen.Result, origin time.Duration) {
	for i := range run.Requests {
		q := &run.Requests[i]
		for _, t := range []*time.Duration{&q.Scheduled, &q.Ready, &q.Sent, &q.First, &q.Last, &q.End} {
			if *t >= 0 {
				*t -= origin
			}
		}
		run.End = max(run.End, q.End)
	}
	run.WindowStart, run.WindowEnd = 0, run.End
}

var stageFile = regexp.MustCompile(`^stage_([0-9]+)_lifecycle_metrics\.json$`)

// companions adds what the files beside an inference-perf report say: its
// configuration, the server's manifest, the server's own metrics.
func companions(path string, r *Result) {
	dir, base := filepath.Dir(path), filepath.Base(path)
	if m := stageFile.FindStringSubmatch(base); m != nil {
		r.Place = "stage " + m[1]
		serverSide(filepath.Join(dir, "stage_"+m[1]+"_prometheus_metrics.json"), r)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if kind, ok := perfArrivals(filepath.Join(d, "config.yaml")); ok && r.Load.Kind == Unknown && r.Load.Value > 0 {
			r.Load.Kind = kind
			break
		}
	}
	r.Label = filepath.Base(dir)
	if m, err := readManifest(filepath.Join(dir, "manifests.yaml")); err == nil && m != nil {
		m.fill(r)
	}
	if r.Load.Cap == 1 { // see lateness
		r.Load.Cap = 0
		r.Load.Note = strings.TrimPrefix(r.Load.Note+", held back by the client", ", ")
	}
}

// perfArrivals reads the arrival process of inference-perf's configuration.
func perfArrivals(path string) (experiment.ArrivalKind, bool) {
	data, err := readSmall(path)
	if err != nil {
		return "", false
	}
	var c struct {
		Load struct {
			Type string `yaml:"type"`
		} `yaml:"load"`
	}
	if yaml.Unmarshal(data, &c) != nil {
		return "", false
	}
	switch c.Load.Type {
	case "constant":
		return experiment.Constant, true
	case "poisson":
		return experiment.Poisson, true
	}
	return "", false
}

// serverSide compares the client's mean time per token with the server's.
func serverSide(path string, r *Result) {
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer f.Close()
	var p perfStage
	if newStream(fileSource(path), f).decode(&p) != nil {
		return
	}
	server, client := p.Successes.TPOT.mean(), r.Metrics["tpot_mean"]
	if server > 0 && client > 0 && (client < 0.7*server || client > server/0.7) {
		r.warn(notice.New("tpot-client-server", notice.Args{"client": notice.Seconds(client), "server": notice.Seconds(server)}))
	}
}

// maxSmall bounds configuration files, in bytes.
const maxSmall = 1 << 20

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSmall+1))
	if err == nil && len(data) > maxSmall {
		err = fmt.Errorf("%s is larger than %d bytes", path, maxSmall)
	}
	return data, err
}
