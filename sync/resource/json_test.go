package resource

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzAppendJSON holds what is written against encoding/json.
func FuzzAppendJSON(f *testing.F) {
	for _, text := range []string{`{"userName":"x","name":{"a":"<&>"},"emails":[{"type":"work","primary":true},null],"n":[1.50,-2e9],"e":{},"l":[]}`,
		`"Müller \u2028 \u0000 \" \\ \n"`, `[]`, `null`, `{"":""}`, `{"b":1,"a":2,"B":3}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			return // no JSON
		}
		var want bytes.Buffer
		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		wantErr := enc.Encode(v)
		got, err := AppendJSON([]byte("x"), v)
		if (err == nil) != (wantErr == nil) || err == nil && string(got)+"\n" != "x"+want.String() {
			t.Errorf("%s: %s, %v; not %s, %v", text, got, err, want.Bytes(), wantErr)
		}
	})
}

func TestAppendJSONOfTypes(t *testing.T) {
	v := map[string]any{"schemas": []string{"a", "b"}, "emails": []Element{{"type": "work"}, nil}, "one": Element{"value": "x"}, "none": []Element(nil), "off": false,
		"bytes": string([]byte{0xff, 'a'}), "struct": struct {
			A string `json:"a"`
		}{"<>"}}
	want := `{"bytes":"\ufffda","emails":[{"type":"work"},null],"none":null,"off":false,"one":{"value":"x"},"schemas":["a","b"],"struct":{"a":"<>"}}`
	if got, err := AppendJSON(nil, v); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if got, err := AppendJSON(nil, []any{func() {}}); err == nil {
		t.Errorf("a function is %s", got)
	}
}
