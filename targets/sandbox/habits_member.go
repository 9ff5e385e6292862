package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// memberHabits are about the members of groups.
var memberHabits = []habit{
	{name: "remove-array-works", help: "a remove of members with a value array removes those (as it does on services made for Entra)",
		make: always(hooks{patch: onRemoveArray(func(p *patcher, ids []string) error {
			for _, id := range ids {
				if p.members.has(id) {
					p.members.remove(id)
				}
			}
			return nil
		})})},
	{name: "remove-array-wipes", help: "a remove of members with a value array removes all members",
		make: always(hooks{patch: onRemoveArray(func(p *patcher, _ []string) error { p.members.clear(); return nil })})},
	{name: "remove-array-400", help: "400 for a remove with a value",
		make: always(hooks{patch: onRemoveArray(func(*patcher, []string) error {
			return refuse("invalidValue", "values must not be set for remove operations")
		})})},
	{name: "remove-filter-wipes", help: `a remove of members[value eq "ID"] removes all members`,
		make: always(hooks{patch: onRemoveFilter(func(p *patcher, _ operation) (bool, error) { p.members.clear(); return true, nil })})},
	{name: "remove-shifts", help: "the second and later removes of members in a request hit the member behind the one they name",
		make: always(hooks{patch: onRemoveFilter(removeShifted)})},
	{name: "remove-compound-ignored", help: "a remove of members[display eq … and value eq …] changes nothing, without a word",
		make: always(hooks{patch: onRemoveFilter(func(_ *patcher, op operation) (bool, error) { return strings.Contains(op.path, " and "), nil })})},
	{name: "replace-members-400", help: "400 for a replace of members and for a remove of all of them", make: always(hooks{patch: noReplaceMembers})},
	{name: "max-members", takes: "N", value: "100", make: counted(maxMembers), help: "400 for a request that adds or removes more members"},
	{name: "max-group", takes: "N", value: "8000", make: counted(maxGroup), help: "413 for a group with more members"},
	{name: "groups-start-empty", help: "the members of a POST are dropped without a word", make: always(hooks{accept: func(in *incoming) error {
		if !in.isUser() && in.method == http.MethodPost {
			*in.members = *newMemberEdit(nil)
		}
		return nil
	}})},
}

// onRemoveArray is a hook for remove, path members, with a value.
func onRemoveArray(do func(p *patcher, ids []string) error) func(*patcher, operation) (bool, error) {
	return func(p *patcher, op operation) (bool, error) {
		if op.op != "remove" || !op.given || !strings.EqualFold(op.path, "members") || p.kind.Name != "Group" {
			return false, nil
		}
		return true, do(p, memberIDs(op.value))
	}
}

// onRemoveFilter is a hook for remove, path members[…].
func onRemoveFilter(do func(*patcher, operation) (bool, error)) func(*patcher, operation) (bool, error) {
	return func(p *patcher, op operation) (bool, error) {
		if op.op != "remove" || !strings.HasPrefix(op.path, "members[") {
			return false, nil
		}
		return do(p, op)
	}
}

// memberIDs reads [{"value":"ID"}, …].
func memberIDs(v any) []string {
	var ids []string
	for _, e := range list(v) {
		m, _ := e.(map[string]any)
		if id, ok := m["value"].(string); ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// removeShifted takes the place of the member among those that were there
// before the request, and removes who is in that place now.
func removeShifted(p *patcher, op operation) (bool, error) {
	t, err := p.target(op.path)
	if err != nil {
		return true, err
	}
	before := p.server.store.groups.byID[p.id].memberIDs()
	var now []string
	for _, id := range before {
		if p.members.has(id) {
			now = append(now, id)
		}
	}
	want, _ := t.filter.value.(string)
	at := slices.Index(before, want)
	if at < 0 || at >= len(now) {
		return true, nil
	}
	p.members.remove(now[at])
	return true, nil
}

func noReplaceMembers(_ *patcher, op operation) (bool, error) {
	if strings.EqualFold(op.path, "members") && (op.op == "replace" || op.op == "remove" && !op.given) {
		return true, &scimError{status: http.StatusBadRequest, detail: fmt.Sprintf("ValidationException: %s of members is not supported", op.op)}
	}
	return false, nil
}

func maxMembers(_ *Server, n int) hooks {
	return hooks{body: func(c *call, body map[string]any) error {
		count := len(list(body["members"]))
		for _, m := range operations(c, body) {
			path, _ := m["path"].(string)
			value := m["value"]
			if whole, ok := value.(map[string]any); ok && path == "" {
				value = whole["members"]
			}
			switch {
			case strings.HasPrefix(path, "members["):
				count++
			case path == "" || strings.EqualFold(path, "members"):
				count += len(list(value))
			}
		}
		if count > n {
			return refuse("invalidSyntax", "Request is unparsable, syntactically incorrect, or violates schema")
		}
		return nil
	}}
}

func maxGroup(_ *Server, n int) hooks {
	return hooks{accept: func(in *incoming) error {
		if in.isUser() || len(in.members.base)-len(in.members.left)+len(in.members.joined) <= n {
			return nil
		}
		return answerError(http.StatusRequestEntityTooLarge, "a group has at most %d members", n)
	}}
}
