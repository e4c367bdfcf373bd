package plots

func curveFigure(in Input, name, load string) (Figure, string)   { return Figure{Name: name}, "todo" }
func effectsFigure(in Input, name, load string) (Figure, string) { return Figure{Name: name}, "todo" }
