// Package draw is what figures are drawn with: a [Pen] over a gonum/plot canvas
// in the colors and sizes of a [Theme], [Scale] and [Axes] with their ticks, a
// [Placer] that finds room for labels, and the [Frame] of words around a
// drawing, which writes it as PNG or SVG. It knows nothing of runs and findings.
// Lengths are points; y rises.
package draw
