package report

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/plots"
	"github.com/vllm-sweep/sweep/plots/draw"
)

// typeset undoes what fonts and markup do to a number: pages and figures have a
// minus sign and spaces that do not break where terminals have ASCII, a figure's
// arrow is "->" on a terminal, and Markdown escapes some characters.
var typeset = strings.NewReplacer("\u2212", "-", "\u00a0", " ", "\u202f", " ", "→", "->", `\`, "")

// plainText is text as all forms can be compared.
func plainText(text string) string { return strings.Join(strings.Fields(typeset.Replace(text)), " ") }

// visible are the texts of a document, without those of elements that are not
// text of it.
func visible(t *testing.T, document []byte, without ...string) string {
	t.Helper()
	top, err := html.Parse(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.ElementNode && slices.Contains(without, n.Data) {
			return
		}
		if n.Type == html.TextNode {
			b.WriteString(n.Data + " ")
		}
		for c := range n.ChildNodes() {
			walk(c)
		}
	}
	walk(top)
	return plainText(b.String())
}

// forms are the texts of a run on the terminal, on the page, in the summary and
// in its figures.
func forms(t *testing.T, in Input, end Ending) map[string]string {
	t.Helper()
	out := map[string]string{}
	figures := ""
	for _, f := range plots.Figures(plots.Input{Plan: in.Plan, Findings: in.Findings, SLO: in.Plan.SLO, Trials: in.Trials, Starts: in.Starts}) {
		var svg bytes.Buffer
		if err := f.WriteSVG(&svg, draw.Light()); err != nil {
			t.Fatal(err)
		}
		figures += visible(t, svg.Bytes(), "style") + " "
	}
	out["figure"] = figures
	var b strings.Builder
	terminal := Terminal{Width: 200}
	if err := terminal.Answer(&b, in, end); err != nil {
		t.Fatal(err)
	}
	if err := terminal.Table(&b, in); err != nil {
		t.Fatal(err)
	}
	if err := terminal.Details(&b, in); err != nil {
		t.Fatal(err)
	}
	out["terminal"] = plainText(b.String())
	_, read := written(t, in)
	out["page"] = visible(t, read(rundir.PageFile), "svg", "script", "style")
	out["Markdown"] = plainText(string(read(rundir.SummaryFile)))
	return out
}

// One value is one string, whoever prints it.
func TestOneValueOneString(t *testing.T) {
	took := 166 * time.Second
	g := grid{configurations: 3, loads: 2, rounds: 4, noise: .004, throughput: only(1, 2.46), ttft: only(1, .6), tpot: only(1, .7), useCases: []experiment.UseCase{
		{Name: "throughput", Objective: "output_throughput", Maximize: true, Load: "chat", SubjectTo: []experiment.Constraint{{Metric: "error_rate", Op: experiment.AtMost, Value: .0125}}},
		minimizing("latency", "ttft_p50"),
	}}
	in := analyzed(t, g.input(func(in *analysis.Input) {
		began := time.Date(2026, 11, 23, 22, 10, 4, 0, time.UTC)
		each := took / time.Duration(len(in.Plan.Starts))
		for i, s := range in.Plan.Starts {
			start, stopped := began.Add(time.Duration(i)*each), began.Add(time.Duration(i+1)*each)
			in.Starts = append(in.Starts, rundir.Start{ID: s.ID, Block: s.Block, Configuration: s.Configuration, Began: start, Stopped: &stopped, StopTook: each - each/2, Ready: each / 4, Outcome: rundir.StartReady, Released: true})
			for j := range in.Trials {
				if in.Trials[j].Start == s.ID {
					in.Trials[j].Began, in.Trials[j].Ended = start.Add(each/3), start.Add(each/2)
				}
			}
		}
		in.Starts[len(in.Starts)-1].Stopped = new(began.Add(took)) // the rest of the division
		for i := range in.Trials {
			in.Trials[i].Metrics["error_rate"] = .0107
		}
	}))
	in.Findings.Warnings = append(in.Findings.Warnings, notice.New("gpu-memory-kept", notice.Args{
		"gpus": notice.List("GPU 0"), "memory": notice.Bytes(11 << 29),
	}))
	throughput, latency := in.Findings.Recommendations[0], in.Findings.Recommendations[1]
	if throughput.Ratio == nil || latency.Ratio == nil || !say.IsFactor(throughput.Ratio.Center) || latency.Ratio.Center > .7 {
		t.Fatalf("the run is not what the test needs: %+v", in.Findings.Recommendations)
	}
	texts := forms(t, in, Ending{Took: took, Dir: "runs/grid", Page: "index.html"})
	for _, c := range []struct {
		what, want string
		not        []string // in no form
		absent     []string // forms that do not have the value
	}{
		{"throughput", say.Metric("output_throughput", throughput.Estimate.Center), []string{"tokens/s", "t/s"}, nil},
		{"latency", say.Metric("ttft_p50", latency.Estimate.Center), []string{"0\\.0[0-9]+ s", "[0-9]ms"}, nil},
		{"factor", say.Change(throughput.Ratio.Center), []string{"\\+14[0-9]", "×[0-9]", "[0-9]x "}, nil},
		{"change", say.Change(latency.Ratio.Center), []string{"[0-9] %", "[0-9]\\.0%"}, nil},
		{"percentage", "1.25%", []string{"0\\.0125", "1\\.3%"}, nil},
		{"duration", "2m 46s", []string{"166 s", "2m46s", "2:46"}, []string{"Markdown"}},
		{"size of memory", "5.5 GiB", []string{"5\\.5GiB", "5,?632 MiB", "5\\.50"}, []string{"figure"}},
		{"metric", metric.Short("ttft_p50"), []string{"ttft_p50", "ttft p50", "TTFT P50"}, nil},
		{"metric of a limit", "error rate ≤ 1.25%", []string{"error_rate"}, []string{"terminal"}},
	} {
		is := regexp.MustCompile(`(^|[^0-9.,])` + regexp.QuoteMeta(c.want) + `($|[^0-9])`)
		for form, text := range texts {
			if has := is.MatchString(text); has == slices.Contains(c.absent, form) {
				t.Errorf("%s: %s has %q: %v\n%s", c.what, form, c.want, has, text)
			}
			for _, not := range c.not {
				if bad := regexp.MustCompile(`.{0,40}` + not + `.{0,20}`).FindString(text); bad != "" {
					t.Errorf("%s: %s says %q, which is not %q", c.what, form, bad, c.want)
				}
			}
		}
	}
}
