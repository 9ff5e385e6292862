package ledger

// There gives the entry as drift found the account to be: with the values and the
// standing there. It is the entry itself if nothing drifted. Drift stays in it.
func (e *Entry) There() *Entry {
	if e == nil || len(e.Drift) == 0 {
		return e
	}
	there := *e
	values := map[string]any{}
	for path, v := range e.Drift {
		switch path {
		case DriftActive:
			there.Standing = Suspended
			if v == true {
				there.Standing = Live
			}
		case DriftAccount:
		default:
			values[path] = v
		}
	}
	there.Resource = e.Resource.With(values)
	return &there
}

// Vanished tells that drift found no account, and that none was made since.
func (e *Entry) Vanished() bool {
	_, gone := e.Drift[DriftAccount]
	return gone
}

// What stands in Entry.Drift and Entry.Echo besides paths of a resource.
const (
	DriftActive  = "active" // whether the account is active: true or false
	DriftAccount = "id"     // nil: the account itself is not there
)
