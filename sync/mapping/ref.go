package mapping

import (
	"encoding/json"
	"slices"

	"github.com/expr-lang/expr/ast"

	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Reference is what ref(…) gives: whom a value of one record means among the others of its
// source. Who that is, is not for an expression to find out: see Resolver.
type Reference struct {
	// By is the attribute by which the person goes; empty: they go by their key, or by where
	// they stand in the directory.
	By    string
	Value string
}

// MarshalJSON writes an object for the reader: who is meant is not known here.
func (r Reference) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Ref string `json:"ref"`
		By  string `json:"by,omitempty"`
	}{r.Value, r.By})
}

// Resolver finds whom a reference means. It tells whether it is known.
type Resolver func(Reference) (record.Key, bool)

// Open is a reference of which it is not known whom it means. Its path is not managed for the
// person that has it, so that it stays as it is at the target.
type Open struct {
	Path string
	Reference
}

// reference makes what ref(…) gives.
func reference(args []any) (any, error) {
	value, isText := args[0].(string)
	switch {
	case args[0] == nil || value == "" && isText:
		return nil, nil
	case !isText:
		return nil, say("ref(…) needs a text, not %s", kind(args[0]))
	case len(args) == 1:
		return Reference{Value: value}, nil
	}
	by, _ := args[1].(string) // reader.reference has seen to it
	return Reference{by, value}, nil
}

// reference notes by which attribute a reference goes, which the source has to give.
func (r *reader) reference(n *ast.CallNode) {
	switch len(n.Arguments) {
	case 1:
		r.refs = append(r.refs, "")
		return
	case 2:
		text, isText := n.Arguments[1].(*ast.StringNode)
		if !isText {
			break
		}
		name, t := r.names.spelled(text.Value)
		if t != nil {
			r.trouble = append(r.trouble, *t)
			return
		}
		r.names.slot(name)
		r.refs = append(r.refs, name)
		text.Value = name
		return
	}
	r.fail(`ref(…) takes a value, and the attribute that has it if that is not the key or the DN, as in ref(manager_mail, "email")`)
}

// noRefs refuses references where no value of a person is made.
func (c *compiler) noRefs(out *code) bool {
	if out == nil || len(out.refs) == 0 {
		return false
	}
	c.problem(out.place, out.what, "is no reference to an account", "ref(…) stands where the id of another account is due, as at "+managerPath)
	return true
}

const managerPath = resource.EnterpriseURN + ":manager"

// refers checks a line against the kind of value that its path takes.
func (c *compiler) refers(l Line, out *line) {
	refs := out.code != nil && len(out.code.refs) > 0
	switch {
	case refs && !out.leaf.Refers:
		c.noRefs(out.code)
	case refs && l.When != resource.Always:
		c.problem(l.Place, out.path, "refers to an account and is always kept up to date", "drop its `when`")
	case !refs && out.code != nil && out.leaf.Refers && resource.Split(l.Path).Sub == "":
		c.problem(l.Place, l.Path, "refers to another account", "write ref(…), as in ref(manager_id); ids of accounts at the service are mapped to "+out.path)
	}
}

// References lists the attributes by which the program refers to people, sorted; one that is
// empty stands for keys and names of entries. Nil: it has no references.
func (p *Program) References() []string {
	var all []string
	for _, c := range p.codes() {
		all = append(all, c.refs...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// resolve gives the value of a line that refers to somebody; nil: it is not known to whom.
func (m *Mapper) resolve(l *line, ref Reference) any {
	if m.Resolve != nil {
		if key, known := m.Resolve(ref); known {
			return resource.Ref{Key: key}
		}
	}
	m.open = append(m.open, Open{l.path, ref})
	return nil
}

// managedBut gives the managed paths without those of open references.
func (m *Mapper) managedBut(open []Open) []string {
	if len(open) == 0 {
		return m.p.managed
	}
	return slices.DeleteFunc(slices.Clone(m.p.managed), func(path string) bool {
		return slices.ContainsFunc(open, func(o Open) bool { return o.Path == path })
	})
}
