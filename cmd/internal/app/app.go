// Package app connects everything: it is the only one that knows every concrete
// type. There is one file for each command; app.go says how a command starts and
// how it ends.
package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// World is what the program sees of its surroundings.
type World struct {
	In       io.Reader
	Out, Err io.Writer
	// Terminal tells whether Err is a terminal, and Width how wide Out is.
	Terminal bool
	Width    int
	// SettleWindow, Backoff, Idle and Step are for tests: see engine.Engine, ldap.Options and
	// state.Options.
	SettleWindow, Backoff, Idle time.Duration
	Step                        func(name string)
}

// Real gives the process's own world.
func Real() World {
	w := World{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Terminal: term.IsTerminal(int(os.Stderr.Fd())), Width: 100}
	if width, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		w.Width = width
	}
	return w
}

// The exit codes, worst last: when several apply, the first of 64, 1, 3, 4, 2 counts.
const (
	exitDone    = 0
	exitFailed  = 1
	exitChanges = 2
	exitHeld    = 3
	exitParked  = 4
	exitUsage   = 64
)

// rank orders exit codes: the highest counts.
var rank = map[int]int{exitDone: 0, exitChanges: 1, exitParked: 2, exitHeld: 3, exitFailed: 4, exitUsage: 5}

// app is one call of the program.
type app struct {
	World
	ctx      context.Context
	config   string
	output   string
	color    string
	logLevel string
	code     int
}

// exits remembers an exit code; the one that counts most stays.
func (a *app) exits(code int) {
	if rank[code] > rank[a.code] {
		a.code = code
	}
}

// usageError is an error of how the program was called.
type usageError struct{ error }

// Main runs one command line and gives its exit code.
func Main(args []string, world World) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{World: world, ctx: ctx}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(world.Out)
	root.SetErr(world.Err)
	root.SetIn(world.In)
	if err := root.ExecuteContext(ctx); err != nil {
		a.fail(err)
	}
	return a.code
}

// fail prints an error and sets the exit code that goes with it.
func (a *app) fail(err error) {
	var usage usageError
	switch {
	case errors.As(err, &usage) || strings.HasPrefix(err.Error(), "unknown command"):
		a.exits(exitUsage)
		fmt.Fprintf(a.Err, "scimsync: %v\nSee scimsync --help.\n", err)
	default:
		a.exits(exitFailed)
		fmt.Fprintf(a.Err, "scimsync: %v\n", err)
	}
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "scimsync",
		Short: "Keep the accounts of SCIM 2.0 services as your directory says",
		Long: "scimsync reads people from a directory or an HR export, compares them with what it pushed before,\n" +
			"and sends each SCIM 2.0 service the fewest calls that bring it up to date.\n\n" +
			"See it work, with nothing else on the machine:  scimsync demo",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error { return a.checkFlags() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	flags := root.PersistentFlags()
	flags.StringVar(&a.config, "config", "", "config file (default $SCIMSYNC_CONFIG, else /etc/scimsync/config.yaml)")
	flags.StringVar(&a.color, "color", "auto", "auto, always or never; NO_COLOR is obeyed")
	flags.StringVar(&a.logLevel, "log-level", "", "debug, info, warn or error (default: log.level of the config)")
	for _, command := range []*cobra.Command{a.demo(), a.plan(), a.sync(), a.apply(), a.approve(), a.read(), a.eval(),
		a.check(), a.status(), a.drift(), a.profiles(), a.probe(), a.sandbox(), a.schema(), a.version()} {
		args := command.Args
		if args == nil {
			args = cobra.NoArgs
		}
		command.Args = func(cmd *cobra.Command, given []string) error {
			if err := args(cmd, given); err != nil {
				return usageError{fmt.Errorf("%s: %w", cmd.Name(), err)}
			}
			return nil
		}
		root.AddCommand(command)
	}
	return root
}

// outputFlag adds --output to a command that prints data.
func (a *app) outputFlag(c *cobra.Command) {
	c.Flags().StringVar(&a.output, "output", "text", "text or json")
}

func (a *app) checkFlags() error {
	for _, f := range []struct {
		name, value string
		allowed     []string
	}{
		{"output", a.output, []string{"", "text", "json"}},
		{"color", a.color, []string{"auto", "always", "never"}},
		{"log-level", a.logLevel, []string{"", "debug", "info", "warn", "error"}},
	} {
		ok := false
		for _, allowed := range f.allowed {
			ok = ok || f.value == allowed
		}
		if !ok {
			return usageError{fmt.Errorf("--%s %q: it may be %s", f.name, f.value, strings.Join(notEmpty(f.allowed), ", "))}
		}
	}
	return nil
}

func notEmpty(words []string) []string {
	var left []string
	for _, w := range words {
		if w != "" {
			left = append(left, w)
		}
	}
	return left
}

// colored tells whether text on Out is to be coloured.
func (a *app) colored() bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	out, file := a.Out.(*os.File)
	return file && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(out.Fd()))
}

// asksJSON tells whether data is to be printed as JSON.
func (a *app) asksJSON() bool { return a.output == "json" }
