package resource

import (
	"slices"
	"strings"
)

// Rule is what a service does to the values of an attribute: two values that only
// differ by it are the same, when an account is compared with what was sent.
type Rule string

// The rules.
const (
	FoldCase  Rule = "casefold"
	Trim      Rule = "trim"
	E164      Rule = "e164"    // a telephone number is written in another way
	Country   Rule = "country" // a country's code becomes its name, or the other way round
	IgnoreAll Rule = "ignore"  // the service makes up its own value
)

// others leaves out the elements that the service puts into a list by itself.
func (d *Definition) others(list []Element) []Element {
	if len(d.OwnTypes) == 0 {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), d.its)
}

// its tells whether an element is the service's own.
func (d *Definition) its(e Element) bool {
	typ, _ := e["type"].(string)
	return slices.ContainsFunc(d.OwnTypes, func(t string) bool { return strings.EqualFold(t, typ) })
}

// same compares two values: case counts only where the schema says so.
func (d *Definition) same(a, b any) bool {
	if d.ignored() {
		return true
	}
	if ref, is := a.(Ref); is {
		return ref.refers(b)
	}
	if ref, is := b.(Ref); is {
		return ref.refers(a)
	}
	s, isText := a.(string)
	t, alsoText := b.(string)
	if isText && alsoText {
		return d.normal(s) == d.normal(t)
	}
	return SameValue(a, b)
}

func (d *Definition) ignored() bool { return slices.Contains(d.Rules, IgnoreAll) }

// rewrites tells whether the service may give a value another form, so that it is not
// found there as it was sent.
func (d *Definition) rewrites() bool {
	return slices.ContainsFunc(d.Rules, func(r Rule) bool { return r != FoldCase })
}

// normal gives the form in which a text is compared.
func (d *Definition) normal(text string) string {
	if !d.CaseExact {
		text = fold(text)
	}
	for _, rule := range d.Rules {
		switch rule {
		case FoldCase:
			text = fold(text)
		case Trim:
			text = strings.TrimSpace(text)
		case E164:
			text = dialled(text)
		case Country:
			text = country(text)
		}
	}
	return text
}

// dialled leaves of a telephone number what is dialled. An international one begins with
// +, 00, or neither (E.164).
func dialled(text string) string {
	var b strings.Builder
	for _, r := range text {
		if '0' <= r && r <= '9' {
			b.WriteRune(r)
		}
	}
	switch {
	case b.Len() == 0:
		return text
	case strings.HasPrefix(strings.TrimSpace(text), "+"):
		return b.String()
	}
	return strings.TrimPrefix(b.String(), "00")
}
