package state

import (
	"scimsync/sync/apply"
	"scimsync/sync/engine"
)

var (
	_ engine.Mirror   = (*State)(nil)
	_ engine.Entries  = (*State)(nil)
	_ engine.Progress = (*State)(nil)
	_ apply.Ledger    = (*State)(nil)
)
