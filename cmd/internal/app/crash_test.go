package app_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const crashHeader = "id,login,given,family,mail,title,status\n"

// people gives rows as a file.
func crashPeople(rows ...[]string) string {
	return crashHeader + strings.Join(slices.Concat(rows...), "\n") + "\n"
}

// The people of the crash tests: first, before and after the changes. Between before
// and after stands every kind of change.
var (
	crashFirst = crashPeople(crashRows, []string{
		"12,liam,Liam,Berg,liam@example.org,Clerk,on",
		"18,rosa,Rosa,Lima,rosa@example.org,Clerk,on"})
	crashBefore = crashPeople(crashRows, []string{
		"12,liam,Liam,Berg,liam@example.org,Clerk,off"})
	crashAfter = crashPeople([]string{
		"1,ada,Ada,Okafor,ada@example.org,Principal,on",          // one operation
		"2,bruno,Bruno,Vogt,bruno.vogt@example.org,Head,on",      // several
		"3,chloe,Chloé,Martin,chloe.martin@example.org,Clerk,on", // mail
		"4,dmitri,Dmitri,Orlov,dmitri@example.org,,on",           // a value goes
		"5,emma,Emma,Novak,,Clerk,on",                            // an element goes
		"6,grace,Frank,Osei,frank@example.org,Clerk,on",          // a swap
		"7,frank,Grace,Osei,grace@example.org,Lead,on",           // of logins
		"8,iris,Henry,Dahl,henry@example.org,Clerk,on",           // a chain
		"9,iris2,Iris,Dahl,iris@example.org,Clerk,on",            // of logins
		"10,jon,Jon,Ek,jon@example.org,Clerk,off",                // suspended; 11 leaves
		"12,liam,Liam,Berg,liam@example.org,Senior,on",           // back from suspension, with news
		"13,mona,Mona,Aziz,mona@example.org,Clerk,on",            // new
		"14,noah,Noah,Weiss,noah@example.org,,on",                // new
		"15,nina,Nina,Costa,nina@example.org,Clerk,on",           // new, with an account that nobody claims
		"16,,Paul,Roux,paul@example.org,Clerk,on",                // cannot be mapped
		"17,taken,Quinn,Abel,quinn@example.org,Clerk,on",         // somebody else's login
		"18,rosa,Rosa,Lima,rosa@example.org,Clerk,on",            // back after leaving
		"19,henry,Sven,Holm,sven@example.org,Clerk,on",           // new, under the login that 8 gives up
		"20,tara,Tara,Quist,tara@example.org,Clerk,on",           // nothing
	})
)

var crashRows = []string{
	"1,ada,Ada,Okafor,ada@example.org,Engineer,on",
	"2,bruno,Bruno,Keller,bruno@example.org,Clerk,on",
	"3,chloe,Chloé,Martin,chloe@example.org,Clerk,on",
	"4,dmitri,Dmitri,Orlov,dmitri@example.org,Clerk,on",
	"5,emma,Emma,Novak,emma@example.org,Clerk,on",
	"6,frank,Frank,Osei,frank@example.org,Clerk,on",
	"7,grace,Grace,Osei,grace@example.org,Clerk,on",
	"8,henry,Henry,Dahl,henry@example.org,Clerk,on",
	"9,iris,Iris,Dahl,iris@example.org,Clerk,on",
	"10,jon,Jon,Ek,jon@example.org,Clerk,on",
	"11,kate,Kate,Moreau,kate@example.org,Clerk,on",
	"20,tara,Tara,Quist,tara@example.org,Clerk,on",
}

// newCrashRig gives a rig whose base has seen the people of before.
func newCrashRig(t testing.TB) *rig {
	t.Helper()
	r := newRig(t, "      adopt: {existing: yes}\n"+freely)
	for _, user := range []map[string]any{
		{"userName": "nina", "nickName": "kept by hand"},
		{"userName": "taken", "externalId": "X-1"},
		{"userName": "admin"},
	} {
		user["schemas"], user["active"] = []any{"urn:ietf:params:scim:schemas:core:2.0:User"}, true
		if _, err := r.service.Seed(user); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{crashFirst, crashBefore} {
		write(t, r.dir, "people.csv", file)
		if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 {
			t.Fatalf("the first load: %+v", o)
		}
	}
	return r
}

// after gives the accounts that an undisturbed run leads to.
func (r *rig) after(people string) map[string]string {
	r.t.Helper()
	r.round(people)
	r.settle()
	return r.accounts()
}

// same fails the test unless the accounts are as wanted. Of an inactive account only
// that counts; one that is not wanted may be left over from a change that was taken
// back, if it is inactive.
func (r *rig) same(want map[string]string) {
	r.t.Helper()
	got := r.accounts()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if !inactive(want[key]) && got[key] != want[key] || got[key] == "" || inactive(want[key]) && !inactive(got[key]) {
			r.t.Errorf("account %s is\n     %s\nwant %s", key, got[key], want[key])
		}
	}
	for key := range got {
		if _, wanted := want[key]; !wanted && !inactive(got[key]) {
			r.t.Errorf("account %s should be inactive: %s", key, got[key])
		}
	}
}

func inactive(account string) bool { return strings.Contains(account, `"active":false`) }

