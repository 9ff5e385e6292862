package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Dialects of PATCH, and what a PATCH or PUT leaves undone.

var patchHabits = []habit{
	{name: "ops", takes: "lower|any|title", value: "any", make: oneOf(ops, "lower", "any", "title"),
		help: "how op is to be spelt: replace, either, or Replace; 400 for the other"},
	{name: "string-booleans", help: `"True" and "False" are taken for booleans`, make: always(hooks{body: stringBooleans})},
	{name: "path-required", help: "400 for an operation without path", make: always(hooks{patch: pathRequired})},
	{name: "pathless-single", help: "400 for an operation without path that has more than one attribute", make: always(hooks{patch: pathlessSingle})},
	{name: "value-path-400", help: `400 for paths like emails[type eq "work"].value`, make: always(hooks{patch: func(p *patcher, op operation) (bool, error) {
		if p.hasValuePath(op) {
			return true, refuse("invalidPath", "value paths are not supported")
		}
		return false, nil
	}})},
	{name: "value-path-ignored", help: `paths like emails[type eq "work"].value change nothing, without a word`, make: always(hooks{patch: func(p *patcher, op operation) (bool, error) {
		return p.hasValuePath(op), nil
	}})},
	{name: "unknown-path-ignored", help: "operations on attributes of no schema change nothing, without a word", make: always(hooks{patch: unknownPathIgnored})},
	{name: "updates-only", takes: "ATTRIBUTES", value: "active", make: listOf(updatesOnly),
		help: "PATCH and PUT of a user change these attributes, and leave all others as they are without a word"},
	{name: "isolates", takes: "ATTRIBUTES", value: "active,userName", make: listOf(isolates),
		help: "400 for a PATCH of one of these together with anything else"},
	{name: "max-ops", takes: "N", value: "100", make: counted(maxOps), help: "400 for a PATCH with more operations"},
	{name: "patch-204", help: "a PATCH is answered 204 without a body", make: always(hooks{serve: patch204})},
	{name: "empty-200", help: "a PATCH or PUT is answered 200 without a body", make: always(hooks{serve: empty200})},
	{name: "inactive-locked", help: "400 for a change of an inactive user that does not activate it", make: always(hooks{accept: users(inactiveLocked)})},
	{name: "no-rename", help: "400 for another displayName of a group", make: always(hooks{accept: func(in *incoming) error {
		if !in.isUser() && in.old != nil && in.body["displayName"] != in.old["displayName"] {
			return refuse("mutability", "a group cannot be renamed")
		}
		return nil
	}})},
}

// operations are those of a PATCH as they came, or nil.
func operations(c *call, body map[string]any) []map[string]any {
	if c.Method != http.MethodPatch {
		return nil
	}
	var all []map[string]any
	for _, v := range list(body["Operations"]) {
		if m, ok := v.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

func ops(_ *Server, word string) hooks {
	return hooks{body: func(c *call, body map[string]any) error {
		for i, m := range operations(c, body) {
			op, _ := m["op"].(string)
			lower := strings.ToLower(op)
			wrong := op != lower && word == "lower" || op == lower && word == "title"
			if wrong {
				return refuse("invalidSyntax", "operation %d: op %q is not known", i+1, op)
			}
			if word != "lower" {
				m["op"] = lower
			}
		}
		return nil
	}}
}

// stringBooleans mends what the older dialect of Entra sends.
func stringBooleans(c *call, body map[string]any) error {
	mend := func(m map[string]any, name string) {
		for _, word := range []string{"true", "false"} {
			if text, ok := m[name].(string); ok && strings.EqualFold(text, word) {
				m[name] = word == "true"
			}
		}
	}
	mend(body, "active")
	for _, m := range operations(c, body) {
		if path, _ := m["path"].(string); strings.EqualFold(path, "active") || strings.HasSuffix(path, ".primary") {
			mend(m, "value")
		}
		if value, ok := m["value"].(map[string]any); ok {
			mend(value, "active")
		}
	}
	return nil
}

// hasValuePath looks at users only: members have habits of their own.
func (p *patcher) hasValuePath(op operation) bool {
	return p.kind.Name == "User" && strings.Contains(op.path, "[")
}

func pathRequired(_ *patcher, op operation) (bool, error) {
	if op.path == "" {
		return true, refuse("invalidPath", "path is required")
	}
	return false, nil
}

func pathlessSingle(_ *patcher, op operation) (bool, error) {
	if m, ok := op.value.(map[string]any); ok && op.path == "" && len(m) > 1 {
		return true, refuse("invalidPath", "omitting path is only supported for add and replace operations modifying a single attribute")
	}
	return false, nil
}

func unknownPathIgnored(p *patcher, op operation) (bool, error) {
	if op.path != "" {
		_, err := p.target(op.path)
		return err != nil, nil
	}
	values, _ := op.value.(map[string]any)
	maps.DeleteFunc(values, func(name string, _ any) bool { return p.kind.attr(name) == nil && p.kind.extension(name) == nil })
	return false, nil
}

// updatesOnly passes by the operations on other attributes, so that even a
// wrong one is no error, and takes back what a PUT changed.
func updatesOnly(attributes []string) hooks {
	updates := func(name string) bool {
		return slices.ContainsFunc(attributes, func(a string) bool { return strings.EqualFold(a, name) })
	}
	return hooks{
		patch: func(p *patcher, op operation) (bool, error) {
			if p.kind.Name != "User" {
				return false, nil
			}
			if values, ok := op.value.(map[string]any); ok && op.path == "" {
				maps.DeleteFunc(values, func(name string, _ any) bool { return !updates(name) })
				return false, nil
			}
			return !updates(op.path), nil
		},
		accept: users(func(in *incoming) error {
			if in.old == nil {
				return nil
			}
			for _, m := range []map[string]any{in.old, in.body} {
				for name := range maps.Clone(m) {
					if updates(name) {
						continue
					}
					if v, was := in.old[name]; was {
						in.body[name] = v
					} else {
						delete(in.body, name)
					}
				}
			}
			return nil
		}),
	}
}

func isolates(attributes []string) hooks {
	return hooks{body: func(c *call, body map[string]any) error {
		all := operations(c, body)
		for _, m := range all {
			path, _ := m["path"].(string)
			values, _ := m["value"].(map[string]any)
			for _, a := range attributes {
				_, within := values[a]
				within = within && path == ""
				if strings.EqualFold(path, a) && len(all) > 1 || within && len(all)+len(values) > 2 {
					return refuse("invalidValue", "%s must be the only attribute of a request", a)
				}
			}
		}
		return nil
	}}
}

func maxOps(_ *Server, n int) hooks {
	return hooks{body: func(c *call, body map[string]any) error {
		if len(operations(c, body)) > n {
			return refuse("invalidSyntax", "more than %d operations in a request", n)
		}
		return nil
	}}
}

func patch204(c *call, next handler) (*response, error) {
	a, err := next(c)
	if a != nil && c.Method == http.MethodPatch && a.status == http.StatusOK {
		a.status, a.body = http.StatusNoContent, nil
	}
	return a, err
}

func empty200(c *call, next handler) (*response, error) {
	a, err := next(c)
	if a != nil && (c.Method == http.MethodPatch || c.Method == http.MethodPut) && a.status/100 == 2 {
		a.status, a.body = http.StatusOK, nil
	}
	return a, err
}

func inactiveLocked(in *incoming) error {
	if in.old != nil && in.old["active"] == false && in.body["active"] != true {
		return refuse("invalidValue", "an inactive user cannot be changed unless it is activated in the same request")
	}
	return nil
}
