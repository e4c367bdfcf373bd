package report

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
)

// nodes parses a page and returns its elements in document order.
func nodes(t *testing.T, page []byte) []*html.Node {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var out []*html.Node
	for n := range root.Descendants() {
		if n.Type == html.ElementNode {
			out = append(out, n)
		}
	}
	return out
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

func find(ns []*html.Node, ok func(*html.Node) bool) []*html.Node {
	return slices.DeleteFunc(slices.Clone(ns), func(n *html.Node) bool { return !ok(n) })
}

func byID(t *testing.T, ns []*html.Node, id string) *html.Node {
	t.Helper()
	found := find(ns, func(n *html.Node) bool { return attr(n, "id") == id })
	if len(found) != 1 {
		t.Fatalf("%d elements with id %q, want 1", len(found), id)
	}
	return found[0]
}

func elements(ns []*html.Node, tag string) []*html.Node {
	return find(ns, func(n *html.Node) bool { return n.Data == tag })
}

// checkClosed fails where a page could run, load or send anything of its own.
func checkClosed(t *testing.T, ns []*html.Node) {
	t.Helper()
	running := find(ns, func(n *html.Node) bool { return n.Data == "script" && attr(n, "type") != "application/json" })
	if len(running) != 1 {
		t.Errorf("%d script elements that run, want the page's own alone", len(running))
	}
	for _, tag := range []string{"link", "img", "iframe", "object", "embed", "form", "base", "image", "foreignobject", "audio", "video"} {
		if len(elements(ns, tag)) > 0 {
			t.Errorf("the page holds %s", tag)
		}
	}
	ids := map[string]bool{}
	for _, n := range ns {
		for _, a := range n.Attr {
			link, err := url.Parse(a.Val)
			switch {
			case strings.HasPrefix(a.Key, "on") || a.Key == "src" || a.Key == "srcset" || a.Key == "ping":
				t.Errorf("%s has attribute %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "href" && (err != nil || link.Scheme != "" || link.Host != ""):
				t.Errorf("%s leads outside: %q", n.Data, a.Val)
			case a.Key == "id":
				if ids[a.Val] {
					t.Errorf("id %q appears twice", a.Val)
				}
				ids[a.Val] = true
			}
		}
	}
	for _, n := range ns {
		if target, ok := strings.CutPrefix(attr(n, "href"), "#"); ok && !ids[target] && target != "ZgotmplZ" { // what html/template puts for an unsafe link
			t.Errorf("%s refers to #%s, which is not there", n.Data, target)
		}
	}
}

func TestPageStructure(t *testing.T) {
	in := fixtureInput()
	_, read := written(t, in)
	ns := nodes(t, read(rundir.PageFile))
	checkClosed(t, ns)

	policy := find(ns, func(n *html.Node) bool { return attr(n, "http-equiv") == "Content-Security-Policy" })
	if len(policy) != 1 || !strings.HasPrefix(attr(policy[0], "content"), "default-src 'none'; ") {
		t.Error("no policy that forbids all requests")
	}
	svgs := elements(ns, "svg")
	if len(svgs) != len(in.Figures) {
		t.Errorf("%d drawings, want %d", len(svgs), len(in.Figures))
	}
	for _, s := range svgs {
		if attr(s, "role") != "img" || attr(s, "aria-label") == "" {
			t.Error("a drawing is not labelled as an image")
		}
	}
	if n := len(find(ns, func(n *html.Node) bool { return attr(n, "data-load") != "" })); n != len(in.Findings.Cells) {
		t.Errorf("%d rows of cells, want %d", n, len(in.Findings.Cells))
	}
	for id, want := range map[string][]string{
		"answers": {"throughput", "not confirmed yet", "+5.7%", "+2.6% to +9%", "better",
			"against the baseline at chat poisson 5/s, which does not meet the constraints", "3 trials",
			"--gpu-memory-utilization 0.95", "Tied with max-num-seqs=512 at chat poisson 10/s", "confirmed",
			"no recommendation", "1.28 s not met", "not measured"},
		"doubts": {"8 of 84 planned trials are missing", "(dispatch lag, p99)",
			"gpu-memory-utilization=0.85 at chat poisson 10/s, round 2/3", "drift", "a single trial",
			"two trials", "governor",
			"1 note about", "Requests in flight grew from 9 to 29", " others"},
		"cells": {"2 of 3", "n=1, no interval", "range ", "3 trials failed: kv-cache", "misses SLO",
			"best for throughput", "frontier", "Absent from every result: ttft_p99 (120 requests, 662 needed)"},
		"failures": {"max-model-len=32k", "Lower max-model-len", "Available KV cache memory: 0.84 GiB",
			"exit code 1", "tensor-parallel-size=2, max-model-len=4096"},
		"effects": {"gpu-memory-utilization", "0.95", "−10.6%"},
		"timeline": {"19 server launches", "3 failed", "s01-c-00000002", "22:10:04", "1m 34s", "5m 00s",
			"failed: kv-cache", "discarded"},
		"method": {"95%", "3 rounds", "meant", "662 for p99"},
		"provenance": {"NVIDIA H200", "sha256:ab12", "v0.1.0", "580.82.07", "vLLM 0.27.1",
			"round 2/3: 200, 201, 202, 203"},
		"reproduce": {"sweep run experiment.yaml", "# the rest of the file", "podman run",
			"KV cache of 412,992 tokens, 14.2 GiB for it, 50.4 requests"},
	} {
		got := strings.Join(strings.Fields(text(byID(t, ns, id))), " ")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("section %s lacks %q", id, w)
			}
		}
	}
	for _, code := range []string{"client-late", "trials-missing", "in-flight-grew"} { // of caveats and of notes
		if len(find(ns, func(n *html.Node) bool { return attr(n, "data-code") == code })) != 1 {
			t.Errorf("no element with the code %s", code)
		}
	}
	if got := text(elements(ns, "header")[0]); !strings.Contains(got, "76 of 84 trials") || !strings.Contains(got, "sweep run --resume") {
		t.Errorf("no partial banner with the command to continue: %s", got)
	}
}

