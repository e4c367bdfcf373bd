// Command figures draws the pictures of docs/simulator.md from runs on the
// virtual clock and prints their numbers as Markdown tables:
//
//	go run ./sim/vllmsim/figures -o docs/images
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/sim/vllmsim"
)

func main() {
	dir := flag.String("o", ".", "folder for the pictures")
	flag.Parse()
	for _, f := range []figure{memoryFigure, seqsFigure, budgetFigure, parallelFigure, lengthFigure, heatFigure} {
		if err := draw(f, *dir); err != nil {
			fmt.Fprintln(os.Stderr, "figures:", err)
			os.Exit(1)
		}
	}
}

// figure runs its simulations and returns what to draw.
type figure func() (picture, error)

func draw(f figure, dir string) error {
	p, err := f()
	if err != nil {
		return err
	}
	fmt.Println(p.markdown())
	return p.save(filepath.Join(dir, "simulator-"+p.name+".svg"))
}

const llama = "meta-llama/Llama-3.1-8B-Instruct --max-model-len 8192 --sim-gpus 8 --sim-start-noise 0 --sim-step-noise 0 "

// outcome is what the figures show of one run.
type outcome struct {
	*vllmsim.Result
	ttft, tpot float64 // means, s
	throughput float64 // output tokens per second
	running    float64 // mean number of running requests, by Little's law
}

func simulate(args string, load []vllmsim.Arrival, concurrency int) (outcome, error) {
	r, err := vllmsim.Simulate(strings.Fields(args), load, concurrency)
	if err != nil {
		return outcome{}, fmt.Errorf("simulate %s: %w", args, err)
	}
	o := outcome{Result: r}
	n, tokens, residence := float64(len(r.Timings)), 0, 0.0
	for _, x := range r.Timings {
		o.ttft += x.TTFT() / n
		o.tpot += x.TPOT() / n
		tokens += x.Output
		residence += x.Done - x.Scheduled
	}
	o.throughput = float64(tokens) / r.Duration
	o.running = residence / r.Duration // arrival rate times mean residence
	return o, nil
}

func uniform(n, prompt, output int) []vllmsim.Arrival {
	return slices.Repeat([]vllmsim.Arrival{{Prompt: prompt, Output: output}}, n)
}

// memoryFigure: throughput over the size of the KV cache, few prompts and
// many.
func memoryFigure() (picture, error) {
	p := picture{name: "memory", title: "KV cache binds only under load (Llama-3.1-8B, A100-80)", x: "KV cache, GiB", y: "output tokens/s"}
	few, many := series{name: "8 prompts at once"}, series{name: "200 prompts at once"}
	for _, gib := range []float64{2.5, 5, 7.5, 10, 15, 20, 24.8, 35, 45} {
		args := fmt.Sprintf("%s --sim-gpu A100-80 --kv-cache-memory-bytes %.0f", llama, gib*(1<<30))
		for _, s := range []struct {
			*series
			n int
		}{{&few, 8}, {&many, 200}} {
			o, err := simulate(args, uniform(s.n, 500, 500), s.n)
			if err != nil {
				return p, err
			}
			s.add(gib, o.throughput)
		}
	}
	p.series = []series{few, many}
	return p, nil
}

// seqsFigure: mean number of running requests over --max-num-seqs.
func seqsFigure() (picture, error) {
	p := picture{name: "seqs", title: "--max-num-seqs caps what runs (96 clients)", x: "--max-num-seqs", y: "running requests (arrival rate × residence)"}
	got, limit := series{name: "by Little's law"}, series{name: "min(limit, 96)", dashed: true}
	for _, n := range []int{4, 8, 16, 32, 48, 64, 96, 128} {
		o, err := simulate(llama+"--max-num-seqs "+strconv.Itoa(n), uniform(960, 200, 200), 96)
		if err != nil {
			return p, err
		}
		got.add(float64(n), o.running)
		limit.add(float64(n), float64(min(n, 96)))
	}
	p.series = []series{got, limit}
	return p, nil
}

