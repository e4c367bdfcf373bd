package sentences

import (
	"encoding/json"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/vllm-sweep/sweep/"

// renderers make text of notices. What they do with it is their business.
var renderers = []string{"internal/notice", "internal/report", "internal/say"}

// foreign are the packages that read words of other programs: logs of servers,
// files of tools, errors of the system. They may match these words, which they
// get as text or as errors. The sentences of notices they may not match either.
var foreign = map[string]string{
	"internal/loadtools": "the output of other load generators",
	"internal/importer":  "the files of other tools",
	"internal/loadgen":   "the errors of servers and of the network",
	"sim/vllmsim":        "is a vLLM: it says what vLLM says",
	"internal/wording":   "the errors of Go, the network and the system",
	"launcher":           "the logs of servers",
	"launcher/internal":  "the errors of container services",
	"launcher/llamacpp":  "the log of llama.cpp",
	"launcher/sglang":    "the log of SGLang",
	"launcher/vllm":      "the log of vLLM",
	"sim/testserver":     "says what vLLM says",
}

// finding is a place that breaks a rule.
type finding struct {
	pos  token.Position
	in   string // function or type
	what string
}

// source is a package with its types.
type source struct {
	path  string // below the module
	files []*ast.File
	pkg   *types.Package
	info  *types.Info
}

// loader type-checks packages from source; what they import comes from the
// export data that the build has made.
type loader struct {
	fset     *token.FileSet
	importer types.Importer
	own      []listed
}

type listed struct {
	ImportPath, Dir, Export string
	GoFiles, CgoFiles       []string
}

// packages are listed once, because building their export data takes time.
var packages = sync.OnceValues(func() (*loader, error) {
	cmd := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,CgoFiles", "./...")
	cmd.Dir, cmd.Stderr = filepath.Join("..", "..", ".."), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, err
	}
	l := &loader{fset: token.NewFileSet()}
	exports := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		exports[p.ImportPath] = p.Export
		if strings.HasPrefix(p.ImportPath, module) {
			l.own = append(l.own, p)
		}
	}
	l.importer = importer.ForCompiler(l.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return l, nil
})

func newLoader(t *testing.T) *loader {
	t.Helper()
	l, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *loader) check(t *testing.T, p listed) source {
	t.Helper()
	s := source{path: strings.TrimPrefix(p.ImportPath, module)}
	for _, name := range slices.Concat(p.GoFiles, p.CgoFiles) {
		f, err := parser.ParseFile(l.fset, filepath.Join(p.Dir, name), nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, f)
	}
	s.info = &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
	var err error
	s.pkg, err = (&types.Config{Importer: l.importer, FakeImportC: true}).Check(p.ImportPath, l.fset, s.files, s.info)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kinds of sentences.
const (
	ofNotice = "the sentence of a notice"
	ofError  = "the text of an error"
	literal  = "a sentence"
)

// matching finds what compares, searches or parses sentences.
type matching struct {
	source
	fset  *token.FileSet
	vars  map[types.Object]string // variables that hold sentences, and of which kind
	in    string
	found []finding
}

// matchings are the places of a package that match sentences. The text of an
// error and sentences in literals may be somebody else's words.
func matchings(fset *token.FileSet, s source, foreignWords bool) []finding {
	m := &matching{source: s, fset: fset, vars: map[types.Object]string{}}
	for _, f := range s.files {
		for _, d := range f.Decls {
			m.in = s.path
			if fn, ok := d.(*ast.FuncDecl); ok {
				m.in += "." + fn.Name.Name
			}
			ast.Inspect(d, m.visit)
		}
	}
	return slices.DeleteFunc(m.found, func(f finding) bool { return foreignWords && f.what != ofNotice })
}

// sentence is the kind of sentence that an expression is; "": none.
func (m *matching) sentence(e ast.Expr) string {
	e = ast.Unparen(e)
	if v := m.info.Types[e].Value; v != nil {
		if v.Kind() == constant.String && isProse(constant.StringVal(v)) {
			return literal
		}
		return ""
	}
	switch e := e.(type) {
	case *ast.Ident:
		return m.vars[m.info.Uses[e]]
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return m.sentenceIn(e.X, e.Y)
		}
	case *ast.CallExpr:
		f := m.callee(e)
		if f == nil {
			return ""
		}
		switch pkg := pathOf(f); {
		case pkg == module+"internal/notice" && receiver(f) != "Arg" &&
			slices.Contains([]string{"Text", "Remedy", "Evidence", "String", "Error", "Texts", "Remedies", "Join"}, f.Name()):
			return ofNotice
		case f.Name() == "Error" && f.Signature().Recv() != nil && f.Signature().Params().Len() == 0:
			return ofError
		case pkg == "strings":
			return m.sentenceIn(e.Args...)
		case pkg == "fmt" && strings.HasPrefix(f.Name(), "Sprint"):
			for _, a := range e.Args {
				switch t := m.info.TypeOf(a); {
				case t == nil:
				case strings.HasPrefix(t.String(), module+"internal/notice.") && !strings.HasSuffix(t.String(), ".Arg"):
					return ofNotice
				case types.Implements(t, errorType):
					return ofError
				}
			}
			return m.sentenceIn(e.Args...)
		}
	}
	return ""
}

