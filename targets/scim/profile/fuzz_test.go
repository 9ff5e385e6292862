package profile

import (
	"errors"
	"testing"

	"scimsync/internal/strictyaml"
)

// Whatever a file or the options of a target hold: it is a profile that can be shown, or problems with their places.
func FuzzProfile(f *testing.F) {
	for _, name := range Names() {
		text, err := builtin.ReadFile("builtin/" + name + ".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("extends: rfc\nattrs: {max_len: {userName: null}}\nrate: {buckets: [{}]}\nheaders: &a {x: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parse("fuzz.yaml", "fuzz.yaml", []byte(text), nil)
		check := func(p *Profile, err error) {
			var problems strictyaml.Problems
			switch {
			case err == nil:
				for _, k := range p.Knobs() {
					Inline(k.Value)
				}
			case !errors.As(err, &problems):
				t.Errorf("no problems with places: %v", err)
			default:
				for _, problem := range problems {
					if problem.Line < 1 || problem.Column < 1 || problem.File == "" || problem.Message == "" {
						t.Errorf("a problem without a place: %+v", problem)
					}
				}
			}
		}
		check(p, err)
		if len(text) > 0 {
			check(Load("slack", []byte(text)))
		}
	})
}
