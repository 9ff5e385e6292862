package scim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"scimsync/sync/plan"
	"scimsync/targets/scim/profile"
)

// Bulk requests (RFC 7644 section 3.7): many changes travel in one request, and each has
// an outcome of its own. A request that fails as a whole leaves as much in doubt as each
// of its changes would have by itself.

const bulkURN = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

const (
	// bulkFrame is how many bytes of a bulk request are not operations.
	bulkFrame = 160
	// bulkMost is how many operations travel together at most: so many may be in doubt at once.
	bulkMost = 1000
)

// bulkOperation is one change in a bulk request.
type bulkOperation struct {
	Method string          `json:"method"`
	BulkID string          `json:"bulkId"` // demanded for POST, and echoed for all by most servers
	Path   string          `json:"path"`
	Data   json.RawMessage `json:"data,omitempty"`
}

// Bulk tells how much one request takes: as the service says, and at most what the
// profile says. The zero value: one change a request.
func (t *Target) Bulk() plan.Bulk {
	if t.profile.Bulk.Mode == profile.BulkOff || t.knows(noBulk) {
		return plan.Bulk{}
	}
	c := t.saidConfig()
	if c.Bulk == nil || !*c.Bulk {
		return plan.Bulk{}
	}
	return plan.Bulk{Ops: least(t.profile.Bulk.MaxOps, c.BulkOps, bulkMost),
		Bytes: max(0, least(t.profile.Bulk.MaxPayload, c.BulkSize, t.profile.MaxBodyBytes)-bulkFrame)}
}

// least gives the smallest of those that are above zero, where zero means no limit.
func least(limits ...int) int {
	limits = slices.DeleteFunc(limits, func(n int) bool { return n <= 0 })
	if len(limits) == 0 {
		return 0
	}
	return slices.Min(limits)
}

// Size is how many bytes a change takes in a bulk request; 0: it has to travel alone.
func (t *Target) Size(change *plan.Change) int {
	op, err := t.operation(0, change)
	if err != nil || t.attended(change) {
		return 0
	}
	return len(op.Data) + len(op.Path) + len(`{"method":"DELETE","bulkId":"00000","path":"","data":},`)
}

// sizes is how many bytes a request for these changes has.
func (t *Target) sizes(changes []*plan.Change) int {
	n := bulkFrame
	for _, change := range changes {
		n += t.Size(change)
	}
	return n
}

func (t *Target) operation(i int, change *plan.Change) (bulkOperation, error) {
	c, err := t.spell(change)
	return bulkOperation{c.method, strconv.Itoa(i), c.path, c.body}, err
}

// ApplyAll sends several changes in one request, once, under a correlation id, and gives
// a result for each. whole tells that the request failed as such: then they are all of
// one kind, and there was one failure, not many.
func (t *Target) ApplyAll(ctx context.Context, changes []*plan.Change, id string) (results []plan.Result, whole bool) {
	results = make([]plan.Result, len(changes))
	all := func(result func(*plan.Change) plan.Result) ([]plan.Result, bool) {
		for i, change := range changes {
			results[i] = result(change)
		}
		return results, true
	}
	apart := func(why error) ([]plan.Result, bool) {
		return all(func(*plan.Change) plan.Result { return plan.Result{Verdict: plan.Apart, Err: why} })
	}
	c := call{method: http.MethodPost, path: t.profile.Paths.Bulk, id: id, limit: limitPage}
	if t.knows(noBulk) {
		return apart(fmt.Errorf("%s takes no bulk requests", t.name))
	}
	var err error
	if c.body, err = t.bulkBody(changes); err != nil {
		return apart(err)
	}
	t.forgetPage()
	a, err := t.send(ctx, c)
	if err != nil {
		return all(func(*plan.Change) plan.Result { return t.unanswered(err) })
	}
	if a.status/100 == 2 {
		return t.bulkAnswer(changes, c, a)
	}
	switch {
	case a.status == http.StatusRequestEntityTooLarge:
		return apart(t.problem(c, a))
	case refusesBulk(a.status) && t.problem(c, a).use == unremarked:
		t.learn(noBulk, fmt.Sprintf("takes no bulk requests (%d): changes are sent one by one", a.status))
		return apart(t.problem(c, a))
	}
	heard := t.heard(a)
	return all(func(change *plan.Change) plan.Result {
		r := t.refused(change, c, a)
		r.Heard = heard
		return r
	})
}

// refusesBulk tells whether a status means that bulk requests are not served here. 401,
// 429, what the target redirects and what it fails at says nothing about them.
func refusesBulk(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status/100 == 4 || status == http.StatusNotImplemented
}

