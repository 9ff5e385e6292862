package app_test

import (
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// throttle answers some creates with a wait, and keeps when nothing may come.
type throttle struct {
	status int
	at     map[int]func(now time.Time) (header string, until time.Time) // by number of the create
	struck chan struct{}

	mu      sync.Mutex
	creates int
	windows []window
}

type window struct{ from, until time.Time }

func (th *throttle) play(r request) answer {
	if r.Method != http.MethodPost {
		return answer{}
	}
	th.mu.Lock()
	defer th.mu.Unlock()
	th.creates++
	form := th.at[th.creates]
	if form == nil {
		return answer{wait: 10 * time.Millisecond}
	}
	now := time.Now()
	header, until := form(now)
	th.windows = append(th.windows, window{now, until})
	select {
	case th.struck <- struct{}{}:
	default:
	}
	return answer{undone: true, status: th.status, header: map[string]string{"Retry-After": header}}
}

// obeyed fails the test if any request came inside a window. What each of the other
// workers sent until the answer had arrived, and was understood, is no fault.
func (th *throttle) obeyed(t testing.TB, list []request) {
	t.Helper()
	th.mu.Lock()
	defer th.mu.Unlock()
	const tolerance, travel, workers = 100 * time.Millisecond, 500 * time.Millisecond, 8
	if len(th.windows) != len(th.at) {
		t.Errorf("%d waits were announced, want %d", len(th.windows), len(th.at))
	}
	for _, w := range th.windows {
		travelling := 0
		for _, r := range list {
			if r.Time.Before(w.from) || r.Time.After(w.until.Add(-tolerance)) {
				continue
			}
			if travelling++; travelling > 2*workers || r.Time.After(w.from.Add(travel)) {
				t.Errorf("%s %s came %s after the wait was announced, %s too early", r.Method, r.Path, r.Time.Sub(w.from), w.until.Sub(r.Time))
			}
		}
	}
}

// The forms of Retry-After: seconds, a date, what some servers write, the old date.
func seconds(n int, unit string) func(time.Time) (string, time.Time) {
	return func(now time.Time) (string, time.Time) {
		return strconv.Itoa(n) + unit, now.Add(time.Duration(n) * time.Second)
	}
}

func date(in time.Duration, layout string) func(time.Time) (string, time.Time) {
	return func(now time.Time) (string, time.Time) {
		at := now.Add(in).UTC().Truncate(time.Second)
		return at.Format(layout), at
	}
}

const rfc850 = "Monday, 02-Jan-06 15:04:05 GMT"

// I17: nothing is sent before the moment that the service names, in whatever form, on
// whatever of its workers, and nothing is lost by it.
func TestI17Throttling(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		t.Run(strconv.Itoa(status), func(t *testing.T) {
			t.Parallel()
			dir, l := t.TempDir(), newLab(t)
			write(t, dir, "config.yaml", csvConfig(l.URL, freely))
			people := roster(60)
			file(t, dir, people)
			th := &throttle{status: status, at: map[int]func(time.Time) (string, time.Time){
				10: seconds(1, ""), 20: date(2*time.Second, http.TimeFormat), 30: seconds(1, " seconds"), 40: date(2*time.Second, rfc850)}}
			l.plays(th.play)
			if r := synced(t, dir, 0); r.Done["create"] != 60 || r.Calls != 64 {
				t.Errorf("%+v", r)
			}
			th.obeyed(t, l.requests(0))
			wantAccounts(t, l.users(), allActive(people))
			for id, n := range l.posts {
				if n != 1 {
					t.Errorf("%s was created %d times", id, n)
				}
			}
		})
	}
}

// I17 beyond the end of the program: neither after a kill nor after a polite end does
// the next one call before the moment.
func TestI17Restart(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(fmt.Sprint(signal), func(t *testing.T) {
			t.Parallel()
			dir, l := t.TempDir(), newLab(t)
			write(t, dir, "config.yaml", csvConfig(l.URL, freely))
			people := roster(60)
			file(t, dir, people)
			th := &throttle{status: 429, struck: make(chan struct{}, 1),
				at: map[int]func(time.Time) (string, time.Time){10: seconds(3, "")}}
			l.plays(th.play)
			c := program(t, dir, "sync")
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			<-th.struck
			time.Sleep(400 * time.Millisecond) // for the answer to arrive and to be kept
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err == nil {
				t.Error("the program says that all is well, although it was ended in the middle")
			}
			o := scimsync(t, dir, "status").want(t, 0)
			contains(t, o.out, "no request before")
			if unended := strings.Contains(o.out, "did not end: it was killed"); unended != (signal == syscall.SIGKILL) {
				t.Errorf("after %v: %s", signal, o.out)
			}
			scimsync(t, dir, "plan").want(t, 0)
			synced(t, dir, 0)
			th.obeyed(t, l.requests(0))
			wantAccounts(t, l.users(), allActive(people))
			oneLook(t, l.requests(0))
			quiet(t, dir, l)
		})
	}
}
