package launcher

import (
	"slices"
	"strconv"
	"strings"
)

// Cores are the cores that the workers of a server bind their threads to, one
// list per worker, as vLLM's VLLM_CPU_OMP_THREADS_BIND writes them: "0-3|4-7".
// "" says that nothing told them, or that nothing is bound.
type Cores string

// CoresOf writes the lists of the workers.
func CoresOf(workers [][]int) Cores {
	lists := make([]string, len(workers))
	for i, w := range workers {
		lists[i] = FormatCores(w)
	}
	return Cores(strings.Join(lists, "|"))
}

// Workers are the lists, without those that cannot be read.
func (c Cores) Workers() [][]int {
	var out [][]int
	for list := range strings.SplitSeq(string(c), "|") {
		if cores := ParseCores(list); len(cores) > 0 {
			out = append(out, cores)
		}
	}
	return out
}

// mostCores bounds what a list may name: no machine has more.
const mostCores = 1 << 16

// ParseCores reads a list as Linux writes it, such as "0-3,8"; nil for anything
// else.
func ParseCores(list string) []int {
	var out []int
	for span := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, several := strings.Cut(span, "-")
		least, err := strconv.Atoi(from)
		most := least
		if several && err == nil {
			most, err = strconv.Atoi(to)
		}
		if err != nil || least < 0 || most < least || most >= mostCores {
			return nil
		}
		for c := least; c <= most; c++ {
			out = append(out, c)
		}
	}
	return out
}

// FormatCores writes cores as ParseCores reads them, ascending and each once.
func FormatCores(cores []int) string {
	cores = slices.Compact(slices.Sorted(slices.Values(cores)))
	var spans []string
	for i := 0; i < len(cores); {
		end := i
		for end+1 < len(cores) && cores[end+1] == cores[end]+1 {
			end++
		}
		span := strconv.Itoa(cores[i])
		if end > i {
			span += "-" + strconv.Itoa(cores[end])
		}
		spans = append(spans, span)
		i = end + 1
	}
	return strings.Join(spans, ",")
}