// A command must be copied exactly, however it is broken into lines.
func TestCommandTextIsExact(t *testing.T) {
	in := fixtureInput()
	line := `vllm serve a --b 'x  --y'  --c="1 --d" --`
	in.Findings.Recommendations[0].Command = line
	_, read := written(t, in)
	code := find(nodes(t, read(rundir.PageFile)), func(n *html.Node) bool {
		return n.Data == "code" && text(n) == line
	})
	if len(code) != 1 {
		t.Errorf("command %q is not on the page as it is", line)
	}
}

func TestBanners(t *testing.T) {
	in := fixtureInput()
	in.Plan.Backend, in.Finished = "simulated", true
	_, read := written(t, in)
	got := string(read(rundir.PageFile))
	for _, want := range []string{"Simulated server: not a GPU measurement", "The run ended without the others"} {
		if !strings.Contains(got, want) || !strings.Contains(string(read(rundir.SummaryFile)), want) {
			t.Errorf("%q is missing from the page or the summary", want)
		}
	}
	in = trimmed(fixtureInput())
	in.Finished, in.Plan.Starts = true, nil
	_, read = written(t, in)
	if got := string(read(rundir.PageFile)); strings.Contains(got, `class="banner`) {
		t.Error("a finished, real run carries a banner")
	}
}

// Whatever stands in a label, a log line or a name must stay text.
func TestHostileText(t *testing.T) {
	evil := `</script><script>alert(1)</script>"'><img src=x onerror=alert(2)>` + "`|${x}\u202e\x00\xff]]>--> {{.}} " + strings.Repeat("wide", 3000)
	in := fixtureInput()
	in.Plan.Name, in.Plan.Model, in.Plan.Parameters[0], in.Resume = evil, evil, evil, evil
	in.Experiment.Description, in.Experiment.Raw = evil, []byte(evil)
	in.Plan.SLO = append(in.Plan.SLO, experiment.Constraint{Metric: evil, Op: experiment.AtMost, Value: 1})
	in.Provenance.Host, in.Provenance.Backend[evil] = evil, evil
	in.Commands = []Command{{Line: evil, Purpose: evil}}
	for i := range in.Plan.LoadPoints {
		in.Plan.LoadPoints[i].Label += evil
		in.Plan.LoadPoints[i].Load += evil
	}
	for i := range in.Plan.Configurations {
		in.Plan.Configurations[i].Label += evil
		in.Plan.Configurations[i].Flags = in.Plan.Configurations[i].Flags.With(experiment.Flag{Name: evil, Value: evil})
	}
	for i := range in.Starts {
		in.Starts[i].ID, in.Starts[i].Label, in.Starts[i].Outcome = fmt.Sprintf("s%d%s", i, evil), evil, evil
		in.Starts[i].Diagnosis = &rundir.Diagnosis{Class: evil, Cause: launcher.Quoted(evil), Evidence: []string{evil}}
		in.Starts[i].Warnings = []notice.Notice{notice.Recorded(evil), {Code: notice.Code(evil)}}
	}
	f := in.Findings
	f.Warnings = []notice.Notice{notice.Recorded(evil)}
	f.Failures[0].Label, f.Failures[0].Class = evil, evil
	f.Failures[0].Why, f.Failures[0].Remedy = []notice.Notice{notice.Recorded(evil)}, notice.Recorded(evil)
	f.Failures[0].Starts = []string{in.Starts[0].ID, "javascript:alert(3)"}
	for i := range f.Cells {
		f.Cells[i].ID, f.Cells[i].Label, f.Cells[i].PointLabel, f.Cells[i].Load = fmt.Sprintf("x%d%s", i, evil), evil, evil, evil
		f.Cells[i].Absent, f.Cells[i].Warnings = map[string]string{evil: evil}, []notice.Notice{notice.Recorded(evil)}
	}
	for i := range f.Recommendations {
		r := &f.Recommendations[i]
		r.UseCase, r.Label, r.Command, r.Refused, r.Doubts = evil, evil, evil, []notice.Notice{notice.Recorded(evil)}, []notice.Notice{notice.Recorded(evil)}
	}
	for i := range in.Figures {
		in.Figures[i].Title, in.Figures[i].Caption, in.Figures[i].Files = evil, evil, []string{"javascript:alert(4)", evil}
	}
	_, read := written(t, in)
	page := read(rundir.PageFile)
	ns := nodes(t, page)
	checkClosed(t, ns)
	if got := text(byID(t, ns, "answers")); !strings.Contains(got, "<script>alert(1)</script>") {
		t.Error("the hostile text is not shown as text")
	}
	for _, line := range strings.Split(string(read(rundir.SummaryFile)), "\n") {
		inCode := strings.Contains(line, "`")
		if !inCode && (strings.Contains(line, "<script") || strings.Contains(line, "<img")) {
			t.Errorf("markup in the summary: %.120q", line)
		}
	}
}
