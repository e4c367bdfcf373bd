package loadgen

import (
	"encoding/json"
	"strings"
)

// answerText collects the text of one answer, which the next turn of its
// conversation repeats. Only sessions keep it: every chunk is decoded again.
type answerText struct{ strings.Builder }

// add takes the text out of one chunk that carries a token.
func (a *answerText) add(data []byte) {
	var v struct {
		Choices []struct {
			Index int
			Text  string
			Delta struct{ Content string }
		}
	}
	if json.Unmarshal(data, &v) != nil {
		return // the chunk was judged already
	}
	for _, c := range v.Choices {
		if c.Index == 0 {
			a.WriteString(c.Text)
			a.WriteString(c.Delta.Content)
		}
	}
}
