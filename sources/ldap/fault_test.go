package ldap_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"scimsync/sources/ldap"
	"scimsync/sync/record"
)

// whole holds a read against the only two outcomes that are allowed: an error,
// or everybody.
func whole(t *testing.T, got int, err error, want int) {
	t.Helper()
	if err == nil && got != want {
		t.Errorf("the read says it is complete with %d of %d people", got, want)
	}
}

func count(ctx context.Context, s *ldap.Source, each func(n int) error) (int, error) {
	n := 0
	_, err := s.Read(ctx, record.Want{Names: []string{"cn", "mail"}}, func(*record.Record) error {
		n++
		if each == nil {
			return nil
		}
		return each(n)
	})
	return n, err
}

// The probes T1 to T8 each made a bare loop over the library lose people
// silently, hang, or hold everything in memory.

func TestT1SlowConsumer(t *testing.T) {
	t.Parallel()
	f := newFake(t, 20)
	for pause := 1; pause <= 20; pause++ {
		src := f.source(func(o *ldap.Options) { o.IdleTimeout, o.PageSize = 100*time.Millisecond, 20 })
		got, err := count(t.Context(), src, func(n int) error {
			if n == pause {
				time.Sleep(130 * time.Millisecond)
			}
			return nil
		})
		whole(t, got, err, 20)
	}
}

