package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"scimsync/internal/strictyaml"
)

// ownership is the ownership of one attribute.
func ownership() kind[Ownership] { return word(OwnElements, OwnAll) }

// own is one ownership for all attributes, or one for each of some; a mapping is laid over what is there.
func own() kind[Own] {
	one := ownership()
	return kind[Own]{
		schema: func(m mode) schema {
			return schema{"anyOf": []any{
				one.schema(m),
				schema{"type": "object", "minProperties": 1, "additionalProperties": one.schema(m)},
			}}
		},
		fill: func(into *Own) { into.Default = OwnElements },
		decode: func(s spot, n *strictyaml.Node, into *Own) {
			if n.Shape == strictyaml.Text {
				*into = Own{Default: into.Default}
				one.decode(s, n, &into.Default)
				return
			}
			if !s.wants(n, strictyaml.Mapping, "elements, all, or a mapping of attributes to one of them") {
				return
			}
			lines := slices.Clone(into.Lines)
			for _, e := range n.Entries {
				at := s.in(e)
				line := OwnLine{Path: Text{Value: e.Key, Pos: at.key()}, Own: into.Default}
				one.decode(at, e.Value, &line.Own)
				i := slices.IndexFunc(lines, func(l OwnLine) bool { return strings.EqualFold(l.Path.Value, e.Key) })
				if i < 0 {
					lines = append(lines, line)
				} else {
					lines[i] = line
				}
			}
			into.Lines = lines
		},
		lines: func(value *Own, tell emit) {
			tell("", string(value.Default))
			for _, l := range value.Lines {
				tell("."+l.Path.Value, string(l.Own))
			}
		},
	}
}

var mapLineTable = table[MapLine]{fields: []field[MapLine]{
	key("value", expression(), func(l *MapLine) *Text { return &l.Expr }, "The expression that gives the value.").must(),
	keyOr("when", word(WhenAlways, WhenCreate, WhenEmpty), func(l *MapLine) *When { return &l.When }, WhenAlways,
		"create sets it in the create only, empty only while the account has no value."),
}}

// mapLines is a map, laid over the map that is there: a line replaces the one of the same path.
func mapLines() kind[[]MapLine] {
	expr, full := expression(), mapLineTable.kind()
	return kind[[]MapLine]{
		schema: func(mode) schema {
			line := maps.Clone(expr.schema(whole))
			line["type"] = append(slices.Clone(line["type"].([]any)), "null")
			return schema{"type": "object", "additionalProperties": schema{"anyOf": []any{line, full.schema(whole)}}}
		},
		decode: func(s spot, n *strictyaml.Node, into *[]MapLine) {
			if !s.wants(n, strictyaml.Mapping, "a mapping of SCIM paths to expressions") {
				return
			}
			lines := slices.Clone(*into)
			first := map[string]int{}
			for _, e := range n.Entries {
				at := s.in(e)
				at.over = "" // a line stands for itself
				folded := strings.ToLower(e.Key)
				if line, twice := first[folded]; twice {
					s.wrong(at.key(), "the same path as at line "+strconv.Itoa(line), "paths do not differ by case: keep one of them")
					continue
				}
				first[folded] = e.Line
				line := MapLine{Path: Text{Value: e.Key, Pos: at.key()}, When: WhenAlways}
				switch e.Value.Shape {
				case strictyaml.Null:
					line.Drop = true
				case strictyaml.Mapping:
					full.decode(at, e.Value, &line)
				default:
					expr.decode(at, e.Value, &line.Expr)
				}
				i := slices.IndexFunc(lines, func(l MapLine) bool { return strings.EqualFold(l.Path.Value, e.Key) })
				if i < 0 {
					lines = append(lines, line)
				} else {
					lines[i] = line
				}
			}
			*into = lines
		},
		lines: func(value *[]MapLine, tell emit) {
			for _, l := range *value {
				switch {
				case l.Drop:
					tell("."+l.Path.Value, nil)
				case l.When != WhenAlways:
					tell("."+l.Path.Value+".value", l.Expr.Value)
					tell("."+l.Path.Value+".when", string(l.When))
				default:
					tell("."+l.Path.Value, l.Expr.Value)
				}
			}
		},
	}
}

// overTable describes the lines of a job that one of its targets may change.
var overTable = table[To]{fields: []field[To]{
	key("users", usersTable.kind(), func(t *To) *Users { return &t.Users }, "Laid over the job's users."),
	key("groups", optional(groupsTable.kind()), func(t *To) **Groups { return &t.Groups }, "Laid over the job's groups; null: none at this target."),
	key("leavers", leaversTable.kind(), func(t *To) *Leavers { return &t.Leavers }, "Laid over the job's leavers."),
	key("guard", guardTable.kind(), func(t *To) *Guard { return &t.Guard }, "Laid over the job's guard."),
}}

// toField is the list of a job's targets: names, or a name with lines that are laid over the job's.
func toField() field[Job] {
	return field[Job]{
		name: "to", doc: "The targets, each a name, or a name with users, groups, leavers or guard lines laid over this job's.",
		schema: func(mode) schema {
			item := schema{"anyOf": []any{
				schema{"type": "string", "minLength": 1},
				schema{"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": overTable.schema(overlay)},
			}}
			return schema{"anyOf": []any{
				schema{"type": "string", "minLength": 1},
				schema{"type": "array", "items": item, "minItems": 1},
			}}
		},
		decode: decodeTo,
		fill:   func(*Job) {},
		lines: func(j *Job, tell emit) {
			for _, to := range j.To {
				overTable.kind().lines(&to, func(path string, v any) { tell("."+to.Target.Value+path, v) })
			}
		},
	}
}

func decodeTo(s spot, n *strictyaml.Node, j *Job) {
	items := n.Items
	if n.Shape == strictyaml.Text {
		items = []*strictyaml.Node{n}
	} else if !s.wants(n, strictyaml.List, "a list of targets") {
		return
	}
	if len(items) == 0 {
		s.wrong(s.at(n), "the list is empty", "name at least one target")
	}
	for i, item := range items {
		at := s.item(i, item)
		to := To{Users: j.Users, Groups: j.Groups, Leavers: j.Leavers, Guard: j.Guard}
		switch {
		case item.Shape == strictyaml.Text:
			to.Target = Text{Value: item.Text, Pos: at.at(item)}
		case item.Shape == strictyaml.Mapping && len(item.Entries) == 1:
			e := item.Entries[0]
			to.Target = Text{Value: e.Key, Pos: at.at(item)}
			// Known by the target's name, not by its number in the list, and looked up in the job where it says nothing.
			laid := spot{w: s.w, path: strictyaml.Join(s.path, e.Key), over: strings.TrimSuffix(s.path, ".to"), line: e.Line, column: e.Column}
			s.w.places[laid.path] = laid.key()
			overTable.decode(laid, e.Value, &to)
		case item.Shape == strictyaml.Broken:
			continue
		default:
			s.wrong(at.at(item), "wants the name of a target, or one name with the lines laid over this job's", "as in - ringcentral: {users: {…}}")
			continue
		}
		j.To = append(j.To, to)
	}
}
