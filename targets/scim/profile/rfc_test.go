package profile

import (
	"reflect"
	"slices"
	"testing"
)

// Every knob that holds a word holds one of its words, in the defaults as well.
func TestDefaultsAreWords(t *testing.T) {
	checked := 0
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch {
		case words[v.Type()] != nil:
			checked++
			if !slices.Contains(words[v.Type()], v.String()) {
				t.Errorf("%s is %q, which is none of %q", path, v, words[v.Type()])
			}
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				look(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case v.Kind() == reflect.Slice:
			for i := range v.Len() {
				look(path, v.Index(i))
			}
		}
	}
	look("", reflect.ValueOf(RFC()).Elem())
	if checked < 25 {
		t.Errorf("%d words were looked at", checked)
	}
}
