package resource

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"userName":                          "userName",
		"USERNAME":                          "userName",
		UserURN + ":userName":               "userName",
		"externalId":                        "externalId",
		"Name.GivenName":                    "name.givenName",
		"active":                            "active",
		"emails":                            "emails",
		`Emails[Type EQ "work"].VALUE`:      `emails[type eq "work"].value`,
		`emails[type eq "wo\"rk\\]"].value`: `emails[type eq "wo\"rk\\]"].value`,
		`emails[value eq "a" and type eq "work"].display`:                                   `emails[type eq "work" and value eq "a"].display`,
		`emails[primary eq true].value`:                                                     `emails[primary eq true].value`,
		"URN:ietf:params:scim:schemas:extension:enterprise:2.0:user:Department":             EnterpriseURN + ":department",
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value":          EnterpriseURN + ":manager.value",
		"urn:example:params:Badge:number":                                                   "urn:example:params:Badge:number",
		"urn:example:params:1.0:Badge:door.code":                                            "urn:example:params:1.0:Badge:door.code",
		`phoneNumbers[type eq "mobile"].value`:                                              `phoneNumbers[type eq "mobile"].value`,
		`addresses[type eq "work"].streetAddress`:                                           `addresses[type eq "work"].streetAddress`,
		`urn:ietf:params:scim:schemas:core:2.0:User:emails[type eq "x:y[0].z and a"].value`: `emails[type eq "x:y[0].z and a"].value`,
	} {
		p, err := RFC7643().Parse(text)
		if err != nil || p.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, p, err, want)
			continue
		}
		if diff := cmp.Diff(p, Split(p.String())); diff != "" {
			t.Errorf("%s: Split differs: %s", text, diff)
		}
	}
}

func TestPathsThatMustNotBeMapped(t *testing.T) {
	const any = `could be any element; write `
	for text, want := range map[string]string{
		"":                                     `not a SCIM path; write for example userName, name.givenName or emails[type eq "work"].value`,
		"user name":                            `not a SCIM path; write for example userName, name.givenName or emails[type eq "work"].value`,
		"emails[0].value":                      `not a SCIM path; write for example userName, name.givenName or emails[type eq "work"].value`,
		"usrName":                              "the target has no attribute usrName; did you mean userName?",
		"xyz":                                  "the target has no attribute xyz",
		"name.givenname2":                      "name has no sub-attribute givenname2; did you mean givenName?",
		"title.x":                              "title has no parts",
		"department":                           "the core schema has no attribute department; did you mean " + EnterpriseURN + ":department?",
		EnterpriseURN + ":departmen":           "the target has no attribute " + EnterpriseURN + ":departmen; did you mean department?",
		UserURN + ":titel":                     "the target has no attribute titel; did you mean title?",
		"id":                                   "id is read-only: the target gives it; map externalId to change what identifies a person",
		"meta":                                 "meta is read-only: the target gives it; map externalId to change what identifies a person",
		"meta.version":                         "meta is read-only: the target gives it; map externalId to change what identifies a person",
		"groups":                               "groups is read-only: membership is kept at the groups",
		`groups[value eq "x"].value`:           "groups is read-only: membership is kept at the groups",
		"schemas":                              "schemas is written by scimsync itself",
		"Password":                             "Password is a credential; credentials are never sent",
		"urn:example:X:unicodePwd":             "unicodePwd is a credential; credentials are never sent",
		"emails.value":                         "emails.value " + any + `emails[type eq "work"].value, or map emails to a list`,
		`emails[type eq "work"]`:               `map what the element holds, as in emails[type eq "work"].value`,
		`addresses[type eq "work"]`:            `map what the element holds, as in addresses[type eq "work"].formatted`,
		"name":                                 "name has parts; map them one by one, as in name.givenName",
		EnterpriseURN + ":manager.displayName": EnterpriseURN + ":manager.displayName is read-only: the target writes it",
		`emails[type ne "work"].value`:         `the filter may only compare with eq, as in [type eq "work"], not with ne`,
		`emails[type pr].value`:                `the filter may only compare with eq, as in [type eq "work"], not with pr`,
		`emails[type eq "a" or type eq "b"].value`:             `the filter may join comparisons only with "and"`,
		`emails[not (type eq "a")].value`:                      `the filter may only hold comparisons with eq, joined with "and"`,
		`emails[type eq 5].value`:                              "the filter compares type with something that is neither a text in double quotes nor true or false",
		`emails[type eq true].value`:                           "the filter compares type, which is a string, with true",
		`emails[kind eq "work"].value`:                         "emails has no sub-attribute kind",
		`emails[tpye eq "work"].value`:                         "emails has no sub-attribute tpye; did you mean type?",
		`emails[type eq "a" and type eq "b"].value`:            "the filter compares type twice",
		`emails[value eq "a"].value`:                           "value is already fixed by the filter",
		`title[type eq "work"].value`:                          "title holds one value and takes no filter",
		`urn:example:params:Badge:doors[type eq "work"].value`: "the target does not describe urn:example:params:Badge; of such an extension only single values can be mapped",
	} {
		p, err := RFC7643().Parse(text)
		if err == nil {
			t.Errorf("%s is accepted as %s", text, p)
		} else if err.Error() != want {
			t.Errorf("%s:\n got %s\nwant %s", text, err, want)
		}
	}
}

func TestSchemas(t *testing.T) {
	got := RFC7643().Schemas(New(map[string]any{"userName": "a", EnterpriseURN + ":department": "b", `emails[type eq "a:b"].value`: "c", "urn:example:Badge:number": "d", EnterpriseURN + ":division": "e"}))
	if diff := cmp.Diff([]string{UserURN, "urn:example:Badge", EnterpriseURN}, got); diff != "" {
		t.Error(diff)
	}
	if got := RFC7643().Schemas(Resource{}); len(got) != 1 || got[0] != UserURN {
		t.Error(got)
	}
}

func TestFold(t *testing.T) {
	same := [][]string{
		{"jane", "JANE", " Jane\t"},
		{"zoë", "ZOË", "zoe\u0308", "ZOE\u0308"},
		{"σας", "ΣΑΣ", "σασ"},
		{"k", "K", "\u212a"},
	}
	seen := map[string]int{}
	for i, group := range same {
		for _, s := range group {
			if before, has := seen[Fold(s)]; has && before != i {
				t.Errorf("%q folds like another", s)
			}
			seen[Fold(s)] = i
			if Fold(s) != Fold(group[0]) {
				t.Errorf("%q and %q differ: %q, %q", s, group[0], Fold(s), Fold(group[0]))
			}
		}
	}
	for _, pair := range [][2]string{{"straße", "strasse"}, {"i", "ı"}, {"i", "İ"}, {"a", "ä"}, {"a b", "ab"}} {
		if Fold(pair[0]) == Fold(pair[1]) {
			t.Errorf("%q and %q are the same", pair[0], pair[1])
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"userName", "displayName", "title", "locale"}
	for name, want := range map[string]string{"usrname": "userName", "tilte": "title", "xyz": "", "t": "", "locales": "locale", "": ""} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%q: %q; want %q", name, got, want)
		}
	}
}
