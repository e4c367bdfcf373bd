package telemetry

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Limits of one scrape: a server that hangs or floods must not hold a trial up.
const (
	scrapeTimeout = 5 * time.Second
	scrapeLimit   = 16 << 20 // bytes
)

// Engine holds the engine's own figures at one moment, added up over the
// engines of a data-parallel server (kv_cache_usage: their mean).
type Engine struct {
	At         time.Time
	Dialect    string             // vllm, sglang, llama.cpp
	Values     map[string]float64 // by quantity, all finite; what is not offered is absent
	Histograms map[string]Histogram
	Unusable   map[string]string // by quantity: why what was offered is absent
}

// direct goes through no proxy and keeps no connection: the server is the one
// under load, and its port may be another server's a minute later.
var direct = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// ScrapeEngine reads baseURL/metrics.
func ScrapeEngine(ctx context.Context, baseURL string) (Engine, error) {
	return scrapeEngine(ctx, direct, baseURL)
}

func scrapeEngine(ctx context.Context, client *http.Client, baseURL string) (Engine, error) {
	body, err := scrape(ctx, client, baseURL+"/metrics")
	if err != nil {
		return Engine{}, fmt.Errorf("scrape engine metrics: %w", err)
	}
	e, err := parseEngine(bytes.NewReader(body))
	e.At = time.Now()
	return e, err
}

// scrape reads one page of metrics.
func scrape(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, scrapeLimit+1))
	if err == nil && len(body) > scrapeLimit {
		err = fmt.Errorf("GET %s: more than %d MiB", address, scrapeLimit>>20)
	}
	return body, err
}

// errNoEngine reports a page without any name that a dialect knows.
var errNoEngine = errors.New("no metric of vLLM, SGLang or llama.cpp")

// parseEngine reads the text of one scrape. Lines of other metrics are left
// out before parsing: they are most of the text, and what is wrong in them
// harms nothing.
func parseEngine(r io.Reader) (Engine, error) {
	text, err := keep(r, wanted())
	if err != nil {
		return Engine{}, fmt.Errorf("read engine metrics: %w", err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return Engine{}, fmt.Errorf("read engine metrics: %w", err)
	}
	for _, d := range dialects {
		e := Engine{Dialect: d.name, Values: map[string]float64{}, Histograms: map[string]Histogram{}}
		for quantity, names := range d.values {
			if v, ok := number(families, names, quantity == KVCacheUsage || quantity == HitRate); ok {
				put(e.Values, &e.Unusable, quantity, v)
			}
		}
		if hits, ok := e.Values[PrefixCacheHits]; ok && d.cachedApart {
			if prompts, ok := e.Values[PromptTokens]; ok {
				delete(e.Values, PromptTokens)
				put(e.Values, &e.Unusable, PromptTokens, prompts+hits)
				put(e.Values, &e.Unusable, PrefixCacheQueries, prompts+hits)
			}
		}
		for quantity, names := range d.histograms {
			h, ok := histogramOf(families, names)
			if !ok {
				continue
			}
			if why, ok := h.usable(); ok {
				e.Histograms[quantity] = h
			} else {
				note(&e.Unusable, quantity, why)
			}
		}
		if len(e.Values)+len(e.Histograms)+len(e.Unusable) == 0 {
			continue
		}
		if v, ok := number(families, []string{processStart}, false); ok {
			put(e.Values, &e.Unusable, ProcessStart, v)
		}
		return e, nil
	}
	return Engine{}, fmt.Errorf("read engine metrics: %w", errNoEngine)
}

// keep returns the lines that belong to the names: samples, and their types.
func keep(r io.Reader, names map[string]bool) ([]byte, error) {
	var out bytes.Buffer
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 64<<10), 1<<20)
	for lines.Scan() {
		line := lines.Bytes()
		if names[string(family(line))] {
			out.Write(line)
			out.WriteByte('\n')
		}
	}
	return out.Bytes(), lines.Err()
}

var (
	typePrefix = []byte("# TYPE ")
	suffixes   = [][]byte{[]byte("_bucket"), []byte("_sum"), []byte("_count")}
)

// family is the name of the metric family that a line belongs to.
func family(line []byte) []byte {
	name := line
	typed := bytes.HasPrefix(line, typePrefix)
	if typed {
		name = line[len(typePrefix):]
	}
	if i := bytes.IndexAny(name, "{ \t"); i >= 0 {
		name = name[:i]
	}
	if typed {
		return name
	}
	for _, s := range suffixes {
		if bytes.HasSuffix(name, s) {
			return name[:len(name)-len(s)]
		}
	}
	return name
}

// number adds a family over its label sets (one per engine of a data-parallel
// server), or takes their mean; the first of the names that is offered is
// taken.
func number(families map[string]*dto.MetricFamily, names []string, mean bool) (float64, bool) {
	for _, name := range names {
		f, ok := families[name]
		if !ok || len(f.GetMetric()) == 0 {
			continue
		}
		var total float64
		for _, m := range f.GetMetric() {
			total += m.GetCounter().GetValue() + m.GetGauge().GetValue() + m.GetUntyped().GetValue()
		}
		if mean {
			total /= float64(len(f.GetMetric()))
		}
		return total, true
	}
	return 0, false
}

func histogramOf(families map[string]*dto.MetricFamily, names []string) (Histogram, bool) {
	for _, name := range names {
		f, ok := families[name]
		if !ok || f.GetType() != dto.MetricType_HISTOGRAM || len(f.GetMetric()) == 0 {
			continue
		}
		var sum Histogram
		for i, m := range f.GetMetric() {
			h := Histogram{Sum: m.GetHistogram().GetSampleSum(), Count: float64(m.GetHistogram().GetSampleCount())}
			for _, b := range m.GetHistogram().GetBucket() {
				h.Bounds = append(h.Bounds, b.GetUpperBound())
				h.Counts = append(h.Counts, float64(b.GetCumulativeCount()))
			}
			if n := len(h.Bounds); n == 0 || !math.IsInf(h.Bounds[n-1], 1) {
				h.Bounds, h.Counts = append(h.Bounds, math.Inf(1)), append(h.Counts, h.Count)
			}
			if i == 0 {
				sum = h
			} else {
				sum = sum.plus(h)
			}
		}
		return sum, true
	}
	return Histogram{}, false
}
