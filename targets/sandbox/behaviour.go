package sandbox

import "slices"

// The methods below lead through the hooks of all active habits: those that
// wrap, so that the first habit is outermost; the others one after another.

// door wraps what answers a request.
func (b *behaviour) door(next handler) handler {
	return b.wrap(next, func(h hooks) func(*call, handler) (*response, error) { return h.door })
}

// pass wraps what comes behind the credentials.
func (b *behaviour) pass(next handler) handler {
	return b.wrap(next, func(h hooks) func(*call, handler) (*response, error) { return h.pass })
}

// serve wraps an operation.
func (b *behaviour) serve(next handler) handler {
	return b.wrap(next, func(h hooks) func(*call, handler) (*response, error) { return h.serve })
}

func (b *behaviour) wrap(next handler, pick func(hooks) func(*call, handler) (*response, error)) handler {
	for i := len(b.active) - 1; i >= 0; i-- {
		if hook := pick(b.active[i].hooks); hook != nil {
			inner := next
			next = func(c *call) (*response, error) { return hook(c, inner) }
		}
	}
	return next
}

// login wraps the look at credentials.
func (b *behaviour) login(next gate) gate {
	for i := len(b.active) - 1; i >= 0; i-- {
		if hook := b.active[i].login; hook != nil {
			inner := next
			next = func(c *call) *response { return hook(c, inner) }
		}
	}
	return next
}

func (b *behaviour) body(c *call, body map[string]any) error {
	for _, a := range b.active {
		if a.body != nil {
			if err := a.body(c, body); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *behaviour) accept(in *incoming) error {
	for _, a := range b.active {
		if a.accept != nil {
			if err := a.accept(in); err != nil {
				return err
			}
		}
	}
	return nil
}

// patch asks the habits until one has done the operation: the one that was
// named last first, so that it can overrule a profile.
func (b *behaviour) patch(p *patcher, op operation) (done bool, err error) {
	for _, a := range slices.Backward(b.active) {
		if a.patch != nil {
			if done, err := a.patch(p, op); done || err != nil {
				return true, err
			}
		}
	}
	return false, nil
}

func (b *behaviour) query(q *query) error {
	for _, a := range b.active {
		if a.query != nil {
			if err := a.query(q); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *behaviour) list(l *listing) error {
	for _, a := range b.active {
		if a.list != nil {
			if err := a.list(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// visible leaves out what a habit hides.
func (b *behaviour) visible(found []*resource, q query) []*resource {
	for _, a := range b.active {
		if a.hides == nil {
			continue
		}
		var seen []*resource
		for _, r := range found {
			if !a.hides(r, q) {
				seen = append(seen, r)
			}
		}
		found = seen
	}
	return found
}

// shows says whether a habit changes what resources look like.
func (b *behaviour) shows() bool {
	for _, a := range b.active {
		if a.show != nil {
			return true
		}
	}
	return false
}

func (b *behaviour) show(o *outgoing) {
	for _, a := range b.active {
		if a.show != nil {
			a.show(o)
		}
	}
}

func (b *behaviour) spell(sp *spelling) {
	for _, a := range b.active {
		if a.spell != nil {
			a.spell(sp)
		}
	}
}

func (b *behaviour) config(m map[string]any) {
	for _, a := range b.active {
		if a.config != nil {
			a.config(m)
		}
	}
}
