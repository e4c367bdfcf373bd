package importer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"github.com/vllm-sweep/sweep/internal/boundary"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// What a file is, by content.
type shape string

const (
	shapeGuideLLM     shape = "a GuideLLM report"
	shapeGuideYAML    shape = "a GuideLLM report in YAML"
	shapeBench        shape = "results of vllm bench serve"
	shapeLifecycle    shape = "an inference-perf report"
	shapeServer       shape = "the server's metrics of inference-perf"
	shapePerfRequests shape = "requests of inference-perf"
	shapeAIRecords    shape = "AIPerf records"
	shapeAISummary    shape = "an AIPerf summary"
	shapeMax          shape = "InferenceMAX rows"
	shapeCSV          shape = "a table"
	shapeNone         shape = ""
)

var shapesOf = map[string][]shape{
	GuideLLM: {shapeGuideLLM, shapeGuideYAML}, VLLMBench: {shapeBench, shapeCSV}, AIPerf: {shapeAIRecords, shapeAISummary},
	InferencePerf: {shapeLifecycle, shapePerfRequests}, InferenceMAX: {shapeMax}, CSV: {shapeCSV},
}

// Read reads a file, or every file of a folder that holds results; skipped
// names the others. An error leaves no results.
func Read(path string, o Options) (results []Result, skipped []notice.Notice, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if info.IsDir() {
		results, skipped, err = readFolder(path, o)
	} else {
		results, err = readFile(path, o)
	}
	if err != nil {
		return nil, nil, err
	}
	return results, skipped, nil
}

func readFile(path string, o Options) (out []Result, err error) {
	err = boundary.Guard(path, func() (err error) {
		out, err = readOne(path, o)
		return err
	})
	return out, err
}

