package csv

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"scimsync/sync/record"
)

// cursorVersion changes when the same bytes would give other records (another
// way to trim, say): an older cursor then never counts as "same".
const cursorVersion = 1

// cursor is the last accepted generation. Print covers every setting that decides
// what records the bytes give.
type cursor struct {
	Version int `json:"v"`
	mark
	Groups  *mark  `json:"groups,omitempty"`
	Members *mark  `json:"members,omitempty"`
	Print   string `json:"print"`
}

// mark is one accepted file.
type mark struct {
	Path    string    `json:"path"` // as configured
	File    string    `json:"file"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mtime"`
	SHA256  string    `json:"sha256"`
	Rows    int       `json:"rows"`
}

// marks gives those of n files, in their order; nil for one that was not read.
func (c *cursor) marks(n int) []*mark { return []*mark{&c.mark, c.Groups, c.Members}[:n] }

// outcome is that of files that are as they were.
func (c *cursor) outcome(n int) outcome {
	out := outcome{extent: record.Same}
	for i, m := range c.marks(n) {
		out.pass[i] = pass{m.Rows, m.SHA256}
	}
	return out
}

// decodeCursor returns the zero cursor for one that is absent or not ours:
// everything is then read.
func decodeCursor(c record.Cursor) cursor {
	var out cursor
	if len(c) == 0 || json.Unmarshal(c, &out) != nil || out.Version != cursorVersion {
		return cursor{}
	}
	return out
}

func (s *Source) cursor(files generation, out outcome, want record.Want) record.Cursor {
	c := cursor{Version: cursorVersion, Print: s.print(want)}
	if len(files) > 1 {
		c.Groups, c.Members = &mark{}, &mark{}
	}
	for i, m := range c.marks(len(files)) {
		f := files[i]
		*m = mark{Path: s.places[i].Path, File: f.name, Size: f.info.Size(), ModTime: f.info.ModTime().UTC(), SHA256: out.pass[i].sum, Rows: out.pass[i].rows}
	}
	b, err := json.Marshal(c)
	if err != nil {
		return nil // a year beyond 9999: no cursor, so the next read is a full one
	}
	return b
}

func (s *Source) print(want record.Want) string {
	h := sha256.New()
	users := s.places[ofUsers]
	_, _ = fmt.Fprintf(h, "%d %q %q %d %q %q", cursorVersion, users.key, users.Delimiter, users.Encoding, s.opts.Manifest, want.Names)
	if want.Groups != nil {
		for _, p := range s.places[ofGroups:] {
			_, _ = fmt.Fprintf(h, " %q %q %d", p.key, p.Delimiter, p.Encoding)
		}
		m := s.opts.Members
		_, _ = fmt.Fprintf(h, " %q %q %q %q", m.Group, m.User, m.Subgroup, want.Groups.Names)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// unchanged says whether the files hold the bytes that were accepted last, so
// that no row need be looked at. An older file with other bytes is refused.
func (s *Source) unchanged(ctx context.Context, files generation, last cursor, want record.Want) (bool, error) {
	if last.Version == 0 {
		return false, nil
	}
	same := last.Print == s.print(want)
	for i, m := range last.marks(len(files)) {
		if m == nil {
			same = false
			continue
		}
		equal, err := m.holds(ctx, files[i], s.places[i])
		if err != nil {
			return false, fmt.Errorf("read %s: %w", files[i].path, err)
		}
		same = same && equal
	}
	return same, nil
}

// holds says whether a file has the bytes of the mark. Another size saves the hashing; equal
// bytes alone are the proof.
func (m *mark) holds(ctx context.Context, f *file, p *place) (bool, error) {
	if m.Size == f.info.Size() {
		sum, err := hashFile(ctx, f)
		if err != nil || sum == m.SHA256 {
			return err == nil, err
		}
	}
	if m.Path == p.Path && f.info.ModTime().Before(m.ModTime) {
		return false, fmt.Errorf("an old export was put back: it was written %s, and the last one accepted (%s) %s; if it is meant, touch it so that it is the newer one",
			f.info.ModTime().UTC().Format(time.RFC3339), m.File, m.ModTime.Format(time.RFC3339))
	}
	return false, nil
}

func hashFile(ctx context.Context, f *file) (string, error) {
	raw := newRaw(ctx, f)
	if _, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{raw}, make([]byte, blockSize)); err != nil {
		return "", err
	}
	return raw.sum(), nil
}
