package vllm

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/say"
	"github.com/vllm-sweep/sweep/launcher"
)

// Lines that tell to which cores the workers of an engine on processors bind
// their threads: v1/worker/cpu_worker.py and csrc/cpu/utils.cpp of 2025 (the list
// that was chosen, then each thread), utils/ompmultiprocessing.py since 0.20.
var (
	coresOfRank  = regexp.MustCompile(`local_rank=(\d+), core ids=\[([\d, ]*)\]`)
	coresChosen  = regexp.MustCompile(`auto thread-binding list \(id, physical core\): \[([\d, ()]*)\]`)
	coreChosen   = regexp.MustCompile(`\((\d+), \d+\)`)
	coreOfThread = regexp.MustCompile(`OMP tid: \d+, core (\d+)`)
	processID    = regexp.MustCompile(`\bpid=(\d+)`)
)

// binding collects the cores of the workers, in the order in which they tell.
type binding []boundWorker

type boundWorker struct {
	key   string // of the process that told, and the rank
	cores []int  // ascending
}

// read takes what the line tells and says whether it did.
func (b *binding) read(line string) bool {
	var rank string
	var cores []string
	switch {
	case strings.Contains(line, "core ids=["):
		m := coresOfRank.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		rank, cores = m[1], strings.Split(m[2], ",")
	case strings.Contains(line, "auto thread-binding list"):
		m := coresChosen.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		for _, pair := range coreChosen.FindAllStringSubmatch(m[1], -1) {
			cores = append(cores, pair[1])
		}
	case strings.Contains(line, "OMP tid: "):
		m := coreOfThread.FindStringSubmatch(line)
		if m == nil {
			return false
		}
		cores = m[1:]
	default:
		return false
	}
	key := rank
	if m := processID.FindStringSubmatch(line); m != nil {
		key = m[1] + " " + rank
	}
	for _, text := range cores {
		if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
			b.add(key, n)
		}
	}
	return len(cores) > 0
}

func (b *binding) add(key string, core int) {
	i := slices.IndexFunc(*b, func(w boundWorker) bool { return w.key == key })
	if i < 0 {
		*b = append(*b, boundWorker{key: key})
		i = len(*b) - 1
	}
	w := &(*b)[i]
	if at, found := slices.BinarySearch(w.cores, core); !found {
		w.cores = slices.Insert(w.cores, at, core)
	}
}

// cores are those of all workers.
func (b binding) cores() launcher.Cores {
	lists := make([][]int, len(b))
	for i, w := range b {
		lists[i] = w.cores
	}
	return launcher.CoresOf(lists)
}

// spareCore says to which cores the threads of a vLLM on processors are bound, as
// its log tells, and what leaves one of those that the client may use to it. A
// client that has a core of its own already needs no remedy, and of a single
// core there is none.
func spareCore(bound launcher.Cores, usable []int) []notice.Notice {
	workers := bound.Workers()
	taken := slices.Concat(workers...)
	free := slices.DeleteFunc(slices.Clone(usable), func(c int) bool { return slices.Contains(taken, c) })
	switch {
	case len(workers) == 0 && len(usable) < 2:
		return nil
	case len(workers) == 0:
		return []notice.Notice{notice.New("vllm-cores-unknown", leaving(launcher.FormatCores(usable[:len(usable)-1]),
			usable[len(usable)-1]))}
	case len(free) > 0:
		return []notice.Notice{notice.New("vllm-cores-free", notice.Args{"cores": coreList(taken),
			"free": coreList(free)})}
	}
	all := notice.New("vllm-cores-all", notice.Args{"cores": coreList(taken)})
	for _, core := range slices.Backward(usable) {
		for i, w := range workers {
			if at := slices.Index(w, core); at >= 0 && len(w) > 1 {
				workers[i] = slices.Delete(slices.Clone(w), at, at+1)
				for name, a := range leaving(string(launcher.CoresOf(workers)), core) {
					all = all.With(name, a)
				}
				return []notice.Notice{all}
			}
		}
	}
	return []notice.Notice{all} // every worker has one
}

// leaving are the arguments of the remedy: how vLLM is to bind its threads, and
// the core that this leaves.
func leaving(binding string, core int) notice.Args {
	return notice.Args{"binding": notice.Text(binding), "core": notice.Count(core)}
}

// coreList is "core 1" or "cores 0-2".
func coreList(cores []int) notice.Arg {
	return notice.Text(say.Plural(len(cores), "core") + " " + launcher.FormatCores(cores))
}
