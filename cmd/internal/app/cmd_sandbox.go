package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"scimsync/targets/sandbox"
)

func (a *app) sandbox() *cobra.Command {
	var f sandboxFlags
	c := &cobra.Command{
		Use:   "sandbox",
		Short: "A SCIM 2.0 service provider for rehearsal",
		Long:  sandboxHelp(),
		Example: "  scimsync sandbox --listen 127.0.0.1:8080 --token secret\n" +
			"  scimsync sandbox --rate 10/m --latency 200ms --fail \"every 20 drop-after\"\n" +
			"  scimsync sandbox --profile ringcentral --extensions 5 --scale 60\n" +
			"  scimsync sandbox --habit filter-ignored --habit lost-reply=3",
		RunE: func(*cobra.Command, []string) error { return a.serveSandbox(f) },
	}
	c.Flags().StringVar(&f.listen, "listen", "127.0.0.1:8080", "address to listen on; only loopback addresses are taken")
	c.Flags().StringVar(&f.token, "token", "", "bearer token to ask for; empty: none")
	c.Flags().StringVar(&f.basic, "basic", "", "USER:PASSWORD of HTTP Basic, also instead of the token; with OAuth the id and secret of the client")
	c.Flags().StringVar(&f.profile, "profile", "", "the service to imitate, see above")
	c.Flags().StringArrayVar(&f.habits, "habit", nil, "NAME or NAME=VALUE, see above; may be repeated; NAME=off takes one away from the profile")
	c.Flags().StringVar(&f.extensions, "extensions", "", "how many accounts there may be: --habit extensions=N")
	c.Flags().StringVar(&f.local, "local", "", "userName of a user that answers 405: --habit local=USERNAME")
	c.Flags().StringVar(&f.tokenTTL, "token-ttl", "", "how long OAuth tokens are valid: --habit oauth=DURATION")
	c.Flags().Float64Var(&f.scale, "scale", 1, "60 makes a minute a second in limits, penalties, lags and tokens")
	c.Flags().StringVar(&f.rate, "rate", "", "answer 429 above this rate: 10/m, 5/s, 100/h, optionally \"10/m burst 3\"")
	c.Flags().DurationVar(&f.latency, "latency", 0, "wait this long before each request is looked at")
	c.Flags().StringVar(&f.fail, "fail", "", "faults on purpose, see above")
	c.Flags().StringVar(&f.file, "file", "", "keep the accounts in this file")
	c.Flags().StringVar(&f.log, "log", "", "write the requests to this file instead, as JSON lines with their bodies")
	c.Flags().BoolVar(&f.quiet, "quiet", false, "print no line for a request")
	return c
}

type sandboxFlags struct {
	listen, token, basic, profile, extensions, local, tokenTTL string
	rate, fail, file, log                                      string
	habits                                                     []string
	latency                                                    time.Duration
	scale                                                      float64
	quiet                                                      bool
}

func sandboxHelp() string {
	var b strings.Builder
	b.WriteString("Serves SCIM 2.0 (Users, Groups, discovery, filters, PATCH, paging, ETags) from memory until it is interrupted, and prints\n" +
		"one line for each request on stdout. With --file the accounts outlive it.\n\n" +
		"Faults: --fail \"10%\" or \"every 20\", followed by a status (503 unless given), drop-before (the connection is cut and nothing\n" +
		"applied) or drop-after (applied, then cut).\n\n" +
		"A profile imitates a service, for rehearsing a real config against it; a habit is one thing that services do otherwise.\n" +
		"GET /-/stats counts the requests by method and path, those of each limit, and those inside a wait that had been announced;\n" +
		"PUT /-/habits with one habit a line puts these in the place of the flags, while the sandbox runs.\n")
	for _, section := range []struct {
		title string
		lines []sandbox.Description
	}{{"Profiles", sandbox.Profiles()}, {"Habits", sandbox.Habits()}} {
		fmt.Fprintf(&b, "\n%s:\n", section.title)
		for _, d := range section.lines {
			fmt.Fprintf(&b, "  %-26s %s\n", d.Name, d.Help)
		}
	}
	fmt.Fprintf(&b, "\nLimits are written so: %s", sandbox.LimitsHelp)
	return b.String()
}

func (f sandboxFlags) options() (sandbox.Options, error) {
	rate, err := sandbox.ParseRate(f.rate)
	if err != nil {
		return sandbox.Options{}, usageError{fmt.Errorf("--rate: %w", err)}
	}
	fail, err := sandbox.ParseFail(f.fail)
	if err != nil {
		return sandbox.Options{}, usageError{fmt.Errorf("--fail: %w", err)}
	}
	if f.scale <= 0 {
		return sandbox.Options{}, usageError{fmt.Errorf("--scale %v: it must be above 0", f.scale)}
	}
	user, password, ok := strings.Cut(f.basic, ":")
	if f.basic != "" && (!ok || user == "") {
		return sandbox.Options{}, usageError{errors.New("--basic: write USER:PASSWORD")}
	}
	habits := f.habits
	for name, value := range map[string]string{"extensions": f.extensions, "local": f.local, "oauth": f.tokenTTL} {
		if value != "" {
			habits = append(habits, name+"="+value)
		}
	}
	if _, err := sandbox.New(sandbox.Options{Profile: f.profile, Habits: habits}); err != nil {
		return sandbox.Options{}, usageError{err}
	}
	return sandbox.Options{
		BearerToken: f.token, BasicUser: user, BasicPassword: password, Rate: rate, Latency: f.latency, Fail: fail, File: f.file,
		Profile: f.profile, Habits: habits, Scale: f.scale,
	}, nil
}

func (a *app) serveSandbox(f sandboxFlags) error {
	options, err := f.options()
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(f.listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usageError{fmt.Errorf("--listen %q: the sandbox has no TLS and listens on loopback addresses only, as in 127.0.0.1:8080", f.listen)}
	}
	if f.log != "" {
		file, err := os.OpenFile(f.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return fmt.Errorf("write the request log: %w", err)
		}
		defer file.Close()
		options.Log = jsonLog(file)
	} else if !f.quiet {
		options.Log = lineLog(a.Out)
	}
	server, err := sandbox.New(options)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", f.listen)
	if err != nil {
		return errors.Join(fmt.Errorf("listen: %w", err), server.Close())
	}
	fmt.Fprintf(a.Err, "sandbox: http://%s%s\n", listener.Addr(), server.BasePath())
	return errors.Join(serve(a.ctx, listener, server), server.Close())
}

// serve answers requests until the context ends, and then those under way.
func serve(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return server.Shutdown(grace)
}

func lineLog(out io.Writer) func(sandbox.Request) {
	return func(r sandbox.Request) {
		query := ""
		if r.RawQuery != "" {
			query = "?" + r.RawQuery
		}
		fmt.Fprintf(out, "%d %s %s%s %d %s\n", r.N, r.Method, r.Path, query, r.Status, r.Duration.Round(time.Microsecond))
	}
}

func jsonLog(out io.Writer) func(sandbox.Request) {
	lines := json.NewEncoder(out)
	return func(r sandbox.Request) {
		_ = lines.Encode(struct { // a full disk must not change how the server answers
			N      int64     `json:"n"`
			Time   time.Time `json:"time"`
			Method string    `json:"method"`
			Path   string    `json:"path"`
			Query  string    `json:"query,omitempty"`
			Status int       `json:"status"`
			Early  bool      `json:"early,omitempty"`
			Body   string    `json:"body,omitempty"`
		}{r.N, r.Time, r.Method, r.Path, r.RawQuery, r.Status, r.Early, string(r.Body)})
	}
}
