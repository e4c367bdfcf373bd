package report

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/vllm-sweep/sweep/analysis"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/sim/browsertest"
)

// tab is a report in Chromium with what a user does there.
type tab struct{ *browsertest.Tab }

func openPage(t *testing.T, path string) tab {
	t.Helper()
	return tab{browsertest.Open(t, "file://"+path, 1440, 900)}
}

// writtenPage writes a report and opens it in Chromium.
func writtenPage(t *testing.T, in Input) (tab, string) {
	t.Helper()
	dir, _ := written(t, in)
	path := filepath.Join(dir, rundir.PageFile)
	return openPage(t, path), "file://" + path
}

func TestPageInChromium(t *testing.T) {
	b, path := writtenPage(t, fixtureInput())
	for script, want := range map[string]string{
		`document.querySelectorAll('#cells-body tr').length`: "28",
		`document.querySelectorAll('button.copy').length`:    "4",
		`document.querySelectorAll('figure svg').length`:     "3",
		`document.getElementById('explore').hidden`:          "false",
		`document.querySelectorAll('.point').length`:         "18",
	} {
		if got := b.Eval(script); got != want {
			t.Errorf("%s is %s, want %s", script, got, want)
		}
	}
	if got := b.Text("#filter-count"); got != "28 of 28 results" {
		t.Errorf("filter count %q", got)
	}
	b.Check(path)
}

