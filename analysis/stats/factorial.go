package stats

import "fmt"

// Settings are the levels of the factors in one run of a design: the same factor
// has the same place in all runs, and the same level the same number.
type Settings []int

// Changed are the factors that two runs have at different levels, at most the
// first of them.
func Changed(a, b Settings, most int) []int {
	var out []int
	for i := range a {
		if len(out) == most {
			break
		}
		if a[i] != b[i] {
			out = append(out, i)
		}
	}
	return out
}

// Square is four runs by their places: the effect of changing two factors, each
// alone and both together. The interaction is the contrast Both - First - Second +
// Base.
type Square struct {
	Base, First, Second, Both int
	Factors                   [2]int // that First and Second change
}

// Squares are the complete squares of a design, in which the base has the
// reference's levels of both factors. A fractional design may have none.
func Squares(runs []Settings, reference Settings) []Square {
	at := map[string]int{}
	for i, r := range runs {
		at[fmt.Sprint(r)] = i
	}
	var out []Square
	for base, b := range runs {
		var single, change []int // runs one factor away, and that factor
		for i, r := range runs {
			if d := Changed(b, r, 2); len(d) == 1 && reference[d[0]] == b[d[0]] {
				single, change = append(single, i), append(change, d[0])
			}
		}
		for i, second := range single {
			for j, first := range single[:i] {
				if change[i] == change[j] {
					continue
				}
				both := append(Settings{}, runs[first]...)
				both[change[i]] = runs[second][change[i]]
				if k, ok := at[fmt.Sprint(both)]; ok {
					out = append(out, Square{base, first, second, k, [2]int{change[j], change[i]}})
				}
			}
		}
	}
	return out
}

// Pairs are the pairs of runs that differ in one factor alone, the second of them
// at the base level. The mean of their differences at one level of the first is the
// main effect of that level.
func Pairs(runs []Settings, factor, base int) [][2]int {
	var out [][2]int
	for i, r := range runs {
		for j, s := range runs {
			if d := Changed(s, r, 2); len(d) == 1 && d[0] == factor && s[factor] == base {
				out = append(out, [2]int{i, j})
			}
		}
	}
	return out
}
