package importer

import (
	"fmt"
	"time"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/loadgen"
)

// noTokens is why a profile export, which keeps the answers' text and no
// counts, has nothing by token.
const noTokens = "the file holds no token counts"

// readGenAIPerf reads profile_export.json of genai-perf (perf_analyzer): points
// in time of each request and of each of its answers, in nanoseconds.
func readGenAIPerf(s *stream) ([]Result, error) {
	var out []Result
	err := s.object(func(key string) error {
		if key != "experiments" {
			return s.skip()
		}
		return s.array(func(i int) error {
			r, err := genaiExperiment(s)
			if err == nil {
				r.Place = fmt.Sprintf("experiments[%d]", i)
				out = append(out, *r)
			}
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return out, s.end()
}

func genaiExperiment(s *stream) (*Result, error) {
	r := &Result{Tool: GenAIPerf, Format: "profile export", Clock: ClockSent, Load: Load{Name: "imported", Kind: Unknown}}
	run := &loadgen.Result{}
	origin := time.Duration(1<<63 - 1)
	err := s.object(func(key string) error {
		switch key {
		case "experiment":
			var e struct {
				Mode  string  `json:"mode"`
				Value float64 `json:"value"`
			}
			err := s.decode(&e)
			switch {
			case e.Mode == "concurrency" && e.Value > 0:
				r.Load.Kind, r.Load.Value = experiment.Concurrency, e.Value
			case e.Mode == "request_rate":
				r.Load.Value, r.Load.Note = e.Value, "open loop"
			}
			return err
		case "requests":
			return s.array(func(i int) error {
				var q struct {
					Timestamp int64   `json:"timestamp"`
					Responses []int64 `json:"response_timestamps"`
				}
				if err := s.decode(&q); err != nil {
					return err
				}
				origin = min(origin, time.Duration(q.Timestamp))
				run.Requests = append(run.Requests, genaiRequest(i, q.Timestamp, q.Responses))
				return nil
			})
		default:
			return s.skip()
		}
	})
	if err != nil {
		return nil, err
	}
	if len(run.Requests) == 0 {
		return nil, s.fail(fmt.Errorf("an experiment without requests"))
	}
	run.Start = time.Unix(0, int64(origin)).UTC()
	rebase(run, origin)
	account(run)
	run.Label = label(r.Load)
	r.Run, r.Timed, r.Began, r.Ended = run, true, run.Start, run.Start.Add(run.End)
	r.recompute()
	for _, st := range []string{"mean", "p50", "p75", "p90", "p95", "p97", "p99", "p99.9"} {
		r.lack("tpot_"+st, noTokens)
	}
	for _, name := range []string{"output_throughput", "total_throughput", "output_throughput_per_gpu", "total_throughput_per_gpu"} {
		r.lack(name, noTokens)
	}
	return r, nil
}

func genaiRequest(id int, at int64, responses []int64) loadgen.Request {
	q := loadgen.Request{ID: id, Phase: loadgen.PhaseWindow, Sent: time.Duration(at), First: -1, Last: -1, Class: loadgen.ClassEmpty}
	q.Scheduled, q.Ready, q.End = q.Sent, q.Sent, q.Sent
	if len(responses) == 0 || responses[0] < at {
		return q
	}
	q.Class, q.First, q.Chunks = loadgen.ClassOK, time.Duration(responses[0]), len(responses)
	gaps := make([]float64, 0, len(responses)-1)
	for i := 1; i < len(responses); i++ {
		gaps = append(gaps, float64(responses[i]-responses[i-1])/1e9)
	}
	var total time.Duration
	q.Gaps, total = gapsOf(gaps)
	q.Last = q.First + total
	q.End = q.Last
	return q
}
