package scim_test

import (
	"slices"
	"strings"
	"testing"

	"scimsync/sync/resource"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

func shapeOf(t *testing.T, p *profile.Profile) resource.Shape {
	t.Helper()
	s, err := scim.ShapeOf(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The default profile has the shape of the RFC.
func TestShapeOfTheRFC(t *testing.T) {
	if shapeOf(t, profile.RFC()).Digest() != resource.RFC7643().Digest() {
		t.Error("the default shape is not that of RFC 7643")
	}
}

// Every built-in profile has a shape, in which its own paths mean something.
func TestShapesOfTheBuiltIn(t *testing.T) {
	for _, name := range profile.Names() {
		p, err := profile.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := shapeOf(t, p)
		for _, path := range slices.Concat([]string{"userName"}, s.Required, slices.Concat(s.Coupled...)) {
			if why := s.Refuses(resource.Split(path)); why != "" {
				t.Errorf("%s: %s is needed, and %s", name, path, why)
			}
		}
	}
}

// What the services say that have to work without exception.
func TestShapesOfServices(t *testing.T) {
	const enterprise = resource.EnterpriseURN
	for name, c := range map[string]struct{ taken, refused []string }{
		"ringcentral": {[]string{"externalId", "name.givenName", `emails[type eq "work"].value`, `phoneNumbers[type eq "mobile"].value`, enterprise + ":department", "title"},
			[]string{"displayName", "name.formatted", `emails[type eq "home"].value`, enterprise + ":costCenter", "urn:example:X:a", "locale"}},
		"rsa-unified-directory": {[]string{"nickName", "name.formatted", `phoneNumbers[type eq "pager"].value`}, []string{enterprise + ":department", "photos", `addresses[type eq "billing"].locality`}},
		"resolution-usersync":   {[]string{"displayName", enterprise + ":department", "urn:example:X:a"}, nil},
		"aws-identity-center":   {[]string{"externalId", enterprise + ":manager.value"}, []string{"photos", `emails[type eq "work"].display`}},
		"bitwarden":             {[]string{"emails", "name.givenName"}, []string{"title", enterprise + ":department", "urn:example:X:a"}},
		"databricks":            {[]string{"userName"}, []string{"externalId"}},
	} {
		p, err := profile.Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		s := shapeOf(t, p)
		for _, path := range c.taken {
			if why := s.Refuses(resource.Split(path)); why != "" {
				t.Errorf("%s: %s: %s", name, path, why)
			}
		}
		for _, path := range c.refused {
			if s.Refuses(resource.Split(path)) == "" {
				t.Errorf("%s takes %s", name, path)
			}
		}
	}
}

// Each knob arrives where it is looked for.
func TestShapeKnobs(t *testing.T) {
	const badge = "urn:example:Badge:number"
	p := profile.RFC()
	a := &p.Attrs
	a.Deny, a.ReadOnly, a.WriteOnce = []string{"ims", "emails.display"}, []string{"name.formatted"}, []string{"locale", badge}
	a.MaxLen = map[string]int{"name": 10, "name.givenName": 20, badge: 4}
	a.CharsetDeny = map[string]string{"displayName": "@"}
	a.MultiMax, a.Types, a.RequirePrimary = map[string]int{"emails": 1}, map[string][]string{"emails": {"work"}}, []string{"emails"}
	a.NormalizeCompare = map[string][]profile.Normal{"phoneNumbers.value": {profile.E164}, "phoneNumbers[type eq \"other\"]": {profile.Ignore}, "title": {profile.Trim, profile.Casefold}}
	a.Required, a.AlwaysSend = []string{"userName", "name.givenName"}, []string{"active", "title"}
	a.Coupled = [][]string{{"userName", `emails[type eq "work"].value`}}
	a.ClearStyle = profile.ClearReplaceNull
	p.Patch.Path, p.Patch.Dotted, p.Patch.MaxOps, p.Patch.Isolate, p.Patch.RemoveUnsupported = profile.PathPathless, false, 3, []string{"userName"}, []string{"title"}
	p.Create.AcceptInactive, p.Reactivate.InSameRequestAsUpdate = false, false
	s := shapeOf(t, p)
	def := func(path string) *resource.Definition {
		at := resource.Split(path)
		d, known := s.Find(at.URN, at.Attr)
		if known && at.Sub != "" {
			d, known = d.Sub(at.Sub)
		}
		if !known {
			t.Fatalf("no %s", path)
		}
		return d
	}
	emails, phones := def("emails"), def("phoneNumbers")
	for what, ok := range map[string]bool{
		"deny":      def("ims").Refused != "" && def("emails.display").Refused != "" && emails.Refused == "",
		"read only": def("name.formatted").Refused != "" && def("name").Refused == "", "write once": def("locale").CreateOnly && def(badge).CreateOnly,
		"max len": def("name.familyName").MaxLen == 10 && def("name.givenName").MaxLen == 20 && def(badge).MaxLen == 4 && def("title").MaxLen == 0,
		"charset": def("displayName").Forbidden.MatchString("a@b"), "max values": emails.MaxValues == 1 && emails.OnePrimary && slices.Equal(emails.Types, []string{"work"}),
		"rules":      slices.Equal(def("phoneNumbers.value").Rules, []resource.Rule{resource.E164}) && slices.Equal(def("title").Rules, []resource.Rule{resource.Trim, resource.FoldCase}),
		"own values": slices.Equal(phones.OwnTypes, []string{"other"}) && len(phones.Rules) == 0, "required": slices.Equal(s.Required, []string{"name.givenName", "title"}),
		"coupled": len(s.Coupled) == 1 && len(s.Coupled[0]) == 2, "clear": s.Patch.Clear == resource.ClearByNull, "forms": s.Patch.Pathless && s.Patch.Undotted && s.Patch.MaxOps == 3 && !s.Patch.Whole,
		"active": s.ActiveOnly, "isolate": slices.Equal(s.Patch.Isolate, []string{"active", "userName"}) && slices.Equal(s.Patch.Keep, []string{"title"}),
	} {
		if !ok {
			t.Errorf("%s did not arrive", what)
		}
	}
	p.Update.Method = profile.UpdatePut
	if put := shapeOf(t, p).Patch; put.MaxOps != 0 || put.Pathless || put.Clear != resource.ClearByNull || len(put.Isolate) != 1 {
		t.Errorf("for whole accounts the forms are %+v", put)
	}
}

// A knob that means nothing is an error, and not a limit that is silently gone.
func TestShapeRefuses(t *testing.T) {
	const mail = `emails[type eq "work"].value`
	for want, change := range map[string]func(*profile.Profile){
		"profile rfc: attrs.max_len: " + mail + ": a filter means nothing here": func(p *profile.Profile) { p.Attrs.MaxLen = map[string]int{mail: 5} },
		"attrs.allow: " + mail + ": a filter means nothing here":                func(p *profile.Profile) { p.Attrs.Allow = []string{mail} },
		"attrs.multi_max: title: it holds one value":                            func(p *profile.Profile) { p.Attrs.MultiMax = map[string]int{"title": 1} },
		"attrs.required: title: the profile says elsewhere that the service":    func(p *profile.Profile) { p.Attrs.Required, p.Attrs.Allow = []string{"title"}, []string{"userName"} },
		"attrs.normalize_compare: " + mail + ": of single elements": func(p *profile.Profile) {
			p.Attrs.NormalizeCompare = map[string][]profile.Normal{mail: {profile.Casefold}}
		},
		"patch.max_ops is 1": func(p *profile.Profile) {
			p.Attrs.Coupled, p.Patch.MaxOps = [][]string{{"userName", mail}}, 1
		},
		"attrs.coupled: " + mail + ": it is coupled twice": func(p *profile.Profile) {
			p.Attrs.Coupled = [][]string{{"userName", mail}, {"displayName", mail}}
		},
		"attrs.deny: name.nothing: there is no such attribute": func(p *profile.Profile) { p.Attrs.Deny = []string{"name.nothing"} },
	} {
		p := profile.RFC()
		change(p)
		if _, err := scim.ShapeOf(p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
