package scim

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzMembers holds the members against what encoding/json makes of the same text, if it
// takes it.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{"id":"1","meta":{"version":"W/\"2\""},"a":[1,{"b":null}],"c":-1e3,"d":true}`, ` { "a" : "x\\" , "a" : [ ] } `,
		`{}`, `{"a":{}}`, `null`, `[]`, `"{"`, `{"a":1}}`, `{"a":1`, `{"a":1]`, `{"":""}`, `{"a":1,}`, `{"a" "b":1}`, `<html>`, "\ufeff{}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := map[string]string{}
		for _, m := range members(text) {
			name := string(m.name)
			if strings.Contains(name, `\`) || !utf8.ValidString(name) {
				return // decoding changes the name
			}
			got[name] = string(m.value)
		}
		var decoded map[string]json.RawMessage
		if json.Unmarshal(text, &decoded) != nil {
			return
		}
		want := map[string]string{}
		for name, value := range decoded {
			want[name] = string(bytes.TrimSpace(value))
		}
		if !maps.Equal(got, want) {
			t.Errorf("%q: %v, not %v", text, got, want)
		}
	})
}

func TestWhatIsNoObjectHasNoMembers(t *testing.T) {
	for _, text := range []string{``, `{}`, `[]`, `[{"id":"1"}]`, `"id"`, `{"id":"1"`, `{"id":"1"]`, `{"id":"1"}{}`, `{"id":"1"} x`, `{"id":"1",}`, `{"id"}`,
		`{"id" "1"}`, `{id:"1"}`, `{"id":"1`, `{"id`, `{"`, `{`, `{"a":1,"id"`, `{"a":{"id":"1"}`, `<html>{"id":"1"}</html>`} {
		if got := members([]byte(text)); got != nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestVerbatim(t *testing.T) {
	sent := `{"schemas":["a"],"userName":"x","emails":[{"type":"work","value":"x@example.org"}],"active":true}`
	for shown, want := range map[string]bool{
		`{"id":"1","schemas":["a","b"],"active":true,"userName":"x","emails":[{"type":"work","value":"x@example.org"}],"meta":{}}`: true,
		`{"id":"1","active":true,"userName":"X","emails":[{"type":"work","value":"x@example.org"}]}`:                               false,
		`{"id":"1","active":false,"userName":"x","emails":[{"type":"work","value":"x@example.org"}]}`:                              false,
		`{"id":"1","userName":"x","emails":[{"type":"work","value":"x@example.org"}]}`:                                             false,
		`{"id":"1","active":true,"userName":"x","emails":[{"value":"x@example.org","type":"work"}]}`:                               false, // the same, but not to the eye
		`{"userName":"x","emails":[{"type":"work","value":"x@example.org"}],"active":true,"userName":"y"}`:                         false,
		`{"id":"1"}`: false, ``: false, `<html>`: false, `[]`: false, `null`: false,
	} {
		if got := verbatim(members([]byte(sent)), members([]byte(shown))); got != want {
			t.Errorf("%s: %v", shown, got)
		}
	}
	if verbatim(nil, members([]byte(`{"id":"1"}`))) {
		t.Error("nothing was sent, and it is shown")
	}
}
