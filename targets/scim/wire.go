package scim

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"scimsync/sync/plan"
	"scimsync/sync/record"
	"scimsync/sync/resource"
	"scimsync/targets/scim/profile"
)

const listURN = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

// requestID is a correlation id for a request that no change stands behind.
func requestID() string { return rand.Text() }

// page is one ListResponse (RFC 7644 section 3.4.2).
type page struct {
	total     int    // -1: not given
	next      string // cursor of the page behind it (RFC 9865 section 2.1)
	resources []json.RawMessage
	// odd tells that it says neither how many there are nor which, or a number that is
	// none: it may show accounts, and proves nothing about others.
	odd bool
}

// decode reads one JSON value, and nothing behind it. Numbers stay as they are written.
func decode(body []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON")
	}
	return nil
}

// parsePage reads a ListResponse. Numbers may come as strings.
func parsePage(body []byte) (*page, error) {
	var list struct {
		Schemas      []string
		TotalResults any
		NextCursor   any
		Resources    *[]json.RawMessage
	}
	if err := decode(body, &list); err != nil {
		return nil, fmt.Errorf("not a ListResponse: %w", err)
	}
	labelled := false
	for _, urn := range list.Schemas {
		labelled = labelled || strings.EqualFold(urn, listURN)
	}
	if !labelled && list.TotalResults == nil && list.Resources == nil {
		return nil, errors.New("not a ListResponse")
	}
	p := &page{total: -1, odd: list.TotalResults != nil || list.Resources == nil}
	if n, err := strconv.Atoi(strings.TrimSpace(fmt.Sprint(list.TotalResults))); err == nil && n >= 0 {
		p.total, p.odd = n, false
	}
	p.next, _ = list.NextCursor.(string)
	if list.Resources != nil {
		p.resources = *list.Resources
	}
	return p, nil
}

// parse reads one account, or one group. One without an id, or with two attributes of
// one name, is an error: it cannot be told what it says.
func (t *Target) parse(raw json.RawMessage) (plan.Found, error) {
	var body map[string]any
	if err := decode(raw, &body); err != nil {
		return plan.Found{}, fmt.Errorf("read %s: %w", t.kind.one(), err)
	}
	body, err := t.respell(body)
	if err != nil {
		return plan.Found{}, fmt.Errorf("read %s: %w", t.kind.one(), err)
	}
	if _, known := body["externalId"]; !known && body["external_id"] != nil { // Figma
		body["externalId"] = body["external_id"]
	}
	found := plan.Found{Body: body, ID: text(body["id"]), UserName: text(body["userName"]), ExternalID: text(body["externalId"])}
	if found.ID == "" {
		return plan.Found{}, fmt.Errorf("read %s: it has no id", t.kind.one())
	}
	if err := t.kind.remoteID(found.ID); err != nil {
		return plan.Found{}, fmt.Errorf("read %s: %w", t.kind.one(), err)
	}
	if meta, ok := body["meta"].(map[string]any); ok {
		found.Version, _ = meta["version"].(string)
	}
	if t.kind.of != record.User {
		return found, nil
	}
	found.Active = truth(body["active"])
	found.Masked = found.Active == record.False && t.profile.Readback.AfterDeactivate == profile.ReadbackIgnore
	return found, nil
}

// text reads a text, which some servers send as a number.
func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// truth reads `active`, which some servers send as a string.
func truth(v any) record.Tri {
	if s, ok := v.(string); ok {
		switch strings.ToLower(s) {
		case "true":
			v = true
		case "false":
			v = false
		}
	}
	switch v {
	case true:
		return record.True
	case false:
		return record.False
	}
	return record.Unknown
}

// respell gives attribute names the schema's spelling (RFC 7643 section 2.1: their
// case does not matter).
func (t *Target) respell(body map[string]any) (map[string]any, error) {
	return respell(body, func(name string) (string, func(any) (any, error)) {
		if def, known := t.shape.Find("", name); known {
			return def.Name, subs(def)
		}
		if urn, known := t.extension(name); known {
			return urn, func(v any) (any, error) { return t.respellExtension(urn, v) }
		}
		return name, nil
	})
}

func (t *Target) extension(name string) (string, bool) {
	for i := range t.shape.Attrs {
		if urn := t.shape.Attrs[i].URN; urn != "" && strings.EqualFold(urn, name) {
			return urn, true
		}
	}
	return "", false
}

func (t *Target) respellExtension(urn string, v any) (any, error) {
	object, ok := v.(map[string]any)
	if !ok {
		return v, nil
	}
	return respell(object, func(name string) (string, func(any) (any, error)) {
		if def, known := t.shape.Find(urn, name); known {
			return def.Name, subs(def)
		}
		return name, nil
	})
}

// subs respells the sub-attributes of one value, or of each element of a list.
func subs(def *resource.Definition) func(any) (any, error) {
	if len(def.Subs) == 0 {
		return nil
	}
	one := func(name string) (string, func(any) (any, error)) {
		if sub, known := def.Sub(name); known {
			return sub.Name, nil
		}
		return name, nil
	}
	return func(v any) (any, error) {
		switch v := v.(type) {
		case map[string]any:
			return respell(v, one)
		case []any:
			for i := range v {
				object, ok := v[i].(map[string]any)
				if !ok {
					continue
				}
				element, err := respell(object, one)
				if err != nil {
					return nil, err
				}
				v[i] = element
			}
		}
		return v, nil
	}
}

// respell renames the members of one object; names gives the spelling of a name and
// how to treat its value.
func respell(object map[string]any, names func(string) (string, func(any) (any, error))) (map[string]any, error) {
	out := make(map[string]any, len(object))
	for name, v := range object {
		spelled, inner := names(name)
		if _, twice := out[spelled]; twice {
			return nil, fmt.Errorf("it has %s twice, spelled differently", spelled)
		}
		if inner != nil {
			var err error
			if v, err = inner(v); err != nil {
				return nil, err
			}
		}
		out[spelled] = v
	}
	return out, nil
}
