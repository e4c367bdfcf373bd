package report

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// dumpDOM loads a page in headless Chromium and returns the document after its
// scripts ran, and the lines that Chromium wrote about its console.
func dumpDOM(t *testing.T, page string) (dom, console string) {
	t.Helper()
	browser, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv("SWEEP_REQUIRE_CHROMIUM") == "1" {
			t.Fatal("SWEEP_REQUIRE_CHROMIUM=1 and no chromium")
		}
		t.Skip("NOT TESTED: no chromium in the path, the page was not loaded in a browser")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
		"--user-data-dir="+t.TempDir(), "--dump-dom", "file://"+page)
	cmd.WaitDelay = 10 * time.Second
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("run chromium: %v\n%s", err, errs.String())
	}
	var lines []string
	for _, l := range strings.Split(errs.String(), "\n") {
		if strings.Contains(l, "CONSOLE") {
			lines = append(lines, l)
		}
	}
	return out.String(), strings.Join(lines, "\n")
}

func TestPageInChromium(t *testing.T) {
	dir, read := written(t, fixtureInput())
	dom, console := dumpDOM(t, filepath.Join(dir, IndexFile))
	if console != "" {
		t.Errorf("the console is not empty:\n%s", console)
	}
	for want, n := range map[string]int{
		`data-load="`: 28, `class="copy"`: 4, `<svg role="img"`: 3, "28 of 28 cells": 1,
	} {
		if got := strings.Count(dom, want); got != n {
			t.Errorf("%q appears %d times in the loaded page, want %d", want, got, n)
		}
	}

	// The policy must stop a script that is not the page's own, and the console
	// must be where that shows: otherwise the check above proves nothing.
	foreign := bytes.Replace(read(IndexFile), []byte("</main>"), []byte("</main><script>document.title='ran'</script>"), 1)
	path := filepath.Join(dir, "foreign.html")
	if err := os.WriteFile(path, foreign, 0o644); err != nil {
		t.Fatal(err)
	}
	dom, console = dumpDOM(t, path)
	if strings.Contains(dom, "<title>ran</title>") || !strings.Contains(console, "Content Security Policy") {
		t.Errorf("a foreign script ran, or went unnoticed: %s", console)
	}
}

// The page's script is driven by a second one, which a copy of the page without
// its policy lets run.
func TestSortAndFilterInChromium(t *testing.T) {
	dir, read := written(t, fixtureInput())
	page := bytes.Replace(read(IndexFile), []byte(`http-equiv="Content-Security-Policy"`), []byte(`name="without-policy"`), 1)
	driver := `<script>
	var column = document.querySelectorAll('table.cells thead th')[3], log = [];
	var body = document.getElementById('cells-body');
	var ends = function () { log.push(body.rows[0].id + '/' + body.rows[body.rows.length - 1].id); };
	for (var i = 0; i < 3; i++) { column.querySelector('[role=button]').click(); log.push(column.getAttribute('aria-sort')); ends(); }
	var text = document.getElementById('filter-text'); text.value = 'SEQS better';
	text.dispatchEvent(new Event('input'));
	log.push(document.getElementById('filter-count').textContent);
	document.title = log.join(' ');
	</script></body>`
	page = bytes.Replace(page, []byte("</body>"), []byte(driver), 1)
	path := filepath.Join(dir, "driven.html")
	if err := os.WriteFile(path, page, 0o644); err != nil {
		t.Fatal(err)
	}
	dom, console := dumpDOM(t, path)
	title, _, _ := strings.Cut(dom[strings.Index(dom, "<title>")+len("<title>"):], "</title>")
	// Column 3 is output throughput: lowest and highest measured first, the
	// failed cells last both ways, then the order of the plan again.
	want := "ascending cell-x-24/cell-x-54 descending cell-x-73/cell-x-54  cell-x-11/cell-x-74 4 of 28 cells"
	if title != want || console != "" {
		t.Errorf("got  %q\nwant %q\nconsole: %s", title, want, console)
	}
}
