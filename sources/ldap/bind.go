package ldap

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"
)

// bindError is a bind that another server would answer in the same way.
type bindError struct{ err error }

func (e *bindError) Error() string { return e.err.Error() }
func (e *bindError) Unwrap() error { return e.err }

// refusal remembers credentials that a server refused.
type refusal struct {
	sum   [sha256.Size]byte
	until time.Time
	cause error
}

// adReasons are the sub-codes Active Directory gives with result code 49.
var adReasons = map[string]string{
	"525": "the bind user does not exist",
	"52e": "the password is wrong",
	"530": "the bind user may not log on at this time",
	"531": "the bind user may not log on from this machine",
	"532": "the bind user's password has expired",
	"533": "the bind user is disabled",
	"701": "the bind user's account has expired",
	"773": "the bind user must change the password first",
	"775": "the bind user is locked out",
}

// adReason finds the sub-code in "80090308: LdapErr: ..., data 52e, v4563".
func adReason(text string) string {
	_, rest, _ := strings.Cut(strings.ToLower(text), ", data ")
	code, _, _ := strings.Cut(rest, ",")
	return adReasons[strings.TrimSpace(code)]
}

func (s *Source) bind(sess *session) error {
	switch {
	case s.opts.Bind.Method == External:
		if err := sess.conn.ExternalBind(); err != nil {
			return explainBind("bind with SASL EXTERNAL", err)
		}
		return nil
	case s.opts.Bind.User == "":
		return nil // anonymous; checkServer allowed it for this URL
	}
	what := "bind as " + s.opts.Bind.User
	password, err := s.opts.Bind.Password()
	if err != nil {
		return &bindError{fmt.Errorf("%s: read the password: %w", what, err)}
	}
	if password == "" {
		// A server takes an empty password for an anonymous bind and says
		// success (RFC 4513 section 5.1.2).
		return &bindError{fmt.Errorf("%s: the password is empty; fill bind.password", what)}
	}
	sum := sha256.Sum256([]byte(s.opts.Bind.User + "\x00" + password))
	if r := s.refused; r.cause != nil && r.sum == sum && s.opts.Now().Before(r.until) {
		return &bindError{fmt.Errorf("%w; the same password is not tried again before %s, so that the account is not locked out",
			r.cause, r.until.Format(time.RFC3339))}
	}
	err = sess.conn.Bind(s.opts.Bind.User, password)
	if err == nil {
		s.refused = refusal{}
		return nil
	}
	err = explainBind(what, err)
	if goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials) {
		s.refused = refusal{sum: sum, until: s.opts.Now().Add(rebindAfter), cause: err}
	}
	return err
}

// explainBind says what a refused bind means. Only what concerns one server
// (busy, unavailable, a broken connection) lets the next one be tried.
func explainBind(what string, err error) error {
	hint := ""
	switch {
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultBusy, goldap.LDAPResultUnavailable):
		return fmt.Errorf("%s: %w", what, err)
	case goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidCredentials):
		hint = "user or password is wrong: correct bind.user and bind.password; no other server was asked, so that the account is not locked out"
		if reason := adReason(err.Error()); reason != "" {
			hint = reason + "; no other server was asked, so that the account is not locked out"
		}
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultStrongAuthRequired, goldap.LDAPResultConfidentialityRequired):
		hint = "the server wants encryption: use ldaps:// or tls.start_tls"
	case goldap.IsErrorAnyOf(err, goldap.LDAPResultInappropriateAuthentication, goldap.LDAPResultAuthMethodNotSupported):
		hint = "the server does not take this kind of bind for this user: see bind.method"
	case goldap.IsErrorWithCode(err, goldap.LDAPResultInvalidDNSyntax):
		hint = "bind.user is no DN; this server takes DNs only"
	default:
		var ldapErr *goldap.Error // codes from ErrorNetwork on are the library's own
		if !errors.As(err, &ldapErr) || ldapErr.ResultCode >= goldap.ErrorNetwork {
			return fmt.Errorf("%s: %w", what, err)
		}
		return &bindError{fmt.Errorf("%s: %w", what, err)}
	}
	return &bindError{fmt.Errorf("%s: %w; %s", what, err, hint)}
}
