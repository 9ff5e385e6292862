package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"scimsync/internal/strictyaml"
	"scimsync/targets/scim"
	"scimsync/targets/scim/profile"
)

// Report is what a probe saw.
type Report struct {
	At       time.Time `json:"at"`
	Profile  string    `json:"profile"` // the chosen one
	Login    string    `json:"login"`
	Anchor   string    `json:"external_id"`
	IDs      []string  `json:"ids"` // of the accounts that were made
	Left     []Left    `json:"left"`
	Requests int       `json:"requests"`
	Findings []Finding `json:"findings"`
	Dared    []Dared   `json:"not_tried"`
	Ended    string    `json:"ended,omitempty"` // why it ended early

	chosen *profile.Profile
}

// Left is an account that is still there.
type Left struct {
	ID    string `json:"id"`
	State string `json:"state"` // inactive, or unknown
}

// Finding is one thing that was seen, and the knobs that say it.
type Finding struct {
	Experiment string    `json:"experiment"`
	Says       string    `json:"says"`
	Knobs      []Setting `json:"knobs,omitempty"`
}

// Setting is a value of a knob.
type Setting struct {
	Knob    string `json:"knob"`
	Value   any    `json:"value"`
	Differs bool   `json:"differs"`           // from the chosen profile
	Chosen  any    `json:"chosen,omitempty"`  // what that says, if it differs
	Refused string `json:"refused,omitempty"` // why it cannot be laid over the chosen profile
}

// Dared is something that was not tried.
type Dared struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

func set(knob string, value any) Setting {
	if d, ok := value.(time.Duration); ok {
		value = strictyaml.FormatDuration(d)
	}
	return Setting{Knob: knob, Value: value}
}

// found notes something that was seen. A knob that an experiment before this one set gets the new value.
func (p *prober) found(says string, knobs ...Setting) {
	for i := range knobs {
		k := &knobs[i]
		chosen := p.report.chosen.Knob(k.Knob)
		if chosen == nil {
			panic("probe: there is no knob " + k.Knob)
		}
		if k.Differs = !same(chosen.Value, k.Value); k.Differs {
			k.Chosen = chosen.Value
		}
		for f := range p.report.Findings {
			earlier := &p.report.Findings[f]
			earlier.Knobs = slices.DeleteFunc(earlier.Knobs, func(s Setting) bool { return s.Knob == k.Knob })
		}
	}
	p.report.Findings = append(p.report.Findings, Finding{Experiment: p.trying, Says: says, Knobs: knobs})
}

// once is found for what would be seen again and again.
func (p *prober) once(says string) {
	if !p.told[says] {
		p.told[says] = true
		p.found(says)
	}
}

func (p *prober) dared(what, why string) {
	p.report.Dared = append(p.report.Dared, Dared{what, why})
}

func same(a, b any) bool { return bytes.Equal(encode(a), encode(b)) }

// says tells whether a list that was found has a value.
func (r *Report) says(knob string, by profile.By) bool {
	for _, f := range r.Findings {
		for _, k := range f.Knobs {
			if list, ok := k.Value.([]profile.By); ok && k.Knob == knob {
				return slices.Contains(list, by)
			}
		}
	}
	return false
}

// hear notes headers that tell of limits.
func (p *prober) hear(a *scim.Answer) {
	for name := range a.Header {
		lower := strings.ToLower(name)
		switch {
		case strings.HasPrefix(lower, "x-rate-limit-remaining"):
			if !p.told[lower] {
				p.told[lower] = true
				p.rateHeaders(a.Header)
			}
		case strings.HasPrefix(lower, "ratelimit"), strings.HasPrefix(lower, "x-ratelimit"):
			p.once("answers tell of a limit: " + http.CanonicalHeaderKey(name))
		}
	}
}

func (p *prober) rateHeaders(h http.Header) {
	var knobs []Setting
	for _, part := range []string{"Limit", "Remaining", "Window"} {
		if name := "X-Rate-Limit-" + part; h.Get(name) != "" {
			knobs = append(knobs, set("rate.headers."+strings.ToLower(part), name))
		}
	}
	p.found("answers tell of a limit of their own", knobs...)
}

