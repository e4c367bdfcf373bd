package notice

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// reports are the functions of package experiment that make diagnostics, with
// the code as their first argument.
var reports = []string{"fault", "fail", "warn", "expect"}

// Every entry is said somewhere, and every code that is said has an entry: New,
// Refuse, Known and the launcher's rules take their codes as constants, so that
// this can be seen.
func TestCodesAndSourceAgree(t *testing.T) {
	said := map[Code]bool{}
	consts := map[string]string{} // by folder and name, of codes that are constants
	type use struct{ constant, place string }
	var uses []use
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "testdata" || strings.HasPrefix(e.Name(), ".") && path != root):
			return fs.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		own, launcher := file.Name.Name == "notice", strings.Contains(filepath.ToSlash(path), "/launcher/")
		diagnoses := file.Name.Name == "experiment"
		if !own && !launcher && !diagnoses && !slices.ContainsFunc(file.Imports, func(s *ast.ImportSpec) bool { return strings.HasSuffix(s.Path.Value, `/internal/notice"`) }) {
			return nil
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if c, ok := n.(*ast.ValueSpec); ok && len(c.Values) == 1 {
				if literal, ok := c.Values[0].(*ast.BasicLit); ok {
					consts[filepath.Dir(path)+" "+c.Names[0].Name] = literal.Value
				}
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			name, from := "", file.Name.Name
			switch f := call.Fun.(type) {
			case *ast.SelectorExpr:
				if x, ok := f.X.(*ast.Ident); ok {
					name, from = f.Sel.Name, x.Name
				}
			case *ast.Ident:
				name = f.Name
			}
			if diagnoses && slices.Contains(reports, name) {
				from, name = "notice", "New"
			}
			argument := call.Args[0]
			switch from + "." + name {
			case "notice.New", "notice.Refuse", "notice.Known":
			case "launcher.On":
				argument = call.Args[len(call.Args)-1]
			default:
				return true
			}
			place := set.Position(call.Pos()).String()
			switch code := argument.(type) {
			case *ast.BasicLit:
				consts[place] = code.Value
				uses = append(uses, use{place, place})
			case *ast.Ident:
				if !own && !diagnoses { // Refuse, Explain and reports pass on what they were given
					uses = append(uses, use{filepath.Dir(path) + " " + code.Name, place})
				}
			default:
				t.Errorf("%s: the code is not a constant", place)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range uses {
		code, err := strconv.Unquote(consts[u.constant])
		if err != nil {
			t.Errorf("%s: the code is not a constant of its package", u.place)
			continue
		}
		said[Code(code)] = true
		if _, known := catalogue()[Code(code)]; !known {
			t.Errorf("%s: %q has no entry", u.place, code)
		}
	}
	for _, code := range Codes() {
		if !said[code] && !strings.HasPrefix(string(code), "test-") {
			t.Errorf("nothing says %s", code)
		}
	}
	if len(said) < 50 {
		t.Errorf("only %d codes found: the walk is broken", len(said))
	}
}
