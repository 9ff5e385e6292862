package engine

import (
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// lostShare is the share of entries, in percent, that must have had an attribute for
// its disappearance from all of them to mean that it can no longer be read.
const lostShare = 90

// believable tells why a complete read is not to be believed.
func (c *collector) believable(unread map[string]string) error {
	err := c.plausible(c.people, c.info.Live, c.info.Filled, ofPeople)
	if err != nil || c.groups == nil {
		return err
	}
	if err := c.connect(unread); err != nil {
		return err
	}
	if err := c.scopes.hold(c); err != nil {
		return err
	}
	if known := c.info.Groups; known != nil && known.Live > 0 {
		if err := c.plausible(c.groups, known.Live, known.Filled, ofGroups); err != nil {
			return err
		}
		if c.edges.removed > fewLinks && c.shrank(c.edges.is, known.Links) {
			return fmt.Errorf("the groups have %d members in all, %d were there before: %s", c.edges.is, known.Links, c.shrunk(c.edges.is, known.Links))
		}
	}
	return c.tell()
}

// words are how messages call what was read.
type words struct{ nobody, all, empty string }

var (
	ofPeople = words{"nobody", "people", "the read is complete but empty"}
	ofGroups = words{"no group", "groups", "the read is complete but has no group"}
)

// plausible compares what was read of one kind with what was there before.
func (c *collector) plausible(now *tally, before int, had map[string]int, say words) error {
	const check = "check the filter, the file and the rights of the reading account"
	switch {
	case now.read == 0 && before > 0:
		return fmt.Errorf("%s, while %d %s were there before; nothing was taken from it: %s", say.empty, before, say.all, check)
	case now.read == 0:
		return fmt.Errorf("%s; %s", say.empty, check)
	case before > 0 && c.shrank(now.read, before):
		return fmt.Errorf("the read has %d %s, %d were there before: %s", now.read, say.all, before, c.shrunk(now.read, before))
	}
	for i, name := range now.names {
		if had := had[name]; now.filled[i] == 0 && before > 0 && had*100 >= before*lostShare {
			return fmt.Errorf("%s has a value for %q any more, while %d of %d had one before; nothing was taken from this read: "+
				"check that the reading account may still read it", say.nobody, name, had, before)
		}
	}
	return nil
}

// shrank tells whether something became fewer by more than the source may shrink.
func (c *collector) shrank(now, before int) bool {
	return !c.src.AcceptShrink && float64(before-now)*100 > c.src.MaxShrink*float64(before)
}

func (c *collector) shrunk(now, before int) string {
	return fmt.Sprintf("it shrank by %.0f%%, max_shrink is %.0f%%; nothing was taken from it. If this is right: %s",
		float64(before-now)*100/float64(before), c.src.MaxShrink, c.Program.Command("sync", c.job, "--accept-shrink"))
}

// fewLinks is how many memberships may go at once whatever their share is: it is the rule
// that a handful changes, and no sign of a bad read.
const fewLinks = 10

// connect makes edges of the links of a read, and compares them with those of the mirror.
func (c *collector) connect(unread map[string]string) error {
	err := c.links.join(unread)
	if err != nil {
		return err
	}
	if c.edges, err = c.news(); err != nil {
		return fmt.Errorf("compare the members of groups with the mirror: %w", err)
	}
	return nil
}

// tell warns of members who could not be read, or told apart.
func (c *collector) tell() error {
	l := c.links
	if len(l.unread) > 0 {
		var list []string
		for group, why := range l.unread {
			list = append(list, l.name(group)+" ("+why+")")
		}
		slices.Sort(list)
		c.Log.Warn("the members of some groups could not be read to the end, so nobody is taken out of them: "+some(list), sourceField(c.src.Name))
	}
	if known := c.info.Groups; l.unresolved > 0 && (known == nil || known.Unresolved != l.unresolved) {
		c.Log.Warn(fmt.Sprintf("%d members of groups are nobody whom this source reads, so they are left out; the first of %s", l.unresolved, l.name(l.openFirst)),
			sourceField(c.src.Name))
	}
	if l.ambiguities == 0 {
		return nil
	}
	keys, err := c.keys(l.ambiguous)
	if err != nil {
		return fmt.Errorf("name who is ambiguous: %w", err)
	}
	var list []string
	for _, a := range l.ambiguous {
		list = append(list, fmt.Sprintf("%s (%s and %s)", l.name(a.group), keys[a.one], keys[a.other]))
	}
	c.Log.Warn(fmt.Sprintf("%d members of groups are ambiguous: two answer for the same value. They are not added, and nobody is taken out of these groups: %s",
		l.ambiguities, some(list)), sourceField(c.src.Name))
	return nil
}

// keys gives the keys of those who are ambiguous, by ordinal.
func (c *collector) keys(of []ambiguity) (map[uint32]record.Key, error) {
	keys := map[uint32]record.Key{}
	asked := func(ordinal uint32) bool {
		return slices.ContainsFunc(of, func(a ambiguity) bool { return a.one == ordinal || a.other == ordinal })
	}
	take := func(ordinal uint32, key record.Key) error { keys[ordinal] = key; return nil }
	err := c.Store.Named(c.src.Name, asked, take)
	if err != nil {
		return nil, err
	}
	return keys, c.changed.each(func(_ int, row *ledger.Row) error {
		if asked(row.Ordinal) {
			return take(row.Ordinal, row.Key)
		}
		return nil
	})
}

// some names the first of a list.
func some(list []string) string {
	if more := len(list) - examples; more > 0 {
		return strings.Join(list[:examples], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(list, ", ")
}

// store merges what changed into the mirror, and in the last transaction the cursor.
func (c *collector) store(batch record.Batch) error {
	if err := c.storeAll(batch); err != nil {
		return fmt.Errorf("source %s: store the mirror: %w", c.src.Name, err)
	}
	text := fmt.Sprintf("read %d people, %d new or changed, %d gone", c.people.read, c.changed.len(), c.gone)
	if c.groups != nil {
		text = fmt.Sprintf("read %d people and %d groups, %d new or changed, %d gone; %d members, %d new, %d gone",
			c.people.read, c.groups.read, c.changed.len(), c.gone, c.edges.is, c.edges.added, c.edges.removed)
	}
	c.Log.Info(text+": "+batch.Note, sourceField(c.src.Name))
	return nil
}

// storeAll stores first who is touched by other edges, or other names of groups, then rows,
// then edges, and at last what is known of the source. So wherever it is killed, the next
// read finds the same differences again, or has given those whom they are about their new
// Seq before: no flow has planned them yet.
func (c *collector) storeAll(batch record.Batch) error {
	info := c.info
	if c.added > 0 || c.edges.differ() {
		// Ordinals are reserved first: a crash among the slices must not have the next
		// read give the same ones to other people. And what is half stored is not what the
		// cursor stands for.
		reserved := c.info
		reserved.Ordinals += c.added
		if c.edges.differ() {
			reserved.Cursor = nil
		}
		if err := c.Store.PutSource(c.src.Name, reserved); err != nil {
			return err
		}
	}
	if c.edges.differ() {
		if err := c.Store.Touch(c.src.Name, c.edges.touched.has, c.info.Seq+1); err != nil {
			return err
		}
	}
	slice := make([]ledger.Row, 0, pageOfMerge)
	put := func(row ledger.Row) error {
		slice = append(slice, row)
		if len(slice) < pageOfMerge {
			return nil
		}
		err := c.Store.Merge(c.src.Name, slice, nil)
		slice = slice[:0]
		return err
	}
	if err := c.changed.each(func(_ int, row *ledger.Row) error { return put(*row) }); err != nil {
		return err
	}
	if err := c.absent(put); err != nil {
		return err
	}
	if c.edges.differ() {
		if err := c.Store.Merge(c.src.Name, slice, nil); err != nil {
			return err
		}
		slice = slice[:0]
		if err := c.storeEdges(); err != nil {
			return err
		}
	}
	info.Names, info.Cursor, info.Live, info.Filled = c.src.Names, batch.Cursor, c.people.read, c.people.values()
	info.Ordinals += c.added
	if c.changed.len() > 0 || c.gone > 0 || c.edges.differ() {
		info.Seq++
	}
	info.Groups = nil
	if c.groups != nil {
		info.Groups = &ledger.GroupsInfo{Names: c.src.GroupNames, Live: c.groups.read, Filled: c.groups.values(),
			Links: c.edges.is, Unresolved: c.links.unresolved}
		if c.links.doubtful() {
			info.Cursor = nil // what could not be read is to be read again
		}
	}
	return c.Store.Merge(c.src.Name, slice, &info)
}

// absent marks the rows that a complete read did not list.
func (c *collector) absent(put func(ledger.Row) error) error {
	if c.info.Ordinals == 0 {
		return nil
	}
	kinds := record.Kinds
	if c.groups == nil {
		kinds = []record.Kind{record.User}
	}
	for _, kind := range kinds {
		err := c.Store.Unmarked(c.src.Name, kind, c.marks.has, func(row *ledger.Row) error {
			if row.Ordinal >= c.info.Ordinals { // new in this read
				return nil
			}
			c.gone++
			gone := ledger.Row{Key: row.Key, Ordinal: row.Ordinal, Seq: c.info.Seq + 1, Absent: 1, DN: row.DN}
			return put(gone)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