func (t *Target) bulkBody(changes []*plan.Change) ([]byte, error) {
	ops := make([]bulkOperation, len(changes))
	for i, change := range changes {
		var err error
		if ops[i], err = t.operation(i, change); err != nil {
			return nil, fmt.Errorf("%s: %w", change, err)
		}
	}
	body := map[string]any{"schemas": []string{bulkURN}, "Operations": ops}
	if n := t.profile.Bulk.FailOnErrors; n > 0 {
		body["failOnErrors"] = n
	}
	return encode(body)
}

// bulkAnswer gives each change what its operation came to. An operation that the answer
// does not tell of is in doubt: the service may have stopped before it, or not.
func (t *Target) bulkAnswer(changes []*plan.Change, c call, a *answer) ([]plan.Result, bool) {
	doubt := func(why string) plan.Result {
		return plan.Result{Verdict: plan.InDoubt, Err: fmt.Errorf("%s %s: %d: %s", c.method, c.path, a.status, why)}
	}
	heard := t.heard(a)
	results := make([]plan.Result, len(changes))
	told, err := parseBulk(a.body)
	if err != nil {
		why := err.Error()
		if a.cut != nil {
			why = a.cut.Error()
		}
		for i := range results {
			results[i] = doubt(why)
			results[i].Heard = heard
		}
		return results, true
	}
	for i, op := range told.of(len(changes)) {
		if op == nil {
			results[i] = doubt("the answer does not tell what came of the operation for " + changes[i].Key.ID)
		} else {
			results[i] = t.bulkResult(changes[i], op, a)
		}
		results[i].Heard = heard
	}
	return results, false
}

// bulkResult is the verdict on one operation: the one that its status and body would have
// had as an answer of their own.
func (t *Target) bulkResult(change *plan.Change, op *toldOperation, whole *answer) plan.Result {
	c, err := t.spell(change)
	if err != nil {
		return plan.Result{Verdict: plan.Park, Err: fmt.Errorf("%s: %w", change, err)}
	}
	own := &answer{status: op.status(), header: http.Header{}, body: op.Response, hidden: whole.hidden}
	if op.Location != "" {
		own.header.Set("Location", op.Location)
	}
	if version, ok := op.Version.(string); ok {
		own.header.Set("ETag", version)
	}
	if own.status/100 == 2 {
		return t.accepted(change, c, own)
	}
	if own.status == 0 {
		return plan.Result{Verdict: plan.InDoubt, Err: fmt.Errorf("%s %s in a bulk request: the answer has no status for it", c.method, c.path)}
	}
	r := t.refused(change, c, own)
	if r.Verdict == plan.Taken {
		t.taken(change)
	}
	return r
}

// toldOperations are what a BulkResponse tells.
type toldOperations []toldOperation

type toldOperation struct {
	BulkID   any             `json:"bulkId"`
	Location string          `json:"location"`
	Version  any             `json:"version"`
	Status   json.RawMessage `json:"status"`
	Response json.RawMessage `json:"response"`
}

func parseBulk(body []byte) (toldOperations, error) {
	var told struct {
		Operations *[]json.RawMessage // not of operations: where there are two lists, they would be mixed
	}
	if err := decode(body, &told); err != nil {
		return nil, fmt.Errorf("not a BulkResponse: %w", err)
	}
	if told.Operations == nil {
		return nil, fmt.Errorf("not a BulkResponse: it has no Operations")
	}
	ops := make(toldOperations, len(*told.Operations))
	for i, raw := range *told.Operations {
		if err := json.Unmarshal(raw, &ops[i]); err != nil {
			return nil, fmt.Errorf("not a BulkResponse: operation %d: %w", i, err)
		}
	}
	return ops, nil
}

// of gives what is told of each of n operations, nil for nothing, or for two things: by
// their bulkIds, or, where the service echoes none at all and tells of every one, by their
// places.
func (ops toldOperations) of(n int) []*toldOperation {
	told := make([]*toldOperation, n)
	echoed, twice := false, []int{}
	for k := range ops {
		if ops[k].BulkID == nil {
			continue
		}
		echoed = true
		if i, err := strconv.Atoi(fmt.Sprint(ops[k].BulkID)); err == nil && i >= 0 && i < n {
			if told[i] != nil {
				twice = append(twice, i)
			}
			told[i] = &ops[k]
		}
	}
	for _, i := range twice {
		told[i] = nil
	}
	if !echoed && len(ops) == n {
		for i := range told {
			told[i] = &ops[i]
		}
	}
	return told
}

// status reads "201", 201, and {"code": "201"} of old drafts; 0: there is none.
func (o *toldOperation) status() int {
	text := string(o.Status)
	var coded struct{ Code json.RawMessage }
	if json.Unmarshal(o.Status, &coded) == nil && coded.Code != nil {
		text = string(coded.Code)
	}
	status, err := strconv.Atoi(strings.Trim(text, `" `))
	if err != nil || status < 100 || status > 599 {
		return 0
	}
	return status
}
