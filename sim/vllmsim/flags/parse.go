package flags

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/vllmflags"
)

// Error is a command line that argparse refuses: exit code 2. Unknown
// arguments come back to the parser of `vllm` itself, which reports them; all
// other errors are those of `vllm serve`.
type Error struct {
	Message string
	Unknown bool
}

func (e *Error) Error() string { return e.Message }

func refuse(format string, args ...any) error { return &Error{Message: fmt.Sprintf(format, args...)} }

// Parse reads the arguments behind `vllm serve`. An *Error is a usage fault;
// other errors come from reading a --config file.
func Parse(args []string) (*Values, error) {
	args, err := expandConfig(args)
	if err != nil {
		return nil, err
	}
	p := newParser(minor(args))
	for rest := args; len(rest) > 0; {
		if rest, err = p.next(rest); err != nil {
			return nil, err
		}
	}
	if len(p.unknown) > 0 {
		return nil, &Error{Message: "unrecognized arguments: " + strings.Join(p.unknown, " "), Unknown: true}
	}
	p.warn(args)
	return p.values, nil
}

type parser struct {
	values  *Values
	long    map[string]entry // by spelling without dashes: "x", "no-x"
	short   map[string]Flag  // by spelling with its dash
	unknown []string
	seen    map[string]bool // long options, as spelled
	inJSON  map[string]bool // flags whose object came as a whole
	twice   []string        // options and dotted keys given more than once
	model   bool            // the positional model was given
	rest    bool            // behind "--"
}

type entry struct {
	flag Flag
	no   bool
}

// minor is the minor release of the version whose dialect the arguments ask
// for: the table of flags depends on it. Anything but 0.x counts as newest.
func minor(args []string) int {
	release := math.MaxInt
	for i, a := range args {
		name, value, inline := strings.Cut(strings.ReplaceAll(a, "_", "-"), "=")
		if name != "--sim-version" {
			continue
		}
		if !inline && i+1 < len(args) {
			value = args[i+1]
		}
		release = math.MaxInt
		parts := strings.Split(value, ".")
		if n, err := strconv.Atoi(parts[min(1, len(parts)-1)]); err == nil && len(parts) > 1 && parts[0] == "0" {
			release = n
		}
	}
	return release
}

// newParser returns a parser of the flags of vLLM 0.minor.
func newParser(minor int) *parser {
	p := &parser{
		values: &Values{text: map[string][]string{}, json: map[string]map[string]any{}},
		long:   map[string]entry{},
		short:  map[string]Flag{},
		seen:   map[string]bool{}, inJSON: map[string]bool{},
	}
	for _, f := range Table(minor) {
		p.long[f.Name] = entry{flag: f}
		for _, s := range f.Others {
			if long, ok := strings.CutPrefix(s, "--"); ok {
				p.long[long] = entry{flag: f, no: long == "no-"+f.Name}
			} else {
				p.short[s] = f
			}
		}
	}
	return p
}

// next consumes one option with its values, or one positional argument.
func (p *parser) next(args []string) ([]string, error) {
	arg, rest := args[0], args[1:]
	switch {
	case p.rest || !isOption(arg):
		p.positional(arg)
		return rest, nil
	case arg == "--":
		p.rest = true
		return rest, nil
	case arg == "-h", arg == "--help":
		return nil, ErrHelp
	case strings.HasPrefix(arg, "--"):
		return p.longOption(arg, rest)
	}
	return p.shortOption(arg, rest)
}

var negative = regexp.MustCompile(`^-\d+$|^-\d*\.\d+$`)

// isOption tells options from values as argparse does: negative numbers and
// words with a space are values.
func isOption(arg string) bool {
	return len(arg) > 1 && arg[0] == '-' && !negative.MatchString(arg) && !strings.Contains(arg, " ")
}

func (p *parser) positional(arg string) {
	if p.model {
		p.unknown = append(p.unknown, arg)
		return
	}
	p.model = true
	if !p.values.Has("model") {
		p.values.set("model", []string{arg})
	}
}

func (p *parser) longOption(arg string, rest []string) ([]string, error) {
	name, value, inline := strings.Cut(arg[2:], "=")
	name, path, dotted := strings.Cut(name, ".")
	name = strings.ReplaceAll(name, "_", "-")
	e, err := p.lookup(name, arg)
	if err != nil {
		return nil, err
	}
	if e == nil {
		p.unknown = append(p.unknown, arg)
		return rest, nil
	}
	if dotted {
		return p.dotted(e.flag, "--"+name, path, value, inline, rest)
	}
	if p.seen[name] {
		p.repeat("--" + name)
	}
	p.seen[name] = true
	return p.store(*e, value, inline, rest)
}

// lookup finds a long option by its name or an unambiguous beginning of it.
func (p *parser) lookup(name, arg string) (*entry, error) {
	if e, ok := p.long[name]; ok {
		return &e, nil
	}
	var found []string
	for candidate := range p.long {
		if strings.HasPrefix(candidate, name) && name != "" {
			found = append(found, candidate)
		}
	}
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		e := p.long[found[0]]
		return &e, nil
	}
	sort.Strings(found)
	for i := range found {
		found[i] = "--" + found[i]
	}
	return nil, refuse("ambiguous option: %s could match %s", arg, strings.Join(found, ", "))
}

