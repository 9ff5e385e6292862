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
		p.logins = append(p.logins, resource.Fold(glob))
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
		p.logins = append(p.logins, resource.Fold(line))
	}
	return p, lines.Err()
}

// Protects implements engine.Protect.
func (p protected) Protects(userName, id string) bool {
	if id != "" && p.ids[id] {
		return true
	}
	login := resource.Fold(userName)
	for _, glob := range p.logins {
		if ok, _ := path.Match(glob, login); ok { // the pattern was checked when it was read
			return true
		}
	}
	return false
}
