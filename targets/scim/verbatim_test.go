package scim

import "testing"

func TestVerbatim(t *testing.T) {
	sent := `{"schemas":["a"],"userName":"x","emails":[{"type":"work","value":"x@example.org"}],"active":true}`
	for shown, want := range map[string]bool{
		`{"id":"1","schemas":["a","b"],"active":true,"userName":"x","emails":[{"type":"work","value":"x@example.org"}],"meta":{}}`: true,
		`{"id":"1","active":true,"userName":"X","emails":[{"type":"work","value":"x@example.org"}]}`:                               false,
		`{"id":"1","active":false,"userName":"x","emails":[{"type":"work","value":"x@example.org"}]}`:                              false,
		`{"id":"1","userName":"x","emails":[{"type":"work","value":"x@example.org"}]}`:                                             false,
		`{"id":"1","active":true,"userName":"x","emails":[{"value":"x@example.org","type":"work"}]}`:                               false, // the same, but not to the eye
		`{"id":"1"}`: false, ``: false, `<html>`: false, `[]`: false, `null`: false,
	} {
		if got := verbatim([]byte(sent), []byte(shown)); got != want {
			t.Errorf("%s: %v", shown, got)
		}
	}
	if verbatim([]byte(`{}`), []byte(`{"id":"1"}`)) {
		t.Error("nothing was sent, and it is shown")
	}
}
