package engine

import (
	"fmt"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// lostShare is the share of entries, in percent, that must have had an attribute for
// its disappearance from all of them to mean that it can no longer be read.
const lostShare = 90

// believable tells why a complete read is not to be believed.
func (c *collector) believable() error {
	before := c.info.Live
	switch {
	case c.read == 0 && before > 0:
		return fmt.Errorf("the read is complete but empty, while %d people were there before; nothing was taken from it: "+
			"check the filter, the file and the rights of the reading account", before)
	case c.read == 0:
		return fmt.Errorf("the read is complete but empty; check the filter, the file and the rights of the reading account")
	case before > 0 && !c.src.AcceptShrink && float64(before-c.read)*100 > c.src.MaxShrink*float64(before):
		return fmt.Errorf("the read has %d people, %d were there before: it shrank by %.0f%%, max_shrink is %.0f%%; nothing was taken from it. "+
			"If this is right: %s", c.read, before, float64(before-c.read)*100/float64(before), c.src.MaxShrink, c.Program.Command("sync", c.job, "--accept-shrink"))
	}
	for i, name := range c.src.Names {
		if had := c.info.Filled[name]; c.filled[i] == 0 && before > 0 && had*100 >= before*lostShare {
			return fmt.Errorf("nobody has a value for %q any more, while %d of %d had one before; nothing was taken from this read: "+
				"check that the reading account may still read it", name, had, before)
		}
	}
	return nil
}

// store merges what changed into the mirror, and in the last transaction the cursor.
func (c *collector) store(batch record.Batch) error {
	info := c.info
	if c.added > 0 {
		// Ordinals are reserved first: a crash among the slices must not have the next
		// read give the same ones to other people.
		reserved := c.info
		reserved.Ordinals += c.added
		if err := c.Store.PutSource(c.src.Name, reserved); err != nil {
			return fmt.Errorf("source %s: store the mirror: %w", c.src.Name, err)
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
	err := c.changed.each(func(_ int, row *ledger.Row) error { return put(*row) })
	if err != nil {
		return fmt.Errorf("source %s: store the mirror: %w", c.src.Name, err)
	}
	if c.info.Ordinals > 0 {
		if err := c.absent(put); err != nil {
			return fmt.Errorf("source %s: store the mirror: %w", c.src.Name, err)
		}
	}
	info.Names, info.Cursor, info.Live = c.src.Names, batch.Cursor, c.read
	info.Ordinals += c.added
	if c.changed.len() > 0 || c.gone > 0 {
		info.Seq++
	}
	info.Filled = map[string]int{}
	for i, name := range c.src.Names {
		info.Filled[name] = c.filled[i]
	}
	if err := c.Store.Merge(c.src.Name, slice, &info); err != nil {
		return fmt.Errorf("source %s: store the mirror: %w", c.src.Name, err)
	}
	c.Log.Info(fmt.Sprintf("read %d people, %d new or changed, %d gone: %s", c.read, c.changed.len(), c.gone, batch.Note), sourceField(c.src.Name))
	return nil
}

// absent marks the rows that a complete read did not list.
func (c *collector) absent(put func(ledger.Row) error) error {
	return c.Store.Unmarked(c.src.Name, record.User, c.marks.has, func(row *ledger.Row) error {
		if row.Ordinal >= c.info.Ordinals { // new in this read
			return nil
		}
		c.gone++
		gone := ledger.Row{Key: row.Key, Ordinal: row.Ordinal, Seq: c.info.Seq + 1, Absent: 1, DN: row.DN}
		return put(gone)
	})
}

func sameNames(a, b []string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
