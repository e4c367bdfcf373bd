package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/internal/say"
)

// discountedDoubts count the trials that do not count by cause, say how often
// trials were measured again, and show results with and without them.
func (b *build) discountedDoubts(d *doubtList) {
	causes, invalid, again := map[string]int{}, 0, 0
	left, counts := map[string]bool{}, map[string]bool{} // by planned trial
	for _, t := range b.Trials {
		if t.Repeats != "" {
			again++
		}
		planned := cmp.Or(t.Repeats, t.ID)
		if t.Outcome != rundir.OutcomeInvalid {
			counts[planned] = true
			continue
		}
		invalid++
		left[planned] = true
		for _, c := range t.Causes {
			causes[strings.ReplaceAll(c, "_", " ")]++
		}
	}
	if len(causes) > 0 {
		var parts []string
		for _, c := range slices.Sorted(maps.Keys(causes)) {
			parts = append(parts, fmt.Sprintf("%s %d", c, causes[c]))
		}
		text := fmt.Sprintf("%s left out by the gates: %s", say.Count(invalid, "measurement"), strings.Join(parts, ", "))
		if again > 0 {
			maps.DeleteFunc(left, func(id string, _ bool) bool { return counts[id] })
			text += fmt.Sprintf("; %s followed, and %s left without one that counts", say.Count(again, "repetition"), wasCount(len(left), "planned trial"))
		}
		d.add(text, "")
	}
	b.discountedChanges(d)
}

// discountedChanges say what counting the trials that do not count would
// change: each metric that would move beyond the margin, and the most that any
// other would.
func (b *build) discountedChanges(d *doubtList) {
	within, most, where := 0, 0.0, ""
	for _, x := range b.Findings.Discounted {
		c := b.cells[x.Cell]
		with := say.Metric(x.Metric, x.With)
		name, cell := strings.ReplaceAll(x.Metric, "_", " "), c.Label+" at "+c.PointLabel
		if x.Without == nil {
			d.add(fmt.Sprintf("%s is %s with the trials that do not count, and no other trial counts", name, with), cell)
			continue
		}
		change := math.Abs(x.With / *x.Without - 1)
		if change > b.Findings.Margin {
			d.add(fmt.Sprintf("%s is %s without and %s with the trials that do not count", name, say.Metric(x.Metric, *x.Without), with), cell)
			continue
		}
		if within++; change >= most {
			most, where = change, name+" of "+cell
		}
	}
	if within > 0 {
		d.add(fmt.Sprintf("with the trials that do not count, %s would move by at most %s", say.Count(within, "other estimate"), say.Size(1+most)), where)
	}
}

func wasCount(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + " was"
	case 1:
		return "1 " + noun + " was"
	}
	return say.Count(n, noun) + " were"
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
