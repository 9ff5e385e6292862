package scim

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"scimsync/targets/scim/profile"
)

// Error is an answer that is not a success (RFC 7644 section 3.12).
type Error struct {
	Method   string
	Path     string // below the base URL, without the query, which may hold personal data
	Status   int    // of the HTTP line; the body's own is not believed
	ScimType string
	Detail   string // at most 300 characters, without control characters

	scim bool // the body is a SCIM error
	use  use
	code profile.CodeVerdict // what the profile says of the vendor's code; "": nothing
}

// Error writes the error in one line: PATCH /Users/123: 400 invalidValue: ….
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.Status)
	switch {
	case e.ScimType != "":
		b.WriteString(" " + e.ScimType)
	case http.StatusText(e.Status) != "":
		b.WriteString(" " + http.StatusText(e.Status))
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	return b.String()
}

// is compares scimType as RFC 7644 leaves it to us: without case.
func (e *Error) is(scimType string) bool { return strings.EqualFold(e.ScimType, scimType) }

// errorURN is the schema of a SCIM error, folded; that of SCIM 1.1 ends in the same.
const errorURN = ":error"

// maxDetail is how much of a server's text goes into a message, in characters.
const maxDetail = 300

// problem makes an Error of an answer. The body may be a SCIM error, a problem
// document (RFC 9457), what gateways and OAuth servers send, HTML, or missing.
func (t *Target) problem(c call, a *answer) *Error {
	e := &Error{Method: c.method, Path: c.path, Status: a.status, code: t.profile.Errors.Codes[t.code(a)]}
	if a.status/100 == 3 {
		e.Detail = t.redirected(a)
		return e
	}
	if webPage(a) {
		e.Detail = "the answer is a web page, not SCIM"
		return e
	}
	var body struct {
		Schemas          any
		ScimType         any
		Type             any
		Detail           any
		ErrorDescription any `json:"error_description"`
		Message          any
		Title            any
		Errors           []struct{ Description any } // SCIM 1.1
	}
	// A field of an unexpected type spoils that field only.
	_ = json.Unmarshal(a.body, &body)
	texts := []any{body.Detail, body.ErrorDescription, body.Message, body.Title}
	if len(body.Errors) > 0 {
		texts = append(texts, body.Errors[0].Description)
	}
	for _, text := range texts {
		if s, ok := text.(string); ok && strings.TrimSpace(s) != "" {
			e.Detail = Clean(s, a.hidden)
			break
		}
	}
	if s, ok := body.ScimType.(string); ok {
		e.ScimType = Clean(s, a.hidden)
	}
	e.scim = strings.Contains(strings.ToLower(fmt.Sprint(body.Schemas)), errorURN)
	e.use = useOf(body.Type)
	return e
}

// use is what a problem document says of how much we use a service: one of the types of
// draft-ietf-httpapi-ratelimit-headers. Such a request was not carried out.
type use uint8

const (
	unremarked use = iota
	tooMuch        // quota-exceeded
	tooMuchNow     // temporary-reduced-capacity: what we may use has shrunk for a while
	abnormal       // abnormal-usage-detected: somebody has to look into it
)

// useOf reads the type of a problem document (RFC 9457 section 3.1.1), a URI with the
// registered name at its end.
func useOf(kind any) use {
	uri, _ := kind.(string)
	return map[string]use{"quota-exceeded": tooMuch, "temporary-reduced-capacity": tooMuchNow,
		"abnormal-usage-detected": abnormal}[strings.ToLower(uri[strings.LastIndexAny(uri, "#/:")+1:])]
}

// redirected says where an answer that was not followed leads, without the query.
func (t *Target) redirected(a *answer) string {
	to := "nowhere"
	if base, err := url.Parse(t.base); err == nil {
		if u, err := base.Parse(a.header.Get("Location")); err == nil && a.header.Get("Location") != "" {
			to = u.Scheme + "://" + u.Host + u.EscapedPath()
		}
	}
	return "redirected to " + Clean(to, a.hidden) + ", which is not followed"
}

// Clean makes a text of the server fit for a message: no secrets of ours, no
// control characters, not too long.
func Clean(text string, hidden []string) string {
	for _, secret := range hidden {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	text = text[:min(len(text), 16<<10)] // of megabytes the rest need not be looked at
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxDetail {
		text = string(runes[:maxDetail]) + "…"
	}
	return text
}

// webPage tells an HTML answer, whatever it is labelled: some servers label JSON, or
// nothing at all, as HTML.
func webPage(a *answer) bool {
	body := bytes.TrimLeft(a.body, " \t\r\n")
	if bytes.HasPrefix(body, []byte("<")) {
		return true
	}
	return strings.HasPrefix(strings.ToLower(a.header.Get("Content-Type")), "text/html") && len(body) > 0 && !json.Valid(body)
}

// fate is what is known about a request that got no answer.
type fate uint8

const (
	unsent   fate = iota // it was not carried out; it may be sent again
	doubtful             // it may have arrived, and may have been carried out
	hopeless             // it was not carried out, and will not be until someone mends something
)

// outage is a request without an answer to what it asks.
type outage struct {
	call      call
	err       error
	hint      string
	sent      bool // its headers were written
	kind      fate
	notBefore time.Time // it is not to be sent again before this moment; zero: nobody said
}

func (o *outage) Error() string {
	text := o.err.Error()
	if _, answered := o.err.(*Error); !answered { //nolint:errorlint // its own text, not one further down, has the call
		text = fmt.Sprintf("%s %s: %s", o.call.method, o.call.path, text)
	}
	if o.hint != "" {
		text += ": " + o.hint
	}
	return text
}

func (o *outage) Unwrap() error { return o.err }

// outage decides what a failed exchange means. A server can carry a request out
// only once its headers have left completely.
func (t *Target) outage(ctx context.Context, o outage) *outage {
	o.kind = doubtful
	if !o.sent {
		o.kind = unsent
	}
	if errors.Is(o.err, context.DeadlineExceeded) && ctx.Err() != nil {
		o.err = fmt.Errorf("no answer in time (%s): %w", t.timeout, o.err)
		return &o
	}
	if hint := ChannelHint(o.err, o.sent); hint != "" {
		o.kind, o.hint = hopeless, hint
	}
	return &o
}

// ChannelHint says what to do about a secure channel that cannot be had; empty for
// any other failure. Nothing was carried out then: either the handshake failed, or
// the server ended it with an alert about our certificate, which in TLS 1.3 comes
// after the request was written.
func ChannelHint(err error, sent bool) string {
	var (
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		verify  *tls.CertificateVerificationError
		alert   *net.OpError
		plain   tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), !sent && errors.As(err, &plain):
		return "the server does not speak TLS at this port; check its url"
	case errors.As(err, &unknown):
		return "the server's certificate is not signed by a known authority; put the authority's certificate into tls.ca_file"
	case errors.As(err, &host):
		return "the server's certificate is for another host; check its url"
	case errors.As(err, &invalid):
		return "the server's certificate is not valid; its operator has to replace it"
	case errors.As(err, &verify):
		return "the server's certificate was refused; its operator has to replace it"
	case errors.As(err, &alert) && alert.Op == "remote error" && strings.Contains(err.Error(), "certificate"):
		return "the server refuses our client certificate; check tls.cert_file and tls.key_file"
	case !sent && strings.Contains(err.Error(), "tls: "):
		return "no secure connection can be agreed on; the server has to speak TLS 1.2 or later"
	}
	return ""
}
