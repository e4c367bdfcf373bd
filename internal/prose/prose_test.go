package prose

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/vllm-sweep/sweep/internal/notice"
)

const root = "../.."

// longest is the number of words that a sentence of the catalog may have.
const longest = 25

// rule is a pattern that sentences must not match. What it matches is allowed
// again where except matches it, too.
type rule struct {
	name            string
	pattern, except *regexp.Regexp
}

var rules = []rule{
	{
		`a rate with "a" instead of "per"`,
		regexp.MustCompile(`(?i)(\b(one|two|three|a|an|\d+) (\w+ )?(trial|request|token|event|row|line|point|object|value|step|metric)s?|` +
			`\b(trials|requests|tokens|events|samples|rows|lines|pixels|points|bytes|sessions|configurations|values|steps|words)|` +
			`\b(once|twice|times)|\d (tok|[kMG]i?B|[mµ]?s)) an? ` +
			`(second|minute|hour|trial|cell|start|launch|round|block|configuration|load|request|token|point|process|line|chunk|` +
			`parameter|metric|run|use case|session|step|GPU|stream|slot|event|row)\b`),
		nil,
	},
	{
		`"is no"`,
		regexp.MustCompile(`(?i)(\w+ )?\b(is|are|was|were) no\b( \w+)?`),
		regexp.MustCompile(`(?i)^there |no (longer|more|less|fewer|\w+er)$`),
	},
	{
		"words that are not ours",
		regexp.MustCompile(`(?i)\b(start-ups?|(launch|start)\w* \w+ put off|and the like|without a word|configuration and load( points?)?)\b`),
		regexp.MustCompile(`(?i) points?$`),
	},
	{"a percentage with a space", regexp.MustCompile(`\d %`), nil},
	{
		"a British spelling",
		regexp.MustCompile(`(?i)\b(\w+is(e|ed|es|ing|ations?)|analys(e|ed|ing)|\w*(col|behavi|fav|lab|neighb|hon|harb|rum|endeav)our\w*|grey|` +
			`catalogues?|centre\w*|licence\w*|judgement\w*|artefact\w*|(cancel|label|model|travel|signal)l(ed|ing))\b`),
		regexp.MustCompile(`(?i)^(\w*(wis|rais|prais|nois|pois|precis|concis|promis|premis|exercis|advis|revis|supervis|devis|surpris|compris|` +
			`enterpris|expertis|disguis)|a?ris|cris)(e|ed|es|ing)$`),
	},
}

// inProgram are the rules for the literals of the program.
var inProgram = append(slices.Clone(rules), rule{`"beside" instead of "next to"`, regexp.MustCompile(`(?i)\bbeside\b`), nil})

// faults lists what the rules find in a text.
func faults(text string) []string { return faultsOf(rules, text) }

func faultsOf(rules []rule, text string) []string {
	var found []string
	for _, r := range rules {
		for _, m := range r.pattern.FindAllString(text, -1) {
			if r.except == nil || !r.except.MatchString(m) {
				found = append(found, fmt.Sprintf("%s: %q", r.name, m))
			}
		}
	}
	return found
}

// sentences splits a text. An abbreviation splits, too: the parts are shorter.
func sentences(text string) []string { return regexp.MustCompile(`[.?!][")]*\s`).Split(text, -1) }

var (
	fence  = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	code   = regexp.MustCompile("`[^`\n]*`")
	target = regexp.MustCompile(`\]\([^)\s]*\)`)
)

// words is a Markdown page without code and link targets. It keeps its lines.
func words(page string) string {
	page = fence.ReplaceAllStringFunc(page, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	return target.ReplaceAllString(code.ReplaceAllString(page, "code"), "]")
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// pages are the Markdown files that users read.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/README.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, error %v", pattern, files, err)
		}
		all = append(all, files...)
	}
	return all
}

func TestPages(t *testing.T) {
	for _, file := range pages(t) {
		for i, line := range strings.Split(words(read(t, file)), "\n") {
			for _, f := range faults(line) {
				t.Errorf("%s:%d: %s", file, i+1, f)
			}
		}
	}
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(root, "examples/*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, error %v", files, err)
	}
	for _, file := range append(files, filepath.Join(root, "experiment/starter.yaml")) {
		for i, line := range strings.Split(read(t, file), "\n") {
			_, comment, _ := strings.Cut(line, "#")
			for _, f := range faults(comment) {
				t.Errorf("%s:%d: %s", file, i+1, f)
			}
		}
	}
}

// unchecked are folders whose literals are the words of other programs: the
// simulated vLLM and its messages, recorded answers, fakes.
var unchecked = []string{"sim/vllmsim", "internal/realtest", "sim/browsertest"}

// quoted are literals of other programs, and of a file format.
var quoted = []string{
	"RuntimeError: cancelled", // torch
	"clocks %d %d %d\npower %g %g\nutilisation %g %g\n",
}

// verb is a verb of package fmt. What it prints stands for a number.
var verb = regexp.MustCompile(`%[-+#0-9.*\[\]]*[a-zA-Z]`)

// printed is a literal as people may see it.
func printed(literal string) string {
	return strings.ReplaceAll(verb.ReplaceAllString(strings.ReplaceAll(literal, "%%", "\x00"), "5"), "\x00", "%")
}

// looksPrinted tells texts from keys, names and identifiers, which are one word
// without a capital: "Maximize " is a text.
func looksPrinted(text string) bool {
	r := []rune(text)
	return strings.Contains(text, " ") || len(r) > 1 && unicode.IsUpper(r[0]) && unicode.IsLower(r[1])
}