var errorType = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)

// sentenceIn is the gravest kind of sentence among expressions.
func (m *matching) sentenceIn(list ...ast.Expr) string {
	var kinds []string
	for _, e := range list {
		kinds = append(kinds, m.sentence(e))
	}
	for _, k := range []string{ofNotice, ofError, literal} {
		if slices.Contains(kinds, k) {
			return k
		}
	}
	return ""
}

func (m *matching) callee(e *ast.CallExpr) *types.Func {
	var id *ast.Ident
	switch f := ast.Unparen(e.Fun).(type) {
	case *ast.Ident:
		id = f
	case *ast.SelectorExpr:
		id = f.Sel
	case *ast.IndexExpr: // of a generic function
		if s, ok := f.X.(*ast.SelectorExpr); ok {
			id = s.Sel
		}
	}
	if id == nil {
		return nil
	}
	f, _ := m.info.Uses[id].(*types.Func)
	return f
}

func pathOf(f *types.Func) string {
	if f.Pkg() == nil { // error.Error
		return ""
	}
	return f.Pkg().Path()
}

func receiver(f *types.Func) string {
	if f.Signature().Recv() == nil {
		return ""
	}
	t := f.Signature().Recv().Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name()
	}
	return ""
}

// words of a sentence; three of them make one.
var proseWords = regexp.MustCompile(`[A-Za-z][a-z']+,? [a-z][a-z'-]*,? [a-z0-9]`)

func isProse(text string) bool { return proseWords.MatchString(text) }

func (m *matching) report(n ast.Node, what string) {
	if what != "" {
		m.found = append(m.found, finding{m.fset.Position(n.Pos()), m.in, what})
	}
}

// matchers are functions of package strings that look into their arguments.
var matchers = regexp.MustCompile(`^(Contains|HasPrefix|HasSuffix|Index|LastIndex|EqualFold|Cut|CutPrefix|CutSuffix|Count|Split|SplitN|TrimPrefix|TrimSuffix)$`)

