package engine

import (
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// groupName is the attribute of groups that every source gives: the group's name.
const groupName = "name"

// selector names groups in the config, by anchor, DN or name.
type selector struct{ text, dn, folded string }

func selectors(texts []string) []selector {
	list := make([]selector, 0, len(texts))
	for _, text := range texts {
		dn, err := record.CanonDN(text)
		if err != nil {
			dn = ""
		}
		list = append(list, selector{text, dn, resource.Fold(text)})
	}
	return list
}

// fitting gives the selectors that mean a group, by index.
func fitting(list []selector, id, dn, name string) (fit []int) {
	if len(list) == 0 {
		return nil
	}
	dn, err := record.CanonDN(dn)
	if err != nil {
		dn = ""
	}
	name = resource.Fold(name)
	for i, s := range list {
		if s.text == id || s.dn != "" && s.dn == dn || name != "" && s.folded == name {
			fit = append(fit, i)
		}
	}
	return fit
}

// nameOf gives a group's name, or its anchor where it has none.
func nameOf(id string, attrs []record.Attr) string {
	for i := range attrs {
		if attrs[i].Name == groupName && len(attrs[i].Values) > 0 && attrs[i].Values[0] != "" {
			return attrs[i].Values[0]
		}
	}
	return id
}

// eachGroup calls fn with the groups that are in the mirror and not absent.
func eachGroup(store Mirror, source string, fn func(*ledger.Row) error) error {
	return store.Changed(source, record.Group, 0, func(row *ledger.Row) error {
		if row.Absent > 0 {
			return nil
		}
		return fn(row)
	})
}

// selected gives the ordinals of the groups that each selector means in the mirror.
func selected(store Mirror, source string, list []selector) ([][]uint32, error) {
	means := make([][]uint32, len(list))
	if len(list) == 0 {
		return means, nil
	}
	return means, eachGroup(store, source, func(row *ledger.Row) error {
		for _, i := range fitting(list, row.Key.ID, row.DN, nameOf(row.Key.ID, row.Attrs)) {
			means[i] = append(means[i], row.Ordinal)
		}
		return nil
	})
}

// scoping watches, during a read, over the groups by which people are in scope: nobody
// leaves because one of them cannot be read.
type scoping struct {
	list []selector
	were [][]uint32 // ordinals in the mirror, by selector
	are  [][]uint32 // numbers of groups in the read
}

// watchScopes begins to watch.
func (c *collector) watchScopes() (err error) {
	c.scopes.list = selectors(c.src.Scopes)
	c.scopes.are = make([][]uint32, len(c.src.Scopes))
	c.scopes.were, err = selected(c.Store, c.src.Name, c.scopes.list)
	return err
}

// group notes a group of the read.
func (s *scoping) group(number uint32, r *record.Record) {
	for _, i := range fitting(s.list, r.ID, r.DN, nameOf(r.ID, r.Attrs)) {
		s.are[i] = append(s.are[i], number)
	}
}

// hold tells why a group by which people are in scope is not to be believed. One that the
// mirror never knew is not judged here: see missingScopes.
func (s *scoping) hold(c *collector) error {
	for i, sel := range s.list {
		were, are := s.were[i], s.are[i]
		var why error
		switch {
		case len(are) == 0 && len(were) > 0:
			why = fmt.Errorf("is not there any more: it was deleted, renamed, or cannot be read")
		case len(are) > 1 && len(were) == 1:
			why = fmt.Errorf("stands for %d groups now: name it by its key or DN", len(are))
		case len(are) == 1:
			why = s.whole(c, were, c.links.ordinals[are[0]])
		}
		if why != nil {
			return fmt.Errorf("the group %q, by which people are in scope (members_of), %w; nothing was taken from this read. "+
				"If nobody is to be in scope by it any more, take it out of members_of", sel.text, why)
		}
	}
	return nil
}

// whole tells why the members of one such group are not to be believed.
func (s *scoping) whole(c *collector, were []uint32, is uint32) error {
	n := c.edges
	before, now := n.groupsWere.reach(were...), n.groupsAre.reach(is)
	for group := range now {
		if why := c.links.unread[group]; why != "" {
			return fmt.Errorf("could not be read to its end: %s", why)
		}
	}
	if peopled(before, &n.peopleWere) && !peopled(now, &n.peopleAre) {
		return fmt.Errorf("has nobody in it any more")
	}
	if c.src.AcceptShrink {
		return nil
	}
	for group := range before {
		for _, member := range n.groupsWere[group] {
			if !c.marks.has(member) && c.links.open.has(group) {
				return fmt.Errorf("had a group in it that is not there any more, while whoever lists it still lists somebody who cannot be read. "+
					"If the group is gone for good: %s", c.Program.Command("sync", c.job, "--accept-shrink"))
			}
		}
	}
	return nil
}

func peopled(groups map[uint32]bool, people *marks) bool {
	for group := range groups {
		if people.has(group) {
			return true
		}
	}
	return false
}

// missingScopes tells which groups of members_of are not what one group of a source is
// called. It looks at the mirrors after all sources were read.
func (e *Engine) missingScopes(job Job) error {
	var texts []string
	for _, flow := range job.Flows {
		texts = append(texts, flow.MembersOf...)
	}
	if len(texts) == 0 {
		return nil
	}
	slices.Sort(texts)
	texts = slices.Compact(texts)
	found := make([]bool, len(texts))
	var names []string
	for _, src := range job.Sources {
		if !src.asksGroups() {
			return fmt.Errorf("job %s: members_of: source %s has no groups", job.Name, src.Name)
		}
		means, err := selected(e.Store, src.Name, selectors(texts))
		if err != nil {
			return fmt.Errorf("source %s: %w", src.Name, err)
		}
		for i, groups := range means {
			if len(groups) > 1 {
				return fmt.Errorf("job %s: members_of: %q stands for %d groups of source %s; name it by its key or DN", job.Name, texts[i], len(groups), src.Name)
			}
			found[i] = found[i] || len(groups) == 1
		}
		names = append(names, src.Name)
	}
	if i := slices.Index(found, false); i >= 0 {
		return fmt.Errorf("job %s: members_of: no group of source %s has the name, DN or key %q", job.Name, strings.Join(names, ", "), texts[i])
	}
	return nil
}
