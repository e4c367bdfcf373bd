package importer

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// readCSV reads a table with a header and one load run a row. A header in the
// words of `vllm bench serve` is read as its results, with the columns that it
// does not know as flags of the server; any other goes by the column map.
func readCSV(src source, columns Columns) ([]Result, error) {
	f, err := src.open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 1<<16)
	first, _ := in.Peek(1 << 12)
	r := csv.NewReader(in)
	r.Comma = delimiter(string(first))
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace, r.ReuseRecord = -1, true, true, true
	head, err := r.Read()
	if err != nil {
		return nil, csvFault(src, r, err)
	}
	t := &table{src: src, header: slices.Clone(head)}
	for i := range t.header {
		t.header[i] = strings.TrimSpace(strings.TrimPrefix(t.header[i], "\ufeff"))
	}
	if err := t.prepare(columns); err != nil {
		return nil, err
	}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, csvFault(src, r, err)
		}
		line, _ := r.FieldPos(0)
		if err := t.add(row, line); err != nil {
			return nil, err
		}
	}
	if len(t.out) == 0 {
		return nil, &FaultError{File: src.name, Err: errors.New("a table without a row that holds a result")}
	}
	for i := range t.out {
		t.out[i].Warnings = append(t.out[i].Warnings, t.notes...)
		if t.ragged > 0 {
			t.out[i].warn(notice.New("rows-ragged", notice.Args{"n": notice.Count(t.ragged), "line": notice.Count(t.raggedLine)}))
		}
	}
	return t.out, nil
}

// errNoMetric is a table of something else, as far as its heading says.
var errNoMetric = errors.New("no column is a metric that we know")

func csvFault(src source, r *csv.Reader, err error) error {
	var parse *csv.ParseError
	if errors.As(err, &parse) {
		return &FaultError{File: src.name, Line: parse.Line, Column: parse.Column, Err: parse.Err}
	}
	return src.fault(r.InputOffset(), "", err)
}

// delimiter is the one of comma, tab and semicolon that the header has most of.
func delimiter(text string) rune {
	line, _, _ := strings.Cut(text, "\n")
	best, n := ',', 0
	for _, c := range []rune{',', '\t', ';'} {
		if k := strings.Count(line, string(c)); k > n {
			best, n = c, k
		}
	}
	return best
}

// table is a CSV file on its way.
type table struct {
	src     source
	header  []string
	columns Columns
	bench   bool // in the words of vllm bench serve
	notes   []notice.Notice
	// ragged rows have another number of fields than the header; the line of the first.
	ragged, raggedLine int
	out                []Result
}

func (t *table) prepare(given Columns) error {
	for _, c := range given {
		if !slices.Contains(t.header, c.Name) {
			return &FaultError{File: t.src.name, Line: 1, Column: 1, Err: fmt.Errorf("no column %q: the table has %s", c.Name, strings.Join(t.header, ", "))}
		}
	}
	for i, name := range t.header {
		if name == "" {
			t.notes = append(t.notes, notice.New("column-unnamed", notice.Args{"column": notice.Count(i + 1)}))
		}
	}
	known := func(name string) bool { return slices.Contains(t.header, name) }
	t.bench = len(given) == 0 && known("request_throughput") && (known("completed") || known("duration"))
	t.columns = given.guess(t.header)
	if t.bench {
		return nil
	}
	for target, c := range t.columns {
		if m, err := metric.Parse(target); err == nil && m.Unit == metric.Seconds && c.Unit == 0 {
			_, unit := columnTarget(c.Name)
			if unit == 0 {
				return &FaultError{File: t.src.name, Line: 1, Column: 1, Err: fmt.Errorf("the unit of column %q is not told: --map %s=%s:ms or :s", c.Name, target, c.Name)}
			}
			t.columns[target] = Column{c.Name, unit}
		}
	}
	measured := slices.ContainsFunc(slices.Collect(maps.Keys(t.columns)), func(target string) bool {
		_, err := metric.Parse(target)
		return err == nil || target == "requests_per_second" || target == "tokens_per_second"
	})
	if !measured {
		return &FaultError{File: t.src.name, Line: 1, Column: 1,
			Err: fmt.Errorf("%w; name them with --map, such as --map ttft_p50=COLUMN:ms (columns: %s)", errNoMetric, strings.Join(t.header, ", "))}
	}
	return nil
}

func (t *table) add(row []string, line int) error {
	if len(row) == 1 && strings.TrimSpace(row[0]) == "" {
		return nil
	}
	if len(row) != len(t.header) {
		if t.ragged++; t.ragged == 1 {
			t.raggedLine = line
		}
		return nil
	}
	values := map[string]string{}
	for i, name := range t.header {
		if name != "" {
			values[name] = strings.TrimSpace(row[i])
		}
	}
	var r *Result
	var err error
	if t.bench {
		r, err = t.benchRow(values)
	} else {
		r, err = t.row(values)
	}
	if err != nil {
		return &FaultError{File: t.src.name, Line: line, Column: 1, Err: err}
	}
	r.Place = fmt.Sprintf("line %d", line)
	t.out = append(t.out, *r)
	return nil
}

// benchRow reads a row in the words of vllm bench serve.
func (t *table) benchRow(values map[string]string) (*Result, error) {
	b := benchRun{values: map[string]any{}}
	for _, name := range t.header {
		v, ok := values[name]
		if !ok || v == "" {
			continue
		}
		b.order = append(b.order, name)
		b.values[name] = v
		if _, err := strconv.ParseFloat(v, 64); err == nil {
			b.values[name] = json.Number(v)
		}
	}
	r, err := b.result("")
	if err != nil {
		return nil, err
	}
	for _, key := range b.order {
		if !benchWords.MatchString(key) && !strings.HasPrefix(key, "random_") && !strings.HasPrefix(key, "Unnamed") {
			r.Flags = append(r.Flags, flagOf(key, b.values[key]))
		}
	}
	r.Format = "table"
	return r, nil
}

