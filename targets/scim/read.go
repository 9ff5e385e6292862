package scim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// maxTries is how often one read is sent.
const maxTries = 5

// read sends a request that changes nothing until it has an answer other than a passing
// trouble. Reads are safe to repeat (RFC 9110 section 9.2.1); every try passes the gate.
func (t *Target) read(ctx context.Context, c call) (*answer, error) {
	for try := 1; ; try++ {
		a, heard, err := t.tryRead(ctx, c)
		if err == nil || !passing(err) || try == maxTries || ctx.Err() != nil {
			if err != nil && try > 1 {
				err = fmt.Errorf("%w (%d tries)", err, try)
			}
			return a, err
		}
		if waitErr := t.wait(ctx, heard.NotBefore, try); waitErr != nil {
			return nil, fmt.Errorf("%w; %w", err, waitErr)
		}
	}
}

// Reads is how many requests were sent so far that change nothing, each try counted.
func (t *Target) Reads() int { return int(t.reads.Load()) }

// tryRead is one try, and at once another if all that was wrong was our token.
func (t *Target) tryRead(ctx context.Context, c call) (*answer, plan.Heard, error) {
	a, heard, err := t.readOnce(ctx, c)
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusUnauthorized && passing(err) && !heard.NotBefore.After(t.now()) {
		return t.readOnce(ctx, c)
	}
	return a, heard, err
}

// readOnce is one request: gate, request, answer. Only a whole 200 is no error.
func (t *Target) readOnce(ctx context.Context, c call) (a *answer, heard plan.Heard, err error) {
	draws := t.draws(c.method, c.path, 0, func() int { return len(c.body) })
	if t.gate != nil {
		done, err := t.gate(ctx, draws)
		if err != nil {
			return nil, heard, err
		}
		defer func() { done(heard) }()
	}
	t.reading.Store(&draws)
	c.id = requestID()
	t.reads.Add(1)
	a, err = t.send(ctx, c)
	if err != nil {
		return nil, t.announced(err), err
	}
	heard = t.heard(a)
	switch {
	case a.status != http.StatusOK || webPage(a):
		err = t.explain(t.problem(c, a))
	case a.cut != nil:
		err = &outage{call: c, err: a.cut, sent: true, kind: doubtful}
	}
	return a, heard, err
}

// explain adds to an error of a read what can be done about it.
func (t *Target) explain(e *Error) error {
	switch {
	case e.use == abnormal:
		return fmt.Errorf("%w: %s", e, abuse)
	case e.Status == http.StatusUnauthorized:
		return fmt.Errorf("%w: the target wants credentials, and none are given; see auth in its config", e)
	case e.Status == http.StatusForbidden:
		return fmt.Errorf("%w: our account at the target may not read %ss", e, t.kind.noun)
	case e.Status == http.StatusNotFound || e.Status == http.StatusGone:
		return fmt.Errorf("%w: there is no SCIM service at this address; check the target's url", e)
	case e.Status/100 == 3 || e.Status == http.StatusOK:
		return fmt.Errorf("%w; check the target's url, and what stands in between", e)
	}
	return e
}

// passing tells whether the same read may succeed a little later.
func passing(err error) bool {
	var o *outage
	if errors.As(err, &o) {
		return o.kind != hopeless
	}
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch {
	case e.use != unremarked:
		return e.use != abnormal
	case e.code != "":
		return e.code == profile.CodeAgain
	}
	switch e.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// wait sleeps as long as the target asked, and at least a random part of a
// doubling pause that starts at a second.
func (t *Target) wait(ctx context.Context, notBefore time.Time, try int) error {
	ceiling := time.Second << (try - 1)
	pause := ceiling/2 + rand.N(ceiling/2)
	if asked := notBefore.Sub(t.now()); !notBefore.IsZero() && asked > pause {
		pause = asked
	}
	if !sleep(ctx, pause) {
		return fmt.Errorf("wait for the next try: %w", ctx.Err())
	}
	return nil
}

// sleep waits; false: the context ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
