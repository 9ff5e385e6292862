package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// BenchmarkPOST creates users over 8 connections, client and server in one
// process: once at the sandbox, once at a handler that only reads the body and
// sends one back, which is what HTTP itself takes.
func BenchmarkPOST(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		body := []byte(benchUser(1))
		benchPOST(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write(body)
		}))
	})
	b.Run("sandbox", func(b *testing.B) {
		s, err := New(Options{})
		if err != nil {
			b.Fatal(err)
		}
		benchPOST(b, s)
	})
	b.Run("file", func(b *testing.B) {
		s, err := New(Options{File: filepath.Join(b.TempDir(), "accounts")})
		if err != nil {
			b.Fatal(err)
		}
		benchPOST(b, s)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	})
}

func benchPOST(b *testing.B, handler http.Handler) {
	h := httptest.NewServer(handler)
	defer h.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, MaxConnsPerHost: 8}}
	var n atomic.Int64
	b.SetParallelism(4)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			res, err := client.Post(h.URL+DefaultBasePath+"/Users", mediaType, strings.NewReader(benchUser(i)))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != 201 {
				b.Errorf("%d %v", res.StatusCode, err)
			}
			res.Body.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "POST/s")
}

func benchUser(i int64) string {
	return userBody(fmt.Sprintf(`"externalId":"e%d","userName":"user%d@example.org","active":true,
		"name":{"givenName":"Anna","familyName":"Berg %d"},"displayName":"Anna Berg %d",
		"emails":[{"value":"user%d@example.org","type":"work","primary":true}],
		%q:{"employeeNumber":"%d","department":"Sales"}`, i, i, i, i, i, enterpriseURN, i))
}

// BenchmarkLookup finds one user among 10,000 by a filter, without HTTP.
func BenchmarkLookup(b *testing.B) {
	s, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 10000 {
		m, err := parseObject([]byte(benchUser(int64(i))))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Seed(m); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		e, err := s.parser.compile(s.store.users.kind, `emails[type eq "work" and value eq "user77@example.org"]`)
		if err != nil || len(s.store.find(s.store.users, e)) != 1 {
			b.Fatal("not found")
		}
	}
}
