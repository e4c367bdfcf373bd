package llamacpp

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/vllm-sweep/sweep/launcher"
)

// settings asks a server that is ready. /props tells the slots, the context of
// one slot and the build; /v1/models the context where /props does not.
func settings(ctx context.Context, get launcher.Getter) launcher.Told {
	var props struct {
		Slots    int `json:"total_slots"`
		Defaults struct {
			Context int `json:"n_ctx"`
		} `json:"default_generation_settings"`
		Build    string `json:"build_info"`
		Alias    string `json:"model_alias"`
		Metrics  *bool  `json:"endpoint_metrics"`
		SlotPage *bool  `json:"endpoint_slots"`
		Props    *bool  `json:"endpoint_props"`
	}
	body, err := get(ctx, "/props")
	if err != nil || json.Unmarshal(body, &props) != nil {
		return launcher.Told{}
	}
	if props.Defaults.Context == 0 {
		props.Defaults.Context = modelContext(ctx, get)
	}
	told := launcher.Told{Values: map[string]string{}, Source: "/props", Version: props.Build}
	for name, n := range map[string]int{"parallel": props.Slots, slotContext: props.Defaults.Context} {
		if n > 0 {
			told.Values[name] = strconv.Itoa(n)
		}
	}
	for name, on := range map[string]*bool{"metrics": props.Metrics, "slots": props.SlotPage, "props": props.Props} {
		if on != nil {
			told.Values[name] = strconv.FormatBool(*on)
		}
	}
	if props.Alias != "" {
		told.Values["alias"] = props.Alias
	}
	return told
}

// slotContext is the longest context of one request. It is not a flag: ctx-size
// is that of all slots together, or of each where they share one cache.
const slotContext = "context of a slot"

// modelContext is the context that the model list tells; 0: none.
func modelContext(ctx context.Context, get launcher.Getter) int {
	var list struct {
		Data []struct {
			Meta struct {
				Context int `json:"n_ctx"`
			}
		}
	}
	body, err := get(ctx, "/v1/models")
	if err != nil || json.Unmarshal(body, &list) != nil || len(list.Data) == 0 {
		return 0
	}
	return list.Data[0].Meta.Context
}

// same compares whole numbers and switches. 0 and -1 leave the choice to the
// server, and the context of each slot is rounded up to 256 tokens.
func same(flag, asked, inEffect string) bool {
	a, err1 := strconv.Atoi(asked)
	b, err2 := strconv.Atoi(inEffect)
	switch {
	case flag == "metrics", flag == "slots", flag == "props", flag == "kv-unified":
		return asked == inEffect || asked != "true" && asked != "false"
	case err1 != nil || err2 != nil || a <= 0:
		return true
	case flag == "ctx-size":
		const slots, step = 64, 256 // of the most slots that are rounded up one by one
		return b >= a && b < a+slots*step
	case flag == "parallel", flag == "threads":
		return a == b
	}
	return true
}
