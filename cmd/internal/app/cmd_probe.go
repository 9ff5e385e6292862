package app

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"scimsync/cmd/internal/config"
	"scimsync/sources/ldap"
	"scimsync/sync/resource"
	"scimsync/targets/scim/probe"
	"scimsync/targets/scim/profile"
)

// probeFlags are those of the command.
type probeFlags struct {
	name                    string
	yes, irreversible, keep bool
}

func (a *app) probe() *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe TARGET",
		Short: "Learn a service with a throw-away account, and print a profile",
		Long: "Makes an account of its own at the target, and tries on it what services do differently: how accounts are found and listed,\n" +
			"the forms of PATCH, conflicts, deactivation, deletion. Every write is read back. No other account is changed, and what\n" +
			"could wipe something at a strict service is not tried. At the end, and when it is interrupted, the account is deactivated,\n" +
			"and deleted where that is allowed; one that stays is told with its id. It takes about 80 requests, at the target's pace.\n\n" +
			"The profile goes to stdout. It extends the one of the target, says what was seen, what differs, and what was not tried;\n" +
			"put it into a file, read it, and name the file as the target's profile.",
		Example:           "  scimsync probe phones --keep\n  scimsync probe chat --irreversible --name scimsync-probe@example.org > chat.yaml",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeTarget,
		RunE: func(_ *cobra.Command, args []string) error {
			s, err := a.open("probe")
			if err != nil {
				return err
			}
			return errors.Join(s.probeTarget(args[0], f), s.close())
		},
	}
	c.Flags().StringVar(&f.name, "name", "", "login of the throw-away account (default scimsync-probe-RANDOM at a domain that the target's config names)")
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.irreversible, "irreversible", false,
		"also deactivate and DELETE where the profile says that it cannot be undone: the account's login, licence or phone number may be lost for good")
	c.Flags().BoolVar(&f.keep, "keep", false, "never DELETE: the account stays, deactivated")
	a.outputFlag(c)
	return c
}

// completeTarget gives the shell the targets of the config for the one argument of a
// command; none where it cannot be read.
func (a *app) completeTarget(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	cfg, _, err := config.Load(config.Find(a.config))
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return targetNames(cfg), cobra.ShellCompDirectiveNoFileComp
}

func targetNames(cfg *config.Config) []string {
	var names []string
	for i := range cfg.Targets {
		names = append(names, cfg.Targets[i].Name)
	}
	return names
}

func (s *session) probeTarget(name string, f probeFlags) error {
	cfg := s.cfg.Target(name)
	if cfg == nil {
		return usageError{fmt.Errorf("there is no target %q; the config has %s", name, strings.Join(targetNames(s.cfg), ", "))}
	}
	t, err := s.target(name)
	if err != nil {
		return err
	}
	o, err := s.probeOptions(t, f)
	if err != nil {
		return err
	}
	client, err := s.client(t, nil, nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "%s: probe of target %s (%s), profile %s\n", s.cfg.File, name, host(cfg), cfg.Profile.Name)
	fmt.Fprintf(s.Err, "throw-away account: userName %s, externalId %s; should this be killed, remove it by hand\n", o.Login, o.Anchor)
	if !f.yes {
		if !s.canAsk() {
			return usageError{errors.New("there is no terminal to ask on: add --yes")}
		}
		if !s.ask("Make this account there, and try about 80 requests on it") {
			return errors.New("nothing was sent")
		}
	}
	report, err := probe.Run(s.ctx, client, o)
	if report == nil {
		return err
	}
	return errors.Join(err, s.printProbe(report, cfg))
}