// The policy must stop a script that is not the page's own, and the console
// must be where that shows: otherwise the checks of the other tests prove
// nothing.
func TestForeignScriptIsStopped(t *testing.T) {
	dir, read := written(t, fixtureInput())
	foreign := bytes.Replace(read(rundir.PageFile), []byte("</main>"), []byte(`</main><script>document.title='ran'</script><img src="http://127.0.0.1:9/x.png">`), 1)
	path := filepath.Join(dir, "foreign.html")
	if err := os.WriteFile(path, foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	b := openPage(t, path)
	if title := b.Eval("document.title"); title == "ran" {
		t.Error("a foreign script ran")
	}
	if console := b.Console(); !strings.Contains(strings.Join(console, " "), "Content Security Policy") {
		t.Errorf("the breach went unnoticed: %v", console)
	}
}

// Column 3 is output throughput: lowest and highest measured first, the failed
// cells last both ways, then the order of the plan again.
func TestSortAndFilterInChromium(t *testing.T) {
	b, path := writtenPage(t, fixtureInput())
	ends := `(rows => rows[0].id + ' ' + rows[rows.length - 1].id)(document.getElementById('cells-body').rows)`
	for _, want := range []struct{ order, ends string }{
		{"ascending", "cell-x-24 cell-x-54"}, {"descending", "cell-x-73 cell-x-54"}, {"<nil>", "cell-x-11 cell-x-74"},
	} {
		b.Run(chromedp.Click("table.cells thead th:nth-child(4) .sort"))
		order := b.Eval(`document.querySelector('table.cells thead th:nth-child(4)').getAttribute('aria-sort')`)
		if got := b.Eval(ends); order != want.order || got != want.ends {
			t.Errorf("sorted %s: %s, want %s: %s", order, got, want.order, want.ends)
		}
	}
	b.Run(chromedp.Focus("table.cells thead th:nth-child(1) .sort"), chromedp.KeyEvent(kb.Enter))
	if got := b.Eval(`document.querySelector('table.cells thead th').getAttribute('aria-sort')`); got != "ascending" {
		t.Errorf("Enter on a head sorts %s", got)
	}
	b.Run(chromedp.SendKeys("#filter-text", "SEQS better"))
	if got := b.Text("#filter-count"); got != "4 of 28 results" {
		t.Errorf("filtered: %q", got)
	}
	b.Eval(`document.getElementById('filter-text').value = ''`)
	b.Run(chromedp.SendKeys("#filter-text", "kv-cache"))
	if got := b.Text("#filter-count"); got != "4 of 28 results" {
		t.Errorf("failed cells are not found: %q", got)
	}
	hidden := b.Eval(`getComputedStyle(document.querySelector('.cells td.more')).display`)
	b.Run(chromedp.Click("#more"))
	if shown := b.Eval(`getComputedStyle(document.querySelector('.cells td.more')).display`); hidden != "none" || shown != "table-cell" {
		t.Errorf("further metrics are %s, then %s", hidden, shown)
	}
	b.Check(path)
}

func TestCopyInChromium(t *testing.T) {
	b, path := writtenPage(t, fixtureInput())
	b.Run(browser.GrantPermissions([]browser.PermissionType{browser.PermissionTypeClipboardReadWrite, browser.PermissionTypeClipboardSanitizedWrite}))
	want := b.Eval(`document.querySelector('article.answer pre.command code').textContent`)
	b.Run(chromedp.Click("article.answer button.copy"), chromedp.WaitVisible(`//button[text()="Copied"]`, chromedp.BySearch))
	var got string
	b.Run(chromedp.Evaluate(`navigator.clipboard.readText()`, &got, browsertest.AwaitPromise))
	if got != want || !strings.HasPrefix(got, "vllm serve ") {
		t.Errorf("copied %q, want %q", got, want)
	}
	b.Check(path)
}

// choose picks an option of a list as a user would.
func (b tab) choose(list, value string) {
	b.T.Helper()
	b.Eval(fmt.Sprintf(`(s => { s.value = %q; s.dispatchEvent(new Event('change', {bubbles: true})); return '' })(document.getElementById(%q))`, value, list))
}

// slide moves the slider as a user's drag would.
func (b tab) slide(to int) {
	b.T.Helper()
	b.Eval(fmt.Sprintf(`(s => { s.value = %d; s.dispatchEvent(new Event('input', {bubbles: true})); return '' })(document.getElementById('explore-limit'))`, to))
}

// At the declared limit the answer is the analysis's; a tighter one changes it,
// one that nothing keeps leaves none, and the button leads back.
func TestSliderChangesTheRecommendation(t *testing.T) {
	in := fixtureInput()
	b, path := writtenPage(t, in)
	declared := b.Text("#explore-winner")
	if declared != in.Findings.Recommendations[0].Label {
		t.Errorf("at first %q is chosen, want the recommended %q", declared, in.Findings.Recommendations[0].Label)
	}
	if got := b.Text("#explore-answer"); !strings.Contains(got, "This is the recommendation above") {
		t.Errorf("nothing says that the answer is the one above: %s", got)
	}
	seen := map[string]bool{declared: true}
	none := false
	for to := 1000; to >= 0; to -= 25 {
		b.slide(to)
		want := cheapest(in, 0, b.limit())
		if want == "" {
			none = true
			if got := b.Text("#explore-answer"); !strings.HasPrefix(got, "No measured result keeps") {
				t.Errorf("at %d: %s", to, got)
			}
			continue
		}
		if b.Eval(`document.getElementById('explore-limit-text').textContent.includes('as declared')`) == "true" {
			continue // there a preference of the analysis may stand above the best estimate
		}
		got := b.Text("#explore-winner") + " at " + b.Eval(`document.querySelector('#explore-answer p').textContent.match(/ at ([^:]*):/)[1]`)
		if got != want {
			t.Errorf("at %d: %s, want %s", to, got, want)
		}
		seen[got] = true
	}
	if len(seen) < 3 || !none {
		t.Errorf("the slider changed the answer too little: %v, none: %v", seen, none)
	}
	b.Run(chromedp.Click("#explore-reset"))
	if got := b.Text("#explore-winner"); got != declared {
		t.Errorf("after the reset %q, want %q", got, declared)
	}
	b.Run(chromedp.Focus("#explore-limit"), chromedp.KeyEvent(kb.ArrowLeft))
	if got := b.Text("#explore-limit-text"); strings.Contains(got, "as declared") {
		t.Errorf("the keyboard does not move the slider: %s", got)
	}
	b.Check(path)
}

// limit is the slider's present limit in seconds, by the slider's own range.
func (b tab) limit() float64 {
	b.T.Helper()
	var out float64
	b.Run(chromedp.Evaluate(`Number(document.getElementById('explore-limit').dataset.limit)`, &out))
	return out
}

// cheapest is the cell with the best objective of use case u under a limit on
// its first constraint.
func cheapest(in Input, u int, limit float64) string {
	r := in.Findings.Recommendations[u]
	best, at := analysis.Cell{}, 0.0
	for _, c := range in.Findings.Cells {
		e, ok := c.Estimates[r.Objective]
		if !ok || c.Load != r.Load || c.Estimates[r.Constraints[0].Metric].Center > limit {
			continue
		}
		if best.ID == "" || e.Center > at == r.Maximize && e.Center != at {
			best, at = c, e.Center
		}
	}
	if best.ID == "" {
		return ""
	}
	return best.Label + " at " + best.PointLabel
}

// A point tells its trials when the mouse or the keyboard comes to it, and the
// axes can be chosen.
func TestExploreInChromium(t *testing.T) {
	in := fixtureInput()
	for i := range in.Findings.Cells { // two trials' values to tell
		for m, e := range in.Findings.Cells[i].Estimates {
			e.Values = []analysis.Value{{Trial: "t1", Value: e.Center * 0.9}, {Trial: "t2", Value: e.Center * 1.1}}
			in.Findings.Cells[i].Estimates[m] = e
		}
	}
	b, path := writtenPage(t, in)
	b.Run(chromedp.Focus(".point"))
	first := b.Text("#explore-detail")
	if strings.Count(first, "trials: ") != 2 {
		t.Errorf("no trials: %s", first)
	}
	b.Run(chromedp.KeyEvent(kb.ArrowRight))
	if second := b.Text("#explore-detail"); second == first {
		t.Errorf("the arrow key leads nowhere: %s", second)
	}
	b.choose("explore-x", "tpot_p50")
	if got := b.Text("#explore-chart .axis"); !strings.HasPrefix(got, "TPOT p50") {
		t.Errorf("the axis is %s", got)
	}
	b.choose("explore-load", "documents")
	if got := b.Eval(`document.querySelectorAll('.point').length`); got != "6" {
		t.Errorf("%s points of the other load, want 6", got)
	}
	b.Check(path)
}

// An interval in the interactive frontier is whole up to twice the greatest
// value; beyond, it ends at the edge with an arrowhead and a line that says so.
func TestExploreMarksCutIntervals(t *testing.T) {
	for _, c := range []struct {
		reach float64
		heads bool
	}{{1.9, false}, {40, true}} {
		in := fixtureInput()
		for i, cell := range in.Findings.Cells {
			for m, e := range cell.Estimates {
				if cell.Baseline {
					e.Lo, e.Hi = e.Center/c.reach, e.Center*c.reach
					in.Findings.Cells[i].Estimates[m] = e
				}
			}
		}
		b, path := writtenPage(t, in)
		for script, want := range map[string]bool{
			`document.querySelectorAll('#explore-chart .head').length > 0`:                                             c.heads,
			`!document.getElementById('explore-cut').hidden`:                                                           c.heads,
			`document.querySelector('#explore-chart svg').getAttribute('aria-label').includes('continues beyond the')`: c.heads,
			`document.querySelectorAll('#explore-chart .bar').length > 3`:                                              true,
		} {
			if got := b.Eval(script); got != fmt.Sprint(want) {
				t.Errorf("reach %g: %s is %s, want %v", c.reach, script, got, want)
			}
		}
		b.Check(path)
	}
}

// axe finds no serious breach of the accessibility rules, light or dark. The
// script comes from npm into a temporary folder; it is no part of the project.
func TestAccessibility(t *testing.T) {
	axe := axeScript(t)
	dir, read := written(t, fixtureInput())
	// The policy stops foreign scripts, so a copy of the page goes without it.
	bare := bytes.Replace(read(rundir.PageFile), []byte(`http-equiv="Content-Security-Policy"`), []byte(`name="without-policy"`), 1)
	path := filepath.Join(dir, "bare.html")
	if err := os.WriteFile(path, bare, 0o644); err != nil {
		t.Fatal(err)
	}
	b := openPage(t, path)
	for _, dark := range []bool{false, true} {
		b.Dark(dark)
		b.Eval(axe + "; ''")
		var found []struct {
			ID, Impact, Help string
			Nodes            []struct{ HTML string }
		}
		b.Run(chromedp.Evaluate(`axe.run().then(r => r.violations)`, &found, browsertest.AwaitPromise))
		for _, v := range found {
			if v.Impact == "serious" || v.Impact == "critical" {
				t.Errorf("%s (%s, dark %v): %s, %d places, first %.300s", v.ID, v.Impact, dark, v.Help, len(v.Nodes), v.Nodes[0].HTML)
			}
		}
		var passed int
		b.Run(chromedp.Evaluate(`axe.run().then(r => r.passes.length)`, &passed, browsertest.AwaitPromise))
		if passed < 10 {
			t.Errorf("axe passed only %d rules: it did not look", passed)
		}
	}
}

// axeScript fetches axe-core by npm.
func axeScript(t *testing.T) string {
	t.Helper()
	missing := func(format string, args ...any) {
		t.Helper()
		if os.Getenv("SWEEP_REQUIRE_CHROMIUM") == "1" {
			t.Fatalf(format, args...)
		}
		t.Skipf("NOT TESTED: "+format, args...)
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		missing("no npm, so no axe-core: accessibility was not checked")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), npm, "pack", "axe-core@4.10.3", "--silent")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		missing("npm pack axe-core: %v: %s", err, out)
	}
	archive := filepath.Join(dir, "axe-core-4.10.3.tgz")
	if out, err := exec.CommandContext(t.Context(), "tar", "-xzf", archive, "-C", dir, "package/axe.min.js").CombinedOutput(); err != nil {
		t.Fatalf("unpack axe-core: %v: %s", err, out)
	}
	script, err := os.ReadFile(filepath.Join(dir, "package", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}