func readOne(path string, o Options) ([]Result, error) {
	src := fileSource(path)
	kind, why, err := sniff(src)
	if err != nil {
		return nil, err
	}
	if kind == shapeNone {
		return nil, &FaultError{File: path, Err: errors.New(why.Text())}
	}
	if as := cmp.Or(o.As, Auto); as != Auto && !slices.Contains(shapesOf[as], kind) {
		return nil, &FaultError{File: path, Err: fmt.Errorf("this is %s, not %s", kind, as)}
	}
	out, err := parse(src, kind, o.Map)
	if err != nil {
		return nil, err
	}
	for i := range out {
		r := &out[i]
		r.File = path
		switch kind {
		case shapeLifecycle, shapePerfRequests:
			companions(path, r)
		case shapeAIRecords:
			if err := aiCompanion(path, r); err != nil {
				return nil, err
			}
		}
		r.check()
		if o.each != nil {
			if err := o.each(r); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// parse reads a source of known shape.
func parse(src source, kind shape, columns Columns) ([]Result, error) {
	if kind == shapeCSV {
		return readCSV(src, columns)
	}
	if kind == shapeGuideYAML {
		var err error
		if src, err = fromYAML(src); err != nil {
			return nil, err
		}
	}
	f, err := src.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s := newStream(src, f)
	switch kind {
	case shapeGuideLLM, shapeGuideYAML:
		return readGuideLLM(s)
	case shapeBench:
		s.python.infinite = true
		if runFile.MatchString(filepath.Base(src.name)) && (strings.HasPrefix(filepath.Base(filepath.Dir(src.name)), "SERVE-") || strings.HasPrefix(filepath.Base(filepath.Dir(src.name)), "BENCH-")) {
			r, err := readSweepRun(s, src.name)
			return []Result{r}, err
		}
		return readVLLMBench(s)
	case shapeLifecycle:
		return readInferencePerf(s)
	case shapePerfRequests:
		return perfRequests(s)
	case shapeAIRecords:
		return readAIPerfRecords(s)
	case shapeAISummary:
		return readAIPerfSummary(s)
	case shapeMax:
		return readInferenceMAX(s)
	default:
		return nil, fmt.Errorf("%s: no reader for %s", src.name, kind)
	}
}

// sniffLimit is how much of a file decides what it is, in bytes; keys of JSON
// are looked for further on.
const sniffLimit = 1 << 16

// sniff finds out what a file is; why says what stands against every shape.
func sniff(src source) (kind shape, why notice.Notice, err error) {
	head, err := src.head(sniffLimit)
	if err != nil {
		return shapeNone, why, err
	}
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\ufeff")), " \t\r\n")
	switch {
	case len(text) == 0:
		return shapeNone, notice.New("import-empty", nil), nil
	case bytes.HasPrefix(head, []byte("PAR1")), bytes.IndexByte(head, 0) >= 0:
		return shapeNone, notice.New("import-binary", nil), nil
	case text[0] == '{' || text[0] == '[':
		return sniffJSON(src)
	case text[0] == '<':
		return shapeNone, notice.New("import-page", nil), nil
	case bytes.HasPrefix(text, []byte("benchmarks:")) || bytes.Contains(text, []byte("\nbenchmarks:")):
		return shapeGuideYAML, why, nil
	}
	if bytes.Contains(head, []byte("kind: Deployment")) {
		return shapeNone, notice.New("import-manifest", nil), nil
	}
	if bytes.HasPrefix(text, []byte("api:")) && bytes.Contains(head, []byte("\nload:")) {
		return shapeNone, notice.New("import-perf-configuration", nil), nil
	}
	if why := foreignTable(text); why.Code != "" {
		return shapeNone, why, nil
	}
	line, _, more := bytes.Cut(text, []byte("\n"))
	if more && utf8.Valid(line) && bytes.Count(line, []byte{byte(delimiter(string(line)))}) >= 2 && !bytes.Contains(line, []byte(": ")) {
		return shapeCSV, why, nil
	}
	return shapeNone, notice.New("import-unknown", nil), nil
}

// aiSweepTable is the heading of AIPerf's table of a sweep.
var aiSweepTable = regexp.MustCompile(`,([a-z_0-9]+)_avg_mean,([a-z_0-9]+)_avg_std,`)

// foreignTable says which tool's table a text is that repeats, in a shape of
// its own, what the tool's JSON says; the zero value: none that is known.
func foreignTable(text []byte) notice.Notice {
	head, _, _ := bytes.Cut(text, []byte("\n"))
	switch {
	case bytes.HasPrefix(head, []byte("Run Info,Run Info,")):
		return notice.New("guidellm-table", nil)
	case bytes.HasPrefix(head, []byte("metric,mean,std,min,max,cv")), aiSweepTable.Match(head):
		return notice.New("aiperf-several", nil)
	case bytes.HasPrefix(head, []byte("Timeslice,Start_NS,")):
		return notice.New("aiperf-slices", nil)
	case bytes.HasPrefix(head, []byte("Metric,avg,")), bytes.HasPrefix(head, []byte("# AIPerf Server Metrics")),
		bytes.HasPrefix(head, []byte("Endpoint,Type,Metric")):
		return notice.New("aiperf-table", nil)
	}
	return notice.Notice{}
}

// sniffJSON looks at the keys of the first object until they tell.
func sniffJSON(src source) (kind shape, why notice.Notice, err error) {
	f, err := src.open()
	if err != nil {
		return shapeNone, why, err
	}
	defer f.Close()
	s := newStream(src, f)
	first, err := s.peekDelim()
	if err != nil {
		return shapeNone, why, s.fail(err)
	}
	keys := map[string]bool{}
	kind = shapeNone
	look := func() error {
		return s.object(func(key string) error {
			keys[key] = true
			if keys["aiperf_version"] && keys["metadata"] || keys["aggregation_type"] { // of several runs
				keys["aggregate"] = true
				return errDone
			}
			if kind = byKeys(keys); kind != shapeNone {
				return errDone
			}
			if key == "request_throughput" || key == "time_to_first_token" || key == "request_latency" {
				var v any
				if err := s.decode(&v); err != nil {
					return err
				}
				if _, object := v.(map[string]any); object {
					kind = shapeAISummary
					return errDone
				}
				keys[key+"#"] = true
				if kind = byKeys(keys); kind != shapeNone {
					return errDone
				}
				return nil
			}
			return s.skip()
		})
	}
	if first == '[' {
		err = s.array(func(int) error {
			if err := look(); err != nil {
				return err
			}
			return errDone
		})
	} else {
		err = look()
	}
	if err != nil && !errors.Is(err, errDone) {
		return shapeNone, why, err
	}
	switch {
	case kind == shapeLifecycle && strings.HasSuffix(src.name, "prometheus_metrics.json"):
		kind = shapeServer
	case kind == shapeNone && len(keys) == 0:
		return shapeNone, notice.New("import-without-keys", nil), nil
	}
	if kind == shapeServer {
		return shapeNone, notice.New("import-of-server", notice.Args{"what": notice.Text(string(shapeServer))}), nil
	}
	switch {
	case kind != shapeNone:
	case keys["aggregate"]:
		return shapeNone, notice.New("aiperf-several", nil), nil
	case keys["timeslices"] && keys["input_config"]:
		return shapeNone, notice.New("aiperf-slices", nil), nil
	case keys["phases"] && keys["schema_version"], keys["data"] && keys["phase"] && keys["schema_version"], keys["aiperf_version"] && keys["metrics_phase"]:
		return shapeNone, notice.New("aiperf-account", nil), nil
	}
	if kind == shapeNone {
		return kind, notice.New("import-unknown-json", nil), nil
	}
	return kind, why, nil
}

// byKeys decides by the keys of the top level met so far.
func byKeys(keys map[string]bool) shape {
	switch {
	case keys["benchmarks"], keys["metadata"] && keys["args"], keys["metadata"] && keys["config"]:
		return shapeGuideLLM
	case keys["metadata"] && keys["metrics"]:
		return shapeAIRecords
	case keys["load_summary"] && keys["successes"]:
		return shapeLifecycle
	case keys["hw"] && keys["tput_per_gpu"]:
		return shapeMax
	case keys["start_time"] && keys["end_time"] && keys["info"]:
		return shapePerfRequests
	case keys["request_throughput#"] && (keys["completed"] || keys["duration"] || keys["num_prompts"] || keys["model_id"]):
		return shapeBench
	case keys["ttfts"] && keys["itls"]:
		return shapeBench
	default:
		return shapeNone
	}
}

// readFolder reads every file below a folder that holds results. Of several
// files about one measurement the one that says most is taken.
func readFolder(root string, o Options) ([]Result, []notice.Notice, error) {
	var out []Result
	var skipped []notice.Notice
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Type().IsRegular() && !strings.HasPrefix(d.Name(), ".") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	// Tables repeat what the tools' own files say in more detail: they come last.
	slices.SortStableFunc(files, func(a, b string) int { return cmp.Compare(tableRank(a), tableRank(b)) })
	for _, path := range files {
		if why := redundant(path, files); why.Code != "" {
			skipped = append(skipped, leftOut(path, why))
			continue
		}
		var kind shape
		var why notice.Notice
		err := boundary.Guard(path, func() (err error) {
			kind, why, err = sniff(fileSource(path))
			return err
		})
		if err != nil && !resultName.MatchString(path) {
			kind, why, err = shapeNone, notice.New("import-without-results", notice.Args{"error": notice.Text(brief(err))}), nil // a README that begins with [ is no broken report
		}
		if err != nil {
			return nil, nil, err
		}
		if kind == shapeNone {
			skipped = append(skipped, leftOut(path, why))
			continue
		}
		got, err := readFile(path, o)
		if errors.Is(err, errNoMetric) && len(o.Map) == 0 {
			skipped = append(skipped, leftOut(path, notice.New("import-other-table", notice.Args{"error": notice.Text(errNoMetric.Error())})))
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		kept, twice := fresh(out, got)
		if twice > 0 {
			skipped = append(skipped, knownAlready(path, twice, len(got)))
		}
		out = append(out, kept...)
	}
	if len(out) == 0 {
		return nil, skipped, &FaultError{File: root, Err: errors.New("no file in it holds results")}
	}
	return out, skipped, nil
}

// resultName is how files are called that hold results: one of them that cannot
// be read is an error.
var resultName = regexp.MustCompile(`(?i)\.(json|jsonl|ya?ml|csv|tsv)(\.gz)?$`)

// leftOut is the notice of a file that holds no results.
func leftOut(path string, why notice.Notice) notice.Notice {
	return notice.New("file-left-out", notice.Args{"why": notice.Said(why)}).On(notice.File, path)
}

// knownAlready is the notice of results that another file holds too.
func knownAlready(path string, n, all int) notice.Notice {
	return notice.New("results-known", notice.Args{"n": notice.Count(n), "all": notice.Count(all)}).On(notice.File, path)
}

// brief is what is wrong with a file, without its name.
func brief(err error) string {
	var fault *FaultError
	if errors.As(err, &fault) {
		return fault.Err.Error()
	}
	return err.Error()
}

func tableRank(path string) int {
	if strings.HasSuffix(path, ".csv") || strings.HasSuffix(path, ".tsv") {
		return 1
	}
	return 0
}

// fresh leaves out what is known already. Files that contradict each other
// about it leave a warning.
func fresh(known, got []Result) (kept []Result, twice int) {
	for i := range got {
		found := false
		for j := range known {
			same, conflict := got[i].same(&known[j])
			if conflict != nil {
				known[j].warn(*conflict)
			}
			if found = same; found {
				break
			}
		}
		if found {
			twice++
			continue
		}
		kept = append(kept, got[i])
	}
	return kept, twice
}

// AIPerf 0.13 writes the summary of a run, its records and a manifest, and below
// them the summary of each phase, the warm-up too.
var (
	phaseFile = regexp.MustCompile(`/phases/[^/]+/[^/]+$`)
	aiRoot    = regexp.MustCompile(`^(phase_manifest|profile_export_aiperf)\.json$`)
)

// isShape says whether a file is of a shape. What cannot be read is of none.
func isShape(path string, want shape) bool {
	var kind shape
	err := boundary.Guard(path, func() (err error) {
		kind, _, err = sniff(fileSource(path))
		return err
	})
	return err == nil && kind == want
}

// redundant says why a file need not be read with its neighbours; the zero
// value: it must.
func redundant(path string, files []string) notice.Notice {
	dir, base := filepath.Split(path)
	has := func(match func(string) bool) bool {
		return slices.ContainsFunc(files, func(f string) bool {
			return filepath.Dir(f)+string(filepath.Separator) == dir && match(filepath.Base(f))
		})
	}
	switch {
	case base == "summary.json" && has(runFile.MatchString):
		return notice.New("runs-summary", nil)
	case base == "warmup.json" && has(runFile.MatchString):
		return notice.New("runs-warmup", nil)
	case phaseFile.MatchString(filepath.ToSlash(path)) && slices.ContainsFunc(files, func(f string) bool {
		return filepath.Dir(f) == filepath.Dir(filepath.Dir(filepath.Dir(path))) && aiRoot.MatchString(filepath.Base(f))
	}):
		return aiPart(path, files)
	case strings.HasSuffix(base, ".json") && phaseOf(path) != "" && readAIBeside(path).warmup(phaseOf(path)):
		return notice.New("aiperf-warmup", nil)
	case base == "summary_lifecycle_metrics.json" && has(stageFile.MatchString):
		return notice.New("stages-pool", nil)
	case base == "profile_export_aiperf.json" && has(func(f string) bool { return f == "profile_export.jsonl" }):
		return notice.New("aiperf-summary", nil)
	case strings.HasSuffix(base, ".json") && has(func(f string) bool { return f == base+"l" }) && isShape(path, shapeAISummary) && isShape(path+"l", shapeAIRecords):
		return notice.New("aiperf-summary", nil) // of --profile-export-prefix
	case strings.HasSuffix(base, ".json") && aiPools(path, files):
		return notice.New("aiperf-pool", nil)
	case base == "summary.csv" && slices.ContainsFunc(files, func(f string) bool {
		return strings.HasPrefix(f, dir) && runFile.MatchString(filepath.Base(f))
	}):
		return notice.New("runs-table", nil)
	case strings.HasSuffix(base, ".failure.json"):
		return notice.New("runs-failed", nil)
	}
	return notice.Notice{}
}

// maxYAML bounds YAML reports, which unlike JSON are held in memory, in bytes.
const maxYAML = 256 << 20

// fromYAML turns a report in YAML into JSON.
func fromYAML(src source) (source, error) {
	f, err := src.open()
	if err != nil {
		return source{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxYAML+1))
	if err != nil {
		return source{}, src.fault(-1, "", err)
	}
	if len(data) > maxYAML {
		return source{}, src.fault(-1, "", fmt.Errorf("a YAML report of more than %d MB: export it as JSON", maxYAML>>20))
	}
	var v any
	if err := decodeYAML(data, &v); err != nil {
		return source{}, src.fault(-1, "", err)
	}
	out, err := json.Marshal(plainYAML(v))
	if err != nil {
		return source{}, src.fault(-1, "", err)
	}
	converted := bytesSource(src.name, out)
	converted.converted = true
	return converted, nil
}

// decodeYAML turns the panics of the decoder, which some malformed documents
// cause, into errors.
func decodeYAML(data []byte, v *any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("malformed YAML: %v", p)
		}
	}()
	return yaml.Unmarshal(data, v)
}
