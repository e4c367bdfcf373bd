package experiment

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/internal/workload"
)

// Trace is a recorded load that is played again.
type Trace struct {
	File   string // resolved against the experiment file; .gz too
	Format string // azure or mooncake
	// Digest is the SHA-256 of the file's bytes in hexadecimal: it identifies
	// the trace wherever the file lies.
	Digest string
	// Times are when its requests are due, from the first.
	Times []time.Duration
}

// Within is the number of requests due before an offset at a speed.
func (t *Trace) Within(d time.Duration, speed float64) int {
	n := 0
	for _, at := range t.Times {
		if float64(at)/speed < float64(d) {
			n++
		}
	}
	return n
}

// Span is the time from the first to the last request.
func (t *Trace) Span() time.Duration {
	if len(t.Times) == 0 {
		return 0
	}
	return t.Times[len(t.Times)-1]
}

// Dataset is a file of prompts.
type Dataset struct {
	File   string // resolved against the experiment file; .gz too
	Format string // sharegpt, jsonl or csv
	Salt   bool   // a mark before each prompt makes it new to every trial
	Digest string // SHA-256 of the file's bytes in hexadecimal
	// Prompts is their number. Answered: each has a number of tokens to ask
	// for, or an answer that tells it.
	Prompts  int
	Answered bool
}

// Prefix is the part of the prompts that requests share. The zero value: none.
type Prefix struct {
	Tokens int     // shared tokens at the head of each prompt
	Ratio  float64 // or: the shared part of each prompt, 0..1
	Count  int     // different prefixes; each request has one of them by chance
}

// traceArrivals is arrivals.trace; the points are speeds.
func traceArrivals() field[Arrivals] {
	type spec struct {
		Trace
		speed []float64
	}
	s := section[spec]{
		initial: spec{speed: []float64{1}},
		fields: []field[spec]{
			must(bind("file", "The trace, also .gz. The path is relative to the experiment file.", lengthsPath(), func(t *spec) *string { return &t.File })),
			must(bind("format", "azure: CSV with TIMESTAMP, ContextTokens, GeneratedTokens. mooncake: JSON Lines with timestamp, input_length, output_length, hash_ids.",
				word(workload.TraceFormats()...), func(t *spec) *string { return &t.Format })),
			bind("speed", "How fast to replay it: 2 takes half its time. Default: 1.", listOf(realNumber(0, true), "a speed or a list of them", true),
				func(t *spec) *[]float64 { return &t.speed }),
		},
	}
	return field[Arrivals]{name: string(TraceReplay), doc: "Open loop: a recorded trace with its times, lengths and shared blocks.", schema: s.schema(),
		read: func(d *decoder, path string, e entry, a *Arrivals) {
			got, ok := s.decode(d, path, e)
			a.Kind, a.Points = TraceReplay, got.speed
			if !ok {
				return
			}
			if speed, given := e.value.get("speed"); given {
				d.checkPoints(join(path, "speed"), speed, got.speed)
			}
			a.Trace = &got.Trace
			if got.File != "" && got.Format != "" {
				d.checkTrace(path, e, a.Trace)
			}
		}}
}

// checkTrace reads the whole trace, so that a bad line is found now and not in
// the middle of the night.
func (d *decoder) checkTrace(path string, e entry, t *Trace) {
	rows, digest, err := workload.ReadTrace(t.File, t.Format)
	if err != nil {
		d.badFile(path, e, "a trace in the format "+t.Format, err)
		return
	}
	t.Digest = digest
	for _, r := range rows {
		t.Times = append(t.Times, r.At)
	}
}

// badFile reports a file that cannot be read as what it should be.
func (d *decoder) badFile(path string, e entry, want string, err error) {
	file, _ := e.value.get("file")
	d.fail("file-wrong", file.place(), args{"path": join(path, "file"), "want": want, "error": err})
}

func datasetSection() section[Dataset] {
	return section[Dataset]{
		initial: Dataset{Salt: true},
		fields: []field[Dataset]{
			must(bind("file", "The prompts, also .gz. The path is relative to the experiment file.", lengthsPath(), func(s *Dataset) *string { return &s.File })),
			bind("format", "sharegpt: JSON array of conversations, of which sweep sends the first turn. jsonl: one object per line with prompt and optionally output_tokens. csv: a header with those names. Default: by file name.",
				word(workload.DatasetFormats()...), func(s *Dataset) *string { return &s.Format }),
			bind("salt", "Put a few new tokens before each prompt in every trial, so that no prefix cache knows it. Default: true.", boolean(),
				func(s *Dataset) *bool { return &s.Salt }),
		},
		check: func(d *decoder, path string, e entry, s *Dataset) {
			if s.File == "" {
				return
			}
			if s.Format == "" && !s.guessFormat() {
				d.fail("dataset-format-unknown", e.keyPlace(), args{"field": join(path, "format"), "formats": notice.Choice(workload.DatasetFormats()...)})
				return
			}
			samples, digest, err := workload.ReadDataset(s.File, s.Format)
			if err != nil {
				d.badFile(path, e, "a dataset in the format "+s.Format, err)
				return
			}
			s.Digest, s.Prompts, s.Answered = digest, len(samples), true
			for i := range samples {
				s.Answered = s.Answered && (samples[i].Output > 0 || samples[i].Answer != "")
			}
		},
	}
}

