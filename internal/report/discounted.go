package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/metric"
	"github.com/vllm-sweep/sweep/internal/rundir"
)

// discountedDoubts count the trials that do not count by cause, say how often
// trials were measured again, and show results with and without them.
func (b *build) discountedDoubts(d *doubtList) {
	causes, invalid, again := map[string]int{}, 0, 0
	for _, t := range b.Trials {
		if t.Repeats != "" {
			again++
		}
		if t.Outcome != rundir.OutcomeInvalid {
			continue
		}
		invalid++
		for _, c := range t.Causes {
			causes[strings.ReplaceAll(c, "_", " ")]++
		}
	}
	if len(causes) > 0 {
		var parts []string
		for _, c := range slices.Sorted(maps.Keys(causes)) {
			parts = append(parts, fmt.Sprintf("%s %d", c, causes[c]))
		}
		text := fmt.Sprintf("%s left out by the gates: %s", count(invalid, "trial"), strings.Join(parts, ", "))
		if again > 0 {
			text += fmt.Sprintf("; %d measured again at the end of the block", again)
		}
		d.add(text, "")
	}
	for _, x := range b.Findings.Discounted {
		c := b.cells[x.Cell]
		with := metric.Format(x.Metric, x.With)
		name := strings.ReplaceAll(x.Metric, "_", " ")
		if x.Without == nil {
			d.add(fmt.Sprintf("%s is %s with the trials that do not count, and no other trial counts", name, with), c.Label+" at "+c.PointLabel)
			continue
		}
		d.add(fmt.Sprintf("%s is %s without and %s with the trials that do not count", name, metric.Format(x.Metric, *x.Without), with), c.Label+" at "+c.PointLabel)
	}
}

// cooldownDoubts say what the cool-downs cost and how many were not reached.
func (b *build) cooldownDoubts(d *doubtList) {
	missed, waited := 0, 0
	for _, s := range b.Starts {
		if s.Before != nil && s.Before.Reached != nil {
			waited++
			if !*s.Before.Reached {
				missed++
			}
		}
	}
	if missed > 0 {
		d.add(fmt.Sprintf("%d of %d cool-downs ended at their limit before the GPUs were as wanted", missed, waited), "see the night")
	}
}
