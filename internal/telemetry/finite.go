package telemetry

import (
	"fmt"
	"math"
)

// largest is above every quantity that is read here (bytes moved in a machine's
// life are 1e21), and far enough from the largest number for sums and products.
const largest = 1e100

// usable says whether a number that a driver or an engine states can be one of
// its quantities; if not, why.
func usable(v float64) (why string, ok bool) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return fmt.Sprintf("the source says %v", v), false
	case math.Abs(v) > largest:
		return fmt.Sprintf("the source says %.3g, which cannot be measured", v), false
	}
	return "", true
}

// put keeps a value, or why it is absent.
func put(values map[string]float64, unusable *map[string]string, name string, v float64) {
	if why, ok := usable(v); ok {
		values[name] = v
	} else {
		note(unusable, name, why)
	}
}

// note keeps why a value is absent.
func note(unusable *map[string]string, name, why string) {
	if *unusable == nil {
		*unusable = map[string]string{}
	}
	(*unusable)[name] = why
}
