package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

const (
	bulkURN         = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
	bulkResponseURN = "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
)

// bulk answers POST /Bulk (RFC 7644 section 3.7). Each operation passes the
// habits as a request of its own would; credentials and limits are asked once.
type bulk struct {
	server             *Server
	maxOps, maxPayload int
}

func newBulk(s *Server, value string) (hooks, error) {
	b := &bulk{server: s}
	operations, payload, _ := strings.Cut(value, ",")
	var err1, err2 error
	b.maxOps, err1 = strconv.Atoi(operations)
	b.maxPayload, err2 = strconv.Atoi(payload)
	if err1 != nil || err2 != nil || b.maxOps < 1 || b.maxPayload < 1 {
		return hooks{}, fmt.Errorf("%q: write the most operations, a comma and the most bytes, as in 100,1048576", value)
	}
	return hooks{
		settings: func(s *settings) { s.maxBody = max(s.maxBody, 2*b.maxPayload) },
		config: func(m map[string]any) {
			m["bulk"] = map[string]any{"supported": true, "maxOperations": b.maxOps, "maxPayloadSize": b.maxPayload}
		},
		serve: func(c *call, next handler) (*response, error) {
			if c.path != "/Bulk" {
				return next(c)
			}
			return b.answer(c)
		},
	}, nil
}

// bulkRequest is the message.
type bulkRequest struct {
	Schemas      []string        `json:"schemas"`
	FailOnErrors int             `json:"failOnErrors"`
	Operations   []bulkOperation `json:"Operations"`
}

type bulkOperation struct {
	Method  string          `json:"method"`
	BulkID  string          `json:"bulkId"`
	Version string          `json:"version"`
	Path    string          `json:"path"`
	Data    json.RawMessage `json:"data"`
}

// bulkRun is a request under way.
type bulkRun struct {
	*bulk
	call   *call
	known  map[string]string // bulkId -> id of what it made
	answer []any             // by operation; nil: not attempted
	errors int
}

func (b *bulk) answer(c *call) (*response, error) {
	if c.Method != http.MethodPost {
		return nil, &notAllowed{c.Method, "POST"}
	}
	if err := c.checkType(); err != nil {
		return nil, err
	}
	if len(c.body) > b.maxPayload {
		return nil, answerError(http.StatusRequestEntityTooLarge, "the size of the bulk operation exceeds the maxPayloadSize (%d)", b.maxPayload)
	}
	var req bulkRequest
	if err := strictJSON(c.body, &req); err != nil {
		return nil, err
	}
	if len(req.Schemas) != 1 || req.Schemas[0] != bulkURN || len(req.Operations) == 0 {
		return nil, refuse("invalidSyntax", "schemas must be [%q], and Operations not empty", bulkURN)
	}
	if len(req.Operations) > b.maxOps {
		return nil, answerError(http.StatusRequestEntityTooLarge, "the number of operations exceeds the maxOperations (%d)", b.maxOps)
	}
	if err := checkBulk(req.Operations); err != nil {
		return nil, err
	}
	run := &bulkRun{bulk: b, call: c, known: map[string]string{}, answer: make([]any, len(req.Operations))}
	run.all(req)
	var answers []any
	for _, a := range run.answer {
		if a != nil {
			answers = append(answers, a)
		}
	}
	return &response{status: http.StatusOK, body: encode(map[string]any{"schemas": []any{bulkResponseURN}, "Operations": answers})}, nil
}

// checkBulk looks at the form of the operations.
func checkBulk(operations []bulkOperation) error {
	seen := map[string]bool{}
	for i, op := range operations {
		endpoint, id, _ := strings.Cut(strings.TrimPrefix(op.Path, "/"), "/")
		known := op.Path == "/"+endpoint || op.Path == "/"+endpoint+"/"+id
		switch {
		case !known || endpoint != "Users" && endpoint != "Groups" || (op.Method == http.MethodPost) != (id == ""):
			return refuse("invalidSyntax", "operation %d: %s %s is nothing to do in bulk", i+1, op.Method, op.Path)
		case op.Method != http.MethodPost && op.Method != http.MethodPut && op.Method != http.MethodPatch && op.Method != http.MethodDelete:
			return refuse("invalidSyntax", "operation %d: method must be POST, PUT, PATCH or DELETE", i+1)
		case op.Method == http.MethodPost && op.BulkID == "":
			return refuse("invalidSyntax", "operation %d: a POST needs a bulkId", i+1)
		case op.BulkID != "" && seen[op.BulkID]:
			return refuse("invalidSyntax", "operation %d: bulkId %q is used twice", i+1, op.BulkID)
		case op.Method != http.MethodDelete && len(op.Data) == 0:
			return refuse("invalidSyntax", "operation %d needs data", i+1)
		}
		seen[op.BulkID] = true
	}
	return nil
}

