package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Which attributes and values of a user are taken, and how they are rewritten.

var attributeHabits = []habit{
	{name: "requires", takes: "PATHS", value: "userName", help: "400 for a user without these", make: pathsOf(requires)},
	{name: "refuses", takes: "PATHS", value: "photos", help: "400 for a user with one of these", make: pathsOf(refuses)},
	{name: "keeps", takes: "PATHS", value: "userName,name,emails,active", help: "all other attributes of a user are dropped without a word", make: pathsOf(keeps)},
	{name: "unknown-ignored", help: "attributes of no schema in a POST or PUT are dropped without a word", make: fresh(unknownIgnored)},
	{name: "types", takes: "TYPES", value: "emails work", help: "400 for other types: \"emails work, phoneNumbers work|mobile\"", make: perPath(types)},
	{name: "max-length", takes: "LENGTHS", value: "userName 20", help: "400 for longer values: \"userName 20, externalId 300\" (characters)", make: perPath(maxLength)},
	{name: "max-values", takes: "NUMBERS", value: "emails 1", help: "400 for more values: \"emails 1, addresses 1\"", make: perPath(maxValues)},
	{name: "forbids", takes: "CHARACTERS", value: "displayName @", help: "400 for values with one of these: \"displayName @, externalId :\"", make: perPath(forbids)},
	{name: "primary-mail", help: "400 for e-mail addresses of which none is primary", make: always(hooks{accept: users(primaryMail)})},
	{name: "login-is-mail", help: "400 unless userName is the work e-mail address", make: always(hooks{accept: users(loginIsMail)})},
	{name: "lowers", takes: "PATHS", value: "userName", help: "these are stored in lower case", make: pathsOf(lowers)},
	{name: "countries", help: "country codes of addresses become names: US is United States", make: always(hooks{accept: users(countries)})},
	{name: "regions-refused", help: "400 for a region of an address that is no code of a US state; the detail names an internal field", make: always(hooks{accept: users(regions)})},
	{name: "phones-e164", help: "phone numbers are stored without blanks, dashes, dots and parentheses", make: always(hooks{accept: users(phones)})},
	{name: "slugs", help: "group names become slugs: \"Sales CH\" is sales-ch", make: always(hooks{accept: slugs})},
}

// users runs a check for users only.
func users(check func(*incoming) error) func(*incoming) error {
	return func(in *incoming) error {
		if !in.isUser() {
			return nil
		}
		return check(in)
	}
}

func requires(paths []attrPath) hooks {
	return hooks{accept: users(func(in *incoming) error {
		for _, p := range paths {
			if !p.has(in.body) {
				return refuse("invalidValue", "%v is required", p)
			}
		}
		return nil
	})}
}

func refuses(paths []attrPath) hooks {
	return hooks{accept: users(func(in *incoming) error {
		for _, p := range paths {
			if p.has(in.body) {
				return refuse("invalidValue", "%v is not supported", p)
			}
		}
		return nil
	})}
}

func keeps(paths []attrPath) hooks {
	kept := func(p attrPath) bool {
		return slices.ContainsFunc(paths, func(k attrPath) bool {
			return k.ext == p.ext && (k.attr == "" || k.attr == p.attr) && (k.sub == "" || p.sub == "" || k.sub == p.sub)
		})
	}
	return hooks{accept: users(func(in *incoming) error {
		for name, v := range maps.Clone(in.body) {
			if name == "schemas" || name == enterpriseURN {
				continue
			}
			if !kept(attrPath{attr: name}) {
				delete(in.body, name)
			}
			if m, ok := v.(map[string]any); ok {
				maps.DeleteFunc(m, func(sub string, _ any) bool { return !kept(attrPath{attr: name, sub: sub}) })
			}
		}
		ext, _ := in.body[enterpriseURN].(map[string]any)
		maps.DeleteFunc(ext, func(name string, _ any) bool { return !kept(attrPath{ext: true, attr: name}) })
		if len(ext) == 0 {
			delete(in.body, enterpriseURN)
		}
		return in.table.kind.finish(in.body)
	})}
}

func unknownIgnored(s *Server) hooks {
	return hooks{body: func(c *call, body map[string]any) error {
		if c.Method == http.MethodPatch {
			return nil
		}
		t := s.store.users.kind
		if endpoint, _ := c.parts(); endpoint == "/Groups" {
			t = s.store.groups.kind
		}
		var uris []any
		for _, v := range list(body["schemas"]) {
			if uri, ok := v.(string); ok && (strings.EqualFold(uri, t.Core.ID) || t.extension(uri) != nil) {
				uris = append(uris, v)
			}
		}
		body["schemas"] = uris
		for name, v := range maps.Clone(body) {
			ext, a := t.extension(name), t.attr(name)
			switch {
			case ext != nil:
				dropUnknown(v, ext.Attributes)
			case a == nil && name != "schemas":
				delete(body, name)
			case a != nil && a.Type == "complex":
				for _, e := range list(v) {
					dropUnknown(e, a.SubAttributes)
				}
			}
		}
		return nil
	}}
}