// shortOption reads -tp 2, -tp=2, -O3, -cc.key=value.
func (p *parser) shortOption(arg string, rest []string) ([]string, error) {
	name, value, inline := strings.Cut(arg, "=")
	name, path, dotted := strings.Cut(name, ".")
	if f, ok := p.short[name]; ok {
		if dotted {
			return p.dotted(f, name, path, value, inline, rest)
		}
		return p.store(entry{flag: f}, value, inline, rest)
	}
	if f, ok := p.short[arg[:2]]; ok && len(arg) > 2 { // one letter: -O3, but not -tp2
		return p.store(entry{flag: f}, arg[2:], true, rest)
	}
	p.unknown = append(p.unknown, arg)
	return rest, nil
}

// ErrHelp reports -h or --help.
var ErrHelp = fmt.Errorf("help requested")

// store checks and keeps the values of one option.
func (p *parser) store(e entry, value string, inline bool, rest []string) ([]string, error) {
	f := e.flag
	if f.Kind == Bool {
		if inline {
			return nil, refuse("argument %s: ignored explicit argument %s", f.Display(), vllmflags.Quote(value))
		}
		p.keep(f, []string{strconv.FormatBool(!e.no)})
		return rest, nil
	}
	var values []string
	if inline {
		values = []string{value}
	} else {
		most := 1
		if f.Words == vllmflags.Many {
			most = len(rest)
		}
		for len(values) < most && len(rest) > 0 && !isOption(rest[0]) {
			values, rest = append(values, rest[0]), rest[1:]
		}
	}
	switch {
	case len(values) > 0:
	case f.Words == vllmflags.Many:
		return nil, refuse("argument %s: expected at least one argument", f.Display())
	case f.Words == vllmflags.Maybe:
		values = []string{"true"}
	default:
		return nil, refuse("argument %s: expected one argument", f.Display())
	}
	for _, v := range values {
		if err := f.Check(v); err != nil {
			return nil, &Error{Message: err.Error()}
		}
	}
	if f.Keys() && strings.HasPrefix(values[0], "{") {
		var object map[string]any // numbers such as 80m, which vLLM expands, concern nothing that is simulated
		if err := json.Unmarshal([]byte(values[0]), &object); err == nil {
			p.values.json[f.Name], p.inJSON[f.Name] = object, true
		}
	}
	if f.Words == vllmflags.Each {
		values = append(slices.Clone(p.values.Texts(f.Name)), values...)
	}
	p.keep(f, values)
	return rest, nil
}

// repeat notes an option that was given before; vLLM looks at the spelling, so
// that --x and --no-x are no repetition, and at options with two dashes only.
func (p *parser) repeat(name string) {
	if !slices.Contains(p.twice, name) {
		p.twice = append(p.twice, name)
	}
}

// warn collects what vLLM logs about a command line that it accepts.
func (p *parser) warn(args []string) {
	for _, a := range args {
		if a == "--model" || strings.HasPrefix(a, "--model=") {
			p.values.Warnings = append(p.values.Warnings, "With `vllm serve`, you should provide the model as a positional argument or in a config file instead of via the `--model` option. The `--model` option will be removed in a future version.")
			break
		}
	}
	if len(p.twice) > 0 {
		p.values.Warnings = append(p.values.Warnings, "Found duplicate keys "+strings.Join(p.twice, ", "))
	}
}

func (p *parser) keep(f Flag, values []string) {
	p.values.set(f.Name, values)
}

// dotted adds --flag.a.b value to the flag's JSON object. A path that ends in
// + appends to a list.
func (p *parser) dotted(f Flag, spelled, path, value string, inline bool, rest []string) ([]string, error) {
	if !f.Keys() {
		p.unknown = append(p.unknown, "--"+f.Name+"."+path)
		return rest, nil
	}
	if !inline {
		if len(rest) == 0 || isOption(rest[0]) {
			return nil, refuse("argument %s: expected one argument", f.Display())
		}
		value, rest = rest[0], rest[1:]
	}
	object := p.values.json[f.Name]
	if object == nil {
		object = map[string]any{}
		p.values.json[f.Name] = object
	}
	keys := strings.Split(strings.ReplaceAll(path, "-", "_"), ".")
	for _, k := range keys[:len(keys)-1] {
		child, ok := object[k].(map[string]any)
		if !ok {
			child = map[string]any{}
			object[k] = child
		}
		object = child
	}
	last := keys[len(keys)-1]
	if _, given := object[last]; given && !p.inJSON[f.Name] {
		p.repeat(spelled + "." + strings.Join(keys, "."))
	}
	if name, ok := strings.CutSuffix(last, "+"); ok {
		list, _ := object[name].([]any)
		for _, item := range strings.Split(value, ",") {
			list = append(list, scalar(item))
		}
		object[name] = list
	} else {
		object[last] = scalar(value)
	}
	text, err := json.Marshal(p.values.json[f.Name])
	if err != nil {
		return nil, refuse("argument %s: invalid loads value: %s", f.Display(), vllmflags.Quote(value))
	}
	p.values.set(f.Name, []string{string(text)})
	return rest, nil
}

// scalar reads a JSON value, or takes the text as it stands.
func scalar(s string) any {
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		return s
	}
	return v
}