func (s *Dataset) guessFormat() bool {
	switch filepath.Ext(strings.TrimSuffix(s.File, ".gz")) {
	case ".json":
		s.Format = workload.ShareGPT
	case ".jsonl":
		s.Format = workload.JSONL
	case ".csv":
		s.Format = workload.CSV
	}
	return s.Format != ""
}

func prefixSection() section[Prefix] {
	return section[Prefix]{
		initial: Prefix{Count: 1},
		oneOf:   []string{"tokens", "ratio"},
		fields: []field[Prefix]{
			bind("tokens", "Tokens at the start of each prompt that are shared. At least one token of each prompt is its own.", whole(1, 1<<31-1), func(p *Prefix) *int { return &p.Tokens }),
			bind("ratio", "Shared fraction of each prompt, between 0 and 1.", fraction(), func(p *Prefix) *float64 { return &p.Ratio }),
			bind("count", "Number of different prefixes. Each request gets a random one. Default: 1.", whole(1, 1<<31-1), func(p *Prefix) *int { return &p.Count }),
		},
	}
}

// fraction is a number between 0 and 1, neither included.
func fraction() value[float64] {
	one := 1.0
	schema := number("number", 0, true)
	schema.ExclusiveMaximum = &one
	return value[float64]{schema: schema, read: func(d *decoder, path string, e entry) (float64, bool) {
		f, ok := decimal(e.value)
		if !ok || f <= 0 || f >= 1 {
			d.expect("out-of-range", path, e, "a number between 0 and 1")
			return 0, false
		}
		return f, true
	}}
}

// checkPrompts says which lengths a load needs: none where a trace has them.
func (d *decoder) checkPrompts(path string, e entry, l *Load) {
	prompt, hasPrompt := e.value.get("prompt_tokens")
	output, hasOutput := e.value.get("output_tokens")
	source := ""
	switch {
	case l.Arrivals.Kind == TraceReplay:
		source = "the trace"
	case l.Dataset != nil:
		source = "the dataset"
	}
	if source == "" {
		d.missing(path, e, "prompt_tokens", "Tokens per prompt.")
		d.missing(path, e, "output_tokens", "Tokens to ask for per answer.")
		return
	}
	if hasPrompt {
		d.fail("prompts-given-twice", prompt.key.at, args{"path": path, "source": source})
	}
	switch {
	case l.Arrivals.Kind == TraceReplay && hasOutput:
		d.fail("lengths-given-twice", output.key.at, args{"path": path})
	case l.Dataset != nil && !hasOutput && l.Dataset.Prompts > 0 && !l.Dataset.Answered:
		d.fail("dataset-without-lengths", e.keyPlace(), args{"field": join(path, "output_tokens")})
	}
	for name, given := range map[string]bool{"dataset": l.Dataset != nil, "prefix": l.Prefix != Prefix{}} {
		if given && (l.Arrivals.Kind == TraceReplay || name == "prefix") {
			at, _ := e.value.get(name)
			d.fail("prompts-given-twice", at.key.at, args{"path": path, "source": source})
		}
	}
}

// missing reports a field that a section needs only sometimes, unless a
// misspelt one stands for it.
func (d *decoder) missing(path string, e entry, name, doc string) {
	if _, given := e.value.get(name); given {
		return
	}
	for _, child := range e.value.entries {
		if near, ok := wording.Nearest(child.name, loadNames()); ok && near == name {
			return
		}
	}
	d.fail("missing-field", e.keyPlace(), args{"field": join(path, name), "name": name, "doc": doc})
}

// checkWarmup reports a trace that is over before the window opens.
func (d *decoder) checkWarmup(loads entry, e *Experiment) {
	for _, l := range e.Loads {
		t := l.Arrivals.Trace
		if t == nil || len(t.Times) == 0 {
			continue
		}
		for _, speed := range l.Arrivals.Points {
			if span := time.Duration(float64(t.Span()) / speed); span < e.Trials.Warmup {
				at, _ := loads.value.get(l.Name)
				d.fail("warmup-longer-than-trace", at.keyPlace(), args{
					"load": l.Name, "warmup": e.Trials.Warmup, "lasts": span, "speed": notice.Number(speed),
				})
			}
		}
	}
}
