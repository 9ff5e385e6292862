package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// pageOfRead is how many records are compared with the mirror at once, and
// pageOfMerge how many rows one transaction stores.
const (
	pageOfRead  = 5000
	pageOfMerge = 10000
)

// collect brings the mirror of one source up to date. It reads everything first and
// looks at the read as a whole; only then does it touch the mirror. A read that fails,
// or that looks wrong, leaves the mirror as it was and fails the source.
func (e *Engine) collect(ctx context.Context, job string, src Source) error {
	info, err := e.Store.Source(src.Name)
	if err != nil {
		return fmt.Errorf("source %s: %w", src.Name, err)
	}
	c := &collector{Engine: e, job: job, src: src, info: info, marks: &marks{}, changed: &rows{dir: e.Dir},
		fresh: map[uint64]struct{}{}, people: newTally(src.Names)}
	defer c.close()
	want, err := c.want()
	if err != nil {
		return fmt.Errorf("source %s: %w", src.Name, err)
	}
	if err := e.Store.IndexRefs(src.Name, src.Refs); err != nil {
		return fmt.Errorf("source %s: %w", src.Name, err)
	}
	c.start()
	batch, err := src.Reader.Read(ctx, want, c.take)
	if err == nil {
		err = c.flush()
	}
	if compared := c.finish(); err == nil {
		err = compared
	}
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("source %s: %w", src.Name, err)
	}
	for _, w := range batch.Warnings {
		e.Log.Warn(w, sourceField(src.Name))
	}
	if batch.Extent == record.Same {
		e.Log.Info("nothing new: "+batch.Note, sourceField(src.Name))
		return nil
	}
	if err := c.believable(batch.Unread); err != nil {
		return fmt.Errorf("source %s: %w", src.Name, err)
	}
	return c.store(batch)
}

// want is what the source is asked for. Who asks for groups prepares for them here.
func (c *collector) want() (record.Want, error) {
	want := record.Want{Names: c.src.Names}
	known := c.info.Groups
	if slices.Equal(c.info.Names, c.src.Names) && (known != nil) == c.src.asksGroups() &&
		(known == nil || slices.Equal(known.Names, c.src.GroupNames)) {
		want.From = c.info.Cursor
	}
	if !c.src.asksGroups() {
		return want, nil
	}
	c.groups, c.links = newTally(c.src.GroupNames), newLinks(c.Dir)
	want.Groups = &record.WantGroups{Names: c.src.GroupNames, Link: c.links.link}
	return want, c.watchScopes()
}

// collector compares one read with the mirror. One goroutine reads and fills a page
// while another compares the one before: reading and looking up take about as long.
type collector struct {
	*Engine
	job  string // that it is read for
	src  Source
	info ledger.SourceInfo

	// Of the reading goroutine.
	sums   record.Summer
	people *tally
	groups *tally // nil: groups were not asked for
	links  *links // the same
	scopes scoping
	page   *page
	spare  chan *page
	full   chan *page
	failed chan error // the first error of comparing
	done   chan struct{}

	// Of the comparing goroutine, until finish.
	seen  []ledger.Seen
	marks *marks
	fresh map[uint64]struct{} // hashes of ids that the mirror does not know yet
	added uint32
	gone  int
	// changed holds the rows that are new or different.
	changed *rows

	edges *edgeNews // from believable; nil: groups were not asked for
}

func (c *collector) close() {
	c.changed.close()
	if c.links != nil {
		c.links.close()
	}
}

// take copies what of a record may be needed later. The strings are never overwritten
// and stay; the slices that hold them are the source's.
func (c *collector) take(r *record.Record) error {
	counted := c.people
	if r.Kind == record.Group {
		counted = c.groups
	}
	if counted == nil {
		return fmt.Errorf("entry %s is a %s, which was not asked for: a fault of the source", r.ID, r.Kind)
	}
	if err := counted.count(r); err != nil {
		return err
	}
	if c.page.kind != r.Kind && len(c.page.rows) > 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	p := c.page
	p.kind = r.Kind
	p.rows = p.rows[:len(p.rows)+1]
	row := &p.rows[len(p.rows)-1]
	row.Key = record.Key{Kind: r.Kind, Source: c.src.Name, ID: r.ID}
	row.DN, row.Line, row.Enabled, row.Expires = r.DN, r.Line, r.Enabled, r.Expires
	row.Sum = c.sums.Sum(r)
	row.Attrs = copyAttrs(row.Attrs, r.Attrs)
	p.ids = append(p.ids, r.ID)
	if c.links != nil {
		c.takeRefs(r)
	}
	if len(p.rows) == pageOfRead {
		return c.flush()
	}
	return nil
}

