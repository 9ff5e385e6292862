package plan

import (
	"testing"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// An account is taken for what a create in doubt has made by its anchor or, where there is
// none to go by, by everything that was sent; and never by the login alone.
func TestMade(t *testing.T) {
	sent := func(more ...string) resource.Resource {
		values := map[string]any{"userName": "zoe@example.org", "name.familyName": "Zed", `emails[type eq "work"].value`: "zoe@example.org"}
		for i := 0; i < len(more); i += 2 {
			values[more[i]] = more[i+1]
		}
		return resource.New(values)
	}
	shown := func(more ...any) *Found {
		f := &Found{ID: "7", UserName: "Zoe@Example.org", Body: map[string]any{"userName": "Zoe@Example.org", "name": map[string]any{"familyName": "Zed"},
			"title": "given there", "emails": []any{map[string]any{"type": "work", "value": "zoe@example.org"}}}}
		for i := 0; i < len(more); i += 2 {
			f.Body[more[i].(string)] = more[i+1]
		}
		return f
	}
	anchored := func(f *Found, id string) *Found { f.ExternalID = id; return f }
	active := func(f *Found, is record.Tri) *Found { f.Active = is; return f }
	masked := shown()
	masked.Masked = true
	for name, c := range map[string]struct {
		anchor string
		early  bool
		found  *Found
		sent   []resource.Resource
		want   bool
	}{
		"all that was sent":            {found: shown(), sent: []resource.Resource{sent()}, want: true},
		"what one of two sent":         {found: shown(), sent: []resource.Resource{sent("title", "x"), sent()}, want: true},
		"active":                       {found: active(shown(), record.True), sent: []resource.Resource{sent()}, want: true},
		"nothing is in doubt":          {found: shown()},
		"nothing is known":             {found: shown(), sent: []resource.Resource{resource.New(nil)}},
		"another value":                {found: shown("name", map[string]any{"familyName": "Zim"}), sent: []resource.Resource{sent()}},
		"a value is not shown":         {found: shown("name", nil), sent: []resource.Resource{sent()}},
		"another mail":                 {found: shown("emails", []any{map[string]any{"type": "work", "value": "z@example.org"}}), sent: []resource.Resource{sent()}},
		"inactive":                     {found: active(shown(), record.False), sent: []resource.Resource{sent()}},
		"inactive, as it was sent":     {early: true, found: active(shown(), record.False), sent: []resource.Resource{sent()}, want: true},
		"active, and was not so sent":  {early: true, found: active(shown(), record.True), sent: []resource.Resource{sent()}},
		"values that are not its own":  {found: masked, sent: []resource.Resource{sent()}},
		"somebody's anchor":            {found: anchored(shown(), "x"), sent: []resource.Resource{sent()}},
		"no anchor where one was sent": {anchor: "1", found: shown(), sent: []resource.Resource{sent("externalId", "1")}},
		"the anchor":                   {anchor: "1", found: anchored(shown("name", nil), "1"), want: true},
		"another anchor":               {anchor: "1", found: anchored(shown(), "x"), sent: []resource.Resource{sent("externalId", "1")}},
	} {
		change := &Change{Action: Create, After: map[string]any{"active": !c.early}}
		if c.anchor != "" {
			change.Want.Resource = resource.New(map[string]any{"externalId": c.anchor})
		}
		if got := change.Made(c.found, resource.RFC7643(), c.sent...); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