func join[T ~string](list []T) string {
	var words []string
	for _, v := range list {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}

// settle leaves out what cannot be laid over the chosen profile, and notes why.
func (r *Report) settle(base string) error {
	if _, err := profile.Load(base, nil); err != nil {
		return fmt.Errorf("read the profile that is extended: %w", err)
	}
	var all []Setting
	for f := range r.Findings {
		knobs := r.Findings[f].Knobs
		with := slices.Concat(all, knobs)
		if _, err := profile.Load(base, tree(with, nil)); err != nil {
			for k := range knobs {
				knobs[k].Refused = strings.Join(strings.Fields(err.Error()), " ")
			}
			continue
		}
		all = with
	}
	return nil
}

// YAML writes the report as a profile that extends base: a file that can be used as it is.
func (r *Report) YAML(base, target string) ([]byte, error) {
	if err := r.settle(base); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	date := r.At.UTC().Format("2006-01-02")
	fmt.Fprintf(&b, "# What scimsync probe saw at target %s on %s, with %d requests.\n", line(target), date, r.Requests)
	if r.Ended != "" {
		fmt.Fprintf(&b, "# It is not whole: %s\n", line(r.Ended))
	}
	fmt.Fprintf(&b, "extends: %s\nservice: %s\n", quoted(base), quoted(target+", as probed "+date))
	notes := map[string][]string{}
	var all []Setting
	for _, f := range r.Findings {
		for _, k := range f.Knobs {
			if k.Refused != "" {
				continue
			}
			all = append(all, k)
			note := f.Says
			if k.Differs {
				note += "; differs: the profile says " + profile.Inline(k.Chosen)
			}
			notes[k.Knob] = append(notes[k.Knob], line(note))
		}
	}
	b.WriteString("\n")
	b.Write(tree(all, notes))
	r.seen(&b)
	r.facts(&b, date, target)
	return b.Bytes(), nil
}

// seen writes as comments what no knob says, what does not fit, and what was not tried.
func (r *Report) seen(b *bytes.Buffer) {
	b.WriteString("\n# Seen besides:\n")
	for _, f := range r.Findings {
		if len(f.Knobs) == 0 {
			fmt.Fprintf(b, "# - %s: %s\n", f.Experiment, line(f.Says))
		}
		for _, k := range f.Knobs {
			if k.Refused != "" {
				fmt.Fprintf(b, "# - %s: %s. That is %s: %s, which cannot stand here: %s\n", f.Experiment, line(f.Says), k.Knob, profile.Inline(plain(k.Value)), line(k.Refused))
			}
		}
	}
	b.WriteString("# Not tried:\n")
	for _, d := range r.Dared {
		fmt.Fprintf(b, "# - %s: %s\n", d.What, line(d.Why))
	}
}

func (r *Report) facts(b *bytes.Buffer, date, target string) {
	header := "\nfacts:\n"
	for _, f := range r.Findings {
		var knobs []string
		for _, k := range f.Knobs {
			if k.Refused == "" {
				knobs = append(knobs, k.Knob)
			}
		}
		if len(knobs) > 0 {
			fmt.Fprintf(b, "%s  - {knobs: [%s], confidence: %s, source: %s}\n", header, strings.Join(knobs, ", "), profile.Observed,
				quoted("probe of "+target+" on "+date+", "+f.Experiment+": "+line(f.Says)))
			header = ""
		}
	}
}

// line is a text on one line.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

func quoted(s string) string { return string(encode(line(s))) }

// plain is a value as JSON holds it.
func plain(v any) any {
	var out any
	if err := json.Unmarshal(encode(v), &out); err != nil {
		return fmt.Sprint(v)
	}
	return out
}

// tree writes settings as YAML: sections as they are nested, values on one line (JSON is YAML), notes above them.
func tree(settings []Setting, notes map[string][]string) []byte {
	var b bytes.Buffer
	branch(&b, "", "", settings, notes)
	return b.Bytes()
}

func branch(b *bytes.Buffer, under, indent string, settings []Setting, notes map[string][]string) {
	for i, s := range settings {
		name, _, deeper := strings.Cut(strings.TrimPrefix(s.Knob, under), ".")
		if slices.ContainsFunc(settings[:i], func(e Setting) bool { return strings.HasPrefix(e.Knob+".", under+name+".") }) {
			continue // it stands there already
		}
		if !deeper {
			for _, note := range notes[s.Knob] {
				fmt.Fprintf(b, "%s# %s\n", indent, note)
			}
			fmt.Fprintf(b, "%s%s: %s\n", indent, name, encode(s.Value))
			continue
		}
		fmt.Fprintf(b, "%s%s:\n", indent, name)
		var inner []Setting
		for _, e := range settings {
			if strings.HasPrefix(e.Knob, under+name+".") {
				inner = append(inner, e)
			}
		}
		branch(b, under+name+".", indent+"  ", inner, notes)
	}
}
