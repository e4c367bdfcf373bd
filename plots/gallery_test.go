package plots

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/vllm-sweep/sweep/plots/draw"
)

var gallery = flag.String("gallery", "", "write the pictures of all fixtures into this folder")

// fixtures are the inputs that tests and the gallery draw.
func fixtures() map[string]func() Input {
	return map[string]func() Input{"rich": rich, "small": small, "big": big, "wide": wide, "list": list, "grid": grid, "noisy": noisy}
}

// TestGallery writes every fixture in both themes for people to look at:
//
//	go test ./plots -run TestGallery -gallery /some/folder
func TestGallery(t *testing.T) {
	if *gallery == "" {
		t.Skip("no -gallery folder")
	}
	for name, input := range fixtures() {
		dir := filepath.Join(*gallery, name)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		in := input()
		for _, theme := range []draw.Theme{draw.Light(), draw.Dark()} {
			files, err := Render(dir, in, Options{Theme: theme})
			if err != nil {
				t.Fatal(err)
			}
			t.Log(dir, files)
		}
		for _, a := range Absent(in) {
			t.Logf("%s: no %s: %s", name, a.Name, a.Reason)
		}
	}
}
