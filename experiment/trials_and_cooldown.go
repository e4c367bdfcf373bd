package experiment

import "time"

func trialsSection() section[Trials] {
	return section[Trials]{
		initial: Trials{Repeat: DefaultRepeat, PerStart: 1, Warmup: DefaultWarmup, Seed: DefaultSeed, Order: Blocks},
		fields: []field[Trials]{
			bind("repeat", "Rounds: how often to measure every configuration at every load, each time on a new launch. Default: 3.", whole(1, 1000),
				func(t *Trials) *int { return &t.Repeat }),
			bind("per_start", "Trials per load point on one launch, which are averaged. Default: 1.", whole(1, 100),
				func(t *Trials) *int { return &t.PerStart }),
			bind("warmup", "Load before the measured window. Default: 10s.", duration(0), func(t *Trials) *time.Duration { return &t.Warmup }),
			bind("seed", "Seed of run order, prompts and arrivals. Default: 1.", seed(), func(t *Trials) *uint64 { return &t.Seed }),
			bind("order", "blocks (default): every round visits each configuration once, in random order. sequential: one launch per configuration with all its repeats, which is cheaper but weaker.",
				word(Blocks, Sequential), func(t *Trials) *string { return &t.Order }),
		},
	}
}

func cooldownSection() section[Cooldown] {
	return section[Cooldown]{
		fields: []field[Cooldown]{
			bind("at_least", "Always wait this long. Default: 0.", duration(0), func(c *Cooldown) *time.Duration { return &c.AtLeast }),
			bind("at_most", "Longest wait for the conditions below. Default: 5m.", duration(time.Nanosecond), func(c *Cooldown) *time.Duration { return &c.AtMost }),
			bind("gpu_temperature", "Wait until the GPUs are at or below this many degrees Celsius.", realNumber(0, true),
				func(c *Cooldown) *float64 { return &c.GPUTemperature }),
			bind("gpu_memory", "Wait until used GPU memory is at or below this size, such as 1GiB.", size(),
				func(c *Cooldown) *int64 { return &c.GPUMemory }),
			bind("band", "Wait until the GPUs are at most this far above their state at the round's first launch.", bandSection().value(),
				func(c *Cooldown) *Band { return &c.Band }),
			bind("adaptive", "Halve the waits while the baseline shows no drift from round to round. Default: false.", boolean(),
				func(c *Cooldown) *bool { return &c.Adaptive }),
		},
		check: checkCooldown,
	}
}

func checkCooldown(d *decoder, path string, e entry, c *Cooldown) {
	atMost, limited := e.value.get("at_most")
	conditional := c.Conditional()
	switch {
	case limited && !conditional && c.AtMost > 0:
		d.warn("cooldown-limit-unused", atMost.key.at, args{"path": path})
	case conditional && !limited:
		c.AtMost = max(DefaultCooldownAtMost, c.AtLeast)
	case conditional && c.AtMost > 0 && c.AtMost < c.AtLeast:
		atLeast, _ := e.value.get("at_least")
		d.crossed(path, atLeast, atMost)
	}
	if temperature, ok := e.value.get("gpu_temperature"); ok && c.GPUTemperature > 0 && c.GPUTemperature < minCoolTemperature {
		d.warn("cooldown-too-cold", temperature.place(), args{"path": path})
	}
}

// minCoolTemperature is a room's, in degrees Celsius: no idle GPU gets colder.
const minCoolTemperature = 25

// DefaultCooldownAtMost limits the wait for cool and empty GPUs.
const DefaultCooldownAtMost = 5 * time.Minute