func dropUnknown(v any, attrs []*attribute) {
	m, _ := v.(map[string]any)
	maps.DeleteFunc(m, func(name string, _ any) bool { return find(attrs, name) == nil })
}

func types(words map[attrPath]string) (hooks, error) {
	return hooks{accept: users(func(in *incoming) error {
		for p, allowed := range words {
			for _, v := range p.elements(in.body) {
				e, _ := v.(map[string]any)
				if kind, _ := e["type"].(string); !slices.Contains(strings.Split(allowed, "|"), kind) {
					return refuse("invalidValue", "the type of %v must be one of %s, not %q", p, strings.ReplaceAll(allowed, "|", ", "), kind)
				}
			}
		}
		return nil
	})}, nil
}

// amounts reads the words of perPath as numbers.
func amounts(words map[attrPath]string) (map[attrPath]int, error) {
	all := map[attrPath]int{}
	for p, word := range words {
		n, err := strconv.Atoi(word)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%v: %q is no number", p, word)
		}
		all[p] = n
	}
	return all, nil
}

func maxLength(words map[attrPath]string) (hooks, error) {
	lengths, err := amounts(words)
	return hooks{accept: users(func(in *incoming) error {
		for p, most := range lengths {
			for _, text := range p.texts(in.body) {
				if utf8.RuneCountInString(text) > most {
					return refuse("invalidValue", "%v is longer than %d characters", p, most)
				}
			}
		}
		return nil
	})}, err
}

func maxValues(words map[attrPath]string) (hooks, error) {
	most, err := amounts(words)
	return hooks{accept: users(func(in *incoming) error {
		for p, n := range most {
			if len(p.elements(in.body)) > n {
				return refuse("invalidValue", "%v has more than %d values", p, n)
			}
		}
		return nil
	})}, err
}

func forbids(words map[attrPath]string) (hooks, error) {
	return hooks{accept: users(func(in *incoming) error {
		for p, characters := range words {
			for _, text := range p.texts(in.body) {
				if strings.ContainsAny(text, characters) {
					return refuse("invalidValue", "%v must not contain any of %s", p, characters)
				}
			}
		}
		return nil
	})}, nil
}

func primaryMail(in *incoming) error {
	mails := list(in.body["emails"])
	for _, v := range mails {
		if e, _ := v.(map[string]any); e["primary"] == true {
			return nil
		}
	}
	if len(mails) == 0 {
		return nil
	}
	return refuse("invalidValue", "one of emails must be primary")
}

func loginIsMail(in *incoming) error {
	login, _ := in.body["userName"].(string)
	for _, mail := range (attrPath{attr: "emails", kind: "work", sub: "value"}).texts(in.body) {
		if strings.EqualFold(mail, login) {
			return nil
		}
	}
	return refuse("invalidValue", "userName must be the value of the work e-mail")
}

func lowers(paths []attrPath) hooks {
	return hooks{accept: users(func(in *incoming) error {
		for _, p := range paths {
			p.rewrite(in.body, strings.ToLower)
		}
		return nil
	})}
}

// countryNames are a few of them; a rehearsal needs no more.
var countryNames = map[string]string{
	"AT": "Austria", "CA": "Canada", "CH": "Switzerland", "DE": "Germany", "ES": "Spain", "FR": "France", "GB": "United Kingdom",
	"IT": "Italy", "JP": "Japan", "NL": "Netherlands", "PL": "Poland", "SE": "Sweden", "US": "United States",
}

func countries(in *incoming) error {
	attrPath{attr: "addresses", sub: "country"}.rewrite(in.body, func(code string) string {
		if name, ok := countryNames[strings.ToUpper(code)]; ok {
			return name
		}
		return code
	})
	return nil
}

const usStates = " AL AK AZ AR CA CO CT DC DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY "

func regions(in *incoming) error {
	for _, region := range (attrPath{attr: "addresses", sub: "region"}).texts(in.body) {
		if !strings.Contains(usStates, " "+region+" ") {
			return refuse("invalidValue", "Parameter [extension.contact.businessAddress.state] value is invalid")
		}
	}
	return nil
}

func phones(in *incoming) error {
	attrPath{attr: "phoneNumbers", sub: "value"}.rewrite(in.body, strings.NewReplacer(" ", "", "-", "", ".", "", "(", "", ")", "").Replace)
	return nil
}

func slugs(in *incoming) error {
	name, ok := in.body["displayName"].(string)
	if in.isUser() || !ok {
		return nil
	}
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	in.body["displayName"] = strings.Join(words, "-")
	return nil
}
