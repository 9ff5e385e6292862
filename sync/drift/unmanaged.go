package drift

import (
	"context"
	"fmt"

	"scimsync/sync/plan"
)

// Unmanaged gives every account at a target that no entry of any job claims. complete
// tells whether it is proved that none was left out.
func Unmanaged(ctx context.Context, target Target, store Store, name string, emit func(plan.Found) error) (complete bool, err error) {
	complete, err = target.List(ctx, func(found plan.Found) error {
		_, claimed, err := store.ByRemote(name, found.ID)
		if err != nil || claimed {
			return err
		}
		return emit(found)
	})
	if err != nil {
		return false, fmt.Errorf("list the accounts at %s: %w", name, err)
	}
	return complete, nil
}
