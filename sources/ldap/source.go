// Package ldap reads people and groups from a directory server over LDAPv3: OpenLDAP,
// Active Directory (Samba's too), 389 Directory Server, FreeIPA and what is
// close to them. It only ever binds, searches and says goodbye.
//
// A Read uses one connection of its own. Whatever cuts the listing short (a
// lost or silent connection, a limit, a referral, a cancelled context) makes
// Read fail; nobody may conclude from it that people have left.
//
//	URL in order -> TLS -> bind -> rootDSE -> schema -> each base, page by page -> records
//
// Groups come before people, in the same connection. A group gives its direct members as
// they stand; what nesting means is for others to say (groups.go).
package ldap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"scimsync/sync/record"
)

// Source reads the people and groups of one directory. It implements record.Source and
// serves one call at a time.
type Source struct {
	opts    Options
	servers []server
	users   *area
	groups  *area // nil: there are people only

	detected Vendor  // what auto found in an earlier call
	schema   *schema // of the last call that read it
	schooled bool    // schema has been asked for
	refused  refusal
}

var _ record.Source = (*Source)(nil)

// New checks the options, all of them, and returns a Source. It opens no connection.
func New(opts Options) (*Source, error) {
	limitPackets()
	opts.setDefaults()
	s := &Source{opts: opts}
	errs := []error{s.opts.check()}
	var err error
	if s.servers, err = s.opts.parseServers(); err != nil {
		errs = append(errs, err)
	}
	if s.users, err = newArea(record.User, s.opts.Users); err != nil {
		errs = append(errs, err)
	}
	if s.opts.Groups != nil {
		if s.groups, err = newArea(record.Group, s.opts.Groups.Entries); err != nil {
			errs = append(errs, err)
		}
	}
	if _, err = s.tlsConfig(server{}); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// Vendor gives the vendor of the options or, where that is Auto, asks the
// server for it. The default filter, map and anchor follow from it.
func (s *Source) Vendor(ctx context.Context) (v Vendor, err error) {
	if s.opts.Vendor != Auto {
		return s.opts.Vendor, nil
	}
	sess, err := s.connect(ctx)
	if err != nil {
		return Auto, err
	}
	defer func() { sess.close(err) }()
	root, err := s.readRoot(sess)
	return root.vendor, chain(err, ctx.Err())
}

// Describe gives the names that expressions may use, from the server's schema
// and users.attributes (groups.attributes), without those of passwords and keys. Where the schema
// may not be read, Names and GroupNames are nil.
func (s *Source) Describe(ctx context.Context) (out record.Schema, err error) {
	sess, err := s.connect(ctx)
	if err != nil {
		return record.Schema{}, err
	}
	defer func() { sess.close(err) }()
	root, err := s.readRoot(sess)
	if err == nil {
		err = s.learn(sess, root)
	}
	if err = chain(err, ctx.Err()); err != nil {
		return record.Schema{}, err
	}
	out = s.schema.describe(s.users.Attributes)
	if s.groups != nil && out.Names != nil {
		out.GroupNames = append(s.schema.describe(s.groups.Attributes).Names, groupName)
		slices.Sort(out.GroupNames)
		out.GroupNames = slices.Compact(out.GroupNames)
	}
	return out, nil
}

// learn reads the schema and keeps it for the reads that follow.
func (s *Source) learn(sess *session, root rootDSE) error {
	sch, err := s.loadSchema(sess, root)
	if err != nil {
		return err
	}
	s.schema, s.schooled = sch, true
	return nil
}

// Read emits every group and every person below the bases that the filters match. The extent
// is always Full. An error means that the listing is not complete.
func (s *Source) Read(ctx context.Context, want record.Want, emit record.Emit) (out record.Batch, err error) {
	if want.Groups != nil && s.groups == nil {
		return record.Batch{}, errors.New("read groups: it is not said where they are")
	}
	sess, err := s.connect(ctx)
	if err != nil {
		return record.Batch{}, err
	}
	defer func() { sess.close(err) }()
	readers, err := s.prepare(sess, want, emit)
	if err != nil {
		return record.Batch{}, chain(err, ctx.Err())
	}
	var last *reader
	for _, r := range readers {
		if err := r.readAll(ctx); err != nil {
			return record.Batch{}, err
		}
		out.Warnings = append(out.Warnings, r.warnings...)
		last = r
	}
	if ctx.Err() != nil { // also when it came while the very last record was taken
		return record.Batch{}, fmt.Errorf("read people from %s: %w; nothing was taken from this read", sess.server.text, ctx.Err())
	}
	at := position{Anchor: last.dec.slots[last.dec.anchor].name}
	if j := last.join; j != nil {
		first := readers[0].dec
		at.Groups = first.slots[first.anchor].name
		out.Unread, out.Warnings = j.close(), append(out.Warnings, j.warnings()...)
	}
	if out.Cursor, err = json.Marshal(at); err != nil {
		return record.Batch{}, err
	}
	out.Extent, out.Note = record.Full, note(readers)
	return out, nil
}

// position is what the cursor holds: enough to notice that a vendor taken from
// the rootDSE would give everybody another identity.
type position struct {
	Anchor string `json:"anchor"`
	Groups string `json:"groups,omitempty"` // the anchor of groups; empty: they were not read
}

// checkPosition compares the anchors with those of the last accepted read. A
// cursor that is not ours tells nothing.
func (s *Source) checkPosition(want record.Want, v Vendor) error {
	var last position
	if len(want.From) == 0 || json.Unmarshal(want.From, &last) != nil {
		return nil
	}
	check := func(a *area, before string) error {
		if now := dialects[v].anchor; a.Anchor == "" && before != "" && before != now {
			return fmt.Errorf("%s were known by %s in the last read, but by %s at this server (%s): name the vendor or %s.anchor",
				entries[a.kind].many, before, now, v, a.key())
		}
		return nil
	}
	if want.Groups != nil {
		if err := check(s.groups, last.Groups); err != nil {
			return err
		}
	}
	return check(s.users, last.Anchor)
}

// prepare settles vendor, schema, filters and attributes for one read: of groups, where
// they are asked for, and then of people.
func (s *Source) prepare(sess *session, want record.Want, emit record.Emit) ([]*reader, error) {
	root, err := s.readRoot(sess)
	if err != nil {
		return nil, err
	}
	if err := s.checkPosition(want, root.vendor); err != nil {
		return nil, err
	}
	if !s.schooled {
		if err := s.learn(sess, root); err != nil {
			return nil, err
		}
	}
	var out []*reader
	var j *join
	add := func(a *area, names []string) error {
		dec, err := newDecoder(s.schema, root.vendor, a, names)
		if err != nil {
			return fmt.Errorf("read %s from %s: %w", entries[a.kind].many, sess.server.text, err)
		}
		dec.joins(j)
		out = append(out, &reader{src: s, area: a, sess: sess, dec: dec, join: j, emit: emit, filter: a.filterAt(root.vendor)})
		return nil
	}
	if want.Groups != nil {
		j = newJoin(root.vendor, s.opts.Groups.Members, want.Groups.Link)
		if err := add(s.groups, want.Groups.Names); err != nil {
			return nil, err
		}
	}
	if err := add(s.users, want.Names); err != nil {
		return nil, err
	}
	for _, r := range out {
		if root.paging {
			if r.paging, err = r.answersPaging(); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}
