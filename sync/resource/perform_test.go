package resource

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What Ops finds to be done leads, carried out, to what is wanted.
func TestPerformLeadsToWhatIsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		old, want := generate(t, "old"), generate(t, "want")
		body := viaJSON(t, old)
		body["urn:else"] = map[string]any{"kept": json.Number("1.50")}
		edit := Ops(old, Wanted{Resource: want, Managed: managed}, RFC7643(), nil)
		if err := Perform(body, edit.Ops, RFC7643()); err != nil {
			t.Fatal(err)
		}
		mustEqual(t, "after Perform", Flatten(body, Wanted{Managed: managed}, RFC7643()), want)
		if diff := cmp.Diff(map[string]any{"kept": json.Number("1.50")}, body["urn:else"]); diff != "" {
			t.Fatalf("what nobody named changed:\n%s", diff)
		}
	})
}

// One operation each, on a body that others have written to.
func TestPerform(t *testing.T) {
	const body = `{"userName":"a","Title":"x","name":{"givenName":"G","honorificPrefix":"Dr"},"emails":[{"type":"Work","value":"w","note":1},{"type":"home","value":"h","primary":true},"bare"],
		"roles":[{"value":"r"}],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user":{"department":"d","manager":{"value":"1","$ref":"x"}},"own":{"a":[1]}}`
	for _, c := range []struct {
		name string
		op   Op
		path string // the member that changes
		want string // what it is then; "": it is gone
	}{
		{"a value in another spelling", Op{"replace", "title", "y"}, "Title", `"y"`},
		{"a value that goes", Op{"remove", "title", nil}, "Title", ``},
		{"a value that is cleared by null", Op{"replace", "title", Null{}}, "Title", ``},
		{"a value that is cleared by an empty text", Op{"replace", "title", ""}, "Title", `""`},
		{"a new value", Op{"add", "nickName", "n"}, "nickName", `"n"`},
		{"active", Op{"replace", "active", false}, "active", `false`},
		{"a part", Op{"replace", "name.givenName", "H"}, "name", `{"givenName":"H","honorificPrefix":"Dr"}`},
		{"a part that goes", Op{"remove", "name.givenName", nil}, "name", `{"honorificPrefix":"Dr"}`},
		{"a part of nothing", Op{"remove", "meta.x", nil}, "meta", ``},
		{"an extension's", Op{"replace", EnterpriseURN + ":department", "e"}, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user", `{"department":"e","manager":{"value":"1","$ref":"x"}}`},
		{"an extension's object", Op{"replace", EnterpriseURN + ":manager", map[string]any{"value": "2"}}, "urn:ietf:params:scim:schemas:extension:enterprise:2.0:user", `{"department":"d","manager":{"value":"2"}}`},
		{"another extension's", Op{"add", "urn:x:y:z", "e"}, "urn:x:y", `{"z":"e"}`},
		{"another extension's that is not there", Op{"remove", "urn:x:y:z", nil}, "urn:x:y", ``},
		{"an element's part", Op{"replace", `emails[type eq "work"].value`, "v"}, "emails", `[{"type":"Work","value":"v","note":1},{"type":"home","value":"h","primary":true},"bare"]`},
		{"an element's part that goes", Op{"remove", `emails[type eq "home"].primary`, nil}, "emails", `[{"type":"Work","value":"w","note":1},{"type":"home","value":"h"},"bare"]`},
		{"another primary", Op{"add", `emails[type eq "work"].primary`, true}, "emails", `[{"type":"Work","value":"w","note":1,"primary":true},{"type":"home","value":"h"},"bare"]`},
		{"an element that is not there", Op{"replace", `emails[type eq "other"].value`, "o"}, "emails", `[{"type":"Work","value":"w","note":1},{"type":"home","value":"h","primary":true},"bare",{"type":"other","value":"o"}]`},
		{"an element that goes", Op{"remove", `emails[type eq "home" and value eq "H"]`, nil}, "emails", `[{"type":"Work","value":"w","note":1},"bare"]`},
		{"an element that is not there goes", Op{"remove", `emails[type eq "other"]`, nil}, "emails", `[{"type":"Work","value":"w","note":1},{"type":"home","value":"h","primary":true},"bare"]`},
		{"more elements", Op{"add", "emails", []Element{{"type": "other", "value": "o", "primary": true}}}, "emails", `[{"type":"Work","value":"w","note":1},{"type":"home","value":"h"},"bare",{"type":"other","value":"o","primary":true}]`},
		{"an element that is there", Op{"add", "roles", []Element{{"value": "r"}}}, "roles", `[{"value":"r"}]`},
		{"another list", Op{"replace", "roles", []Element{{"value": "s"}}}, "roles", `[{"value":"s"}]`},
		{"an empty list", Op{"replace", "roles", []Element{}}, "roles", ``},
		{"no list", Op{"remove", "roles", nil}, "roles", ``},
		{"a list where there was none", Op{"add", "ims", []any{map[string]any{"value": "i"}}}, "ims", `[{"value":"i"}]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			decode := func(text string) (v map[string]any) {
				if err := json.Unmarshal([]byte(text), &v); err != nil {
					t.Fatal(err)
				}
				return v
			}
			got, want := decode(body), decode(body)
			if err := Perform(got, []Op{c.op}, RFC7643()); err != nil {
				t.Fatal(err)
			}
			if delete(want, c.path); c.want != "" {
				want[c.path] = decode(`{"v":` + c.want + `}`)["v"]
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	shape := RFC7643()
	shape.Patch.Undotted = true
	got := map[string]any{"name": map[string]any{"givenName": "G", "familyName": "F", "honorificPrefix": "Dr"}}
	if err := Perform(got, []Op{{"replace", "name", map[string]any{"givenName": "H", "familyName": Null{}}}}, shape); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"name": map[string]any{"givenName": "H", "honorificPrefix": "Dr"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, op := range []Op{{"move", "title", "x"}, {"add", "", "x"}} {
		if Perform(map[string]any{}, []Op{op}, shape) == nil {
			t.Errorf("%v is taken", op)
		}
	}
}
