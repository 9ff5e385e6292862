package scim

import (
	"context"
	"fmt"
	"net/http"
)

// Ping asks the target for one account. It tries that once.
func (t *Target) Ping(ctx context.Context) error {
	a, _, err := t.tryRead(ctx, call{method: http.MethodGet, path: t.kind.path, query: "startIndex=1&count=1", limit: limitPage})
	if err != nil {
		return fmt.Errorf("reach target %s at %s: %w", t.name, t.base, err)
	}
	if _, err := parsePage(a.body); err != nil {
		return fmt.Errorf("reach target %s at %s: GET %s: %w; check the target's url", t.name, t.base, t.kind.path, err)
	}
	return nil
}
