package llamacpp

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

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

// compare holds what is in effect against what was asked for. 0, -1 and auto
// leave the choice to the server, which tells it, and the context of each slot is
// rounded up to 256 tokens. Other words and numbers that differ are not judged: a
// batch is cut to the context, and layers are counted by the model.
func compare(flag, asked, inEffect string) launcher.Verdict {
	a, err1 := strconv.Atoi(asked)
	b, err2 := strconv.Atoi(inEffect)
	numbers := err1 == nil && err2 == nil
	switch {
	case asked == inEffect, asked == "auto", numbers && a <= 0 && flag != "n-gpu-layers":
		return launcher.Confirmed
	case flag == "metrics", flag == "slots", flag == "props", flag == "kv-unified":
		if asked == "true" || asked == "false" {
			return launcher.Contradicted
		}
	case flag == "ctx-size" && numbers:
		const slots, step = 64, 256 // of the most slots that are rounded up one by one
		return launcher.Judge(b >= a && b < a+slots*step)
	case numbers && (flag == "parallel" || flag == "threads"):
		return launcher.Contradicted
	case flag == "n-gpu-layers" && err1 == nil:
		return offloaded(a, inEffect)
	}
	return launcher.Unjudged
}

// offloaded judges "33 of 33": so many layers of the model are on the GPU. All
// were asked for by any number that is larger.
func offloaded(asked int, inEffect string) launcher.Verdict {
	there, all, ok := strings.Cut(inEffect, " of ")
	n, err1 := strconv.Atoi(there)
	of, err2 := strconv.Atoi(all)
	if !ok || err1 != nil || err2 != nil || asked < 0 {
		return launcher.Unjudged
	}
	return launcher.Judge(n == min(asked, of))
}
