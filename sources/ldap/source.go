// Package ldap reads people from a directory server over LDAPv3: OpenLDAP,
// Active Directory (Samba's too), 389 Directory Server, FreeIPA and what is
// close to them. It only ever binds, searches and says goodbye.
//
// A Read uses one connection of its own. Whatever cuts the listing short (a
// lost or silent connection, a limit, a referral, a cancelled context) makes
// Read fail; nobody may conclude from it that people have left.
//
//	URL in order -> TLS -> bind -> rootDSE -> schema -> each base, page by page -> records
package ldap

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"scimsync/sync/record"
)

// Source reads the people of one directory. It implements record.Source and
// serves one call at a time.
type Source struct {
	opts    Options
	servers []server
	bases   []base
	exclude []dname

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
	if s.bases, s.exclude, err = parseBases(opts.Users); err != nil {
		errs = append(errs, err)
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
// and users.attributes, without those of passwords and keys. Where the schema
// may not be read, Names is nil.
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
	return s.schema.describe(s.opts.Users.Attributes), nil
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

// Read emits every person below the bases that the filter matches. The extent
// is always Full. An error means that the listing is not complete.
func (s *Source) Read(ctx context.Context, want record.Want, emit record.Emit) (out record.Batch, err error) {
	if want.Groups != nil {
		return record.Batch{}, errors.New("read groups: it is not said where they are")
	}
	sess, err := s.connect(ctx)
	if err != nil {
		return record.Batch{}, err
	}
	defer func() { sess.close(err) }()
	r, err := s.prepare(sess, want)
	if err != nil {
		return record.Batch{}, chain(err, ctx.Err())
	}
	r.emit = emit
	for _, b := range s.bases {
		before := r.count
		if err := r.read(ctx, b); err != nil {
			return record.Batch{}, r.explain(b, err)
		}
		if r.count == before && len(s.bases) > 1 {
			r.warnings = append(r.warnings, fmt.Sprintf("base %s gave nobody", b.text))
		}
	}
	if ctx.Err() != nil { // also when it came while the very last record was taken
		return record.Batch{}, fmt.Errorf("read people from %s: %w; nothing was taken from this read", sess.server.text, ctx.Err())
	}
	if r.count == 0 {
		return record.Batch{}, r.nobody()
	}
	cursor, err := json.Marshal(position{Anchor: r.dec.slots[r.dec.anchor].name})
	if err != nil {
		return record.Batch{}, err
	}
	return record.Batch{Extent: record.Full, Cursor: cursor, Warnings: r.warnings, Note: r.note()}, nil
}

// position is what the cursor holds: enough to notice that a vendor taken from
// the rootDSE would give everybody another identity.
type position struct {
	Anchor string `json:"anchor"`
}

// anchorName is the attribute that identifies a person.
func (s *Source) anchorName(v Vendor) string {
	if s.opts.Users.Anchor != "" {
		return s.opts.Users.Anchor
	}
	return dialects[v].anchor
}

// checkPosition compares the anchor with that of the last accepted read. A
// cursor that is not ours tells nothing.
func (s *Source) checkPosition(from record.Cursor, v Vendor) error {
	if len(from) == 0 || s.opts.Users.Anchor != "" {
		return nil
	}
	var last position
	if json.Unmarshal(from, &last) != nil {
		return nil
	}
	if now := dialects[v].anchor; last.Anchor != "" && last.Anchor != now {
		return fmt.Errorf("people were known by %s in the last read, but by %s at this server (%s): name the vendor or users.anchor", last.Anchor, now, v)
	}
	return nil
}

// prepare settles vendor, schema, filter and attributes for one read.
func (s *Source) prepare(sess *session, want record.Want) (*reader, error) {
	root, err := s.readRoot(sess)
	if err != nil {
		return nil, err
	}
	if err := s.checkPosition(want.From, root.vendor); err != nil {
		return nil, err
	}
	if !s.schooled {
		if err := s.learn(sess, root); err != nil {
			return nil, err
		}
	}
	dec, err := newDecoder(s, root.vendor, want.Names)
	if err != nil {
		return nil, fmt.Errorf("read people from %s: %w", sess.server.text, err)
	}
	r := &reader{src: s, sess: sess, dec: dec, filter: s.opts.Users.Filter}
	if r.filter == "" {
		r.filter = DefaultFilter(root.vendor)
	}
	if root.paging {
		r.paging, err = r.answersPaging()
	}
	return r, err
}
