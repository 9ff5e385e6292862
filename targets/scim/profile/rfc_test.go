package profile

import (
	"reflect"
	"slices"
	"testing"
)

// Every knob that holds a word has a vocabulary, and holds one of its words in the defaults as well.
func TestDefaultsAreWords(t *testing.T) {
	checked := 0
	var look func(path string, v reflect.Value)
	look = func(path string, v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			list := words[v.Type()]
			if v.Type() != reflect.TypeFor[string]() && !slices.Contains(list, v.String()) {
				t.Errorf("%s is %q, which is none of %q", path, v, list)
			}
			checked += min(len(list), 1)
		case reflect.Struct:
			for i := range v.NumField() {
				look(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				look(path, v.Index(i))
			}
		}
	}
	look("", reflect.ValueOf(RFC()).Elem())
	if checked < 30 {
		t.Errorf("%d words were looked at", checked)
	}
}
