package stats_test

import (
	"fmt"
	"math"

	"github.com/vllm-sweep/sweep/analysis/stats"
)

// Two variants and the present one, each measured once on three days. The fit of
// logarithms takes the days out; exp of a contrast is a ratio with its interval.
func ExampleBlockFit_Contrast() {
	throughput := [][]float64{ // by variant and day, requests per second
		{100, 110, 104},
		{111, 121, 116},
		{101, 111, 104},
	}
	var obs []stats.Observation
	for variant, days := range throughput {
		for day, v := range days {
			obs = append(obs, stats.Observation{Group: variant, Block: day, Y: math.Log(v)})
		}
	}
	fit := stats.FitBlocks(obs, 3, 3)
	var ps []float64
	for variant := 1; variant < 3; variant++ {
		d, factor, _ := fit.Contrast(stats.Term{Group: variant, Weight: 1}, stats.Term{Group: 0, Weight: -1})
		e := stats.Estimate{Value: d, SE: math.Sqrt(fit.MSE * factor), DF: fit.DF}
		lo, hi := e.Interval(0.95)
		fmt.Printf("ratio %.3f [%.3f, %.3f], p of a difference beyond 3%%: %.4f\n",
			math.Exp(d), math.Exp(lo), math.Exp(hi), e.Equivalence(math.Log(1.03)))
		ps = append(ps, e.P())
	}
	fmt.Printf("adjusted p-values: %.4f\n", stats.Holm(ps))
	// Output:
	// ratio 1.108 [1.093, 1.124], p of a difference beyond 3%: 0.9999
	// ratio 1.006 [0.993, 1.020], p of a difference beyond 3%: 0.0045
	// adjusted p-values: [0.0001 0.2650]
}

// With 3% between values, four a side and the variance from 20 degrees of freedom.
func ExampleDetectable() {
	fmt.Printf("one comparison finds %.1f%%, the first of ten %.1f%%\n",
		100*stats.Detectable(.03, 4, 20, 1), 100*stats.Detectable(.03, 4, 20, 10))
	fmt.Println("values a side for 5%:", stats.Trials(.03, math.Log(1.05)))
	// Output:
	// one comparison finds 6.4%, the first of ten 8.9%
	// values a side for 5%: 6
}

// A two by two grid of cache (0, 1) and batch (0, 1), by their levels.
func ExampleSquares() {
	runs := []stats.Settings{{0, 0}, {1, 0}, {0, 1}, {1, 1}}
	for _, s := range stats.Squares(runs, runs[0]) {
		fmt.Println("interaction:", s.Both, "-", s.First, "-", s.Second, "+", s.Base)
	}
	fmt.Println("main effect of the first factor:", stats.Pairs(runs, 0, 0))
	// Output:
	// interaction: 3 - 1 - 2 + 0
	// main effect of the first factor: [[1 0] [3 2]]
}

// Latency and throughput of four alternatives; the last one is slower than the
// second and serves less.
func ExampleUndominated() {
	points := []stats.Point{{X: 1, Y: 10}, {X: 2, Y: 30}, {X: 9, Y: 33}, {X: 3, Y: 25}}
	frontier := stats.Undominated(points)
	fmt.Println("frontier:", frontier, "area up to X = 10:", stats.Hypervolume(points, stats.Point{X: 10, Y: 0}))
	// Output:
	// frontier: [0 1 2] area up to X = 10: 253
}

// Mann-Whitney says nothing of three values a side, however far apart.
func ExampleMannWhitney() {
	_, p, _ := stats.MannWhitney([]float64{1, 2, 3}, []float64{7, 8, 9})
	_, q, _ := stats.MannWhitney([]float64{1, 2, 3, 4}, []float64{7, 8, 9, 10})
	fmt.Printf("%.3f %.3f\n", p, q)
	// Output:
	// 0.100 0.029
}
