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

// cursor is the last accepted file. Print covers every setting that decides
// what records the bytes give.
type cursor struct {
	Version int       `json:"v"`
	Path    string    `json:"path"` // as configured
	File    string    `json:"file"`
	Size    int64     `json:"size"`
	ModTime time.Time `json:"mtime"`
	SHA256  string    `json:"sha256"`
	Rows    int       `json:"rows"`
	Print   string    `json:"print"`
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

func (s *Source) cursor(f *file, out outcome, names []string) record.Cursor {
	b, err := json.Marshal(cursor{
		Version: cursorVersion,
		Path:    s.opts.Path,
		File:    f.name,
		Size:    f.info.Size(),
		ModTime: f.info.ModTime().UTC(),
		SHA256:  out.sum,
		Rows:    out.rows,
		Print:   s.print(names),
	})
	if err != nil {
		return nil // a year beyond 9999: no cursor, so the next read is a full one
	}
	return b
}

func (s *Source) print(names []string) string {
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%d %q %q %d %q %q", cursorVersion, s.opts.Key, s.opts.Delimiter, s.opts.Encoding, s.opts.Manifest, names)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// unchanged says whether the file holds the bytes that were accepted last, so
// that no row need be looked at. Another size saves the hashing; equal bytes
// alone are the proof. An older file with other bytes is refused.
func (s *Source) unchanged(ctx context.Context, f *file, last cursor, names []string) (bool, error) {
	if last.Version == 0 {
		return false, nil
	}
	older := last.Path == s.opts.Path && f.info.ModTime().Before(last.ModTime)
	if last.Size == f.info.Size() {
		sum, err := hashFile(ctx, f)
		if err != nil {
			return false, err
		}
		if sum == last.SHA256 {
			return last.Print == s.print(names), nil
		}
	}
	if older {
		return false, fmt.Errorf("an old export was put back: it was written %s, and the last one accepted (%s) %s; if it is meant, touch it so that it is the newer one",
			f.info.ModTime().UTC().Format(time.RFC3339), last.File, last.ModTime.Format(time.RFC3339))
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
