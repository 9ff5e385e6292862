package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"scimsync/sync/record"
)

// readGroups emits all groups, and then gives the links of the file of memberships.
func (s *Source) readGroups(ctx context.Context, files generation, want *record.WantGroups, emit record.Emit, out *outcome) error {
	keys := map[string]string{}
	r := &rows{ctx: ctx, thing: group, file: files[ofGroups], place: s.places[ofGroups], hash: s.hash, ref: make([]string, 1)}
	err := r.read(want.Names, func(rec *record.Record) error {
		key := strings.Clone(rec.ID) // not the whole row
		keys[key] = key
		return emit(rec)
	}, &out.pass[ofGroups], out)
	if err != nil {
		return err
	}
	m := &members{src: s, file: files[ofMembers], keys: keys, link: want.Link}
	err = m.read(ctx)
	var mine emitError
	switch {
	case errors.As(err, &mine):
		return mine.error
	case err != nil:
		return fmt.Errorf("read %s: %w", m.file.path, err)
	}
	out.pass[ofMembers] = pass{m.n, m.table.raw.sum()}
	if m.unknown > 0 {
		out.warnings = append(out.warnings, fmt.Sprintf("%s: %d memberships in groups that %s does not have were left out (first: %s)",
			m.file.name, m.unknown, files[ofGroups].name, m.first))
	}
	return nil
}

// members is one pass over the memberships of a file.
type members struct {
	src   *Source
	file  *file
	keys  map[string]string // of all groups
	link  func(group, member string) error
	table *table
	cols  memberColumns
	moji  mojibake // not told: nothing but keys is read here

	n       int
	unknown int    // memberships in groups that there are not
	first   string // where the first one stands
}

// memberColumns are the columns of a file of memberships.
type memberColumns struct{ group, user, subgroup int } // subgroup -1: there is none

func (s *Source) memberColumns(h *header) (memberColumns, error) {
	m, cols := s.opts.Members, memberColumns{subgroup: -1}
	for _, c := range []struct {
		name, setting string
		col           *int
	}{{m.Group, "group", &cols.group}, {m.User, "user", &cols.user}, {m.Subgroup, "subgroup", &cols.subgroup}} {
		if c.name == "" {
			continue
		}
		at, err := h.keyColumn(c.name, "members."+c.setting)
		if err != nil {
			return cols, fmt.Errorf("%s: %w", s.places[ofMembers].Path, err)
		}
		*c.col = at
	}
	if cols.group == cols.user || cols.group == cols.subgroup || cols.user == cols.subgroup {
		return cols, errors.New("members.group, members.user and members.subgroup have to be different columns")
	}
	return cols, nil
}

func (m *members) read(ctx context.Context) (err error) {
	if m.table, err = m.src.places[ofMembers].openTable(ctx, m.file); err != nil {
		return err
	}
	if m.cols, err = m.src.memberColumns(m.table.header); err != nil {
		return err
	}
	for {
		row, err := m.table.next()
		if errors.Is(err, io.EOF) {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := m.row(row); err != nil {
			return err
		}
		m.n++
	}
}

// row gives the link of one row.
func (m *members) row(row []string) error {
	plain, err := m.table.check(row, &m.moji)
	if err != nil {
		return err
	}
	key, err := m.table.keyAt(row, m.cols.group, plain)
	if err != nil {
		return err
	}
	if key == "" {
		return fmt.Errorf("%s: the group's key is empty: every row is a membership and needs one; delete rows that are none", m.table.at(m.cols.group))
	}
	member, err := m.member(row, plain)
	if err != nil {
		return err
	}
	known, there := m.keys[key]
	if !there {
		if m.unknown++; m.unknown == 1 {
			m.first = fmt.Sprintf("%s, the key %q", m.table.at(m.cols.group), key)
		}
		return nil
	}
	if err := m.link(known, member); err != nil {
		return emitError{err}
	}
	return nil
}

// member is the reference of who is in the group.
func (m *members) member(row []string, plain bool) (string, error) {
	user, err := m.table.keyAt(row, m.cols.user, plain)
	if err != nil {
		return "", err
	}
	sub := ""
	if m.cols.subgroup >= 0 {
		if sub, err = m.table.keyAt(row, m.cols.subgroup, plain); err != nil {
			return "", err
		}
	}
	switch {
	case user != "" && sub != "":
		return "", fmt.Errorf("%s: the row names a person and a group as member: one of them, in a row of its own", m.table.at(m.cols.subgroup))
	case user != "":
		return person.ref + user, nil
	case sub != "":
		return group.ref + sub, nil
	}
	return "", fmt.Errorf("%s: the member's key is empty: every row is a membership and needs one; delete rows that are none", m.table.at(m.cols.user))
}
