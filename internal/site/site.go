// Package site shows runs in a browser: a list of them, the report of each, and
// a running one live. It only reads, and what it shows of a run comes from its
// callers; it knows how to find run directories and how to serve their reports.
package site

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/rundir"
)

//go:embed list.html run.html
var pages embed.FS

// Summary is what the pages show of a run.
type Summary struct {
	Name     string    `json:"name"`
	Path     string    `json:"path"`
	State    string    `json:"state"` // running, finished, interrupted
	Began    time.Time `json:"began"`
	Planned  int       `json:"planned"`
	Done     int       `json:"done"`
	Failed   int       `json:"failed"`
	Invalid  int       `json:"invalid"`
	Events   []Event   `json:"events"`  // the latest first
	Answers  []string  `json:"answers"` // one sentence a use case, as far as is known
	Warnings []string  `json:"warnings"`
	Report   bool      `json:"report"` // there is one
	Error    string    `json:"error,omitempty"`
}

// Event is one line of the journal.
type Event struct {
	Time  time.Time `json:"time"`
	Event string    `json:"event"` // in words
	Text  string    `json:"text"`
}

// Site serves the runs below some directories.
type Site struct {
	Dirs []string
	// Summarise reads one run directory.
	Summarise func(path string) (Summary, error)
}

// maxDepth is how many folders below a directory its runs are looked for:
// runs/NAME/TIME.
const maxDepth = 2

// Runs lists the run directories below the site's directories, the latest
// first: their names are times.
func (s Site) Runs() ([]string, error) {
	var out []string
	for _, dir := range s.Dirs {
		if _, err := os.Stat(dir); err != nil {
			return nil, err
		}
		pattern := dir
		for range maxDepth + 1 {
			found, err := rundir.Find(pattern)
			if err != nil {
				return nil, fmt.Errorf("look for runs below %s: %w", dir, err)
			}
			for _, run := range found {
				if !slices.Contains(out, run) {
					out = append(out, run)
				}
			}
			pattern = filepath.Join(pattern, "*")
		}
	}
	slices.SortStableFunc(out, func(a, b string) int { return strings.Compare(filepath.Base(b), filepath.Base(a)) })
	return out, nil
}

// Handler answers requests. It refuses those whose Host is not a loopback
// address: a foreign page must not reach it by a name that resolves to one.
func (s Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.list)
	mux.HandleFunc("GET /run/{n}/{$}", s.live)
	mux.HandleFunc("GET /run/{n}/status.json", s.status)
	mux.HandleFunc("GET /run/{n}/report/{file...}", s.report)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !loopback(r.Host) {
			http.Error(w, "this server answers on the loopback interface only", http.StatusForbidden)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Cache-Control", "no-store")
		mux.ServeHTTP(w, r)
	})
}

func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

// run is the directory that a request names by its place in the list. The
// name of its folder stands behind the number, so that a list which has grown
// meanwhile is noticed.
func (s Site) run(w http.ResponseWriter, r *http.Request) (string, bool) {
	runs, err := s.Runs()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return "", false
	}
	for _, run := range runs {
		if r.PathValue("n") == key(run) {
			return run, true
		}
	}
	http.NotFound(w, r)
	return "", false
}

// key names a run in addresses: its two last folders.
func key(run string) string {
	abs, err := filepath.Abs(run)
	if err != nil {
		abs = run
	}
	return filepath.Base(filepath.Dir(abs)) + "~" + filepath.Base(abs)
}

func (s Site) list(w http.ResponseWriter, r *http.Request) {
	runs, err := s.Runs()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	type row struct {
		Summary
		Key string
	}
	var rows []row
	for _, run := range runs {
		rows = append(rows, row{s.summary(run), key(run)})
	}
	s.page(w, "list.html", map[string]any{"Runs": rows, "Dirs": s.Dirs})
}

// summary never fails: what cannot be read is shown as that.
func (s Site) summary(run string) Summary {
	out, err := s.Summarise(run)
	if err != nil {
		out.Error = err.Error()
	}
	out.Path = run
	if out.Name == "" {
		out.Name = filepath.Base(filepath.Dir(run))
	}
	_, err = os.Stat(rundir.ReportPage(run))
	out.Report = err == nil
	return out
}

func (s Site) live(w http.ResponseWriter, r *http.Request) {
	if run, ok := s.run(w, r); ok {
		s.page(w, "run.html", s.summary(run))
	}
}

func (s Site) status(w http.ResponseWriter, r *http.Request) {
	run, ok := s.run(w, r)
	if !ok {
		return
	}
	b, err := json.Marshal(s.summary(run))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // the reader may have gone
}

// report serves the files of a run's report folder and its logs.
func (s Site) report(w http.ResponseWriter, r *http.Request) {
	run, ok := s.run(w, r)
	if !ok {
		return
	}
	root, err := os.OpenRoot(rundir.ReportDir(run))
	if errors.Is(err, os.ErrNotExist) {
		http.Error(w, "no report yet: sweep writes it after the first trial", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer root.Close()
	name := r.PathValue("file")
	if name == "" {
		name = rundir.PageFile
	}
	f, err := root.Open(filepath.FromSlash(name)) // a root is left by no link and no dots
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		http.NotFound(w, r)
		return
	}
	http.ServeContent(w, r, name, info.ModTime(), f)
}

func (s Site) page(w http.ResponseWriter, name string, data any) {
	t, err := template.New(name).Funcs(template.FuncMap{
		"stamp": func(t time.Time) string { return t.Local().Format("2006-01-02 15:04") },
		"part":  func(done, planned int) string { return strconv.Itoa(100 * done / max(planned, 1)) },
	}).ParseFS(pages, name)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'")
	if err := t.Execute(w, data); err != nil {
		return // the reader has gone
	}
}
