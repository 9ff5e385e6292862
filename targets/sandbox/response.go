package sandbox

import (
	"errors"
	"net/http"
	"strconv"
)

// response is an answer before it is written. In place of one, nil without an
// error means that the connection is cut.
type response struct {
	status int
	header [][2]string
	body   []byte
	media  string // of the body; empty: mediaType
}

func (a *response) with(name, value string) *response {
	a.header = append(a.header, [2]string{name, value})
	return a
}

func (a *response) write(w http.ResponseWriter) {
	h := w.Header()
	for _, pair := range a.header {
		h.Add(pair[0], pair[1])
	}
	if a.body != nil {
		media := a.media
		if media == "" {
			media = mediaType
		}
		h.Set("Content-Type", media)
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client is gone if this fails
}

// htmlPage is an answer for a browser, as proxies and log-in filters give it.
func htmlPage(status int, title string) *response {
	return &response{
		status: status, media: "text/html; charset=utf-8",
		body: []byte("<!DOCTYPE html>\n<html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"),
	}
}

// spelling is a refusal before it is written, for habits that word it in their
// own way.
type spelling struct {
	*response
	fields map[string]any // of the body; nil: no body
}

// refusal is the answer to an error (RFC 7644 section 3.12).
func (s *Server) refusal(err error) *response {
	var e *scimError
	var not *notAllowed
	switch {
	case errors.As(err, &not):
		e = answerError(http.StatusMethodNotAllowed, "%v", err)
	case !errors.As(err, &e):
		e = answerError(http.StatusInternalServerError, "%v", err)
	}
	sp := &spelling{
		response: &response{status: e.status},
		fields:   map[string]any{"schemas": []any{errorURN}, "status": strconv.Itoa(e.status), "detail": e.detail},
	}
	if e.scimType != "" {
		sp.fields["scimType"] = e.scimType
	}
	if e.code != "" {
		sp.fields["errorCode"] = e.code
	}
	if not != nil {
		sp.with("Allow", not.allow)
	}
	s.habits().spell(sp)
	if sp.fields != nil {
		sp.body = encode(sp.fields)
	}
	return sp.response
}
