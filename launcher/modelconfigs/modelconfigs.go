// Package modelconfigs has the config.json of well-known models, as they are on
// Hugging Face, cut down to the fields that decide memory and speed. It is data:
// the predictor of memory (vllmmemory) and the simulated server that it is
// tested against each read it in their own way.
package modelconfigs

import (
	_ "embed"
	"encoding/json"
	"path"
	"strings"
	"sync"
)

//go:embed configs.jsonl
var file string

// Config is one model's.
type Config struct {
	ID   string // on Hugging Face
	Text []byte // JSON
}

// All lists the models.
var All = sync.OnceValue(func() []Config {
	var all []Config
	for line := range strings.Lines(file) {
		var c struct{ ID string }
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			panic("configs.jsonl: " + err.Error()) // it is part of the program, and tested
		}
		all = append(all, Config{c.ID, []byte(line)})
	}
	return all
})

// Find returns the configuration of the model of that Hugging Face name. A path
// (absolute, or starting with a dot) stands for the model whose name is its last
// element, so that command lines with mounted model folders work unchanged.
func Find(id string) (Config, bool) {
	folder := strings.HasPrefix(id, "/") || strings.HasPrefix(id, ".")
	for _, c := range All() {
		if c.ID == id || folder && path.Base(c.ID) == path.Base(id) {
			return c, true
		}
	}
	return Config{}, false
}
