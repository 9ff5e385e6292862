package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scimsync/targets/sandbox"
)

func (a *app) demo() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "demo",
		Short: "See the whole of it in ten seconds: no config, no server",
		Long: "Writes a sample CSV, starts the sandbox on loopback, shows a plan, syncs, changes a few people, shows the minimal second plan,\n" +
			"syncs, syncs once more, and prints the calls that were made.",
		Example: "  scimsync demo\n  scimsync demo --dir demo   # and look at the files",
		RunE: func(*cobra.Command, []string) error {
			if dir == "" {
				made, err := os.MkdirTemp("", "scimsync-demo-")
				if err != nil {
					return fmt.Errorf("make a directory for the demo: %w", err)
				}
				defer func() { _ = os.RemoveAll(made) }()
				return a.runDemo(made, false)
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				return fmt.Errorf("make a directory for the demo: %w", err)
			}
			if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
				return usageError{fmt.Errorf("--dir %s: it is not empty, and the demo writes over nothing; name a new directory", dir)}
			}
			return a.runDemo(dir, true)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "keep the demo's files in this new directory")
	return c
}

const demoPeople = `employee_id,given_name,family_name,email,department,status
1001,Ada,Okafor,ada.okafor@example.org,Engineering,active
1002,Bruno,Keller,bruno.keller@example.org,Sales,active
1003,Chloé,Martin,chloe.martin@example.org,Sales,active
1004,Dmitri,Volkov,dmitri.volkov@example.org,Finance,active
1005,Emeka,Obi,emeka.obi@example.org,Engineering,active
1006,Freya,Lindqvist,freya.lindqvist@example.org,Legal,inactive
1007,Goro,Tanaka,goro.tanaka@example.org,Engineering,active
1008,Hana,Nováková,hana.novakova@example.org,Finance,active
`

// demoChanges is what happens to the people: one moves, one marries, one leaves, one
// comes.
var demoChanges = strings.NewReplacer(
	"bruno.keller@example.org,Sales", "bruno.keller@example.org,Marketing",
	"Hana,Nováková,hana.novakova@example.org", "Hana,Dvořáková,hana.dvorakova@example.org",
	"1004,Dmitri,Volkov,dmitri.volkov@example.org,Finance,active\n", "",
	"1006,Freya", "1009,Ines,Duarte,ines.duarte@example.org,Sales,active\n1006,Freya",
)

const demoConfig = `version: 1
state: {dir: state}
log: {level: warn}
sources:
  hr: {csv: {users: {path: people.csv, key: employee_id}}}
targets:
  service: {profile: sandbox, url: "http://%s%s", pace: {rate: 1000/s, concurrency: 4}}
jobs:
  staff:
    from: hr
    to: service
    users:
      map:
        userName: email
        name.givenName: given_name
        name.familyName: family_name
        displayName: 'given_name + " " + family_name'
        'emails[type eq "work"].value': email
        'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department': department
        active: 'status == "active"'
    guard: {first_run: go}
`

func (a *app) runDemo(dir string, keep bool) error {
	calls := map[string]int{}
	server, err := sandbox.New(sandbox.Options{Log: func(r sandbox.Request) { calls[r.Method]++ }})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ctx, stop := context.WithCancel(a.ctx)
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, server) }()
	defer func() { stop(); <-ended; _ = server.Close() }() // its accounts are in memory: nothing is lost

	config := filepath.Join(dir, "config.yaml")
	people := filepath.Join(dir, "people.csv")
	text := fmt.Sprintf(demoConfig, listener.Addr(), sandbox.DefaultBasePath)
	if err := errors.Join(os.WriteFile(config, []byte(text), 0o600), os.WriteFile(people, []byte(demoPeople), 0o600)); err != nil {
		return fmt.Errorf("write the demo's files: %w", err)
	}
	step := func(title string, args ...string) {
		clear(calls)
		fmt.Fprintf(a.Out, "\n── %s ──\n$ scimsync %s\n", title, strings.Join(args, " "))
		a.exits(Main(append(args, "--config", config, "--color", a.color), a.World))
		fmt.Fprintf(a.Out, "calls to the service: %s\n", callsText(calls))
	}
	fmt.Fprintf(a.Out, "Eight people in %s, an empty SCIM service on %s.\n", "people.csv", listener.Addr())
	step("What would happen", "plan")
	step("The first run", "sync")
	if err := os.WriteFile(people, []byte(demoChanges.Replace(demoPeople)), 0o600); err != nil {
		return fmt.Errorf("write the demo's files: %w", err)
	}
	fmt.Fprintf(a.Out, "\nNow one person moves to another department, one marries, one leaves, one comes.\n")
	step("Only what changed", "plan")
	step("The second run", "sync")
	step("Nothing changed, so nothing is called", "sync")
	if keep {
		fmt.Fprintf(a.Out, "\nThe files are in %s.\n", dir)
	}
	return nil
}

func callsText(calls map[string]int) string {
	total := 0
	var parts []string
	for _, method := range []string{"GET", "POST", "PATCH", "PUT", "DELETE"} {
		if n := calls[method]; n > 0 {
			total += n
			parts = append(parts, fmt.Sprintf("%d %s", n, method))
		}
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(parts, ", "))
}
