package experiment

import (
	"slices"
	"strings"
)

// byName is the reference to a secret that an environment variable holds.
const byName = "{from_env: NAME}"

// secretWords mark names whose values should not be written in a file.
var secretWords = []string{"TOKEN", "KEY", "SECRET", "PASSWORD"}

// secretVariable says whether an environment variable's name looks like a
// secret's: a word of it ends in one of secretWords. TOKENIZERS_PARALLELISM
// does not, HF_TOKEN and OPENAI_APIKEY do.
func secretVariable(name string) bool {
	for _, part := range strings.Split(strings.ToUpper(name), "_") {
		for _, w := range secretWords {
			if strings.HasSuffix(part, w) {
				return true
			}
		}
	}
	return false
}

// secretFlag says the same of a flag, whose last word tells what it holds:
// hf-token is one, long-prefill-token-threshold is none.
func secretFlag(name string) bool {
	words := strings.Split(strings.ToUpper(name), "-")
	return slices.Contains(secretWords, words[len(words)-1])
}

func (d *decoder) warnSecret(at Range, name string) {
	variable := strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	d.warn("secret-suspected", at, args{"name": name, "variable": "{" + variable + ": " + byName + "}"})
}
