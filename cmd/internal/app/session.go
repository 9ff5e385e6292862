package app

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"go.uber.org/zap"

	"scimsync/cmd/internal/config"
	"scimsync/state"
	"scimsync/sync/apply"
	"scimsync/sync/engine"
	"scimsync/sync/record"
	"scimsync/targets/sandbox"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// session is an open config with everything that was made from it.
type session struct {
	*app
	cfg    *config.Config
	log    *zap.Logger
	store  *state.State
	engine *engine.Engine

	sources map[string]*source
	targets map[string]*target
	budgets map[string]budget
	closers []func() error
	memory  bool // nothing of state.dir may be touched
}

// source is a source that is ready to be read.
type source struct {
	record.Source
	identity map[string]string
	// defaults gives the source's default map, after Describe.
	defaults func(ctx context.Context) ([]defaultLine, error)
	schema   *record.Schema // nil: not described yet
	lines    []defaultLine  // nil: not asked for yet
}

// defaultLine is one line of a source's default map.
type defaultLine struct{ path, expr string }

// target is a target that is ready to be called.
type target struct {
	cfg      *config.Target
	handler  http.Handler    // the sandbox in this process; nil: a real service
	auth     scim.Authorizer // nil: requests are not authenticated
	profile  *profile.Profile
	lane     *apply.Lane
	identity map[string]string
	protect  protected
	memory   *scim.Memory
}

// load reads the config and prints its warnings; all its problems are the error.
func (a *app) load() (*config.Config, error) {
	cfg, warnings, err := config.Load(config.Find(a.config))
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		fmt.Fprintf(a.Err, "warning: %v\n", w)
	}
	return cfg, nil
}

// open starts a session with the state opened for a command of that name.
func (a *app) open(command string) (*session, error) {
	s, err := a.openAsIs(command)
	if err != nil {
		return nil, err
	}
	return s.renamed()
}

// openAsIs is open, with the names that the state has.
func (a *app) openAsIs(command string) (*session, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	store, err := state.Open(cfg.State.Dir, state.Options{Command: "scimsync " + command, Step: a.Step})
	if err != nil {
		return nil, err
	}
	return a.newSession(cfg, store), nil
}

// openScratch starts a session whose state is a copy that close throws away: what it
// does to the state is never seen again.
func (a *app) openScratch(command string) (*session, error) {
	s, err := a.openAsIs(command)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(s.cfg.State.Dir, "scratch-")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make room for a scratch copy of the state: %w", err), s.close())
	}
	path := filepath.Join(dir, "state.db")
	err = s.store.Copy(path)
	if err := errors.Join(err, s.store.Close()); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	scratch, err := state.OpenScratch(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	fresh := a.newSession(s.cfg, scratch)
	fresh.closers = append(fresh.closers, func() error { return os.RemoveAll(dir) })
	return fresh.renamed()
}

// openMemory starts a session with an empty state that close throws away.
func (a *app) openMemory(cfg *config.Config) (*session, error) {
	dir, err := os.MkdirTemp("", "scimsync-check-")
	if err != nil {
		return nil, fmt.Errorf("make room for an empty state: %w", err)
	}
	store, err := state.Open(dir, state.Options{Command: "scimsync check"})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s := a.newSession(cfg, store)
	s.memory = true
	s.closers = append(s.closers, func() error { return os.RemoveAll(dir) })
	return s, nil
}

func (a *app) newSession(cfg *config.Config, store *state.State) *session {
	s := &session{app: a, cfg: cfg, store: store, log: a.logger(cfg.Log), sources: map[string]*source{}, targets: map[string]*target{}, budgets: map[string]budget{}}
	s.engine = &engine.Engine{Store: store, Log: s.log, Dir: cfg.State.Dir, Program: a.program(), SettleWindow: a.SettleWindow, Backoff: a.Backoff}
	return s
}

