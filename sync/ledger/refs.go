package ledger

import (
	"crypto/sha256"
	"slices"

	"scimsync/sync/pack"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

// Reference stands for whom somebody refers to, by what it says of them: 128 bits of SHA-256,
// for two that shared one would give the one's manager to the other's people.
type Reference [16]byte

// ByDN is the name, among the attributes by which people go, of where they stand in a
// directory.
const ByDN = ""

// RefersTo is a reference to a person who is known.
func RefersTo(key record.Key) Reference {
	return reference(append([]byte{1, byte(key.Kind)}, key.ID...))
}

// RefersBy is a reference to whoever has a value of an attribute; upper and lower case are the
// same. An error tells that a text is no distinguished name, so that nobody can be meant.
func RefersBy(attr, value string) (Reference, error) {
	if attr != ByDN {
		return reference(pack.Texts([]byte{2}, []string{attr, resource.Fold(value)})), nil
	}
	dn, err := record.CanonDN(value)
	return reference(append([]byte{3}, dn...)), err
}

func reference(b []byte) Reference {
	sum := sha256.Sum256(b)
	return Reference(sum[:16])
}

// Answers gives the references that mean a person, by these attributes; none while absent.
func (r *Row) Answers(by []string) []Reference {
	if r.Absent > 0 || r.Key.Kind != record.User {
		return nil
	}
	var all []Reference
	for _, name := range by {
		if name == ByDN {
			if ref, err := RefersBy(ByDN, r.DN); err == nil && r.DN != "" {
				all = append(all, ref)
			}
			continue
		}
		for i := range r.Attrs {
			if r.Attrs[i].Name != name {
				continue
			}
			for _, v := range r.Attrs[i].Values {
				if ref, err := RefersBy(name, v); err == nil && v != "" {
					all = append(all, ref)
				}
			}
		}
	}
	return all
}

// Waiting is somebody who refers to people of whom it is not known who they are, or who have
// no account.
type Waiting struct {
	Key record.Key
	For []Reference // none: they wait no more
}

// Unlink takes the references to accounts that are not there any more out of what is known of
// an account, and tells whether there were any.
func (e *Entry) Unlink(gone func(record.Key) bool) bool {
	lost := map[string]any{}
	for _, a := range e.Resource.Attrs {
		if ref, is := a.Value.(resource.Ref); is && gone(ref.Key) {
			lost[a.Path] = nil
		}
	}
	if len(lost) == 0 {
		return false
	}
	e.Resource = e.Resource.With(lost)
	return true
}

// Refs gives the keys of those to whose accounts an account refers.
func (e *Entry) Refs() (keys []record.Key) {
	for _, a := range e.Resource.Attrs {
		keys = append(keys, resource.Refs(a.Value)...)
	}
	return keys
}

// Identified is the entry with the ids of the accounts that it refers to, for comparing; "" for
// one that is not there.
func (e *Entry) Identified(id func(record.Key) string) *Entry {
	known := *e
	known.Resource.Attrs = slices.Clone(e.Resource.Attrs)
	for i := range known.Resource.Attrs {
		a := &known.Resource.Attrs[i]
		a.Value = resource.Replace(a.Value, func(r resource.Ref) any { return resource.Ref{Key: r.Key, ID: id(r.Key)} })
	}
	return &known
}
