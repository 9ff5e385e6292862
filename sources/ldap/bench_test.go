package ldap_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"scimsync/sources/ldap/slapdtest"
	"scimsync/sync/record"
)

var benchNames = []string{"cn", "departmentnumber", "displayname", "employeenumber", "givenname", "mail", "sn", "uid"}

// BenchmarkRead prints the ratio of a read to a bare paged loop over the same
// attributes of the same server, taken in turns: the best turn of each, because
// whatever else runs on the machine only ever makes a turn slower.
func BenchmarkRead(b *testing.B) {
	const people = 100_000
	srv := slapdtest.Start(b, slapdtest.Options{LDIF: slapdtest.Persons(people)})
	src := source(b, reading(srv))
	attributes := append([]string{"entryUUID", "pwdAccountLockedTime"}, benchNames...)
	bareLoop(b, srv.URL, attributes)
	bare, ours := time.Hour, time.Hour
	for b.Loop() {
		start := time.Now()
		if n := bareLoop(b, srv.URL, attributes); n != people {
			b.Fatalf("%d entries", n)
		}
		bare = min(bare, time.Since(start))
		start = time.Now()
		n := 0
		if _, err := src.Read(context.Background(), record.Want{Names: benchNames}, func(*record.Record) error { n++; return nil }); err != nil || n != people {
			b.Fatalf("%d people, %v", n, err)
		}
		ours = min(ours, time.Since(start))
	}
	b.ReportMetric(float64(ours)/float64(bare), "x-bare")
	b.ReportMetric(people/ours.Seconds(), "people/s")
}

func bareLoop(b *testing.B, url string, attributes []string) int {
	conn, err := goldap.DialURL(url)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Bind(slapdtest.BindDN, slapdtest.BindPW); err != nil {
		b.Fatal(err)
	}
	n := 0
	for cookie := []byte(nil); ; {
		paging := goldap.NewControlPaging(500)
		paging.SetCookie(cookie)
		res := conn.SearchAsync(context.Background(), goldap.NewSearchRequest(slapdtest.People, goldap.ScopeWholeSubtree,
			goldap.NeverDerefAliases, 0, 0, false, "(objectClass=inetOrgPerson)", attributes, []goldap.Control{paging}), 64)
		cookie = nil
		for res.Next() {
			if res.Entry() != nil {
				n++
				continue
			}
			if c, ok := goldap.FindControl(res.Controls(), goldap.ControlTypePaging).(*goldap.ControlPaging); ok {
				cookie = c.Cookie
			}
		}
		if res.Err() != nil {
			b.Fatal(res.Err())
		}
		if len(cookie) == 0 {
			return n
		}
	}
}

// BenchmarkLinks gives the memberships of groups of 20,000 people each.
func BenchmarkLinks(b *testing.B) {
	const people, groups, each = 20_000, 25, 20_000
	var members []string
	for i := range each {
		members = append(members, slapdtest.PersonDN(i))
	}
	var ldif strings.Builder
	ldif.WriteString(slapdtest.Persons(people))
	for i := range groups {
		ldif.WriteString(slapdtest.Group(fmt.Sprintf("group %d", i), members...))
	}
	srv := slapdtest.Start(b, slapdtest.Options{LDIF: ldif.String()})
	src := source(b, withGroups(srv))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		want := record.Want{Groups: &record.WantGroups{Link: func(string, string) error { n++; return nil }}}
		if _, err := src.Read(context.Background(), want, func(*record.Record) error { return nil }); err != nil || n != groups*each {
			b.Fatalf("%d links, %v", n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(groups*each), "ns/link")
}