// budgetFigure: mean TTFT and p99 ITL over --max-num-batched-tokens.
func budgetFigure() (picture, error) {
	p := picture{name: "budget", title: "--max-num-batched-tokens trades TTFT against ITL (2.5 req/s of 6000 + 100)", x: "--max-num-batched-tokens", y: "ms"}
	ttft, itl := series{name: "mean TTFT"}, series{name: "p99 ITL"}
	var load []vllmsim.Arrival
	for i := range 300 {
		load = append(load, vllmsim.Arrival{At: float64(i) * 0.4, Prompt: 6000, Output: 100})
	}
	for _, n := range []int{256, 512, 1024, 2048, 3072, 4096, 6144, 8192} {
		o, err := simulate(llama+"--max-num-seqs 128 --max-num-batched-tokens "+strconv.Itoa(n), load, 0)
		if err != nil {
			return p, err
		}
		ttft.add(float64(n), o.ttft*1e3)
		itl.add(float64(n), o.ITL.Quantile(0.99)*1e3)
	}
	p.series = []series{ttft, itl}
	return p, nil
}

// parallelFigure: time per output token over tensor parallelism, against a
// split without communication.
func parallelFigure() (picture, error) {
	p := picture{name: "tensor-parallel", title: "Tensor parallelism pays, with a loss (Llama-3.1-8B, H100, 4 clients)", x: "--tensor-parallel-size", y: "TPOT, ms"}
	got, ideal := series{name: "simulated"}, series{name: "TP 1 divided by the GPUs", dashed: true}
	for _, n := range []int{1, 2, 4, 8} {
		o, err := simulate(llama+"-tp "+strconv.Itoa(n), uniform(16, 500, 200), 4)
		if err != nil {
			return p, err
		}
		got.add(float64(n), o.tpot*1e3)
		ideal.add(float64(n), got.points[0].Y/float64(n))
	}
	p.series = []series{got, ideal}
	return p, nil
}

var estimate = regexp.MustCompile(`estimated maximum model length is (\d+)`)

// lengthFigure: the estimated maximum length that a refused start names.
func lengthFigure() (picture, error) {
	p := picture{name: "model-len", title: "A refused start names the length that fits (Qwen2.5-32B, H100)", x: "--gpu-memory-utilization", y: "tokens"}
	got, asked := series{name: "estimated maximum, refused"}, series{name: "--max-model-len asked for", dashed: true}
	for _, u := range []float64{0.89, 0.90, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96} {
		_, err := vllmsim.Simulate(strings.Fields(fmt.Sprintf("Qwen/Qwen2.5-32B-Instruct --gpu-memory-utilization %g", u)), nil, 0)
		asked.add(u, 32768)
		var refused *vllmsim.StartError
		if err == nil {
			continue // it starts
		}
		m := estimate.FindStringSubmatch(err.Error())
		if !errors.As(err, &refused) || m == nil {
			continue // not even one block: no estimate
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return p, err
		}
		got.add(u, float64(n))
	}
	p.series = []series{got, asked}
	return p, nil
}

// heatFigure: the slowdown of requests while the GPU heats up.
func heatFigure() (picture, error) {
	p := picture{name: "heat", title: "Planted thermal drift (tau 60 s, 35 to 75 °C, limit 60 °C, 0.5 % per °C)", x: "s", y: "TPOT against a cool GPU", low: 1, high: 1.1}
	load := uniform(500, 50, 200)
	cool, err := simulate(llama, load, 2)
	if err != nil {
		return p, err
	}
	hot, err := simulate(llama+"--sim-temp-slope 0.005", load, 2)
	if err != nil {
		return p, err
	}
	got := series{name: "simulated"}
	for i := 0; i < len(load); i += 20 {
		got.add(hot.Timings[i].FirstToken, hot.Timings[i].TPOT()/cool.Timings[i].TPOT())
	}
	p.series = []series{got}
	return p, nil
}
