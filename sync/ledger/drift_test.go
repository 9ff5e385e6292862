package ledger

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"scimsync/sync/resource"
)

// An entry whose account drifted is what is there, and knows still what was pushed.
func TestThere(t *testing.T) {
	t.Parallel()
	pushed := &Entry{Standing: Live, Resource: resource.New(map[string]any{"title": "a", "nickName": "n"})}
	if pushed.There() != pushed || pushed.Vanished() {
		t.Error("nothing drifted")
	}
	pushed.Drift = map[string]any{"title": "b", "nickName": nil, "active": false}
	there := pushed.There()
	if d := cmp.Diff(resource.New(map[string]any{"title": "b"}), there.Resource); d != "" || there.Standing != Suspended || pushed.Standing != Live {
		t.Errorf("%+v\n%s", there, d)
	}
	pushed.Drift = map[string]any{"id": nil}
	if there := pushed.There(); !there.Vanished() || there.Standing != Live || !resource.Equal(there.Resource, pushed.Resource) {
		t.Errorf("%+v", there)
	}
	pushed.Standing, pushed.Drift = Left, map[string]any{"active": true}
	if pushed.There().Standing != Live {
		t.Error("it is active there")
	}
}

// An entry comes back as it was; that an account was shown as it was sent is something
// else than that it was never shown.
func TestEntryComesBack(t *testing.T) {
	t.Parallel()
	for _, echo := range []map[string]any{nil, {}, {"title": nil, "roles": []resource.Element{{"value": "a"}}, "active": false}} {
		for _, drift := range []map[string]any{nil, {"active": true, "nickName": nil}} {
			want := Entry{RemoteID: "r1", Version: "v", Resource: resource.New(map[string]any{"userName": "ada"}), Managed: []string{"userName"},
				Maybe: map[string]any{"title": resource.Either{"a", nil}}, Echo: echo, Drift: drift, Run: "r"}
			b := AppendEntry(nil, &want)
			var got Entry
			if err := DecodeEntry(b, &got); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			for n := range b {
				if err := DecodeEntry(b[:n], new(Entry)); err == nil {
					t.Errorf("cut after %d of %d bytes: no error", n, len(b))
				}
			}
		}
	}
}
