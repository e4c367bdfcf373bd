package rundir

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vllm-sweep/sweep/internal/atomicfile"
	"github.com/vllm-sweep/sweep/internal/notice"
)

// notFinite is why a value is absent that JSON has no word for.
const notFinite = "the value was not a finite number"

// writeRecord writes a record. Those who read what others wrote keep NaN and
// infinities out; one that came through nevertheless must not cost a trial that
// was measured, so it is left out with the reason.
func writeRecord(path string, v any) error {
	err := atomicfile.WriteJSON(path, v)
	if !unsupported(err) {
		return err
	}
	tree, err := finite(v)
	if err != nil {
		return err
	}
	return atomicfile.WriteJSON(path, tree)
}

// marshalFinite is json.Marshal with the same care.
func marshalFinite(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if !unsupported(err) {
		return b, err
	}
	tree, err := finite(v)
	if err != nil {
		return nil, err
	}
	return json.Marshal(tree)
}

func unsupported(err error) bool {
	var u *json.UnsupportedValueError
	return errors.As(err, &u)
}

// finite is a record as a tree without values that are not finite. A metric
// that is left out is named in absent, anything else in the warnings of the
// record or the notices of the event.
func finite(v any) (map[string]any, error) {
	b, err := json.Marshal(fill(reflect.ValueOf(v)).Interface())
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree map[string]any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	var out []string
	empty(tree, "", &out)
	for _, path := range out {
		metric, isMetric := strings.CutPrefix(path, "metrics.")
		switch {
		case isMetric:
			absent, _ := tree["absent"].(map[string]any)
			if absent == nil {
				absent = map[string]any{}
				tree["absent"] = absent
			}
			absent[metric] = notFinite
		default:
			list := "warnings"
			if tree["event"] != nil {
				list = "notices"
			}
			said, _ := tree[list].([]any)
			tree[list] = append(said, notice.New("value-not-finite", notice.Args{"field": notice.Text(path)}))
		}
	}
	return tree, nil
}

// hole stands for a value that is not finite until the JSON is made.
const hole = -1.6180339887498949e308

var holeText = json.Number(strconv.FormatFloat(hole, 'e', -1, 64))

// fill copies v with holes in place of what is not finite.
func fill(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Float64:
		if x := v.Float(); math.IsNaN(x) || math.IsInf(x, 0) {
			filled := reflect.New(v.Type()).Elem()
			filled.SetFloat(hole)
			return filled
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return v
		}
		inner := fill(v.Elem())
		if v.Kind() == reflect.Interface {
			return inner
		}
		p := reflect.New(v.Type().Elem())
		p.Elem().Set(inner)
		return p
	case reflect.Struct:
		c := reflect.New(v.Type()).Elem()
		c.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(fill(v.Field(i)))
			}
		}
		return c
	case reflect.Map:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, k := range v.MapKeys() {
			c.SetMapIndex(k, fill(v.MapIndex(k)))
		}
		return c
	case reflect.Slice:
		if v.IsNil() {
			return v
		}
		c := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			c.Index(i).Set(fill(v.Index(i)))
		}
		return c
	}
	return v
}

// empty takes the holes out of a tree and lists their paths. In a list a hole
// becomes null: the places of the others tell something.
func empty(node any, path string, out *[]string) {
	switch node := node.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(node)) {
			below := strings.TrimPrefix(path+"."+name, ".")
			if node[name] == holeText {
				delete(node, name)
				*out = append(*out, below)
				continue
			}
			empty(node[name], below, out)
		}
	case []any:
		for i, inner := range node {
			below := path + "." + strconv.Itoa(i)
			if inner == holeText {
				node[i] = nil
				*out = append(*out, below)
				continue
			}
			empty(inner, below, out)
		}
	}
}
