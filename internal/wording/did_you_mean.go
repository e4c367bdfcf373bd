package wording

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Nearest returns the candidate closest to word, or false when none is close
// enough to be a likely slip of the pen: at most a third of the word's length
// in edits, never more than three. Case and the difference between hyphen and
// underscore cost nothing. Of several as close, the one whose number is nearest
// counts: p96 is p95 rather than p90.
func Nearest(word string, candidates []string) (string, bool) {
	fold := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "-", "_") }
	best, bestDistance := "", min(3, max(1, len([]rune(word))/3))+1
	for _, c := range candidates {
		d := editDistance(fold(word), fold(c), bestDistance+1)
		if d < bestDistance || d == bestDistance && best != "" && numberApart(word, c) < numberApart(word, best) {
			best, bestDistance = c, d
		}
	}
	return best, best != ""
}

var numberIn = regexp.MustCompile(`[0-9]+(?:\.[0-9]+)?`)

// numberApart is how far the first numbers of two words are from each other;
// words without one are as far as can be.
func numberApart(a, b string) float64 {
	x, err1 := strconv.ParseFloat(numberIn.FindString(a), 64)
	y, err2 := strconv.ParseFloat(numberIn.FindString(b), 64)
	if err1 != nil || err2 != nil {
		return math.Inf(1)
	}
	return math.Abs(x - y)
}

// editDistance counts insertions, deletions, substitutions and swaps of
// neighbours (optimal string alignment). It may stop early once the distance
// is at least limit.
func editDistance(a, b string, limit int) int {
	x, y := []rune(a), []rune(b)
	if abs(len(x)-len(y)) >= limit {
		return limit
	}
	before, previous := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, previous = previous, row
	}
	return previous[len(y)]
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
