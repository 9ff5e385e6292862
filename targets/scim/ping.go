package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Ping asks the target for one account and for its ServiceProviderConfig, whose
// absence is fine: many targets have none, or none for us. It tries each once.
func (t *Target) Ping(ctx context.Context) error {
	a, _, err := t.tryRead(ctx, call{method: http.MethodGet, path: t.profile.Paths.Users, query: "startIndex=1&count=1", limit: limitPage})
	if err != nil {
		return fmt.Errorf("reach target %s at %s: %w", t.name, t.base, err)
	}
	if _, err := parsePage(a.body); err != nil {
		return fmt.Errorf("reach target %s at %s: GET /Users: %w; check the target's url", t.name, t.base, err)
	}
	_, _, err = t.tryRead(ctx, call{method: http.MethodGet, path: "/ServiceProviderConfig", limit: limitOne})
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && (e.Status == http.StatusOK || (e.Status < 500 && e.Status != http.StatusTooManyRequests) || e.Status == http.StatusNotImplemented):
		return nil
	}
	return fmt.Errorf("ask target %s for its ServiceProviderConfig: %w", t.name, err)
}
