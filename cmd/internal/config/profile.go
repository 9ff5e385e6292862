package config

import (
	"errors"

	"scimsync/internal/strictyaml"
	"scimsync/targets/scim/profile"
)

// profileOf is a profile by name or file. What is wrong inside a file is reported with its place there.
func profileOf() kind[*profile.Profile] {
	const what = "the name of a built-in profile, or the path of a file"
	return kind[*profile.Profile]{
		schema: func(mode) schema { return schema{"type": "string", "minLength": 1} },
		fill:   func(into **profile.Profile) { *into = profile.RFC() },
		decode: func(s spot, n *strictyaml.Node, into **profile.Profile) {
			*into = nil // so that no rule takes it for the default
			if !s.wants(n, strictyaml.Text, what) {
				return
			}
			ref := n.Text
			if profile.IsFile(ref) {
				ref = absolute(s.w.dir, ref)
			}
			p, err := profile.Load(ref, nil)
			var problems Problems
			switch {
			case errors.As(err, &problems):
				s.w.problems = append(s.w.problems, problems...)
				return
			case err != nil:
				s.wrong(s.at(n), err.Error(), "")
				return
			}
			p.Name = n.Text
			*into = p
		},
		lines: func(value **profile.Profile, tell emit) {
			if *value != nil {
				tell("", (*value).Name)
			}
		},
	}
}

// profileOptions are knobs laid over the profile that stands beside them.
func profileOptions() kind[*profile.Profile] {
	return kind[*profile.Profile]{
		schema: func(mode) schema { return profile.Schema() },
		decode: func(s spot, n *strictyaml.Node, into **profile.Profile) {
			if *into == nil { // reported already
				return
			}
			p, err := (*into).With(s.at(n), n)
			var problems Problems
			if errors.As(err, &problems) {
				s.w.problems = append(s.w.problems, problems...)
				return
			}
			*into = p
			for _, knob := range p.Knobs() {
				if knob.Laid() {
					s.w.places[knob.Pos.Path] = knob.Pos
				}
			}
		},
		lines: func(value **profile.Profile, tell emit) {
			if *value == nil {
				return
			}
			for _, knob := range (*value).Knobs() {
				if knob.Laid() {
					tell("."+knob.Name, knob.Value)
				}
			}
		},
	}
}
