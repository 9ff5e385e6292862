package app

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"scimsync/cmd/internal/config"
	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
)

// authorizer makes what proves to a target who we are; nil: nothing does. There is one
// for a target, so that all who speak to it share its tokens.
func (s *session) authorizer(cfg *config.Target) (scim.Authorizer, error) {
	switch {
	case cfg.Auth.Bearer != nil:
		token := cfg.Auth.Bearer.Token
		return auth.NewBearer(auth.BearerOptions{Token: token.Resolve, Changed: token.Changed, Grace: cfg.Profile.Auth.RotationGrace}), nil
	case cfg.Auth.Basic != nil:
		return auth.NewBasic(cfg.Auth.Basic.Username, cfg.Auth.Basic.Password.Resolve)
	case cfg.Auth.OAuth2 != nil:
		return s.oauth(cfg)
	}
	return nil, nil
}

// The words of the config in those of the registries (RFC 6749, RFC 7523, RFC 8705).
var (
	grants  = map[config.Grant]auth.Grant{config.GrantClientCredentials: auth.ClientCredentials, config.GrantJWTBearer: auth.JWTBearer}
	methods = map[config.ClientMethod]auth.Method{config.ClientBasic: auth.SecretBasic, config.ClientPost: auth.SecretPost,
		config.ClientPrivateKeyJWT: auth.PrivateKeyJWT, config.ClientTLS: auth.ClientTLS, "": auth.NoMethod}
)

// oauth makes the client of a token endpoint. What stands under tls holds for it as well.
func (s *session) oauth(cfg *config.Target) (scim.Authorizer, error) {
	o, knobs := cfg.Auth.OAuth2, cfg.Profile.Auth
	transport, err := scim.NewTransport(scim.TLS(cfg.TLS), 1)
	if err != nil {
		return nil, err
	}
	params := url.Values{}
	for _, p := range append([]config.Param{{Name: "audience", Value: o.Audience}, {Name: "resource", Value: o.Resource}}, o.Params...) {
		if p.Value != "" {
			params.Set(p.Name, p.Value)
		}
	}
	options := auth.OAuthOptions{TokenURL: o.TokenURL, Grant: grants[o.Grant], Method: methods[o.Method], ClientID: o.ClientID,
		Alg: o.Alg, KeyID: o.KeyID, Claims: auth.Claims(o.Claims), Scope: o.Scope, Params: params, Transport: transport, UserAgent: userAgent(),
		Replays: knobs.ReplayAfter401, Refresh: knobs.RefreshCodes, Backoff: s.Backoff,
		Secret: reader(o.ClientSecret), Key: reader(o.Key), JWT: reader(o.JWT)}
	client := auth.NewOAuth(options)
	s.closers = append(s.closers, func() error { client.Close(); return nil })
	return client, nil
}

// reader gives what reads a secret; nil: there is none.
func reader(secret config.Secret) func() (string, error) {
	if !secret.Given() {
		return nil
	}
	return secret.Resolve
}

// userAgent is what we call ourselves.
func userAgent() string { return "scimsync/" + Version() }

// ending is a credential that will be refused from a moment on.
type ending struct {
	what string
	at   time.Time
	near time.Duration // the nearest of the warnings that have come due
}

// lastWarnings follow the first one, which the profile has.
var lastWarnings = []time.Duration{7 * 24 * time.Hour, 24 * time.Hour}

// endings lists the credentials of a target whose end is near. What cannot be read is
// left out: whoever uses it will say so.
func endings(cfg *config.Target, now time.Time) []ending {
	k := cfg.Profile.Auth
	var all []ending
	add := func(what string, at time.Time) {
		e := ending{what: what, at: at}
		for _, before := range append([]time.Duration{k.ExpiryWarning}, lastWarnings...) {
			if at.Sub(now) <= before && (e.near == 0 || before < e.near) {
				e.near = before
			}
		}
		if !at.IsZero() && e.near > 0 {
			all = append(all, e)
		}
	}
	if b := cfg.Auth.Bearer; b != nil {
		at := jwtEnd(b.Token)
		if changed := b.Token.Changed(); at.IsZero() && b.Expires.IsZero() && k.TokenLifetime > 0 && !changed.IsZero() {
			at = changed.Add(k.TokenLifetime)
		}
		add("the token of auth.bearer", cmp.Or(at, b.Expires))
	}
	if o := cfg.Auth.OAuth2; o != nil {
		add("the credential of auth.oauth2", o.Expires)
		add("the jwt of auth.oauth2", jwtEnd(o.JWT))
	}
	if cfg.TLS.CertFile != "" {
		at, _ := auth.CertificateExpiry(cfg.TLS.CertFile)
		add("the certificate of tls.cert_file", at)
	}
	return all
}

// jwtEnd is the end of a secret that is a JWT; zero for any other.
func jwtEnd(secret config.Secret) time.Time {
	if !secret.Given() {
		return time.Time{}
	}
	text, err := secret.Resolve()
	if err != nil {
		return time.Time{}
	}
	at, _ := auth.JWTExpiry(text)
	return at
}

// text says when a credential ends: "the token of auth.bearer expires in 12 days, on 2027-01-31; replace it before".
func (e ending) text(now time.Time) string {
	day, left := e.at.UTC().Format(time.DateOnly), e.at.Sub(now)
	switch {
	case left <= 0:
		return fmt.Sprintf("%s expired on %s; replace it", e.what, day)
	case left < 48*time.Hour:
		return fmt.Sprintf("%s expires in %s, on %s; replace it before", e.what, count(int(left.Hours()), "hour"), e.at.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return fmt.Sprintf("%s expires in %s, on %s; replace it before", e.what, count(int(left.Hours()/24), "day"), day)
}

// texts are the endings of a target as they are shown.
func texts(cfg *config.Target, now time.Time) []string {
	var all []string
	for _, e := range endings(cfg, now) {
		all = append(all, e.text(now))
	}
	return all
}

// warnOfEndings logs what ends soon: each warning once, and in the last day and after
// it in every run.
func (s *session) warnOfEndings(cfg *config.Target, now time.Time) {
	info, err := s.store.Target(cfg.Name)
	var told []string
	for _, e := range endings(cfg, now) {
		key := strings.Join([]string{e.what, e.at.UTC().Format(time.RFC3339), e.near.String()}, " ")
		if told = append(told, key); !slices.Contains(info.Warned, key) || e.near <= slices.Min(lastWarnings) {
			s.log.Warn(e.text(now), zap.String("target", cfg.Name))
		}
	}
	if err == nil && !slices.Equal(told, info.Warned) {
		info.Warned = told
		err = s.store.PutTarget(cfg.Name, info)
	}
	if err != nil {
		s.log.Warn("could not store which warnings were given", zap.String("target", cfg.Name), zap.Error(err))
	}
}
