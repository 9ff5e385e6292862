package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// call is a request on its way to an operation.
type call struct {
	*http.Request
	n       int64  // number of the HTTP request
	path    string // below the base path, as in /Users/2819c223
	outside bool   // not below the base path
	body    []byte
	base    string // URL that locations begin with
	open    bool   // needs no credentials and falls under no limit
	early   bool   // came inside an announced wait
}

// parts splits the path of a resource: /Users/2819c223.
func (c *call) parts() (endpoint, id string) {
	endpoint, id, _ = strings.Cut(strings.TrimPrefix(c.path, "/"), "/")
	return "/" + endpoint, id
}

// reads says whether the call changes nothing.
func (c *call) reads() bool {
	return c.Method == http.MethodGet || strings.HasSuffix(c.path, "/.search")
}

// changes says whether the call changes a resource that is there.
func (c *call) changes() bool {
	return c.Method == http.MethodPut || c.Method == http.MethodPatch || c.Method == http.MethodDelete
}

// object reads the body as a JSON object of a media type SCIM knows.
func (c *call) object() (map[string]any, error) {
	if err := c.checkType(); err != nil {
		return nil, err
	}
	return parseObject(c.body)
}

func (c *call) checkType() error {
	kind, _, err := mime.ParseMediaType(c.Header.Get("Content-Type"))
	if err != nil || kind != mediaType && kind != "application/json" {
		return answerError(http.StatusUnsupportedMediaType, "Content-Type must be %s", mediaType)
	}
	return nil
}

// condition is what If-Match and If-None-Match ask for.
type condition struct{ match, noneMatch string }

func (c *call) condition() condition {
	return condition{c.Header.Get("If-Match"), c.Header.Get("If-None-Match")}
}

// holds says whether If-Match lets a write happen.
func (c condition) holds(r *resource) bool { return c.match == "" || listed(c.match, r) }

// unchanged says whether If-None-Match spares the body of a GET.
func (c condition) unchanged(r *resource) bool { return c.noneMatch != "" && listed(c.noneMatch, r) }

// listed compares weakly (RFC 9110 section 8.8.3.2): all our tags are weak.
func listed(tags string, r *resource) bool {
	for tag := range strings.SplitSeq(tags, ",") {
		tag = strings.TrimSpace(tag)
		if tag == "*" || strings.TrimPrefix(tag, "W/") == strings.TrimPrefix(r.etag(), "W/") {
			return true
		}
	}
	return false
}

// strictJSON reads a message of known shape.
func strictJSON(body []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if _, more := d.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something follows the object")
	}
	if err != nil {
		return refuse("invalidSyntax", "the body is not what is asked for here: %v", err)
	}
	return nil
}