// TestLiterals checks the texts of the program that are not regular expressions.
func TestLiterals(t *testing.T) {
	checked := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains(unchecked, filepath.ToSlash(name)) || strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			l, ok := n.(*ast.BasicLit)
			if !ok || l.Kind != token.STRING || l.Value[0] == '`' && strings.Contains(l.Value, "\\") {
				return true
			}
			text, err := strconv.Unquote(l.Value)
			if err != nil || !looksPrinted(text) || slices.Contains(quoted, text) {
				return true
			}
			checked++
			for _, f := range faultsOf(inProgram, printed(text)) {
				t.Errorf("%s: %s in %q", fset.Position(l.Pos()), f, text)
			}
			return true
		})
		return nil
	})
	if err != nil || checked < 1000 {
		t.Fatalf("%d literals checked, error %v", checked, err)
	}
}

// markup are the tags, actions and scripts of a template.
var markup = regexp.MustCompile(`(?s)<script>.*?</script>|<style>.*?</style>|<[^>]*>|\{\{.*?\}\}`)

// TestTemplates checks the texts of the pages and of the summary. What an action
// prints stands for a number.
func TestTemplates(t *testing.T) {
	for _, file := range []string{
		"internal/report/page.html", "internal/report/summary.md.tmpl", "internal/site/list.html", "internal/site/run.html",
	} {
		text := markup.ReplaceAllStringFunc(read(t, filepath.Join(root, file)), func(s string) string {
			lines := strings.Repeat("\n", strings.Count(s, "\n"))
			if strings.HasPrefix(s, "{{.") || strings.HasPrefix(s, "{{md .") {
				return "5" + lines
			}
			return lines
		})
		for i, line := range strings.Split(text, "\n") {
			for _, f := range faultsOf(inProgram, line) {
				t.Errorf("%s:%d: %s", file, i+1, f)
			}
		}
	}
}

func TestCatalog(t *testing.T) {
	codes := notice.Codes()
	if len(codes) == 0 {
		t.Fatal("the catalog is empty")
	}
	for _, c := range codes {
		e, _ := notice.Explain(c)
		for _, text := range []string{e.Example, e.Do, e.Means} {
			for _, f := range faults(text) {
				t.Errorf("%s: %s", c, f)
			}
			for _, s := range sentences(text) {
				if n := len(strings.Fields(s)); n > longest {
					t.Errorf("%s: a sentence of %d words: %s", c, n, s)
				}
			}
		}
	}
}

// TestLinks expects every link between pages to have a file, and its anchor a
// heading there.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)
	for _, file := range pages(t) {
		found := link.FindAllStringSubmatch(fence.ReplaceAllString(read(t, file), ""), -1)
		for _, m := range found {
			if strings.Contains(m[1], "://") {
				continue
			}
			to := file
			if m[1] != "" {
				to = filepath.Join(filepath.Dir(file), m[1])
			}
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: the link %s: %v", file, m[1], err)
			} else if m[2] != "" && !slices.Contains(anchors(read(t, to)), m[2][1:]) {
				t.Errorf("%s: %s has no heading for %s", file, to, m[2])
			}
		}
	}
}

// anchors are the headings of a page as GitHub names them.
func anchors(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(name, " ", "-"))
	}
	return all
}

// TestRules shows what the rules find and what they leave alone.
func TestRules(t *testing.T) {
	for _, bad := range []string{
		"trials a cell", "three trials a configuration", "one event a line", "two pixels a point", "a row a process", "12 requests a second",
		"once a minute", "a request a second", "10 ms a token", "32 MB a session",
		"The file is no JSON.", "These are no measurements.",
		"5 % of the requests",
		"one metric a row", "the start-up", "a launch was put off", "three places and the like",
		"one value dropped without a word", "per configuration and load",
		"randomised", "optimising", "the utilisation", "colours", "the server's behaviour", "a grey line", "we analysed it", "labelled",
	} {
		if len(faults(bad)) != 1 {
			t.Errorf("%q: %q", bad, faults(bad))
		}
	}
	for _, bad := range []string{"%.0f %% of it", "%d trials a cell", "the file %q is no run", "read beside it"} {
		if len(faultsOf(inProgram, printed(bad))) != 1 {
			t.Errorf("%q: %q", bad, faultsOf(inProgram, printed(bad)))
		}
	}
	for text, want := range map[string]bool{"Maximize ": true, "Maximize": true, "better, confirmed": true, "utilization": false, "ttft_p50": false, "SLO": false} {
		if looksPrinted(text) != want {
			t.Errorf("%q is taken for a text: %v", text, !want)
		}
	}
	for _, good := range []string{
		"three trials per configuration and load point", "startup", "the configuration and loads",
		"five trials per configuration", "sweep starts a server", "It sends the server a request.", "The lines a user reads", "As a run ends", "It's a run", "sweep never repeats a request",
		"There is no such directory.", "It is no longer valid.", "no higher than that", "is noisy",
		"3% of the requests", "noise, otherwise precise, promised, rising, raised and revised", "the analyses", "hour by hour", "four", "labor",
	} {
		if found := faults(good); len(found) > 0 {
			t.Errorf("%q: %q", good, found)
		}
	}
	if got := words("a `is no b` c [d](e-is-no.md)\n```\nis no\n```\nf"); got != "a code c [d]\n\n\n\nf" {
		t.Errorf("words are %q", got)
	}
	if got := anchors("# A `b-c`: d!\n```\n# e\n```\n## F g\n"); !slices.Equal(got, []string{"a-b-c-d", "f-g"}) {
		t.Errorf("anchors are %q", got)
	}
	if n := len(sentences("One. Two? 1.5 is (three.) Four")); n != 4 {
		t.Errorf("%d sentences", n)
	}
}
