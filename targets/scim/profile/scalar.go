package profile

import (
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/scim2/filter-parser/v2"

	"scimsync/internal/strictyaml"
	"scimsync/sync/resource"
)

// scalar reads a text, a number or a yes, of the kind that the field's tag `is` says.
func (d *decoder) scalar(h here, n *strictyaml.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		if d.wants(h, n, strictyaml.Bool, "true or false") {
			v.SetBool(strings.EqualFold(n.Text, "true"))
		}
	case reflect.Int:
		d.number(h, n, v)
	default:
		if list := words[v.Type()]; list != nil {
			d.word(h, n, v, list)
		} else {
			d.text(h, n, v)
		}
	}
}

func (d *decoder) word(h here, n *strictyaml.Node, v reflect.Value, list []string) {
	if n.Shape != strictyaml.Bool && !d.wants(h, n, strictyaml.Text, "one of "+strictyaml.OrList(list)) {
		return
	}
	if !slices.Contains(list, n.Text) {
		d.wrong(h, n, strconv.Quote(n.Text)+" is unknown here", strictyaml.Suggest(n.Text, list))
		return
	}
	v.SetString(n.Text)
}

// number reads a whole number that is not negative.
func (d *decoder) number(h here, n *strictyaml.Node, v reflect.Value) {
	least, most, what := 0, 1_000_000_000, "a whole number of at least 0"
	switch h.tag.Get("is") {
	case "status":
		least, most, what = 100, 599, "a whole number from 100 to 599"
	case "some":
		least, what = 1, "a whole number of at least 1"
	}
	if !d.wants(h, n, strictyaml.Number, what) {
		return
	}
	number, err := strconv.Atoi(n.Text)
	if err != nil || number < least || number > most {
		d.wrong(h, n, n.Text+" is out of range", "write "+what)
		return
	}
	v.SetInt(int64(number))
}

func (d *decoder) text(h here, n *strictyaml.Node, v reflect.Value) {
	if !d.wants(h, n, strictyaml.Text, "text") {
		return
	}
	if n.Text == "" && !h.element { // unset
		v.SetString("")
		return
	}
	if n.Text == "" {
		d.wrong(h, n, "is empty", "")
		return
	}
	if message, hint := wrongText(h.tag.Get("is"), n.Text); message != "" {
		d.wrong(h, n, strconv.Quote(n.Text)+" "+message, hint)
		return
	}
	v.SetString(n.Text)
}

// headerName is a token of RFC 9110 section 5.6.2.
var headerName = regexp.MustCompile("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")

// wrongText tells what is wrong with a text of a kind, and what to do.
func wrongText(kind, text string) (message, hint string) {
	switch kind {
	case "path":
		return wrongPath(text)
	case "regex":
		if _, err := regexp.Compile(text); err != nil {
			return "is no regular expression", "RE2 syntax, as in [^a-z]"
		}
	case "code":
		if re, err := regexp.Compile(text); err != nil || re.NumSubexp() != 1 {
			return "is no regular expression with one group", `the group is the code, as in "errorCode":"([A-Z]+-\d+)"`
		}
	case "endpoint":
		if text[0] != '/' || strings.HasSuffix(text, "/") || strings.ContainsAny(text, " ?#") {
			return "is not a path below the base URL", "write it as /Users"
		}
	case "header":
		if !headerName.MatchString(text) {
			return "is not the name of a header", ""
		}
		if slices.Contains([]string{"Authorization", "Host", "Content-Length", "Content-Type", "Accept", "User-Agent"}, http.CanonicalHeaderKey(text)) {
			return "is not for headers", "it has a key of its own, or is made by the request"
		}
	case "line":
		if strings.ContainsAny(text, "\r\n\x00") {
			return "is more than one line", ""
		}
	case "urn":
		if text != "*" && !strings.HasPrefix(strings.ToLower(text), "urn:") {
			return "is not the URN of a schema", "as in " + EnterpriseURN
		}
	}
	return "", ""
}

// wrongPath tells what is wrong with a SCIM path: attributes of the core and enterprise schemas have to be spelled as there.
func wrongPath(text string) (message, hint string) {
	if _, err := filter.ParsePath([]byte(text)); err != nil {
		return "is not a SCIM path", `as in userName, name.givenName or emails[type eq "work"].value`
	}
	p, shape := resource.Split(text), resource.RFC7643()
	attr, known := shape.Find(p.URN, p.Attr)
	switch {
	case !known && p.URN != "" && !strings.EqualFold(p.URN, EnterpriseURN):
		return "", "" // an extension of the service's own
	case !known:
		var names []string
		for i := range shape.Attrs {
			if shape.Attrs[i].URN == p.URN {
				names = append(names, shape.Attrs[i].Name)
			}
		}
		return "is no attribute of RFC 7643", strictyaml.Suggest(p.Attr, names)
	case attr.Name != p.Attr:
		return "is not spelled as RFC 7643 has it", "write " + attr.Path()
	}
	sub, known := attr.Sub(p.Sub)
	switch {
	case p.Sub == "":
		return "", ""
	case !known:
		return "is no attribute of RFC 7643", "of " + attr.Path()
	case sub.Name != p.Sub:
		return "is not spelled as RFC 7643 has it", "write " + sub.Name
	}
	return "", ""
}

func (d *decoder) duration(h here, n *strictyaml.Node, into *time.Duration) {
	const what = "a duration such as 90s, 15m, 2h or 30d"
	if !d.wants(h, n, strictyaml.Text, what) {
		return
	}
	value, err := strictyaml.ParseDuration(n.Text)
	if err == nil && value < time.Second && h.tag.Get("is") == "some" {
		d.wrong(h, n, strconv.Quote(n.Text)+" is too short", "at least 1s")
		return
	}
	if err != nil {
		d.wrong(h, n, strconv.Quote(n.Text)+" "+err.Error(), "write "+what)
		return
	}
	*into = value
}

func (d *decoder) limit(h here, n *strictyaml.Node, into *Limit) {
	const what = "a rate such as 10/m or 5/30s"
	if !d.wants(h, n, strictyaml.Text, what) {
		return
	}
	value, err := parseLimit(n.Text)
	if err != nil {
		d.wrong(h, n, strconv.Quote(n.Text)+" "+err.Error(), "write "+what)
		return
	}
	*into = value
}

// match reads one pattern, or a list of them.
func (d *decoder) match(h here, n *strictyaml.Node, into *Match) {
	items := n.Items
	if n.Shape != strictyaml.List {
		items = []*strictyaml.Node{n}
	}
	*into = nil
	for _, item := range items {
		if !d.wants(h, item, strictyaml.Text, `METHODS PATH, such as "GET *"`) {
			continue
		}
		if err := checkPattern(item.Text); err != nil {
			d.wrong(h, item, strconv.Quote(item.Text)+" "+err.Error(), `write METHODS PATH, such as "GET *" or "PUT|PATCH */Users/*"`)
			continue
		}
		*into = append(*into, item.Text)
	}
}
