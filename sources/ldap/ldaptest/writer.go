// Package ldaptest changes the directories of tests over LDAP. For tests only.
package ldaptest

import (
	"testing"

	goldap "github.com/go-ldap/ldap/v3"
)

// Writer changes entries of a directory. What goes wrong ends the test.
type Writer struct {
	T              testing.TB
	URL            func() string // where the server is now
	User, Password string        // somebody who may write
}

// Add adds an entry: pairs of attribute and value.
func (w *Writer) Add(dn string, pairs ...string) {
	w.T.Helper()
	req := goldap.NewAddRequest(dn, nil)
	values, order := map[string][]string{}, []string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if values[pairs[i]] == nil {
			order = append(order, pairs[i])
		}
		values[pairs[i]] = append(values[pairs[i]], pairs[i+1])
	}
	for _, name := range order {
		req.Attribute(name, values[name])
	}
	w.change("add "+dn, func(c *goldap.Conn) error { return c.Add(req) })
}

// Modify replaces all values of one attribute; none removes it.
func (w *Writer) Modify(dn, attribute string, values ...string) {
	w.T.Helper()
	req := goldap.NewModifyRequest(dn, nil)
	req.Replace(attribute, values)
	w.change("modify "+dn, func(c *goldap.Conn) error { return c.Modify(req) })
}

// Rename gives an entry another RDN and, unless empty, another superior.
func (w *Writer) Rename(dn, rdn, superior string) {
	w.T.Helper()
	req := goldap.NewModifyDNRequest(dn, rdn, true, superior)
	w.change("rename "+dn, func(c *goldap.Conn) error { return c.ModifyDN(req) })
}

// Delete deletes an entry.
func (w *Writer) Delete(dn string) {
	w.T.Helper()
	req := goldap.NewDelRequest(dn, nil)
	w.change("delete "+dn, func(c *goldap.Conn) error { return c.Del(req) })
}

func (w *Writer) change(what string, do func(*goldap.Conn) error) {
	w.T.Helper()
	conn, err := goldap.DialURL(w.URL())
	if err != nil {
		w.T.Fatalf("%s: %v", what, err)
	}
	defer conn.Close()
	if err := conn.Bind(w.User, w.Password); err != nil {
		w.T.Fatalf("%s: %v", what, err)
	}
	if err := do(conn); err != nil {
		w.T.Fatalf("%s: %v", what, err)
	}
}
