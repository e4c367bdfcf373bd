package catalog

import "github.com/vllm-sweep/sweep/launcher/vllmmemory"

// Model is the shape of a decoder-only transformer, as its config.json gives
// it. The library is shared with the launcher's pre-flight check.
type Model = vllmmemory.Model

// FindModel returns the model of that Hugging Face name, or of a folder that
// is called like it.
func FindModel(id string) (Model, bool) { return vllmmemory.FindModel(id) }

// Models lists the library.
func Models() []Model { return vllmmemory.Models() }
