package experiment

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Equal says whether two flags mean the same: the same name and kind, and
// values that are the same text or, where both are plain decimal numbers, the
// same number (0.9 and 0.90). 32k and 32000 differ: only the server knows
// which of its flags read suffixes.
func (f Flag) Equal(g Flag) bool {
	if f.Name != g.Name || f.Kind != g.Kind {
		return false
	}
	return f.Canonical() == g.Canonical()
}

var plainNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// Canonical is the value without insignificant zeros: two flags of one name
// and kind mean the same exactly when their canonical values are equal.
func (f Flag) Canonical() string {
	if f.Kind != FlagText || !plainNumber.MatchString(f.Value) {
		return f.Value
	}
	v := f.Value
	if strings.Contains(v, ".") {
		v = strings.TrimSuffix(strings.TrimRight(v, "0"), ".")
	}
	if v == "-0" {
		return "0"
	}
	return v
}

// CanonicalFlagName is a flag's name without leading dashes and with hyphens
// for underscores. What follows a dot is a key inside the flag's JSON value
// (--compilation-config.cudagraph_mode) and stays as it is.
func CanonicalFlagName(name string) string {
	name = strings.TrimPrefix(name, "--")
	head, tail, dotted := strings.Cut(name, ".")
	head = strings.ReplaceAll(head, "_", "-")
	if dotted {
		return head + "." + tail
	}
	return head
}

// flagOf reads a YAML value as the value of a flag.
func flagOf(name string, n *node) Flag {
	f := Flag{Name: name}
	switch n.kind {
	case nullNode:
		f.Kind = FlagUnset
	case boolNode:
		f.Kind, f.Value = FlagBool, strings.ToLower(n.text)
	case mapNode:
		f.Value = n.json()
	case listNode:
		f.Value, f.Kind = n.json(), listKind(name)
	default:
		f.Value = n.text
	}
	return f
}

// listKind says how a list is given to the server: as words, as the flag again
// and again, or as one word of JSON where vLLM reads JSON. A flag that vLLM's
// catalogue does not have is taken for one of several words.
func listKind(name string) FlagKind {
	head, _, dotted := strings.Cut(name, ".")
	flag, known := vllmflags.Find(head)
	switch {
	case dotted, known && flag.Keys():
		return FlagText
	case known && flag.Words == vllmflags.Each:
		return FlagEach
	}
	return FlagWords
}

// placedFlag is a flag with its place in the file.
type placedFlag struct {
	Flag
	entry entry
}

// placedFlags reads a mapping of flags without reporting anything.
func placedFlags(n *node) []placedFlag {
	var out []placedFlag
	for _, e := range n.entries {
		out = append(out, placedFlag{flagOf(CanonicalFlagName(e.name), e.value), e})
	}
	return out
}

// flags is a mapping of flag names to single values.
func flags() value[Flags] {
	schema := objectOf(typed("string", "number", "boolean", "null", "object", "array"))
	return value[Flags]{schema: schema, read: func(d *decoder, path string, e entry) (Flags, bool) {
		if e.value.kind != mapNode && e.value.kind != nullNode {
			d.expectLike(path, e, "a mapping of flags to values", "{max-model-len: 8192}")
			return nil, false
		}
		var out Flags
		places := map[string]entry{}
		for _, f := range placedFlags(e.value) {
			if first, dup := places[f.Name]; dup {
				d.duplicateFlag(f.Name, f.entry, first)
				continue
			}
			places[f.Name] = f.entry
			if d.checkFlagName(f.entry) && d.checkFlag(path, f) {
				out = append(out, f.Flag)
			}
		}
		return out, true
	}}
}

func (d *decoder) duplicateFlag(name string, again, first entry) {
	a := args{"flag": name}
	if again.name != first.name {
		a["other"] = first.name
	}
	d.fail("flag-twice", again.key.at, a).Related = []Related{{first.key.at, "first given here"}}
}

