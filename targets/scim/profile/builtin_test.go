package profile

import (
	"strings"
	"testing"
)

// The built-in profiles that the manual promises.
var promised = strings.Fields(`rfc interop ipsie ringcentral rsa-unified-directory resolution-usersync aws-identity-center github-emu github-org
	gitlab atlassian slack zoom salesforce databricks snowflake datadog pagerduty sentry bitwarden grafana zitadel figma miro notion asana canva
	webex launchdarkly sandbox`)

func TestBuiltins(t *testing.T) {
	names := map[string]bool{}
	for _, name := range Names() {
		names[name] = true
		p, err := Load(name, nil)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if p.Name != name || p.Service == "" {
			t.Errorf("%s: the name is %q, the service %q", name, p.Name, p.Service)
		}
		knobs := p.Knobs()
		for _, k := range knobs {
			// Whatever a file sets, it says where that is known from; rfc is the default and says it of sections.
			if k.From == name && name != Default && k.Fact.Source == "" {
				t.Errorf("%s: no fact for %s", name, k.Name)
			}
		}
		for _, f := range p.Facts {
			for _, knob := range f.Knobs {
				if f.file == name+".yaml" && name != Default && !sets(knobs, name, knob) {
					t.Errorf("%s: a fact about %s, which it does not set", name, knob)
				}
			}
		}
		if name != Default && name != "ipsie" && p.Extends != "" {
			t.Errorf("%s extends %s: what it is silent about would not be seen", name, p.Extends)
		}
	}
	for _, name := range promised {
		if !names[name] {
			t.Errorf("there is no profile %s", name)
		}
	}
	if len(names) != len(promised) {
		t.Errorf("%d profiles, %d promised", len(names), len(promised))
	}
}

func sets(knobs []*Knob, name, knob string) bool {
	for _, k := range knobs {
		if k.From == name && covers(knob, k.Name) {
			return true
		}
	}
	return false
}

// What decides about damage is as the services' own documents say; a slip here would be found by customers.
func TestWhatDeactivationDoes(t *testing.T) {
	notDisable := map[string]DeactivateEffect{
		"github-org": EffectDeleteObject, "sentry": EffectDeleteObject, "pagerduty": EffectDeleteObject,
		"gitlab": EffectRemoveFromOrg, "figma": EffectRemoveFromOrg, "notion": EffectRemoveFromOrg, "asana": EffectRemoveFromOrg,
	}
	noDelete := map[string]bool{"ringcentral": true, "rsa-unified-directory": true, "resolution-usersync": true, "github-emu": true,
		"atlassian": true, "salesforce": true, "bitwarden": true, "grafana": true, "canva": true}
	for _, name := range Names() {
		p, err := Load(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := notDisable[name]
		if !ok {
			want = EffectDisable
		}
		if p.Deactivate.Effect != want {
			t.Errorf("%s: deactivate.effect is %s, want %s", name, p.Deactivate.Effect, want)
		}
		if p.Delete.Allowed == noDelete[name] {
			t.Errorf("%s: delete.allowed is %v", name, p.Delete.Allowed)
		}
		if p.Patch.SilentNoop != (name == "bitwarden" || name == "grafana") {
			t.Errorf("%s: patch.silent_noop is %v", name, p.Patch.SilentNoop)
		}
		if p.Members.Remove == RemoveArray && name != "aws-identity-center" {
			t.Errorf("%s: members.remove is array, which wipes groups at strict services", name)
		}
	}
}
