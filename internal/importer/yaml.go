package importer

import (
	"fmt"
	"math"
	"time"
)

// plainYAML makes what JSON can say of what YAML said.
func plainYAML(v any) any {
	switch t := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[k] = plainYAML(v)
		}
		return out
	case map[any]any:
		out := make(map[string]any, len(t))
		for k, v := range t {
			out[fmt.Sprint(k)] = plainYAML(v)
		}
		return out
	case []any:
		out := make([]any, len(t))
		for i, v := range t {
			out[i] = plainYAML(v)
		}
		return out
	case float64:
		if math.IsNaN(t) || math.IsInf(t, 0) {
			return nil
		}
		return t
	case time.Time:
		return t.Format(time.RFC3339Nano)
	default:
		return v
	}
}
