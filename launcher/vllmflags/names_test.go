package vllmflags

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// spelled are the rooms, and single files, in which names of flags may stand as
// they are, each for a reason.
var spelled = map[string]string{
	"launcher/vllmflags":             "the catalogue",
	"launcher/vllm":                  "the engine: its log and its messages name flags",
	"launcher/sglang":                "another engine, some of whose flags are called alike",
	"launcher/llamacpp":              "another engine, one of whose flags is called alike",
	"launcher/effective_settings.go": "secrets of any engine",
	"internal/notice":                "examples of what messages say",
	"internal/translate":             "command lines that people bring: sweep init",
	"sim":                            "the simulated server",
}

// What a flag of vLLM means is known here: nobody else spells one. Names of one
// word, such as seed, mean other things elsewhere and are left out.
func TestNoOtherPackageSpellsAFlag(t *testing.T) {
	root := filepath.Join("..", "..")
	used := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil || d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != root {
			return fs.SkipDir
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		for _, flag := range flagsIn(t, path) {
			room := name
			for ; room != "." && spelled[filepath.ToSlash(room)] == ""; room = filepath.Dir(room) {
			}
			if used[filepath.ToSlash(room)] = true; room == "." {
				t.Errorf("%s spells %q: use the name in vllmflags", name, flag)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range spelled {
		if !used[room] {
			t.Errorf("%s spells no flag: take it off the list", room)
		}
	}
}

// flagsIn are the literals of a file that are names of flags.
func flagsIn(t *testing.T, path string) (out []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			word, _ := strconv.Unquote(l.Value)
			if _, known := Find(word); known && strings.Contains(word, "-") {
				out = append(out, word)
			}
		}
		return true
	})
	return out
}

// Each flag that has a meaning is one of the catalogue's.
func TestMeaningsAreOfFlags(t *testing.T) {
	for name, m := range meanings {
		if _, known := Find(name); !known {
			t.Errorf("%s is not in the catalogue", name)
		}
		if m == (Meaning{}) {
			t.Errorf("%s has no meaning", name)
		}
		if e := m.Effect; e.More && e.Less || e.Fixed && (e.More || e.Less || e.Cache) {
			t.Errorf("%s: %+v contradicts itself", name, e)
		}
	}
}
