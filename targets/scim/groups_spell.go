package scim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"scimsync/sync/plan"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

// step is one request of a move: who goes, by which form, and who comes along.
type step struct {
	form profile.MemberRemove // empty: nobody goes
	out  []*plan.Change
	in   []*plan.Change
	// seen is the group as it was read, for forms that state all of it.
	seen *sight
}

// states tells whether a form states who is in the group, and not who leaves it.
func states(form profile.MemberRemove) bool {
	return form == profile.RemoveReplaceAll || form == profile.RemovePut
}

func (s *step) changes() []*plan.Change { return slices.Concat(s.out, s.in) }

// spellStep writes a request (RFC 7644 sections 3.5.1 and 3.5.2): removals before additions,
// and each as the profile has it.
func (g *Groups) spellStep(group string, s step) (c call, err error) {
	if c.path, err = g.kind.at(group); err != nil {
		return c, err
	}
	c.method = http.MethodPatch
	var ops []resource.Op
	switch s.form {
	case profile.RemoveFilter:
		for _, change := range s.out {
			ops = append(ops, resource.Op{Op: "remove", Path: "members[value eq " + quote(change.Member.RemoteID) + "]"})
		}
	case profile.RemoveArray:
		ops = append(ops, resource.Op{Op: "remove", Path: "members", Value: elements(s.out)})
	case profile.RemoveReplaceAll:
		c.match = g.matching(c.method, s.seen.group.Version)
		return g.patch(c, []resource.Op{{Op: "replace", Path: "members", Value: s.wholeList()}})
	case profile.RemovePut:
		c.method = http.MethodPut
		c.match = g.matching(c.method, s.seen.group.Version)
		c.body, err = encode(g.wholeGroup(s))
		return c, err
	}
	switch {
	case len(s.in) == 0:
	case g.profile.Members.Add == profile.AddFilter:
		for _, change := range s.in {
			ops = append(ops, resource.Op{Op: "add", Path: "members[value eq " + quote(change.Member.RemoteID) + "]", Value: element(change)})
		}
	default:
		ops = append(ops, resource.Op{Op: "add", Path: "members", Value: elements(s.in)})
	}
	if len(ops) == 0 {
		return c, errors.New("nothing to send: nobody comes or goes")
	}
	return g.patch(c, ops)
}

func (g *Groups) patch(c call, ops []resource.Op) (call, error) {
	body, err := encode(map[string]any{"schemas": []string{patchURN}, "Operations": dialect(ops, &g.profile.Patch, g.shape)})
	c.body = body
	return c, err
}

func elements(changes []*plan.Change) []any {
	all := make([]any, len(changes))
	for i, change := range changes {
		all[i] = element(change)
	}
	return all
}

// element is a member as it is sent. That it is a person goes without saying.
func element(change *plan.Change) map[string]any {
	e := map[string]any{"value": change.Member.RemoteID}
	if change.Member.Edge.Nested {
		e["type"] = "Group"
	}
	return e
}

// wholeList is everybody who is in the group after a step: who was seen there, less who goes,
// and who comes.
func (s *step) wholeList() []any {
	goes := map[string]bool{}
	for _, change := range s.out {
		goes[change.Member.RemoteID] = true
	}
	list := []any{}
	for _, id := range s.seen.ids {
		if goes[id] {
			continue
		}
		e := map[string]any{"value": id}
		if kind := s.seen.types[id]; kind != "" {
			e["type"] = kind
		}
		list = append(list, e)
	}
	for _, change := range s.in {
		if !s.seen.in[change.Member.RemoteID] {
			list = append(list, element(change))
		}
	}
	return list
}

// wholeGroup is a group as it goes back by PUT: as it came, with other members.
func (g *Groups) wholeGroup(s step) map[string]any {
	body := maps.Clone(s.seen.group.Body)
	for i := range g.shape.Attrs {
		if def := &g.shape.Attrs[i]; def.ReadOnly && def.Name != "id" {
			delete(body, def.Name)
		}
	}
	body["members"] = s.wholeList()
	if urns, _ := body["schemas"].([]any); len(urns) == 0 {
		body["schemas"] = []any{g.shape.Core}
	}
	return body
}

// words are a form of removal as it is sent, of one member or of several: what is remembered
// of it holds as long as it is spelled like that.
func (g *Groups) words(form profile.MemberRemove, several bool) string {
	if form == profile.RemovePut {
		return http.MethodPut
	}
	somebody := &plan.Change{Member: &plan.Member{RemoteID: "ID"}}
	s := step{form: form, out: []*plan.Change{somebody}}
	if form == profile.RemoveReplaceAll {
		s.seen = &sight{group: &plan.Found{}}
	}
	c, err := g.spellStep("ID", s)
	var body struct{ Operations []json.RawMessage }
	if err == nil {
		err = json.Unmarshal(c.body, &body)
	}
	if err != nil || len(body.Operations) != 1 {
		return fmt.Sprintf("%s that cannot be spelled", form)
	}
	words := string(body.Operations[0])
	if several && !states(form) {
		words = "several: " + words
	}
	return words
}
