package app_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs testdata/script/*.txtar: stories on the command line. Beside the
// commands of testscript there are
//
//	scimsync ARGS…       runs the program, which must exit with 0
//	exits N ARGS…        runs the program, which must exit with N
//	requests N [METHOD]  fails unless the service at $URL saw N requests, or N of a
//	                     method, since the last `requests` without a method
//	remote VAR KEY       sets VAR to the id of the account with that externalId
//	hand BODY            makes an account by hand at the service
//	fill FILE…           replaces $VARIABLES in files
//
// A script that calls no `fill config.yaml` needs no service. $TODAY, $YESTERDAY,
// $TOMORROW, $IN3DAYS and $IN9DAYS are dates in $ZONE, where it is about noon now.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                filepath.Join("testdata", "script"),
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			t := env.T().(testing.TB)
			svc := startService(t)
			env.Values["service"], env.Values["mark"] = svc, new(int64)
			env.Setenv("URL", svc.URL)
			for name, value := range dates(time.Now()) {
				env.Setenv(name, value)
			}
			for _, v := range program(t, env.WorkDir).Env {
				name, value, _ := strings.Cut(v, "=")
				if strings.HasPrefix(name, "SCIMSYNC_") || name == "NO_COLOR" || name == "GORACE" {
					env.Setenv(name, value)
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"scimsync": func(ts *testscript.TestScript, _ bool, args []string) { runProgram(ts, 0, args) },
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				code, err := strconv.Atoi(args[0])
				ts.Check(err)
				runProgram(ts, code, args[1:])
			},
			"requests": countRequests,
			"remote": func(ts *testscript.TestScript, _ bool, args []string) {
				user := ts.Value("service").(*service).users()[args[1]]
				if user == nil {
					ts.Fatalf("no account has externalId %s", args[1])
				}
				ts.Setenv(args[0], user["id"].(string))
			},
			"hand": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("service").(*service).do(http.MethodPost, "/Users", args[0])
			},
			"fill": func(ts *testscript.TestScript, _ bool, args []string) {
				for _, file := range args {
					ts.Check(os.WriteFile(ts.MkAbs(file), []byte(os.Expand(ts.ReadFile(file), ts.Getenv)), 0o600))
				}
			},
		},
	})
}

// dates are days in a zone where it is about noon, so that no day ends during a test.
func dates(now time.Time) map[string]string {
	shift := 12 - now.UTC().Hour()
	noon := now.UTC().Add(time.Duration(shift) * time.Hour)
	zone := "Etc/GMT" + strconv.FormatInt(int64(-shift), 10) // POSIX counts westwards
	if shift <= 0 {
		zone = "Etc/GMT+" + strconv.Itoa(-shift)
	}
	all := map[string]string{"ZONE": zone}
	for name, days := range map[string]int{"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1, "IN3DAYS": 3, "IN9DAYS": 9} {
		all[name] = noon.AddDate(0, 0, days).Format(time.DateOnly)
	}
	return all
}

func runProgram(ts *testscript.TestScript, code int, args []string) {
	self, err := os.Executable()
	ts.Check(err)
	got := 0
	if err := ts.Exec(self, args...); err != nil {
		got = -1
		if _, number, found := strings.Cut(err.Error(), "exit status "); found {
			got, _ = strconv.Atoi(number)
		}
	}
	if got != code {
		ts.Fatalf("scimsync %s: exit %d, want %d", strings.Join(args, " "), got, code)
	}
}

func countRequests(ts *testscript.TestScript, _ bool, args []string) {
	svc, mark := ts.Value("service").(*service), ts.Value("mark").(*int64)
	list := undescribed(svc.requests(*mark))
	n := len(list)
	if len(args) > 1 {
		n = 0
		for _, r := range list {
			if r.Method == args[1] {
				n++
			}
		}
	} else {
		*mark = svc.last()
	}
	if strconv.Itoa(n) != args[0] {
		ts.Fatalf("the service saw %d requests, want %s: %v", n, strings.Join(args, " "), list)
	}
}