// takeRefs notes by what links name a record.
func (c *collector) takeRefs(r *record.Record) {
	p := c.page
	for _, text := range r.Refs {
		if text == "" { // a link to nobody: groups that must not be empty have one
			continue
		}
		ref := pageRef{row: len(p.rows) - 1}
		ref.hi, ref.lo, c.links.buf = refHash(c.links.buf, text)
		p.refs = append(p.refs, ref)
	}
	if r.Kind == record.Group {
		c.scopes.group(c.links.group(r.ID, nameOf(r.ID, r.Attrs)), r)
	}
}

// copyAttrs copies attributes into old's memory as far as it reaches.
func copyAttrs(old, from []record.Attr) []record.Attr {
	if cap(old) < len(from) {
		old = make([]record.Attr, len(from))
	}
	old = old[:len(from)]
	for i := range from {
		old[i].Name = from[i].Name
		old[i].Values = append(old[i].Values[:0], from[i].Values...)
	}
	return old
}

// compareAll compares a page with the mirror.
func (c *collector) compareAll(p *page) error {
	seen := c.seen[:len(p.rows)]
	if err := c.Store.Seen(c.src.Name, p.kind, p.ids, seen); err != nil {
		return fmt.Errorf("compare with the mirror: %w", err)
	}
	for i := range p.rows {
		if err := c.compare(&p.rows[i], seen[i]); err != nil {
			return err
		}
	}
	for _, ref := range p.refs {
		if err := c.links.refs.add(item{ref.hi, ref.lo, p.rows[ref.row].Ordinal, uint32(p.kind)}); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) compare(row *ledger.Row, seen ledger.Seen) error {
	switch {
	case !seen.Known:
		hash := hashText(row.Key.ID) + uint64(row.Key.Kind)
		if _, twice := c.fresh[hash]; twice {
			return c.twice(row)
		}
		c.fresh[hash] = struct{}{}
		row.Ordinal = c.info.Ordinals + c.added
		c.added++
	default:
		row.Ordinal = seen.Ordinal
		if c.marks.has(seen.Ordinal) {
			return c.twice(row)
		}
		c.marks.set(seen.Ordinal)
	}
	if row.Key.Kind == record.Group {
		c.links.ordinals = append(c.links.ordinals, row.Ordinal)
	}
	if seen.Known && !seen.Absent {
		if seen.Sum == row.Sum {
			return nil
		}
		if err := c.compareNames(row); err != nil {
			return err
		}
	}
	row.Seq = c.info.Seq + 1
	kept := *row
	kept.Attrs = cloneAttrs(row.Attrs)
	return c.changed.add(&kept)
}

// compareNames notes, where links are asked for, whether a record that differs stands at
// another place than before, and whether it is a group that is called otherwise.
func (c *collector) compareNames(row *ledger.Row) error {
	isGroup := row.Key.Kind == record.Group
	if c.links == nil || row.DN == "" && !isGroup {
		return nil
	}
	old, _, err := c.Store.Row(row.Key)
	if err != nil {
		return err
	}
	if old.DN != row.DN {
		c.links.moved.set(row.Ordinal)
	}
	if isGroup && nameOf(old.Key.ID, old.Attrs) != nameOf(row.Key.ID, row.Attrs) {
		c.links.renamed = append(c.links.renamed, row.Ordinal)
	}
	return nil
}

func (c *collector) twice(row *ledger.Row) error {
	return fmt.Errorf("entry %s is listed twice%s; each must be listed once, so nothing was taken from this read", row.Key.ID, place(row))
}

func place(row *ledger.Row) string {
	if row.DN != "" {
		return ", the second time as " + row.DN
	}
	if row.Line > 0 {
		return fmt.Sprintf(", the second time in line %d", row.Line)
	}
	return ""
}

func cloneAttrs(from []record.Attr) []record.Attr {
	attrs := make([]record.Attr, len(from))
	for i := range from {
		attrs[i].Name = from[i].Name
		for _, v := range from[i].Values {
			attrs[i].Values = append(attrs[i].Values, strings.Clone(v))
		}
	}
	return attrs
}
