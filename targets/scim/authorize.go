package scim

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"scimsync/sync/plan"
)

// Authorizer proves to the target who we are. It is shared by all that speak to one
// target, and safe for concurrent use. Package auth has those there are.
type Authorizer interface {
	// Authorize adds the proof to a request, in the Authorization header (RFC 6750
	// section 2.1). It gives the secrets in it, which no message may show; its own
	// errors show none. Its time is that of the request's context. An error that holds
	// a *Later mends itself, any other needs somebody.
	Authorize(req *http.Request) (hidden []string, err error)
	// Refused tells what is to be done about an answer 401 with this body to a request
	// that had this Authorization header. A 401 proves that the request was not carried
	// out (RFC 9110 section 15.5.2), so whatever it was, it may be sent again.
	Refused(authorization string, body []byte) Refusal
}

// Refusal is what an Authorizer makes of a 401.
type Refusal struct {
	// NotBefore is when the request is to be sent again; zero: that is no use.
	NotBefore time.Time
	// Advice is for the operator: why, and what to do.
	Advice string
}

// Later is an error that may be gone at a moment; nothing is to be tried before.
type Later struct {
	Err error
	At  time.Time
}

func (l *Later) Error() string { return l.Err.Error() }

// Unwrap gives the error itself.
func (l *Later) Unwrap() error { return l.Err }

// unproven is a request that was not sent, for want of a proof who we are.
func (t *Target) unproven(ctx context.Context, c call, err error) *outage {
	o := outage{call: c, err: err, kind: hopeless}
	var later *Later
	switch {
	case errors.As(err, &later):
		o.kind, o.notBefore = unsent, later.At
	case ctx.Err() != nil:
		return t.outage(ctx, o)
	}
	return &o
}

// unauthorized is a request that was answered with 401: sent as if never, and either
// to be sent again or no use.
func (t *Target) unauthorized(c call, a *answer, authorization string) *outage {
	r := t.auth.Refused(authorization, a.body)
	o := &outage{call: c, err: t.problem(c, a), kind: hopeless,
		hint: cmp.Or(r.Advice, "the target does not accept our credentials; check what stands under auth, and whether it has expired")}
	if !r.NotBefore.IsZero() {
		o.kind, o.notBefore = unsent, r.NotBefore
		if asked := t.heard(a).NotBefore; asked.After(o.notBefore) {
			o.notBefore = asked
		}
	}
	return o
}

// announced is what a request without a usable answer says about the pace. Without a
// proof who we are nothing can be sent at all.
func (t *Target) announced(err error) plan.Heard {
	var o *outage
	if !errors.As(err, &o) {
		return plan.Heard{}
	}
	return plan.Heard{NotBefore: o.notBefore, Sick: o.notBefore.After(t.now()), Lost: o.kind == doubtful}
}
