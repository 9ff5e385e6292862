package app_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"

	goldap "github.com/go-ldap/ldap/v3"

	"scimsync/sources/ldap/slapdtest"
)

// asBaseline makes the test binary one of the bare loops that benchmarks compare with.
const asBaseline = "SCIMSYNC_TEST_BASELINE"

// baseline makes a command that runs a bare loop.
func baseline(args ...string) *exec.Cmd {
	self, _ := os.Executable()
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), asBaseline+"=1")
	return c
}

// runBaseline is the main function of the bare loops.
func runBaseline(args []string) int {
	loops := map[string]func(args []string) error{"csv": bareCSV, "ldap": bareLDAP, "post": barePOST}
	if err := loops[args[0]](args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// bareCSV reads a file with encoding/csv and feeds SHA-256.
func bareCSV(args []string) error {
	f, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	r := csv.NewReader(io.TeeReader(bufio.NewReaderSize(f, 1<<16), sum))
	r.ReuseRecord = true
	for {
		if _, err := r.Read(); errors.Is(err, io.EOF) {
			fmt.Printf("%x\n", sum.Sum(nil))
			return nil
		} else if err != nil {
			return err
		}
	}
}

// bareLDAP reads a directory page by page, entry by entry, and counts.
func bareLDAP(args []string) error {
	conn, err := goldap.DialURL(args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.Bind(slapdtest.BindDN, slapdtest.BindPW); err != nil {
		return err
	}
	n := 0
	for cookie := []byte(nil); ; {
		paging := goldap.NewControlPaging(500)
		paging.SetCookie(cookie)
		res := conn.SearchAsync(context.Background(), goldap.NewSearchRequest(args[1], goldap.ScopeWholeSubtree,
			goldap.NeverDerefAliases, 0, 0, false, args[2], strings.Fields(args[3]), []goldap.Control{paging}), 64)
		cookie = nil
		for res.Next() {
			if res.Entry() != nil {
				n++
			} else if c, ok := goldap.FindControl(res.Controls(), goldap.ControlTypePaging).(*goldap.ControlPaging); ok {
				cookie = c.Cookie
			}
		}
		if err := res.Err(); err != nil {
			return err
		}
		if len(cookie) == 0 {
			fmt.Println(n)
			return nil
		}
	}
}

// barePOST sends the lines of a file to a service over 8 connections.
func barePOST(args []string) error {
	bodies, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 8, MaxIdleConnsPerHost: 8}}
	work, failed := make(chan []byte), make(chan error, 8)
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for body := range work {
				if err := post(client, args[0]+"/Users", body); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for body := range bytes.Lines(bodies) {
		select {
		case work <- bytes.TrimSpace(body):
		case err := <-failed:
			return err
		}
	}
	close(work)
	workers.Wait()
	close(failed)
	return <-failed
}

func post(client *http.Client, url string, body []byte) error {
	resp, err := client.Post(url, "application/scim+json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("POST %s: %s", url, resp.Status)
	}
	return nil
}