func TestT2Deadline(t *testing.T) {
	t.Parallel()
	f := newFake(t, 1000)
	for at := 1; at <= 1000; at += 333 {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := count(ctx, f.source(), func(n int) error {
			if n == at {
				cancel()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %d: %v", at, err)
		}
		cancel()
	}
	f.set(func() {
		f.onSearch = func(c *fakeConn, s fakeSearch) {
			for i := 1; ; i++ {
				time.Sleep(time.Millisecond)
				if c.person(s.id, i); i > 300 {
					return
				}
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := count(ctx, f.source(), nil)
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > 2*time.Second {
		t.Errorf("deadline: %v after %s", err, time.Since(start))
	}
}

func TestT3ClosedConnection(t *testing.T) {
	t.Parallel()
	f := newFake(t, 30)
	closing := func(c *fakeConn, _ fakeSearch) { _ = c.Close() }
	f.set(func() { f.onSearch = closing })
	fails(t, f.source(), "page 1", "nothing was taken")
	f.set(func() {
		f.onSearch = func(c *fakeConn, s fakeSearch) {
			f.answer(c, s)
			_ = c.Close()
		}
	})
	fails(t, f.source(), "nothing was taken") // closed between two pages
	f.set(func() { f.onSearch, f.probe = nil, closing })
	fails(t, f.source(), "nothing was taken")
}

func TestT4ClosedMidStream(t *testing.T) {
	t.Parallel()
	f := newFake(t, 30)
	f.set(func() {
		f.onSearch = func(c *fakeConn, s fakeSearch) {
			if s.cookie != "20" {
				f.answer(c, s)
				return
			}
			for i := 21; i < 26; i++ {
				c.person(s.id, i)
			}
			_ = c.Close()
		}
	})
	err := fails(t, f.source(), "read ou=people,dc=example,dc=org from "+f.url()+": page 3: ", "EOF", "; nothing was taken from this read")
	t.Log(err)
}

func TestT5Stall(t *testing.T) {
	t.Parallel()
	f := newFake(t, 30)
	f.set(func() { f.onSearch = func(c *fakeConn, s fakeSearch) { c.person(s.id, 1) } })
	start := time.Now()
	fails(t, f.source(func(o *ldap.Options) { o.IdleTimeout = 200 * time.Millisecond }), "silent for 200ms", "page 1")
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("a stalled server was waited for during %s", took)
	}
}

func TestT5bSlowButAlive(t *testing.T) {
	t.Parallel()
	f := newFake(t, 30)
	f.set(func() {
		f.onSearch = func(c *fakeConn, s fakeSearch) {
			time.Sleep(70 * time.Millisecond)
			f.answer(c, s)
			time.Sleep(70 * time.Millisecond)
		}
	})
	src := f.source(func(o *ldap.Options) { o.IdleTimeout, o.PageSize = 250*time.Millisecond, 3 })
	if got, err := count(t.Context(), src, nil); got != 30 || err != nil {
		t.Errorf("%d people, %v", got, err)
	}
}

func TestT6ConsumerStops(t *testing.T) {
	f := newFake(t, 700)
	leaks := goleak.IgnoreCurrent()
	mine := errors.New("enough")
	for _, at := range []int{1, 2, 100, 699} {
		done := make(chan error, 1)
		go func() {
			_, err := count(context.Background(), f.source(func(o *ldap.Options) { o.PageSize = 700 }), func(n int) error {
				if n == at {
					time.Sleep(100 * time.Millisecond) // for everything between server and consumer to fill up
					return mine
				}
				return nil
			})
			done <- err
		}()
		select {
		case err := <-done:
			if !errors.Is(err, mine) {
				t.Errorf("stopped at %d: %v", at, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("a read that was stopped at %d hangs", at)
		}
	}
	f.stop()
	goleak.VerifyNone(t, leaks)
}

func TestT7OneControlAPage(t *testing.T) {
	t.Parallel()
	f := newFake(t, 95)
	if got, err := count(t.Context(), f.source(), nil); got != 95 || err != nil {
		t.Fatalf("%d people, %v", got, err)
	}
	if n := f.noted(`search base="ou=people,dc=example,dc=org" scope=2 paging=1 `); n != 10 {
		t.Errorf("%d pages with one control each, want 10", n)
	}
	if !f.sees("unbind", 1) {
		t.Errorf("%d unbinds, want 1", f.noted("unbind"))
	}
}

func TestT8Memory(t *testing.T) {
	f := newFake(t, 6000)
	var before, middle runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got, err := count(t.Context(), f.source(func(o *ldap.Options) { o.PageSize = 1000 }), func(n int) error {
		if n == 5500 {
			runtime.GC()
			runtime.ReadMemStats(&middle)
		}
		return nil
	})
	if got != 6000 || err != nil {
		t.Fatalf("%d people, %v", got, err)
	}
	// Keeping the entries would hold some 15 MB.
	if held := int64(middle.HeapAlloc) - int64(before.HeapAlloc); held > 5<<20 {
		t.Errorf("%d bytes are held after 5500 people", held)
	}
}

// TestIncomplete has one line for each way a server can end a listing early.
func TestIncomplete(t *testing.T) {
	t.Parallel()
	third := func(f *fake, end func(c *fakeConn, s fakeSearch)) func(c *fakeConn, s fakeSearch) {
		return func(c *fakeConn, s fakeSearch) {
			if s.cookie != "" || s.paging == 0 {
				for i := 11; i <= 13; i++ {
					c.person(s.id, i)
				}
				end(c, s)
				return
			}
			f.answer(c, s)
		}
	}
	coded := func(code int) func(c *fakeConn, s fakeSearch) {
		return func(c *fakeConn, s fakeSearch) { c.done(s.id, code, "says the server") }
	}
	for name, c := range map[string]struct {
		end  func(c *fakeConn, s fakeSearch)
		want string
	}{
		"time limit":     {coded(3), "time limit"},
		"size limit":     {coded(4), "size limit"},
		"admin limit":    {coded(11), "Admin Limit"},
		"referral":       {coded(10), "does not hold the base"},
		"busy":           {coded(51), "busy"},
		"unavailable":    {coded(52), "shutting down"},
		"unwilling":      {coded(53), "says the server"},
		"no rights":      {coded(50), "let the bind user read"},
		"no such object": {coded(32), "check users.base"},
		"no control":     {coded(0), "without a paging control"},
		"reference": {func(c *fakeConn, s fakeSearch) {
			c.reference(s.id, "ldap://b/ou=x,dc=example,dc=org")
			c.page(s.id, "")
		}, "ou=x,dc=example,dc=org"},
		"endless":            {func(c *fakeConn, s fakeSearch) { c.page(s.id, s.cookie) }, "1000 pages in a row were empty"},
		"garbage":            {func(c *fakeConn, s fakeSearch) { _, _ = c.Write([]byte("\x30\x05hello\x04\x84\xff\xff\xff\xff")) }, "nothing was taken"},
		"huge":               {func(c *fakeConn, s fakeSearch) { _, _ = c.Write([]byte("\x30\x84\x10\x00\x00\x00")) }, "greater than maximum"},
		"disconnect notice":  {func(c *fakeConn, s fakeSearch) { c.result(0, 24, 52, "bye"); _ = c.Close() }, "nothing was taken"},
		"answer to another":  {func(c *fakeConn, s fakeSearch) { c.page(s.id+7, ""); _ = c.Close() }, "nothing was taken"},
		"not a search":       {func(c *fakeConn, s fakeSearch) { c.result(s.id, 1, 0, "") }, "nothing was taken"},
		"malformed entry":    {func(c *fakeConn, s fakeSearch) { c.send(s.id, operation(4, octets("cn=x"))) }, "nothing was taken"},
		"entry sans anchor":  {func(c *fakeConn, s fakeSearch) { c.entry(s.id, "cn=x", "mail", "x@example.org"); c.page(s.id, "") }, "cn=x: it has no entryUUID"},
		"end, then a cutoff": {func(c *fakeConn, s fakeSearch) { c.page(s.id, "next"); _ = c.Close() }, "nothing was taken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, 20)
			end := c.end
			if name == "endless" {
				f.set(func() {
					f.onSearch = func(c *fakeConn, s fakeSearch) {
						if s.cookie == "" {
							f.answer(c, s)
							return
						}
						end(c, s)
					}
				})
			} else {
				f.set(func() { f.onSearch = third(f, end) })
			}
			fails(t, f.source(), c.want, "nothing was taken from this read")
		})
	}
}

func TestServerIgnoresPaging(t *testing.T) {
	t.Parallel()
	ignoring := func(c *fakeConn, s fakeSearch) { c.done(s.id, 0, "") }
	for name, prepare := range map[string]func(f *fake){
		"not announced":         func(f *fake) { f.root = []string{"objectClass", "top"} },
		"announced but ignored": func(f *fake) { f.probe = ignoring },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, 25)
			prepare(f)
			if got, err := count(t.Context(), f.source(), nil); got != 25 || err != nil {
				t.Fatalf("%d people, %v", got, err)
			}
			if n := f.noted(`search base="ou=people,dc=example,dc=org" scope=2 paging=0`); n != 1 {
				t.Errorf("%d plain searches", n)
			}
			for text, end := range map[string]func(c *fakeConn, s fakeSearch){
				"Size Limit Exceeded": func(c *fakeConn, s fakeSearch) { c.done(s.id, 4, "") },
				"EOF":                 func(c *fakeConn, s fakeSearch) { _ = c.Close() },
				"references are not":  func(c *fakeConn, s fakeSearch) { c.reference(s.id, "ldap://b/dc=b"); c.done(s.id, 0, "") },
			} {
				f.set(func() { f.onSearch = func(c *fakeConn, s fakeSearch) { c.person(s.id, 1); end(c, s) } })
				fails(t, f.source(), text, "nothing was taken")
			}
			f.set(func() { f.onSearch = nil })
			ctx, cancel := context.WithCancel(t.Context())
			if _, err := count(ctx, f.source(), func(n int) error {
				if n == 25 {
					cancel()
				}
				return nil
			}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled at the last person: %v", err)
			}
		})
	}
}

// TestCutAnywhere closes the connection after every number of bytes of the
// server's answers.
func TestCutAnywhere(t *testing.T) {
	t.Parallel()
	f := newFake(t, 4)
	complete := 0
	for limit := 1; ; limit += 7 {
		f.set(func() {
			f.onSearch = func(c *fakeConn, s fakeSearch) {
				c.Conn = &cutConn{Conn: c.Conn, left: limit}
				f.answer(c, s)
			}
		})
		got, err := count(t.Context(), f.source(func(o *ldap.Options) { o.PageSize = 100 }), nil)
		whole(t, got, err, 4)
		if err == nil {
			if complete++; complete == 2 {
				return
			}
		}
		if limit > 5000 {
			t.Fatalf("still failing: %v", err)
		}
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	busy, wrong, good := newFake(t, 5), newFake(t, 5), newFake(t, 5)
	busy.set(func() { busy.onBind = func(*fakeConn, int64) (int, string) { return 51, "later" } })
	src := busy.source(func(o *ldap.Options) { o.URLs = append(o.URLs, good.url()) })
	if got, err := count(t.Context(), src, nil); got != 5 || err != nil {
		t.Errorf("after a busy server: %d people, %v", got, err)
	}
	before := good.noted("bind")
	for code, text := range map[string]string{"52e": "the password is wrong", "533": "is disabled", "775": "locked out", "532": "expired"} {
		wrong.set(func() {
			wrong.onBind = func(*fakeConn, int64) (int, string) {
				return 49, "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data " + code + ", v4563"
			}
		})
		src := wrong.source(func(o *ldap.Options) { o.URLs = append(o.URLs, good.url()) })
		fails(t, src, "bind as cn=svc,dc=example,dc=org", text, "no other server was asked")
	}
	if n := good.noted("bind") - before; n != 0 {
		t.Errorf("refused credentials were shown to %d more servers", n)
	}
	wrong.set(func() { wrong.onBind = func(*fakeConn, int64) (int, string) { return 8, "sign it" } })
	fails(t, wrong.source(), "use ldaps://")
}

func TestReadIsOneConnection(t *testing.T) {
	t.Parallel()
	f := newFake(t, 45)
	src := f.source()
	for range 3 {
		if got, err := count(t.Context(), src, nil); got != 45 || err != nil {
			t.Fatalf("%d people, %v", got, err)
		}
	}
	if !f.sees("bind", 3) || !f.sees("unbind", 3) {
		t.Errorf("%d binds and %d unbinds for 3 reads", f.noted("bind"), f.noted("unbind"))
	}
	if n := f.noted("operation"); n != 0 {
		t.Errorf("%d operations that are no bind, search or unbind", n)
	}
	if f.noted(`search base="ou=people,dc=example,dc=org" scope=2 paging=1 cookie="" attrs=cn,mail,entryUUID,pwdAccountLockedTime`) != 3 {
		t.Errorf("other attributes were asked for: %s", strings.Join(f.log, "\n"))
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	f := newFake(t, 12)
	values := make([]string, 0, 50)
	for i := range 25 {
		values = append(values, "", fmt.Sprintf("v%02d@example.org", i))
	}
	part := func(from, to int, last bool) []string {
		name := fmt.Sprintf("mail;range=%d-%d", from, to-1)
		if last {
			name = fmt.Sprintf("mail;range=%d-*", from)
		}
		var pairs []string
		for i := from; i < to; i++ {
			pairs = append(pairs, name, values[2*i+1])
		}
		return pairs
	}
	plain := f.attrs
	f.attrs = func(i int) []string {
		if i != 4 {
			return plain(i)
		}
		return append([]string{"entryUUID", "uuid-4"}, part(0, 10, false)...)
	}
	f.set(func() {
		f.onRange = func(c *fakeConn, s fakeSearch) {
			if s.attrs[0] == "mail;range=10-*" {
				c.entry(s.id, s.base, part(10, 20, false)...)
			} else {
				c.entry(s.id, s.base, part(20, 25, true)...)
			}
			c.done(s.id, 0, "")
		}
	})
	got := mustRead(t, f.source(), "mail")
	if len(got) != 12 {
		t.Errorf("%d people", len(got))
	}
	if v := attr(got["uuid-4"], "mail"); len(v) != 25 || v[0] != "v00@example.org" || v[24] != "v24@example.org" {
		t.Errorf("ranged values: %q", v)
	}
	for text, lie := range map[string]func(c *fakeConn, s fakeSearch){
		"the entry is gone":       func(c *fakeConn, s fakeSearch) { c.done(s.id, 32, "") },
		"gave nothing from value": func(c *fakeConn, s fakeSearch) { c.entry(s.id, s.base); c.done(s.id, 0, "") },
		"answered from 0 on":      func(c *fakeConn, s fakeSearch) { c.entry(s.id, s.base, part(0, 10, false)...); c.done(s.id, 0, "") },
		"values came where the":   func(c *fakeConn, s fakeSearch) { c.entry(s.id, s.base, "mail;range=10-19", "one"); c.done(s.id, 0, "") },
		"nothing was taken":       func(c *fakeConn, s fakeSearch) { _ = c.Close() },
		"the range is malformed":  func(c *fakeConn, s fakeSearch) { c.entry(s.id, s.base, "mail;range=x", "one"); c.done(s.id, 0, "") },
		"Size Limit Exceeded":     func(c *fakeConn, s fakeSearch) { c.done(s.id, 4, "") },
	} {
		f.set(func() { f.onRange = lie })
		fails(t, f.source(), text, "nothing was taken")
	}
}

// TestAliases has a server that answers under the name it was asked for, and
// one that answers under the first name.
func TestAliases(t *testing.T) {
	t.Parallel()
	for _, answered := range []string{"SN", "surName"} {
		f := newFake(t, 1)
		f.root = append(f.root, "subschemaSubentry", "cn=schema")
		f.schema = []string{"( 2.5.4.4 NAME ( 'sn' 'surname' ) )"}
		f.attrs = func(int) []string { return []string{"entryUUID", "a", answered, "Meier"} }
		got := mustRead(t, f.source(), "sn", "surname")["a"]
		for _, name := range []string{"sn", "surname"} {
			if v := attr(got, name); len(v) != 1 || v[0] != "Meier" {
				t.Errorf("answered as %s: %s is %q", answered, name, v)
			}
		}
	}
}