// told ends a round: if something went wrong in it, the test ends with the requests.
func (r *rig) told(format string, args ...any) {
	r.t.Helper()
	if r.t.Failed() {
		r.t.Fatalf("%s\n%s", fmt.Sprintf(format, args...), r.requests())
	}
}

// Killed anywhere, the program goes on where it was: the same accounts in the end,
// one for each person, and nothing is written again that was committed.
func TestCrash(t *testing.T) {
	t.Parallel()
	for _, at := range []moment{beforeApply, beforeAnswer, halfAnswered, atStep} {
		t.Run(string(at), func(t *testing.T) {
			t.Parallel()
			r := newCrashRig(t)
			want := r.after(crashAfter)
			r.everywhere(at, 20, func() { r.round(crashAfter) }, []string{"sync"}, func() {
				committed := r.committed()
				r.settle()
				r.same(want)
				r.looksFirst()
				r.notTwice(1, committed)
			})
		})
	}
}

// everywhere kills a command at every moment of a kind, each in a round of its own.
func (r *rig) everywhere(at moment, least int, begin func(), command []string, after func()) {
	r.t.Helper()
	for n := 1; ; n++ {
		begin()
		if _, killed := r.run(kill{at: at, n: n}, command...); !killed {
			if n <= least {
				r.t.Fatalf("only %d rounds, want %d: the scenario is not what it was meant to be", n-1, least)
			}
			r.t.Logf("%d rounds", n-1)
			return
		}
		after()
		r.told("killed at %d, %s", n, at)
	}
}

// Killed anywhere, and the source is back at what it was when the program comes back:
// so are the accounts, also those whose change had arrived unseen.
func TestCrashAndTheSourceIsAsBefore(t *testing.T) {
	t.Parallel()
	r := newCrashRig(t)
	want := r.accounts()
	r.everywhere(beforeAnswer, 20, func() { r.round(crashAfter) }, []string{"sync"}, func() {
		write(r.t, r.dir, "people.csv", crashBefore)
		r.settle()
		want := maps.Clone(want)
		if _, left := r.accounts()["nina"]; !left { // it was adopted
			delete(want, "nina")
		}
		if r.accounts()["19"] != "" { // it holds the login of 8, who cannot have it back
			want["8"], want["9"] = r.accounts()["8"], r.accounts()["9"]
		}
		r.same(want)
		r.looksFirst()
	})
}

// Killed while somebody is created, who then leaves: if the account is there, or
// shows up late, it is deactivated.
func TestCrashAndTheyLeave(t *testing.T) {
	t.Parallel()
	r := newCrashRig(t)
	for _, at := range []moment{beforeApply, beforeAnswer, halfAnswered, lateApply} {
		for n := 1; n <= 3; n++ {
			r.round(crashAfter)
			r.window = 10 * time.Millisecond
			if at == lateApply {
				r.window = time.Second
				n = 3
			}
			started := time.Now()
			if _, killed := r.run(kill{at: at, n: n, method: http.MethodPost}, "sync"); !killed {
				t.Fatalf("there is no create number %d", n)
			}
			write(t, r.dir, "people.csv", without(crashAfter, r.killed))
			if at == lateApply {
				if o, _ := r.run(kill{at: never}, "sync"); o.code != 0 && o.code != 4 {
					t.Fatal(o)
				}
				time.Sleep(time.Until(started.Add(2 * r.window))) // the moment itself is the condition
			}
			r.settle()
			account := r.accounts()[r.killed]
			if at == beforeApply && account != "" || at != beforeApply && !inactive(account) {
				t.Errorf("%s has left; the account: %q", r.killed, account)
			}
			write(t, r.dir, "people.csv", crashAfter)
			r.settle()
			if account := r.accounts()[r.killed]; account == "" || inactive(account) {
				t.Errorf("%s is back; the account: %q", r.killed, account)
			}
			r.looksFirst()
			r.told("killed at create %d, %s", n, at)
		}
	}
}

// without leaves one person out of a file.
func without(people, id string) string {
	var left []string
	for _, line := range strings.SplitAfter(people, "\n") {
		if !strings.HasPrefix(line, id+",") {
			left = append(left, line)
		}
	}
	return strings.Join(left, "")
}

// Killed while somebody is created, and the service carries it out only when the next
// run has looked: nobody is created twice.
func TestCrashAndALateCreate(t *testing.T) {
	t.Parallel()
	r := newCrashRig(t)
	wants := map[string]map[string]string{crashAfter: r.after(crashAfter)}
	news := strings.Replace(crashAfter, "Mona,Aziz,", "Mona,Azizi,", 1)
	wants[news] = r.after(news)
	r.window = 2 * time.Second
	for n := 1; n <= 3; n++ {
		r.round(crashAfter)
		if _, killed := r.run(kill{at: lateApply, n: n, method: http.MethodPost}, "sync"); !killed {
			t.Fatalf("there is no create number %d", n)
		}
		source := crashAfter
		if n > 1 { // and there is news of one of them
			source = news
		}
		write(t, r.dir, "people.csv", source)
		r.run(kill{at: never}, "sync") // may find an account that is not up to date: for the next one
		r.settle()
		r.same(wants[source])
		r.looksFirst()
		r.told("killed at create %d", n)
	}
}
