package rundir

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// elsewhere are the places outside of this package that may spell a name, since
// what they name is not in a run directory.
var elsewhere = map[string]string{
	"internal/cli/init_and_schema.go experiment.yaml": "the file that `sweep init` writes for people to edit",
}

var (
	fileName = regexp.MustCompile(`^(plan|confirm|provenance|trial|launch|floor|results|benchmark)\.json$|^journal\.jsonl$|^experiment\.yaml$|` +
		`^benchmark\.(log|yaml)$|^server\.(try.*\.)?log$|^(requests|telemetry|results|trials)\.parquet$|^latency\.hlog$|` +
		`^(results|trials)\.csv$|^index\.html$|^summary\.md$`)
	folderName = regexp.MustCompile(`^(starts|trials|report|figures|aiperf)$`)
)

// spelled returns the names of the layout that a file spells: as a literal or as
// the last element of a path in one, and folders where paths are joined.
func spelled(file *ast.File) []string {
	var out []string
	literal := func(e ast.Expr) (string, bool) {
		l, ok := e.(*ast.BasicLit)
		if !ok || l.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(l.Value)
		return s, err == nil
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if s, ok := literal(n); ok && !strings.ContainsAny(s, " \n") {
				parts := strings.Split(s, "/")
				if last := parts[len(parts)-1]; fileName.MatchString(last) {
					out = append(out, last)
				} else if len(parts) > 1 && slices.ContainsFunc(parts, folderName.MatchString) &&
					!strings.HasPrefix(s, "/") &&
					(strings.HasSuffix(s, "/") || parts[0] == "..") {
					out = append(out, s)
				}
			}
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Join" {
				for _, arg := range n.Args {
					if s, ok := literal(arg); ok && folderName.MatchString(s) {
						out = append(out, s)
					}
				}
			}
		}
		return true
	})
	return out
}

// The layout of run directories is spelled here and in tests alone. Importer and
// sim read and write the files of other programs, some of the same names;
// launchertest holds tests.
func TestLayoutIsSpelledHereAlone(t *testing.T) {
	root := filepath.Join("..", "..")
	files, here := 0, 0
	used := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if d.IsDir() {
			other := []string{"sim", "internal/importer", "launcher/internal/launchertest"}
			if slices.Contains(other, rel) || strings.HasPrefix(d.Name(), ".") && path != root ||
				d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files++
		for _, name := range spelled(file) {
			key := rel + " " + name
			switch {
			case filepath.Dir(rel) == "internal/rundir":
				here++
			case elsewhere[key] != "":
				used[key] = true
			default:
				t.Errorf("%s spells %q: package rundir has a name or a function for it", rel, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 300 || here < 15 {
		t.Errorf("looked at %d files, %d names in this package: the test does not see the tree", files, here)
	}
	for key := range elsewhere {
		if !used[key] {
			t.Errorf("exception %q is not needed", key)
		}
	}
}
