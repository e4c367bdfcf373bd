package vllmsim

import (
	"math"
	"math/rand/v2"
	"testing"
)

// poisson returns arrivals at a rate with lengths spread round their means.
func poisson(seed uint64, rate, seconds float64, prompt, output int) []Arrival {
	rng := rand.New(rand.NewPCG(seed, 1))
	var load []Arrival
	for at := rng.ExpFloat64() / rate; at < seconds; at += rng.ExpFloat64() / rate {
		spread := func(mean int) int { return max(1, int(float64(mean)*math.Exp(0.3*rng.NormFloat64()))) }
		load = append(load, Arrival{At: at, Prompt: spread(prompt), Output: spread(output)})
	}
	return load
}

// BenchmarkSimulate reports how many seconds of a busy H100 one second of
// one core simulates.
func BenchmarkSimulate(b *testing.B) {
	load := poisson(1, 20, 200, 1000, 300)
	seconds := 0.0
	for b.Loop() {
		r, err := Simulate([]string{"meta-llama/Llama-3.1-8B-Instruct", "--max-model-len", "8192"}, load, 0)
		if err != nil {
			b.Fatal(err)
		}
		seconds += r.Duration
		b.ReportMetric(float64(r.Stats[0].GenerationTokens)/float64(r.Stats[0].Steps), "batch")
		b.ReportMetric(float64(r.Stats[0].Steps)/r.Duration, "steps/sim-s")
	}
	b.ReportMetric(seconds/b.Elapsed().Seconds(), "sim-s/s")
}
