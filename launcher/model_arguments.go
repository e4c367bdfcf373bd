package launcher

import "fmt"

// Ways of passing the model to a server's command.
const (
	ModelFlag       = "flag"       // --model NAME (default)
	ModelPositional = "positional" // NAME
	ModelNone       = "none"       // not at all: the command, a flag or the image's entry point names it
)

// ModelArgs are the words that pass the model in one of these ways; "" means
// ModelFlag.
func ModelArgs(how, model string) ([]string, error) {
	switch how {
	case "", ModelFlag:
		return []string{"--model", model}, nil
	case ModelPositional:
		return []string{model}, nil
	case ModelNone:
		return nil, nil
	}
	return nil, fmt.Errorf("unknown way to pass the model: %q", how)
}
