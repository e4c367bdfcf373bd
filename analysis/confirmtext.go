package analysis

import (
	"fmt"
	"strings"

	"github.com/vllm-sweep/sweep/internal/say"
)

// confirmedText says on what a recommendation rests and how much of what the
// blocks had promised was left.
func confirmedText(r Recommendation) string {
	s := fmt.Sprintf("on %s with new seeds: %s", say.Count(r.Estimate.N, "fresh start"), strings.TrimPrefix(r.Standing(), "measured again: "))
	if r.Screening == nil {
		return s + "; the blocks had not measured it"
	}
	return fmt.Sprintf("%s; the blocks had %s (%s)", s, say.Metric(r.Objective, r.Screening.Center), say.Change(1+*r.Shrinkage))
}

// writeCombinations prints what was predicted of combinations beside what was
// measured.
func (f *Findings) writeCombinations(b *strings.Builder) {
	if f.Confirm == nil || len(f.Confirm.Combinations)+len(f.Confirm.Notes) == 0 {
		return
	}
	b.WriteString("Combinations of single changes\n")
	for _, c := range f.Confirm.Combinations {
		wrap(b, "  - ", c.UseCase+": "+c.Text)
	}
	for _, n := range f.Confirm.Notes {
		wrap(b, "  - ", n)
	}
	b.WriteString("\n")
}
