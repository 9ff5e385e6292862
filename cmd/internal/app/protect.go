package app

import (
	"bufio"
	"fmt"
	"os"
	"path"
	"strings"

	"scimsync/cmd/internal/config"
	"scimsync/sync/resource"
)

// protected are accounts that nothing touches.
type protected struct {
	logins []string // globs, folded
	ids    map[string]bool
}

// newProtected reads the protect block of a target: globs of logins, ids, and a file
// with one login glob or "id:ID" a line.
func newProtected(cfg config.Protect) (protected, error) {
	p := protected{ids: map[string]bool{}}
	for _, glob := range cfg.UserNames {
		p.logins = append(p.logins, loginGlob(glob))
	}
	for _, id := range cfg.IDs {
		p.ids[id] = true
	}
	if cfg.File == "" {
		return p, nil
	}
	file, err := os.Open(cfg.File)
	if err != nil {
		return p, fmt.Errorf("read the protected accounts: %w", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if id, ok := strings.CutPrefix(line, "id:"); ok {
			p.ids[strings.TrimSpace(id)] = true
			continue
		}
		if _, err := path.Match(line, ""); err != nil {
			return p, fmt.Errorf("%s:%d: %q is no pattern: %w", cfg.File, n, line, err)
		}
		p.logins = append(p.logins, loginGlob(line))
	}
	return p, lines.Err()
}

// loginGlob makes a pattern for path.Match of what was written for a login. A
// backslash is one, as in DOMAIN\name, unless it stands before a character that is
// special; and a slash is like any other character, for a login is no path.
func loginGlob(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		b.WriteByte(text[i])
		switch {
		case text[i] != '\\':
		case i+1 < len(text) && strings.IndexByte(`*?[\`, text[i+1]) >= 0:
			i++
			b.WriteByte(text[i])
		default:
			b.WriteByte('\\')
		}
	}
	return noPath(resource.Fold(b.String()))
}

// noPath takes the meaning from slashes that path.Match would give them.
func noPath(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

// Protects implements engine.Protect.
func (p protected) Protects(userName, id string) bool {
	if id != "" && p.ids[id] {
		return true
	}
	login := noPath(resource.Fold(userName))
	for _, glob := range p.logins {
		if ok, _ := path.Match(glob, login); ok { // the pattern was checked when it was read
			return true
		}
	}
	return false
}
