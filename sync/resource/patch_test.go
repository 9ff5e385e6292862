package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	filter "github.com/scim2/filter-parser/v2"
)

// server is a strict and tiny SCIM service provider: one account, PATCH as in RFC
// 7644 section 3.5.2. It is written against the RFC and shares nothing with Ops but
// the schema's notion of which attribute has many values.
type server struct {
	body    map[string]any
	lenient bool // a remove that matches nothing is no error
	clears  bool // "", null and an empty list are taken for no value
	multi   map[string]bool
}

func newServer(t interface{ Fatal(...any) }, body map[string]any) *server {
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{multi: map[string]bool{"emails": true, "phoneNumbers": true, "roles": true, "addresses": true}}
	if err := json.Unmarshal(raw, &s.body); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *server) patch(ops []Op) error {
	raw, err := json.Marshal(ops)
	if err != nil {
		return err
	}
	var sent []struct {
		Op, Path string
		Value    json.RawMessage
	}
	if err := json.Unmarshal(raw, &sent); err != nil {
		return err
	}
	paths := map[string]bool{}
	for _, op := range sent {
		if paths[op.Path] {
			return fmt.Errorf("path twice: %s", op.Path)
		}
		paths[op.Path] = true
		if (op.Op == "remove") != (op.Value == nil) {
			return fmt.Errorf("%s %s: value present: %t", op.Op, op.Path, op.Value != nil)
		}
		var v any
		if op.Value != nil {
			if err := json.Unmarshal(op.Value, &v); err != nil {
				return err
			}
		}
		if s.clears && op.Op == "replace" && (v == nil || v == "" || fmt.Sprint(v) == "[]") {
			op.Op, v = "remove", nil
		}
		if err := s.one(op.Op, op.Path, v); err != nil {
			return fmt.Errorf("%s %s: %w", op.Op, op.Path, err)
		}
	}
	return nil
}

func (s *server) one(op, path string, v any) error {
	p, err := filter.ParsePath([]byte(path))
	if err != nil {
		return err
	}
	holder := s.body
	if urn := p.AttributePath.URI(); urn != "" {
		if _, has := holder[urn]; !has {
			holder[urn] = map[string]any{}
		}
		holder = holder[urn].(map[string]any)
		defer func() {
			if len(holder) == 0 {
				delete(s.body, urn)
			}
		}()
	}
	name, sub := p.AttributePath.AttributeName, p.AttributePath.SubAttributeName()
	switch {
	case p.ValueExpression != nil:
		return s.filtered(op, holder, name, p, v)
	case s.multi[name]:
		if sub != "" {
			return fmt.Errorf("sub-attribute of many values")
		}
		return s.list(op, holder, name, v)
	case sub == "" && op != "remove" && isObject(v):
		return s.parts(holder, name, v.(map[string]any))
	case sub != "":
		if _, has := holder[name]; !has {
			holder[name] = map[string]any{}
		}
		parts := holder[name].(map[string]any)
		defer func() {
			if len(parts) == 0 {
				delete(holder, name)
			}
		}()
		return single(op, parts, sub, v)
	}
	return single(op, holder, name, v)
}

func isObject(v any) bool {
	_, is := v.(map[string]any)
	return is
}

// parts puts parts into a complex attribute; those that are not sent stay.
func (s *server) parts(holder map[string]any, name string, sent map[string]any) error {
	if len(sent) == 0 {
		return fmt.Errorf("no parts")
	}
	parts, _ := holder[name].(map[string]any)
	if parts == nil {
		parts = map[string]any{}
	}
	for sub, v := range sent {
		if v == nil || v == "" && s.clears {
			delete(parts, sub)
		} else if err := single("replace", parts, sub, v); err != nil {
			return err
		}
	}
	if holder[name] = parts; len(parts) == 0 {
		delete(holder, name)
	}
	return nil
}

func single(op string, holder map[string]any, name string, v any) error {
	if op == "remove" {
		delete(holder, name)
		return nil
	}
	if v == nil || v == "" {
		return fmt.Errorf("no value")
	}
	holder[name] = v
	return nil
}

func (s *server) list(op string, holder map[string]any, name string, v any) error {
	if op == "remove" {
		delete(holder, name)
		return nil
	}
	fresh, isList := v.([]any)
	if !isList || len(fresh) == 0 {
		return fmt.Errorf("not an array: %v", v)
	}
	list, _ := holder[name].([]any)
	if op == "replace" {
		list = nil
	}
	for _, e := range fresh {
		known := false
		for _, have := range list {
			known = known || fmt.Sprint(have) == fmt.Sprint(e)
		}
		if known {
			continue
		}
		if e.(map[string]any)["primary"] == true {
			clearPrimary(list)
		}
		list = append(list, e)
	}
	holder[name] = list
	return nil
}

func clearPrimary(list []any) {
	for _, e := range list {
		delete(e.(map[string]any), "primary")
	}
}

func (s *server) filtered(op string, holder map[string]any, name string, p filter.Path, v any) error {
	list, _ := holder[name].([]any)
	var rest []any
	var hits []map[string]any
	for _, e := range list {
		if matches(p.ValueExpression, e.(map[string]any)) {
			hits = append(hits, e.(map[string]any))
		} else {
			rest = append(rest, e)
		}
	}
	sub := p.SubAttributeName()
	switch {
	case op == "add":
		return fmt.Errorf("add with a filter is not defined")
	case len(hits) == 0 && (op != "remove" || !s.lenient):
		return fmt.Errorf("noTarget in %v", list)
	case len(hits) > 1:
		return fmt.Errorf("matches %d elements", len(hits))
	case sub == "" && op == "remove":
		holder[name] = rest
		if len(rest) == 0 {
			delete(holder, name)
		}
		return nil
	case sub == "":
		return fmt.Errorf("replace of a whole element")
	case len(hits) == 0:
		return nil
	}
	if sub == "primary" && op == "replace" {
		if v != true {
			return fmt.Errorf("explicit primary:%v", v)
		}
		clearPrimary(list)
	}
	return single(op, hits[0], sub, v)
}

func matches(e filter.Expression, element map[string]any) bool {
	switch e := e.(type) {
	case *filter.AttributeExpression:
		have := element[e.AttributePath.AttributeName]
		if s, isText := have.(string); isText {
			want, err := e.CompareValue.(string)
			return err && strings.EqualFold(s, unescape(want))
		}
		return have == e.CompareValue
	case *filter.LogicalExpression:
		return matches(e.Left, element) && matches(e.Right, element)
	}
	panic("filter")
}

func unescape(s string) string {
	var out string
	if err := json.Unmarshal([]byte(`"`+s+`"`), &out); err != nil {
		panic(err)
	}
	return out
}

func TestServerIsStrict(t *testing.T) {
	body := map[string]any{"emails": []any{map[string]any{"type": "work", "value": "a"}}}
	for _, op := range []Op{
		{"replace", `emails[type eq "home"].value`, "b"},
		{"remove", `emails[type eq "home"]`, nil},
		{"add", `emails[type eq "work"].value`, "b"},
		{"replace", `emails.value`, "b"},
		{"remove", `emails`, "b"},
		{"replace", `emails[type eq "work"].primary`, false},
		{"add", "title", nil},
	} {
		if err := newServer(t, body).patch([]Op{op}); err == nil {
			t.Errorf("%v is accepted", op)
		}
	}
}
