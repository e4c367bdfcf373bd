package importer

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

// Whatever a file says instead of a number, its import can be written, and the
// record says what is absent and why; the numbers beside it are kept.
func TestFilesWithoutNumbers(t *testing.T) {
	for _, bad := range []string{"NaN", "Inf", "-Inf", "1e308"} {
		for name, c := range map[string]struct{ text, kept, absent string }{
			"table.csv": {
				"ttft_p50_ms,ttft_mean_ms,tpot_mean_ms,output_throughput,duration,completed,rate,output_tokens,config\n" +
					"5,BAD,BAD,BAD,BAD,100,BAD,BAD,a\n", "ttft_p50", "tpot_mean",
			},
			"bench.csv": {
				"request_throughput,completed,duration,output_throughput,mean_ttft_ms,mean_tpot_ms,request_rate,burstiness,total_output_tokens,total_input_tokens,max-num-seqs\n" +
					"2,100,BAD,BAD,5,BAD,BAD,BAD,BAD,BAD,8\n", "ttft_mean", "tpot_mean",
			},
			"bench.json": {
				`{"request_throughput": 2, "completed": 100, "duration": BAD, "num_prompts": 100, "mean_ttft_ms": 5, "mean_tpot_ms": BAD, ` +
					`"request_rate": "BAD", "burstiness": "BAD", "total_output_tokens": BAD, "total_input_tokens": BAD, "max_concurrency": BAD}`, "ttft_mean", "tpot_mean",
			},
		} {
			t.Run(name+" "+bad, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, name)
				text := strings.ReplaceAll(c.text, "BAD", bad)
				if strings.HasSuffix(name, ".json") {
					text = strings.ReplaceAll(text, "Inf", "Infinity")
				}
				write(t, path, text)
				im, err := Begin(filepath.Join(dir, "runs"))
				if err != nil {
					t.Fatal(err)
				}
				defer im.Close()
				if err := im.Add(path, "", Options{}); err != nil {
					t.Fatal(err)
				}
				to, err := im.Write("x", "v", time.Now(), Declared{})
				if err != nil {
					t.Fatal(err)
				}
				run, err := rundir.Read(to)
				if err != nil {
					t.Fatal(err)
				}
				tr := run.Trials[0]
				if _, ok := tr.Metrics[c.kept]; !ok {
					t.Errorf("%s is gone: %v", c.kept, tr.Absent)
				}
				if v, ok := tr.Metrics[c.absent]; ok || tr.Absent[c.absent] == "" {
					t.Errorf("%s is %v, reason %q", c.absent, v, tr.Absent[c.absent])
				}
				if tr.OutputTokens < 0 || tr.InputTokens < 0 || tr.Window < 0 {
					t.Errorf("%d, %d tokens in %v s", tr.InputTokens, tr.OutputTokens, tr.Window)
				}
			})
		}
	}
}
