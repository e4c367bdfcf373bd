package translate

import "strings"

// options are those of a command line in which every option but the named
// switches has a value; several of the same name keep all values, in order.
type options struct {
	list  []option
	taken map[string]bool
}

type option struct{ name, value, written string }

// several are options with more than one word.
var several = map[string]bool{"goodput": true, "metadata": true, "override": true}

// readOptions reads --name value, --name=value and -n value; words that belong
// to no option are returned.
func readOptions(words []string, short map[string]string, switches ...string) (o options, rest []string) {
	o.taken = map[string]bool{}
	isSwitch := map[string]bool{}
	for _, s := range switches {
		isSwitch[s] = true
	}
	for i := 0; i < len(words); i++ {
		w := words[i]
		if !strings.HasPrefix(w, "-") || w == "-" {
			rest = append(rest, w)
			continue
		}
		name, value, given := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if long := short[name]; long != "" {
			name = long
		}
		name = strings.ReplaceAll(name, "_", "-")
		if !given && !isSwitch[name] && i+1 < len(words) {
			i++
			value = words[i]
			for several[name] && i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				i++
				value += " " + words[i]
			}
		}
		o.list = append(o.list, option{name, value, strings.TrimSpace("--" + name + " " + value)})
	}
	return o, rest
}

// take returns the last value of the first of the names that is there.
func (o options) take(names ...string) (value string, ok bool) {
	all := o.all(names...)
	if len(all) == 0 {
		return "", false
	}
	return all[len(all)-1], true
}

// all returns every value of the names, in order, and marks them as read.
func (o options) all(names ...string) (out []string) {
	for _, name := range names {
		for _, p := range o.list {
			if p.name == name {
				o.taken[name] = true
				out = append(out, p.value)
			}
		}
	}
	return out
}

// ignore marks options that say nothing about the load: where results go, what
// is printed.
func (o options) ignore(names ...string) {
	for _, name := range names {
		o.taken[name] = true
	}
}

// left are the options that nobody took, as they were written.
func (o options) left() (out []string) {
	for _, p := range o.list {
		if !o.taken[p.name] {
			out = append(out, p.written)
		}
	}
	return out
}