// close ends what was opened, the state last but for what lies beneath it.
func (s *session) close() error {
	var errs []error
	errs = append(errs, s.store.Close())
	for _, end := range s.closers {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// renamed lets the state follow renamed sources and jobs. The session that it gives
// is closed if that fails.
func (s *session) renamed() (*session, error) {
	if err := s.rename(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *session) rename() error {
	now := map[string]string{} // by old name
	for _, src := range s.cfg.Sources {
		if src.RenamedFrom != "" {
			now[src.RenamedFrom] = src.Name
			if err := s.store.RenameSource(src.RenamedFrom, src.Name); err != nil {
				return err
			}
		}
	}
	for _, job := range s.cfg.Jobs {
		if job.RenamedFrom != "" {
			if err := s.store.RenameJob(job.RenamedFrom, job.Name); err != nil {
				return err
			}
		}
		if err := s.renameSourcesOf(job.Name, now); err != nil {
			return err
		}
	}
	return nil
}

// renameSourcesOf lets what identifies a job follow its renamed sources.
func (s *session) renameSourcesOf(job string, now map[string]string) error {
	info, err := s.store.Job(job)
	if err != nil || info.Fingerprint == nil {
		return err
	}
	from := strings.Split(info.Fingerprint[fromSources], ",")
	changed := false
	for i, old := range from {
		if name, ok := now[old]; ok {
			from[i], changed = name, true
		}
	}
	if !changed {
		return nil
	}
	info.Fingerprint[fromSources] = strings.Join(from, ",")
	return s.store.PutJob(job, info)
}

// target gives a target, made at its first use.
func (s *session) target(name string) (*target, error) {
	if t := s.targets[name]; t != nil {
		return t, nil
	}
	cfg := s.cfg.Target(name)
	t := &target{cfg: cfg, identity: map[string]string{"url": cfg.URL, "profile": cfg.Profile.Name}}
	t.profile = paced(cfg)
	budget, err := s.budget(t)
	if err != nil {
		return nil, err
	}
	t.lane = budget.Lane(t.profile.Rate.Concurrency)
	if t.memory, err = s.memoryOf(name); err != nil {
		return nil, err
	}
	if t.protect, err = newProtected(cfg.Protect); err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	if t.auth, err = s.authorizer(cfg); err != nil {
		return nil, fmt.Errorf("target %s: %w", name, err)
	}
	if cfg.URL == "" {
		var options sandbox.Options
		if !s.memory {
			options.File = filepath.Join(s.cfg.State.Dir, "sandbox-"+name+".jsonl")
		}
		server, err := sandbox.New(options)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", name, err)
		}
		s.closers = append(s.closers, server.Close)
		t.handler = server
	}
	s.targets[name] = t
	return t, nil
}

// memoryOf gives what was learned of a target's service, and keeps what will be.
func (s *session) memoryOf(name string) (*scim.Memory, error) {
	learned, err := s.store.Learned(name)
	if err != nil {
		return nil, err
	}
	save := func(learned []byte) error { return s.store.PutLearned(name, learned) }
	say := func(what string) { s.log.Warn(what, zap.String("target", name)) }
	return scim.NewMemory(learned, save, say), nil
}

// client makes the way a flow speaks to a target: all flows share its lane. It gives what
// accounts and groups are found by.
func (s *session) client(t *target, match, groups []string) (*scim.Target, error) {
	options := s.optionsOf(t, gate(t.lane))
	options.Match, options.MatchGroups = match, groups
	return s.clientWith(options)
}

func (s *session) optionsOf(t *target, gate scim.Gate) scim.Options {
	cfg := t.cfg
	return scim.Options{Name: cfg.Name, URL: cfg.URL, TLS: scim.TLS(cfg.TLS), Profile: t.profile, Timeout: cfg.Timeout, Concurrency: t.lane.Concurrency(),
		UserAgent: userAgent(), Gate: gate, Handler: t.handler, Auth: t.auth, Memory: t.memory}
}

func (s *session) clientWith(options scim.Options) (*scim.Target, error) {
	client, err := scim.New(options)
	if err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() error { client.Close(); return nil })
	return client, nil
}
