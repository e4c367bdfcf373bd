package matrix

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/vllm-sweep/sweep/experiment"
	"github.com/vllm-sweep/sweep/internal/say"
)

// WriteText prints the plan for people.
func (p *Plan) WriteText(w io.Writer) error {
	var b strings.Builder
	rounds := say.Count(p.Blocks, "randomized round")
	if p.Order == experiment.Sequential {
		rounds = say.Count(p.Blocks, "round") + " in sequence"
	}
	fmt.Fprintf(&b, "%s: %s on %s, strategy %s, %s, seed %d\n",
		p.Name, orDiscovered(p.Model), p.Backend, p.Strategy, rounds, p.Seed)
	p.writeConfigurations(&b)
	p.writeLoadPoints(&b)
	p.writeExcluded(&b)
	p.writeOrder(&b)
	p.writeEstimate(&b)
	p.writeDetectable(&b)
	if len(p.Warnings) > 0 {
		b.WriteString("\nWarnings\n")
		for _, warning := range p.Warnings {
			fmt.Fprintf(&b, "  %s\n", warning)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// orDiscovered names the model, which an endpoint may tell only at run time.
func orDiscovered(s string) string {
	if s == "" {
		return "(the endpoint's model)"
	}
	return s
}

// table aligns columns that the rows separate with tabs.
func table(b *strings.Builder, rows func(w io.Writer)) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	rows(w)
	_ = w.Flush() // a strings.Builder takes everything
}

func (p *Plan) writeConfigurations(b *strings.Builder) {
	fmt.Fprintf(b, "\nConfigurations (%d)\n", len(p.Configurations))
	table(b, func(w io.Writer) {
		for i, c := range p.Configurations {
			text := c.Label
			if c.Baseline {
				text = "baseline"
				if len(c.Flags) > 0 {
					text += ": " + label(c.Flags)
				}
			}
			if c.GPUs > 0 {
				text = say.Count(c.GPUs, "GPU") + "\t" + text
			}
			fmt.Fprintf(w, "  %d.\t%s\n", i+1, text)
		}
	})
}

func (p *Plan) writeLoadPoints(b *strings.Builder) {
	fmt.Fprintf(b, "\nLoad points (%d)\n", len(p.LoadPoints))
	for _, l := range p.LoadPoints {
		fmt.Fprintf(b, "  %s\n", l.Label)
	}
}

func (p *Plan) writeExcluded(b *strings.Builder) {
	if len(p.Excluded) == 0 {
		return
	}
	fmt.Fprintf(b, "\nExcluded (%d)\n", len(p.Excluded))
	table(b, func(w io.Writer) {
		for _, x := range p.Excluded {
			fmt.Fprintf(w, "  %s\t%s\n", x.Label, x.Reason)
		}
	})
}

// writeOrder prints one line per round: the numbers of the configurations in run
// order.
func (p *Plan) writeOrder(b *strings.Builder) {
	b.WriteString("\nRun order, by number of configuration\n")
	number := map[string]string{}
	for i, c := range p.Configurations {
		number[c.ID] = strconv.Itoa(i + 1)
	}
	if p.Order == experiment.Sequential {
		if p.Starts[0].Purpose == PurposeFindRates {
			fmt.Fprintf(b, "  rate search: %s\n", number[p.Starts[0].Configuration])
		}
		fmt.Fprintf(b, "  one launch per configuration in the order above, with %s each\n", say.Count(p.Blocks, "repeat"))
		return
	}
	var lines []string
	block := math.MinInt
	for _, s := range p.Starts {
		if s.Block != block {
			block = s.Block
			name := fmt.Sprintf("round %d: ", block)
			if s.Purpose == PurposeFindRates {
				name = "rate search: "
			}
			lines = append(lines, name+number[s.Configuration])
			continue
		}
		lines[len(lines)-1] += " " + number[s.Configuration]
	}
	for _, l := range lines {
		fmt.Fprintf(b, "  %s\n", l)
	}
}

func (p *Plan) writeEstimate(b *strings.Builder) {
	e := p.Estimate
	b.WriteString("\nEstimate\n")
	table(b, func(w io.Writer) {
		fmt.Fprintf(w, "  launches\t%d\tassuming %s each\n", e.Starts, say.Duration(e.PerStart))
		fmt.Fprintf(w, "  trials\t%d\t%s\n", e.Trials, say.Count(len(p.Cells), "result"))
		fmt.Fprintf(w, "  time\t%s\tloading %s, measuring %s, cooling down %s\n", say.Duration(e.Total), say.Duration(e.Loading), say.Duration(e.Measuring), say.Duration(e.CoolingDown))
		if e.CooldownLimit > e.CoolingDown {
			fmt.Fprintf(w, "  cool-down\tup to %s\tif the GPUs take that long to cool down\n", say.Duration(e.CooldownLimit))
		}
		switch {
		case !p.takesGPUs(): // none, or nobody knows
		case !p.ownsGPUs():
			fmt.Fprintf(w, "  GPU-hours\t0\t%s\n", p.Backend)
		default:
			fmt.Fprintf(w, "  GPU-hours\t%.3g\n", e.GPUHours)
		}
	})
	p.writeConfirmStage(b)
	if e.UnknownTrials > 0 {
		fmt.Fprintf(b, "  %s end after a number of requests: their time assumes a latency of %s plus %s per output token\n",
			say.Count(e.UnknownTrials, "trial"), say.Duration(assumedFirstToken), say.Duration(assumedPerToken))
	}
}

func (p *Plan) writeConfirmStage(b *strings.Builder) {
	if c := p.ConfirmStage; c != nil {
		e := p.Estimate
		fmt.Fprintf(b, "  confirmation: %s per finalist (baseline, up to %d per use case, a combination of the best single changes), at most %d more launches\n",
			say.Count(c.Starts, "launch", "launches"), c.Finalists, e.ConfirmStarts)
		least, most := e.Range()
		fmt.Fprintf(b, "  total time: %s for screening, %s to %s for confirmation, together %s to %s\n",
			say.Duration(e.Total), say.Duration(e.ConfirmingLeast), say.Duration(e.Confirming),
			say.Duration(least), say.Duration(most))
	} else if len(p.UseCases) > 0 && len(p.Configurations) > 1 {
		b.WriteString("  confirmation: off; recommendations will be marked as not confirmed\n")
	}
}
