package runner

import (
	"reflect"
	"testing"
	"time"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/rundir"
	"github.com/vllm-sweep/sweep/launcher"
)

// fillAll sets every field of a value, down to the elements of lists.
func fillAll(v reflect.Value) {
	switch v.Interface().(type) {
	case notice.Notice:
		v.Set(reflect.ValueOf(launcher.Quoted("no room")))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Float64:
		v.SetFloat(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillAll(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fillAll(v.Index(0))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf("x"))
	case reflect.Struct:
		for i := range v.NumField() {
			fillAll(v.Field(i))
		}
	default:
		panic("no value for a " + v.Kind().String())
	}
}

func filled[T any]() T {
	var v T
	fillAll(reflect.ValueOf(&v).Elem())
	return v
}

// What package launcher tells of a start is in its record, to the last field.
func TestStartRecordHoldsEveryField(t *testing.T) {
	for _, c := range []struct{ got, want any }{
		{recordPhases([]launcher.Phase{filled[launcher.Phase]()}), []rundir.Phase{filled[rundir.Phase]()}},
		{rundir.Identity(filled[launcher.Identity]()), filled[rundir.Identity]()},
		{*recordLogged(filled[launcher.Logged]()), filled[rundir.Logged]()},
		{*recordEffective(new(filled[launcher.Effective]())), filled[rundir.Effective]()},
		{*recordDiagnosis(filled[launcher.Diagnosis]()), filled[rundir.Diagnosis]()},
		{recordedDiagnosis(new(filled[rundir.Diagnosis]())), filled[launcher.Diagnosis]()},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%+v, want %+v", c.got, c.want)
		}
	}
}
