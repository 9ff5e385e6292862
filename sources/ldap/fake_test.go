package ldap_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"

	"scimsync/sources/ldap"
)

const pagingOID = "1.2.840.113556.1.4.319"

// fake is an LDAP server that can lie. By default it holds people with
// entryUUID 1..n and answers as it should.
type fake struct {
	t    testing.TB
	l    net.Listener
	root []string // pairs of the rootDSE

	schema []string // attributeTypes of cn=schema
	people int
	attrs  func(i int) []string // pairs of person i, from 1

	// The hooks replace the answer to one kind of request.
	onBind   func(c *fakeConn, id int64) (code int, diagnostic string)
	onSearch func(c *fakeConn, s fakeSearch)
	onRange  func(c *fakeConn, s fakeSearch)
	probe    func(c *fakeConn, s fakeSearch)
	startTLS *tls.Config
	over     *tls.Config // TLS from the first byte

	once  sync.Once
	mu    sync.Mutex
	wg    sync.WaitGroup
	conns map[net.Conn]bool
	log   []string
}

type fakeConn struct {
	net.Conn
	f *fake
}

type fakeSearch struct {
	id     int64
	base   string
	scope  int64
	attrs  []string
	paging int // how many paging controls came along
	size   int
	cookie string
}

func newFake(t testing.TB, people int) *fake {
	t.Helper()
	if _, err := ldap.New(fakeOptions("ldap://127.0.0.1")); err != nil { // sets the decoder's limit before anything reads
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{t: t, l: l, people: people, conns: map[net.Conn]bool{}, root: []string{"objectClass", "OpenLDAProotDSE", "supportedControl", pagingOID}}
	f.attrs = func(i int) []string {
		return []string{"entryUUID", fmt.Sprintf("uuid-%d", i), "mail", fmt.Sprintf("p%d@example.org", i), "cn", fmt.Sprintf("Person %d", i)}
	}
	t.Cleanup(f.stop)
	return f
}

func (f *fake) stop() {
	_ = f.l.Close()
	f.mu.Lock()
	for c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// addr starts the server: what was set before is seen by it.
func (f *fake) addr() string {
	f.once.Do(func() { f.wg.Go(f.accept) })
	return f.l.Addr().String()
}

func (f *fake) url() string { return "ldap://" + f.addr() }

func fakeOptions(url string) ldap.Options {
	return ldap.Options{
		URLs: []string{url}, PageSize: 10, IdleTimeout: 5 * time.Second,
		Bind:  ldap.Bind{User: "cn=svc,dc=example,dc=org", Password: password("pw")},
		Users: ldap.Entries{Base: []string{"ou=people,dc=example,dc=org"}},
	}
}

func (f *fake) source(change ...func(*ldap.Options)) *ldap.Source {
	f.t.Helper()
	opts := fakeOptions(f.url())
	for _, c := range change {
		c(&opts)
	}
	return source(f.t, opts)
}

func (f *fake) accept() {
	for {
		c, err := f.l.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns[c] = true
		f.mu.Unlock()
		f.wg.Go(func() { f.serve(c) })
	}
}

// set changes hooks while the server runs.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = append(f.log, fmt.Sprintf(format, args...))
}

// sees waits until so many log lines start with a word; a goodbye is not answered.
func (f *fake) sees(word string, want int) bool {
	for range 200 {
		if f.noted(word) >= want {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	return f.noted(word) == want
}

// noted counts log lines that start with a word.
func (f *fake) noted(word string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, line := range f.log {
		if strings.HasPrefix(line, word) {
			n++
		}
	}
	return n
}

func (f *fake) serve(raw net.Conn) {
	defer raw.Close()
	c := &fakeConn{raw, f}
	if f.over != nil && !c.upgrade(f.over) {
		return
	}
	for {
		p, err := ber.ReadPacket(c)
		if err != nil {
			return
		}
		id, op := p.Children[0].Value.(int64), p.Children[1]
		switch op.Tag {
		case 0:
			f.note("bind")
			f.mu.Lock()
			onBind := f.onBind
			f.mu.Unlock()
			code, diagnostic := 0, ""
			if onBind != nil {
				code, diagnostic = onBind(c, id)
			}
			c.result(id, 1, code, diagnostic)
		case 2:
			f.note("unbind")
			return
		case 3:
			f.search(c, parseSearch(p))
		case 23:
			f.note("extended")
			if f.startTLS == nil {
				c.result(id, 24, 2, "no TLS here")
				continue
			}
			c.result(id, 24, 0, "")
			if !c.upgrade(f.startTLS) {
				return
			}
		default:
			f.note("operation %d", op.Tag)
		}
	}
}

func (c *fakeConn) upgrade(cfg *tls.Config) bool {
	over := tls.Server(c.Conn, cfg)
	if err := over.Handshake(); err != nil {
		c.f.note("handshake failed")
		return false
	}
	c.f.note("handshake done")
	c.Conn = over
	return true
}

func parseSearch(p *ber.Packet) fakeSearch {
	op := p.Children[1].Children
	s := fakeSearch{id: p.Children[0].Value.(int64), base: op[0].Value.(string), scope: op[1].Value.(int64)}
	for _, a := range op[7].Children {
		s.attrs = append(s.attrs, a.Value.(string))
	}
	if len(p.Children) < 3 {
		return s
	}
	for _, control := range p.Children[2].Children {
		if control.Children[0].Value.(string) == pagingOID {
			s.paging++
			value := ber.DecodePacket(control.Children[len(control.Children)-1].Data.Bytes())
			s.size, s.cookie = int(value.Children[0].Value.(int64)), value.Children[1].Data.String()
		}
	}
	return s
}

func (f *fake) search(c *fakeConn, s fakeSearch) {
	f.note("search base=%q scope=%d paging=%d cookie=%q attrs=%s", s.base, s.scope, s.paging, s.cookie, strings.Join(s.attrs, ","))
	f.mu.Lock()
	hook, onRange, probe, root := f.onSearch, f.onRange, f.probe, f.root
	f.mu.Unlock()
	switch {
	case s.scope == 0 && s.base == "":
		c.entry(s.id, "", root...)
		c.done(s.id, 0, "")
		return
	case s.scope == 0 && s.base == "cn=schema":
		var pairs []string
		for _, d := range f.schema {
			pairs = append(pairs, "attributeTypes", d)
		}
		c.entry(s.id, s.base, pairs...)
		c.done(s.id, 0, "")
		return
	case s.scope == 0 && len(s.attrs) == 1 && strings.Contains(s.attrs[0], ";range="):
		hook = onRange
	case s.scope == 0 && s.paging > 0:
		hook = probe
		if hook == nil {
			hook = func(c *fakeConn, s fakeSearch) { c.page(s.id, "") }
		}
	case s.scope == 0:
		hook = func(c *fakeConn, s fakeSearch) { c.done(s.id, 32, "") }
	}
	if hook == nil {
		f.answer(c, s)
		return
	}
	hook(c, s)
}

// answer is what an honest server says.
func (f *fake) answer(c *fakeConn, s fakeSearch) {
	from, _ := strconv.Atoi(s.cookie)
	to := f.people
	if s.paging > 0 {
		to = min(to, from+s.size)
	}
	for i := from + 1; i <= to; i++ {
		c.person(s.id, i)
	}
	switch {
	case s.paging == 0:
		c.done(s.id, 0, "")
	case to == f.people:
		c.page(s.id, "")
	default:
		c.page(s.id, strconv.Itoa(to))
	}
}

func (c *fakeConn) person(id int64, i int) {
	c.entry(id, fmt.Sprintf("uid=p%d,ou=people,dc=example,dc=org", i), c.f.attrs(i)...)
}

func (c *fakeConn) send(id int64, op *ber.Packet, controls ...*ber.Packet) {
	p := ber.NewSequence("")
	p.AppendChild(integer(ber.TagInteger, id))
	p.AppendChild(op)
	if len(controls) > 0 {
		list := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
		for _, control := range controls {
			list.AppendChild(control)
		}
		p.AppendChild(list)
	}
	_, _ = c.Write(p.Bytes())
}

func integer(tag ber.Tag, v int64) *ber.Packet {
	return ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, tag, v, "")
}

func octets(v string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, v, "")
}

func operation(tag ber.Tag, children ...*ber.Packet) *ber.Packet {
	op := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	for _, child := range children {
		op.AppendChild(child)
	}
	return op
}

// entry sends pairs of attribute and value; neighbours of one name are its values.
func (c *fakeConn) entry(id int64, dn string, pairs ...string) {
	list := ber.NewSequence("")
	for i := 0; i < len(pairs); {
		name := pairs[i]
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for ; i < len(pairs) && pairs[i] == name; i += 2 {
			values.AppendChild(octets(pairs[i+1]))
		}
		a := ber.NewSequence("")
		a.AppendChild(octets(name))
		a.AppendChild(values)
		list.AppendChild(a)
	}
	c.send(id, operation(4, octets(dn), list))
}

func (c *fakeConn) reference(id int64, url string) { c.send(id, operation(19, octets(url))) }

func (c *fakeConn) result(id int64, tag ber.Tag, code int, diagnostic string, controls ...*ber.Packet) {
	c.send(id, operation(tag, integer(ber.TagEnumerated, int64(code)), octets(""), octets(diagnostic)), controls...)
}

func (c *fakeConn) done(id int64, code int, diagnostic string) { c.result(id, 5, code, diagnostic) }

// page ends a page with the cookie of the next.
func (c *fakeConn) page(id int64, cookie string) {
	value := ber.NewSequence("")
	value.AppendChild(integer(ber.TagInteger, 0))
	value.AppendChild(octets(cookie))
	control := ber.NewSequence("")
	control.AppendChild(octets(pagingOID))
	control.AppendChild(octets(string(value.Bytes())))
	c.result(id, 5, 0, "", control)
}

// cutConn closes itself after some more bytes were written.
type cutConn struct {
	net.Conn
	left int
}

func (c *cutConn) Write(b []byte) (int, error) {
	if len(b) <= c.left {
		c.left -= len(b)
		return c.Conn.Write(b)
	}
	n, _ := c.Conn.Write(b[:c.left])
	c.left = 0
	_ = c.Close()
	return n, net.ErrClosed
}