// flagName allows keys behind dots; + appends to the list that a key has.
var flagName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9-]*(\.[A-Za-z0-9_.-]+\+?)?$`)

// ownFlags are set by sweep itself, with what to write instead.
var ownFlags = map[string]string{
	"model":          "use server.model",
	"host":           "sweep chooses the address itself",
	"port":           "sweep chooses a free port itself",
	"uds":            "sweep measures over TCP",
	vllmflags.APIKey: "use server.api_key: {from_env: NAME}, because keys do not belong in a file",
	"config":         "write the flags here, so that they are part of the configuration",
}

// checkFlagName reports names that are no flags or that sweep sets itself.
func (d *decoder) checkFlagName(e entry) bool {
	name := CanonicalFlagName(e.name)
	head, keys, dotted := strings.Cut(strings.TrimLeft(e.name, "-"), ".")
	if long, ok := vllmflags.Long(head); ok {
		if dotted {
			long += "." + keys
		}
		d.fail("flag-abbreviated", e.key.at, args{"flag": e.name, "near": long})
		return false
	}
	if !flagName.MatchString(name) {
		d.fail("flag-name-wrong", e.key.at, args{"flag": short(e.name)})
		return false
	}
	if instead, own := ownFlags[name]; own {
		d.fail("flag-reserved", e.key.at, args{"flag": name, "instead": instead})
		return false
	}
	if positive, no := strings.CutPrefix(name, "no-"); no {
		d.fail("flag-negated", e.key.at, args{"flag": name, "positive": positive})
		return false
	}
	return true
}

// checkFlag checks the value of one flag as far as no server is needed for it.
func (d *decoder) checkFlag(path string, f placedFlag) bool {
	at := f.entry.place()
	if strings.ContainsRune(f.Value, 0) {
		d.fail("nul-character", at, args{"path": join(path, f.Name), "want": "text without NUL"})
		return false
	}
	list := f.Kind == FlagWords || f.Kind == FlagEach
	secret := func(word string) bool { return word != "" && !plainNumber.MatchString(word) }
	if (list || f.Kind == FlagText) && secretFlag(f.Name) && slices.ContainsFunc(f.Words(), secret) {
		d.warnSecret(at, f.Name)
	}
	switch {
	case list && len(f.Words()) == 0:
		d.fail("empty-list", at, args{"path": join(path, f.Name), "what": "value", "omit": "the flag"})
		return false
	case f.Kind != FlagText:
		return true
	}
	switch f.Name {
	case vllmflags.GPUMemoryUtilization:
		v, err := strconv.ParseFloat(f.Value, 64)
		if err != nil || !(v > 0 && v <= 1) {
			a := args{"path": f.Name, "want": "greater than 0 and at most 1", "found": f.entry.value.found()}
			percent, marked := strings.CutSuffix(f.Value, "%")
			if p, err := strconv.ParseFloat(percent, 64); err == nil && p > 1 && p <= 100 && (marked || p >= 10) {
				delete(a, "found")
				a["near"] = p / 100
			}
			d.fail("out-of-range", at, a)
			return false
		}
	case vllmflags.TensorParallelSize, vllmflags.PipelineParallelSize, vllmflags.DataParallelSize,
		vllmflags.MaxNumSeqs:
		if n, err := strconv.Atoi(f.Value); err != nil || n < 1 || !digits(f.Value) {
			d.fail("out-of-range", at, args{"path": f.Name, "want": "a whole number of at least 1", "found": f.entry.value.found()})
			return false
		}
	}
	return true
}

// checkTogether reports flags of one configuration that vLLM refuses together
// (vllm/config/scheduler.py: "max_num_batched_tokens must be greater than or
// equal to max_num_seqs").
func (d *decoder) checkTogether(all []placedFlag) {
	find := func(name string) (placedFlag, int64, bool) {
		i := slices.IndexFunc(all, func(f placedFlag) bool { return f.Name == name })
		if i < 0 {
			return placedFlag{}, 0, false
		}
		n, ok := all[i].Int()
		return all[i], n, ok
	}
	tokens, nTokens, ok1 := find(vllmflags.MaxNumBatchedTokens)
	seqs, nSeqs, ok2 := find(vllmflags.MaxNumSeqs)
	if ok1 && ok2 && nTokens < nSeqs {
		d.fail("batched-tokens-low", tokens.entry.place(), args{"tokens": tokens.Value, "seqs": seqs.Value}).Related =
			[]Related{{seqs.entry.place(), "max-num-seqs is given here"}}
	}
}