// row reads a row by the column map.
func (t *table) row(values map[string]string) (*Result, error) {
	r := &Result{Tool: CSV, Format: "table", Clock: ClockSent, Load: Load{Name: "imported", Kind: Unknown}}
	number := func(target string) float64 {
		c, ok := t.columns[target]
		if !ok || values[c.Name] == "" {
			return math.NaN()
		}
		v, err := strconv.ParseFloat(values[c.Name], 64)
		if err != nil {
			return math.NaN()
		}
		return v
	}
	text := func(target string) string { return values[t.columns[target].Name] }
	for target, c := range t.columns {
		v := values[c.Name]
		if _, err := strconv.ParseFloat(v, 64); err != nil && v != "" && numeric(target) {
			return nil, fmt.Errorf("column %q: %q is no number", c.Name, v)
		}
		if name, ok := strings.CutPrefix(target, "flag:"); ok && v != "" {
			r.Flags = r.Flags.With(flagOf(name, v))
		}
	}
	r.Label, r.Model, r.Load.Note = text("label"), text("model"), text("note")
	if name := text("load"); name != "" {
		r.Load.Name = name
	} else if in, out := text("prompt_length"), text("output_length"); digits(in) && digits(out) {
		r.Load.Name = "in" + in + "-out" + out
	}
	for _, kind := range []experiment.ArrivalKind{experiment.Constant, experiment.Poisson, experiment.Concurrency, experiment.Throughput} {
		if v := number(string(kind)); v > 0 {
			r.Load.Kind, r.Load.Value = kind, v
		}
	}
	if v := number("rate"); v > 0 && r.Load.Kind == Unknown {
		r.Load.Value = v
	}
	r.Load.Cap = whole(number("cap"))
	t.measures(r, values, number)
	rowDoubts(r, number)
	return r, nil
}

// numeric reports whether a target is a number.
func numeric(target string) bool {
	_, err := metric.Parse(target)
	return err == nil || !slices.Contains([]string{"label", "load", "model", "note", "date"}, target) && !strings.HasPrefix(target, "flag:")
}

func (t *table) measures(r *Result, values map[string]string, number func(string) float64) {
	samples := -1
	if n := number("completed"); n >= 0 {
		samples = whole(n)
		failed := number("failed")
		r.counts(samples, whole(failed), 0)
		if math.IsNaN(failed) {
			r.lack("error_rate", "the number of failures is not in the table")
		}
	}
	byBase := map[string]stated{}
	for target, c := range t.columns {
		m, err := metric.Parse(target)
		v := number(target)
		switch {
		case err != nil, values[c.Name] == "":
		case m.Unit == metric.Seconds:
			if byBase[m.Base] == nil {
				byBase[m.Base] = stated{}
			}
			byBase[m.Base][m.Stat] = v * c.Unit
		default:
			r.rate(target, v)
		}
	}
	for base, s := range byBase {
		n := samples
		if base == "itl" {
			n = -1
		}
		r.state(base, s, n)
	}
	if v := number("requests_per_second"); v >= 0 {
		r.rate("request_throughput", v)
	}
	if v := number("tokens_per_second"); v >= 0 {
		r.rate("total_throughput", v)
	}
	if d := number("duration"); d > 0 && implausible(d) == "" {
		r.Window = d
	}
	if v := number("input_tokens"); v > 0 {
		r.InputTokens = wholeTokens(v)
	}
	if v := number("output_tokens"); v > 0 {
		r.OutputTokens = wholeTokens(v)
	}
	r.outputMean = number("output_length")
	if q, o := r.Metrics["request_throughput"], r.Metrics["output_throughput"]; !(r.outputMean > 0) && q > 0 && o > 0 {
		r.outputMean = o / q
	}
	if samples < 0 && len(byBase) > 0 {
		r.warn(notice.New("request-count-unknown", nil))
	}
	if len(byBase) > 0 {
		r.warn(notice.New("clock-unknown", nil))
	}
}

// fastestToken is below what any GPU server generates a token in within one
// stream, in seconds: a decode step reads the weights once.
const fastestToken = 1e-3

// rowDoubts checks a row of counts and times against itself.
func rowDoubts(r *Result, number func(string) float64) {
	n, elapsed := number("completed"), number("duration")
	in, out, all := number("prompt_length"), number("output_length"), number("total_tokens")
	off := func(a, b float64) bool { return a > 0 && b > 0 && math.Abs(a/b-1) > 0.01 }
	if off((in+out)*n, all) {
		r.warn(notice.New("tokens-contradict", notice.Args{"stated": notice.Number(all), "computed": notice.Number((in + out) * n)}))
	}
	if stated := number("requests_per_second"); off(n/elapsed, stated) {
		r.warn(contradicts("request_throughput", stated, n/elapsed))
	}
	if stated := number("tokens_per_second"); off(all/elapsed, stated) {
		r.warn(contradicts("total_throughput", stated, all/elapsed))
	}
	streams := number("throughput")
	if !(n > 0 && elapsed > 0 && out > 1 && streams > 0) {
		return
	}
	if each := elapsed / (out * math.Ceil(n/streams)); each < fastestToken {
		r.Invalid = append(r.Invalid, notice.New("impossibly-fast", notice.Args{"each": notice.Seconds(each)}))
	}
}