func (m *matching) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.AssignStmt:
		if len(n.Lhs) == len(n.Rhs) {
			for i := range n.Lhs {
				m.take(n.Lhs[i], m.sentence(n.Rhs[i]))
			}
		}
	case *ast.ValueSpec:
		if len(n.Names) == len(n.Values) {
			for i := range n.Names {
				m.take(n.Names[i], m.sentence(n.Values[i]))
			}
		}
	case *ast.RangeStmt:
		if n.Value != nil {
			m.take(n.Value, m.sentence(n.X))
		}
	case *ast.BinaryExpr:
		if (n.Op == token.EQL || n.Op == token.NEQ) && !m.empty(n.X) && !m.empty(n.Y) && !m.named(n.X) && !m.named(n.Y) {
			m.report(n, m.sentenceIn(n.X, n.Y))
		}
	case *ast.SwitchStmt:
		if n.Tag == nil {
			return true
		}
		m.report(n, m.sentence(n.Tag))
		for _, c := range n.Body.List {
			for _, e := range c.(*ast.CaseClause).List {
				if !m.named(e) {
					m.report(e, m.sentence(e))
				}
			}
		}
	case *ast.IndexExpr:
		if t := m.info.TypeOf(n.X); t != nil {
			if _, ok := t.Underlying().(*types.Map); ok {
				m.report(n, m.sentence(n.Index))
			}
		}
	case *ast.CallExpr:
		f := m.callee(n)
		if f == nil {
			return true
		}
		switch pkg := pathOf(f); {
		case pkg == "strings" && matchers.MatchString(f.Name()),
			pkg == "regexp" && (receiver(f) == "Regexp" || strings.Contains(f.Name(), "Compile") || strings.HasPrefix(f.Name(), "Match")),
			pkg == "slices" && (f.Name() == "Contains" || f.Name() == "Index"):
			m.report(n, m.sentenceIn(n.Args...))
		}
	}
	return true
}

// take notes that a variable holds a sentence. A literal is not noted: what is
// compared with it is.
func (m *matching) take(to ast.Expr, kind string) {
	id, ok := to.(*ast.Ident)
	if !ok || kind == "" || kind == literal {
		return
	}
	for _, o := range []types.Object{m.info.Defs[id], m.info.Uses[id]} {
		if o != nil {
			m.vars[o] = kind
		}
	}
}

// named reports whether an expression is a constant with a name: one of a list,
// which may be printed, too.
func (m *matching) named(e ast.Expr) bool {
	switch ast.Unparen(e).(type) {
	case *ast.Ident, *ast.SelectorExpr:
		return m.info.Types[e].Value != nil
	}
	return false
}

func (m *matching) empty(e ast.Expr) bool {
	v := m.info.Types[e].Value
	return v != nil && v.Kind() == constant.String && constant.StringVal(v) == ""
}

// Names of fields that hold sentences.
var (
	listFields = []string{"Warnings", "Doubts", "Notes", "Reasons", "Caveats", "Problems"}
	textFields = []string{"Reason", "Refused", "Preferred", "Cause", "Remedy", "Text", "Why", "Note"}
)

// sentenceFields are the fields of exported and of recorded structs, those with
// JSON names, that are named and typed as sentences.
func sentenceFields(fset *token.FileSet, s source) []finding {
	var found []finding
	for _, def := range s.info.Defs {
		o, ok := def.(*types.TypeName)
		if !ok {
			continue
		}
		st, ok := o.Type().Underlying().(*types.Struct)
		if !ok || !o.Exported() && !recorded(st) {
			continue
		}
		for i := range st.NumFields() {
			f := st.Field(i)
			if t := f.Type().String(); t == "[]string" && slices.Contains(listFields, f.Name()) || t == "string" && slices.Contains(textFields, f.Name()) {
				found = append(found, finding{fset.Position(f.Pos()), s.path + "." + o.Name() + "." + f.Name(), t})
			}
		}
	}
	return found
}

func recorded(s *types.Struct) bool {
	for i := range s.NumFields() {
		if strings.Contains(s.Tag(i), `json:"`) {
			return true
		}
	}
	return false
}

// allowedMatches are functions that match text all the same, and why.
var allowedMatches = map[string]string{
	"experiment.syntaxDiagnostic":  "the errors of the YAML parser have no types",
	"internal/rundir.FailureCause": "records of format 1 have sentences only",
}