// all does the operations in order, those that refer to a later one after it,
// until too many have failed.
func (r *bulkRun) all(req bulkRequest) {
	left := make([]int, len(req.Operations))
	for i := range left {
		left[i] = i
	}
	for progress := true; progress && len(left) > 0; {
		progress = false
		var later []int
		for _, i := range left {
			op := req.Operations[i]
			if r.waits(op, req.Operations) {
				later = append(later, i)
				continue
			}
			progress = true
			r.one(i, op)
			if req.FailOnErrors > 0 && r.errors >= req.FailOnErrors {
				return
			}
		}
		left = later
	}
	for _, i := range left {
		r.note(i, req.Operations[i], r.server.refusal(answerError(http.StatusConflict, "the references of bulkIds go round in a circle")))
	}
}

const bulkReference = `"bulkId:`

// waits says whether an operation refers to one that is yet to be done.
func (r *bulkRun) waits(op bulkOperation, operations []bulkOperation) bool {
	for i, other := range operations {
		if other.BulkID == "" || r.answer[i] != nil || other.BulkID == op.BulkID {
			continue
		}
		if bytes.Contains(op.Data, []byte(bulkReference+other.BulkID+`"`)) || strings.HasSuffix(op.Path, "/bulkId:"+other.BulkID) {
			return true
		}
	}
	return false
}

// one does an operation.
func (r *bulkRun) one(i int, op bulkOperation) {
	path, data := op.Path, []byte(op.Data)
	for bulkID, id := range r.known {
		path = strings.ReplaceAll(path, "bulkId:"+bulkID, id)
		data = bytes.ReplaceAll(data, []byte(bulkReference+bulkID+`"`), []byte(`"`+id+`"`))
	}
	inner := *r.call
	inner.Request = r.call.Clone(r.call.Context())
	inner.Method, inner.path, inner.body = op.Method, path, data
	inner.URL.RawQuery = ""
	inner.Header.Del("If-Match")
	if op.Version != "" {
		inner.Header.Set("If-Match", op.Version)
	}
	a, err := r.server.operate(&inner)
	if err != nil {
		a = r.server.refusal(err)
	}
	if a == nil {
		return // applied, and never said
	}
	r.note(i, op, a)
	if id := createdID(a); op.Method == http.MethodPost && id != "" {
		r.known[op.BulkID] = id
	}
}

// note writes down what became of an operation.
func (r *bulkRun) note(i int, op bulkOperation, a *response) {
	m := map[string]any{"method": op.Method, "status": strconv.Itoa(a.status)}
	if op.BulkID != "" {
		m["bulkId"] = op.BulkID
	}
	if a.status >= 400 {
		r.errors++
		if a.body != nil && a.media == "" {
			m["response"] = decode(a.body)
		}
	} else if op.Method != http.MethodPost {
		m["location"] = r.call.base + op.Path
	}
	for _, h := range a.header {
		switch h[0] {
		case "Location":
			m["location"] = h[1]
		case "ETag":
			m["version"] = h[1]
		}
	}
	r.answer[i] = m
}

// createdID is the last part of the Location of a 201.
func createdID(a *response) string {
	for _, h := range a.header {
		if h[0] == "Location" && a.status == http.StatusCreated {
			return h[1][strings.LastIndex(h[1], "/")+1:]
		}
	}
	return ""
}

// bulkLost lets only the first half of a Bulk request in, and then cuts.
func bulkLost(_ *Server, n int) hooks {
	var seen atomic.Int64
	return hooks{pass: func(c *call, next handler) (*response, error) {
		if c.path != "/Bulk" || seen.Add(1) != int64(n) {
			return next(c)
		}
		var req bulkRequest
		if err := json.Unmarshal(c.body, &req); err != nil {
			return next(c) // which says what is wrong
		}
		req.Operations = req.Operations[:(len(req.Operations)+1)/2]
		body, err := json.Marshal(req)
		if err != nil {
			return nil, fmt.Errorf("cut a Bulk request: %w", err)
		}
		half := *c
		half.body = body
		_, _ = next(&half)
		return nil, nil
	}}
}
