package notice

import (
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Entries for the tests of this package: what the real ones say may change.
func init() {
	areas = append(areas, []entry{
		{
			Code: "test-late", Severity: Discarded,
			Says:    "The load generator sent requests {mean} late on average[ and {worst} at worst]. The limit is {limit}.",
			Do:      "Run {command}.",
			Means:   "x",
			Example: Args{"mean": Seconds(0.0107), "limit": Fraction(0.05), "command": Command("sweep", "doctor", "a b")},
		},
		{
			Code: "test-failed", Severity: Failed, Says: "{n|trial was|trials were} lost on {loads}.",
			Evidence: "[The test has {p}, {n:once|repeatedly}.]",
			Example:  Args{"n": Count(2), "loads": List("chat", "rag")},
		},
	})
}

func TestText(t *testing.T) {
	late := New("test-late", Args{"mean": Seconds(0.0107), "limit": Fraction(0.05), "command": Command("sweep", "doctor", "a b")})
	if got, want := late.Text(), "The load generator sent requests 10.7 ms late on average. The limit is 5%."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := late.Remedy(), "Run sweep doctor 'a b'."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	late.Args = maps.Clone(late.Args)
	late.Args["worst"] = Span(90 * time.Second)
	if got, want := late.Text(), "The load generator sent requests 10.7 ms late on average and 1m 30s at worst. The limit is 5%."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for n, want := range map[int]string{1: "1 trial was lost on chat.", 1200: "1,200 trials were lost on chat."} {
		if got := New("test-failed", Args{"n": Count(n), "loads": List("chat")}).Text(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	tested := New("test-failed", Args{"n": Count(2), "loads": List("chat"), "p": PValue(0.012)})
	if got, want := tested.String(), "2 trials were lost on chat. The test has p=0.012, repeatedly."; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	unknown := Notice{Code: "from-tomorrow", Args: Args{"b": Text("x"), "a": Count(2)}}
	if got, want := unknown.Text(), "from-tomorrow a=2 b=x"; got != want || unknown.Remedy() != "" {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The text agrees with its counts: one request is, two are.
var disagree = regexp.MustCompile(`(?:^|[^\d.,])1 (?:of [\d,]+ )?(?:[a-z]+ ){0,3}?(?:are|were|have|count|equal|rest|come)\b|` +
	`(?:^|[^\d.,])1 (?:trials|requests|gaps|results|launches|rounds|tokens|bytes|chunks|answers|sessions|cool-downs|points)\b`)

// A sentence begins with a capital letter, unless it begins with a name such as
// max-num-seqs=64, dtype or sweep. A cause is a clause, without a period.
var lowercase = regexp.MustCompile(`(?:^|[.?!…] )([a-z]+)(?:[ ,:]|[.](?: |$)|$)`)

func TestSentences(t *testing.T) {
	for code, e := range catalogue() {
		if strings.HasPrefix(string(code), "test-") {
			continue
		}
		for one := range e.Example {
			args := maps.Clone(e.Example)
			for name, a := range args {
				switch {
				case a.kind != kindCount && a.kind != kindNumber:
				case name == one:
					a.number = 1
				default:
					a.number = 4
				}
				args[name] = a
			}
			for _, n := range []Notice{New(code, e.Example), New(code, args)} {
				for _, text := range []string{n.Text(), n.Evidence(), n.Remedy()} {
					// "4 of 1 trial are" does not occur: the example has no more of them than there are.
					text = strings.NewReplacer(" of 1 ", " of 4 ", " and 1 ", " and 4 ").Replace(text)
					if bad := disagree.FindString(text); bad != "" {
						t.Errorf("%s: %q in %q", code, bad, text)
					}
					clause := !endsSentence(text)
					for _, m := range lowercase.FindAllStringSubmatch(text, -1) {
						argument := slices.ContainsFunc(slices.Collect(maps.Values(n.Args)), func(a Arg) bool { return a.String() == m[1] })
						if m[1] != "sweep" && !argument && !(clause && strings.HasPrefix(m[0], m[1])) {
							t.Errorf("%s: a sentence begins with %q: %s", code, m[1], text)
						}
					}
				}
			}
		}
	}
	for _, bad := range []string{"1 of 4 planned trials are missing.", "1 request were lost", "It is 1 tokens", "5 on 2 cores. other work"} {
		if !disagree.MatchString(bad) && !lowercase.MatchString(bad) {
			t.Errorf("%q is not found", bad)
		}
	}
}

func TestJSON(t *testing.T) {
	args := Args{"a": Seconds(0.5), "b": Span(time.Minute), "c": Fraction(0.1), "d": Ratio(1.2), "e": Count(3), "f": Number(2.5),
		"g": Bytes(1 << 30), "l": PValue(0.012), "h": Metric("ttft_p50", 0.03), "i": Text("x"), "j": List("a", "b"), "m": Choice("a", "b"), "k": Command("vllm", "serve")}
	want := Notice{Code: "from-tomorrow", Severity: Caveat, Args: args}.On(Trial, "t001")
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Notice
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if !got.Equal(want) {
		t.Errorf("%s came back as %+v", raw, got)
	}
	for name, a := range args {
		if b := got.Args[name]; a.String() != b.String() {
			t.Errorf("%s prints %q, then %q", name, a, b)
		}
	}
	for _, bad := range []string{`{"code":"x","args":{"a":{"colour":1}}}`, `{"code":"x","args":{"a":{}}}`, `{"code":"x","args":{"a":{"count":"1"}}}`, `3`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
	var zero float64
	if raw, err := json.Marshal(Seconds(1 / zero)); err != nil || string(raw) != `{"seconds":null}` {
		t.Errorf("infinity is written as %s (%v)", raw, err)
	}
	var old []Notice
	if err := json.Unmarshal([]byte(`["no warm-up: x"]`), &old); err != nil || len(old) != 1 || old[0].Text() != "no warm-up: x" {
		t.Errorf("a sentence of format 1 is read as %+v (%v)", old, err)
	}
}

func TestMerge(t *testing.T) {
	lost := func(n int, trial string) Notice {
		return New("test-failed", Args{"n": Count(n), "loads": List("chat")}).On(Trial, trial)
	}
	groups := Merge([]Notice{lost(1, "t1"), Recorded("a"), lost(2, "t2"), lost(2, "t2"), Recorded("b"), Recorded("a"), lost(1, "t3").As(Note)})
	if len(groups) != 4 {
		t.Fatalf("%d groups, want 4: %+v", len(groups), groups)
	}
	g := groups[0]
	if g.Others != 1 || !g.Differs || len(g.Subjects) != 2 || g.Subjects[1].ID != "t2" {
		t.Errorf("got %+v", g)
	}
	list := []Notice{Recorded("a"), lost(1, "x").As(Note), lost(1, "t1"), Recorded("b")}
	Gravest(list)
	var order []string
	for _, n := range list {
		order = append(order, string(n.Severity)+" "+n.Text())
	}
	if got, want := strings.Join(order, "; "), "failed 1 trial was lost on chat.; caveat a; caveat b; note 1 trial was lost on chat."; got != want {
		t.Errorf("got %s", got)
	}
}

func TestRefuse(t *testing.T) {
	full := errors.New("no space left on device")
	err := error(&Error{Notice: New("test-failed", Args{"n": Count(1), "loads": List("chat")}), Cause: full})
	var notice *Error
	if !errors.Is(err, full) || !errors.As(err, &notice) || err.Error() != "1 trial was lost on chat." {
		t.Errorf("got %v", err)
	}
}

// The program's mistakes are found by the first test that meets them.
func TestMistakes(t *testing.T) {
	for name, f := range map[string]func(){
		"unknown code":     func() { New("no-such-code", nil) },
		"missing argument": func() { New("test-failed", Args{"n": Count(1)}) },
		"foreign argument": func() { New("recorded-text", Args{"text": Text("x"), "more": Text("y")}) },
		"open bracket":     func() { (&entry{names: map[string]bool{}, required: map[string]bool{}}).parse("a [b") },
		"closed bracket":   func() { (&entry{names: map[string]bool{}, required: map[string]bool{}}).parse("a b]") },
		"open brace":       func() { (&entry{names: map[string]bool{}, required: map[string]bool{}}).parse("a {b") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			f()
		}()
	}
}

// longest is the number of words that a sentence of the catalogue may have.
const longest = 25

// Every code has a meaning and an example, and its example can be said in short
// sentences.
func TestCatalogue(t *testing.T) {
	for _, code := range Codes() {
		if strings.HasPrefix(string(code), "test-") {
			continue
		}
		e, ok := Explain(code)
		if !ok || e.Means == "" || e.Example == "" {
			t.Errorf("%s: %+v", code, e)
		}
		if strings.ContainsAny(e.Example, "{}") || strings.Contains(e.Example, "  ") {
			t.Errorf("%s: %q", code, e.Example)
		}
		said := ""
		for _, text := range []string{e.Example, e.Do, e.Means} {
			said += strings.TrimSuffix(text, ".") + ". "
		}
		for _, sentence := range strings.Split(said, ". ") {
			if n := len(strings.Fields(sentence)); n > longest {
				t.Errorf("%s: a sentence of %d words: %s", code, n, sentence)
			}
			for _, not := range []string{" %", "beside", " told ", ";"} {
				if strings.Contains(sentence, not) {
					t.Errorf("%s: %q in %q", code, not, sentence)
				}
			}
		}
	}
}