// allowedFields are fields that hold text all the same, and why.
var allowedFields = map[string]string{
	"internal/cli.jsonMessage.Text":             "a line of progress, next to the notices that it is made of",
	"experiment.Range.Text":                     "a part of the experiment file",
	"internal/doctor.Check.Remedy":              "a view: what sweep doctor prints, next to the code",
	"internal/doctor.Check.Text":                "a view: what sweep doctor prints, next to the code",
	"internal/importer.Load.Note":               "a part of the load's name",
	"internal/loadgen.ReachError.Cause":         "the words of the network",
	"internal/loadgen.Refusal.Text":             "the words of a server",
	"sim/mock.Seen.Text":                        "the prompt that a mock server got",
	"internal/loadgen/wire.Head.Text":           "the reason phrase of an HTTP response",
	"internal/notify.Message.Text":              "what chat services show",
	"internal/notify.Recommendation.Text":       "what chat services show",
	"internal/rundir.Trial.Refused":             "the words of a server",
	"internal/rundir.Effective.Refused":         "the words with which the server refused to tell",
	"internal/site.Event.Text":                  "a view: the line of a page",
	"internal/site.Summary.Warnings":            "a view: the lines of a page",
	"sim/vllmsim.Result.Warnings":               "what vLLM says",
	"sim/vllmsim/flags.Values.Warnings":         "what vLLM says",
	"launcher.Effective.Refused":                "the words with which the server refused to tell",
	"launcher/internal/launchertest.End.Cause":  "what a test expects",
	"launcher/internal/launchertest.End.Remedy": "what a test expects",
	"matrix.Exclusion.Reason":                   "the user's own expression that excludes a configuration",
	"matrix.Observation.Note":                   "a part of an imported load's name",
	"plots.Absence.Reason":                      "a label after the name of a figure",
}

func TestSentencesAreNotMatched(t *testing.T) {
	l := newLoader(t)
	matched, fields := map[string]bool{}, map[string]bool{}
	for _, p := range l.own {
		s := l.check(t, p)
		for _, f := range sentenceFields(l.fset, s) {
			if fields[f.in] = true; allowedFields[f.in] == "" && !below(s.path, renderers) {
				t.Errorf("%s: %s is %s: let it hold notices", f.pos, f.in, f.what)
			}
		}
		if below(s.path, renderers) || isTest(s.pkg) {
			continue
		}
		var words []string
		for path := range foreign {
			words = append(words, path)
		}
		for _, f := range matchings(l.fset, s, below(s.path, words)) {
			if matched[f.in] = true; allowedMatches[f.in] == "" {
				t.Errorf("%s: %s matches %s: use a code, a typed error or a constant", f.pos, f.in, f.what)
			}
		}
	}
	if len(l.own) < 40 {
		t.Errorf("only %d packages are checked", len(l.own))
	}
	for name := range allowedMatches {
		if !matched[name] {
			t.Errorf("%s matches nothing any more: take it off the list", name)
		}
	}
	for name := range allowedFields {
		if !fields[name] {
			t.Errorf("there is no such field any more: take %s off the list", name)
		}
	}
}

// isTest reports whether a package is a part of tests, which may look at texts.
func isTest(p *types.Package) bool {
	return slices.ContainsFunc(p.Imports(), func(i *types.Package) bool { return i.Path() == "testing" })
}

// below reports whether a package is one of a list, or below one of them.
func below(path string, list []string) bool {
	return slices.ContainsFunc(list, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
}

// The checks find each line of testdata/planted that says so, and nothing else.
func TestPlantedSentences(t *testing.T) {
	l := newLoader(t)
	p := listed{ImportPath: module + "planted", Dir: "testdata/planted", GoFiles: []string{"planted.go"}}
	s := l.check(t, p)
	want := map[int]string{}
	for _, g := range s.files[0].Comments {
		for _, c := range g.List {
			if what, ok := strings.CutPrefix(c.Text, "// want: "); ok {
				want[l.fset.Position(c.Pos()).Line] = what
			}
		}
	}
	got := map[int]string{}
	for _, f := range slices.Concat(matchings(l.fset, s, false), sentenceFields(l.fset, s)) {
		got[f.pos.Line] = f.what
	}
	for line := range 300 {
		if want[line] != got[line] {
			t.Errorf("line %d: found %q, want %q", line, got[line], want[line])
		}
	}
	for _, f := range matchings(l.fset, s, true) {
		if f.what != ofNotice {
			t.Errorf("%s: %s is found among foreign words", f.pos, f.what)
		}
	}
	if n := len(want); n < 15 {
		t.Errorf("only %d lines are planted", n)
	}
}