// probeOptions say what to probe with. What could be lost without a flag that allows it is the error.
func (s *session) probeOptions(t *target, f probeFlags) (probe.Options, error) {
	o := probe.Options{Profile: t.cfg.Profile, Irreversible: f.irreversible, Keep: f.keep, Paths: s.mappedAt(t.cfg.Name),
		Anchor: "scimsync-probe-" + strings.ToLower(rand.Text()[:12]), Login: f.name,
		Say: func(line string) { fmt.Fprintln(s.Err, "probe: "+line) }}
	if risk := o.Risk(); risk != "" {
		hint := "add --irreversible if that may be"
		if kept := o; !f.keep {
			kept.Keep = true
			if kept.Risk() == "" {
				hint += ", or --keep so that it is only deactivated"
			}
		}
		return o, usageError{fmt.Errorf("probe %s: %s; %s", t.cfg.Name, risk, hint)}
	}
	domain := knownDomain(t.cfg)
	switch {
	case o.Login != "":
	case domain == "":
		return o, usageError{fmt.Errorf("probe %s: name the throw-away account with a domain that the service takes: --name scimsync-probe@example.org", t.cfg.Name)}
	default:
		o.Login = o.Anchor + "@" + domain
	}
	if o.Mail = o.Login; !strings.Contains(o.Login, "@") {
		if domain == "" {
			return o, usageError{fmt.Errorf("probe %s: --name %s has no domain, which the account's e-mail address needs: write it as a mail address", t.cfg.Name, o.Login)}
		}
		o.Mail += "@" + domain
	}
	if t.protect.Protects(o.Login, "") {
		return o, usageError{fmt.Errorf("probe %s: --name %s is protected by the target's config: choose another", t.cfg.Name, o.Login)}
	}
	return o, nil
}

// knownDomain is a domain of mail addresses that the target's config names; "": none.
func knownDomain(cfg *config.Target) string {
	names := cfg.Protect.UserNames
	if cfg.Auth.Basic != nil {
		names = append([]string{cfg.Auth.Basic.Username}, names...)
	}
	for _, name := range names {
		if _, domain, ok := strings.Cut(name, "@"); ok && domain != "" && !strings.ContainsAny(domain, `*?[\`) {
			return domain
		}
	}
	u, err := url.Parse(cfg.URL)
	if here := u != nil && (u.Hostname() == "localhost" || strings.HasPrefix(u.Hostname(), "127.") || u.Hostname() == "::1"); cfg.URL == "" || err == nil && here {
		return "example.org"
	}
	return ""
}

// mappedAt are the paths that the jobs map for a target, as far as the config tells.
func (s *session) mappedAt(target string) []string {
	shape := resource.RFC7643()
	var paths []string
	for i := range s.cfg.Jobs {
		for _, f := range s.cfg.Flows(s.cfg.Jobs[i].Name) {
			if f.Target != target {
				continue
			}
			var defaults []defaultLine
			for _, from := range f.From {
				if l := s.cfg.Source(from).LDAP; l != nil {
					vendor, err := ldap.ParseVendor(string(l.Vendor))
					if err != nil || l.Vendor == config.VendorAuto {
						vendor = ldap.Generic
					}
					defaults = append(defaults, vendorLines(vendor)...)
				}
			}
			for _, line := range lines(f.Users, defaults, target, shape) {
				paths = append(paths, canonical(shape, line.Path))
			}
		}
	}
	return paths
}

// printProbe prints what was seen, and on the error stream what is left.
func (s *session) printProbe(r *probe.Report, cfg *config.Target) error {
	for _, left := range r.Left {
		fmt.Fprintf(s.Err, "account %s (userName %s) is still there, %s\n", left.ID, r.Login, left.State)
	}
	if s.asksJSON() {
		return json.NewEncoder(s.Out).Encode(struct {
			Target string `json:"target"`
			*probe.Report
		}{cfg.Name, r})
	}
	base := cfg.Profile.Name
	if profile.IsFile(base) {
		absolute, err := filepath.Abs(base)
		if err != nil {
			return fmt.Errorf("name the profile that the printed one extends: %w", err)
		}
		base = absolute
	}
	text, err := r.YAML(base, cfg.Name)
	if err != nil {
		return err
	}
	_, err = s.Out.Write(text)
	return err
}
