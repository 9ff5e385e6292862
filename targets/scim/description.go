package scim

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"scimsync/sync/resource"
)

// description is what a service says of itself (RFC 7643 sections 5 to 7, RFC 9865
// section 4), as far as it is of use. Many services describe another one than they are:
// it narrows what is done, and never widens it.
type description struct {
	Config *config `json:"config,omitempty"` // nil: it says nothing that can be read
	// Users is the resource type of users; nil: not said.
	Users *userType `json:"users,omitempty"`
	// Ungrouped tells that its resource types can be read, and groups are not among them.
	Ungrouped bool `json:"ungrouped,omitempty"`
	// Attributes of users by the URN of their schema, folded; nil: not said.
	Attributes map[string][]attribute `json:"attributes,omitempty"`
	// Silent tells by endpoint why nothing can be read there.
	Silent map[string]string `json:"silent,omitempty"`
}

// config is a ServiceProviderConfig. What is nil, or 0, is not said.
type config struct {
	Patch    *bool    `json:"patch,omitempty"`
	Filter   *bool    `json:"filter,omitempty"`
	ETag     *bool    `json:"etag,omitempty"`
	Bulk     *bool    `json:"bulk,omitempty"`
	Cursor   *bool    `json:"cursor,omitempty"`
	Index    *bool    `json:"index,omitempty"`
	Interop  *bool    `json:"interop,omitempty"`  // interopProfileConformant
	Default  string   `json:"default,omitempty"`  // defaultPaginationMethod
	Schemes  []string `json:"schemes,omitempty"`  // types of authentication
	Results  int      `json:"results,omitempty"`  // filter.maxResults
	Page     int      `json:"page,omitempty"`     // pagination.maxPageSize
	BulkOps  int      `json:"bulk_ops,omitempty"` // bulk.maxOperations
	BulkSize int      `json:"bulk_size,omitempty"`
}

// userType is the resource type of users.
type userType struct {
	Endpoint   string   `json:"endpoint"`
	Schema     string   `json:"schema"`
	Extensions []string `json:"extensions,omitempty"`
}

// attribute is one attribute of a schema (RFC 7643 section 7).
type attribute struct {
	Name       string      `json:"name"`
	Mutability string      `json:"mutability,omitempty"`
	Subs       []attribute `json:"subs,omitempty"`
}

// loose is a JSON object of a service that may not be exact about it: names in any case,
// texts for booleans and numbers.
type loose map[string]any

func (l loose) get(name string) any {
	if v, ok := l[name]; ok {
		return v
	}
	for key, v := range l {
		if strings.EqualFold(key, name) {
			return v
		}
	}
	return nil
}

func (l loose) object(name string) loose {
	o, _ := l.get(name).(map[string]any)
	return o
}

func (l loose) objects(name string) []loose {
	list, _ := l.get(name).([]any)
	return objects(list)
}

func objects(list []any) []loose {
	var all []loose
	for _, v := range list {
		if o, ok := v.(map[string]any); ok {
			all = append(all, o)
		}
	}
	return all
}

func (l loose) text(name string) string { return strings.TrimSpace(text(l.get(name))) }

func (l loose) number(name string) int {
	n, err := strconv.Atoi(l.text(name))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// flag reads a boolean; nil: there is none.
func (l loose) flag(name string) *bool {
	switch v := l.get(name).(type) {
	case bool:
		return &v
	case string:
		if b, err := strconv.ParseBool(strings.ToLower(v)); err == nil {
			return &b
		}
	}
	return nil
}

// supported reads a feature: {"supported": true}, or the boolean itself.
func (l loose) supported(name string) *bool {
	if b := l.flag(name); b != nil {
		return b
	}
	return l.object(name).flag("supported")
}

// parseObject reads a JSON object.
func parseObject(body []byte) (loose, error) {
	var o map[string]any
	if err := decode(body, &o); err != nil || o == nil {
		return nil, errors.New("it is no JSON object")
	}
	return o, nil
}

// parseConfig reads a ServiceProviderConfig.
func parseConfig(body []byte) (*config, error) {
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	if list := o.objects("Resources"); len(list) == 1 {
		o = list[0]
	}
	filter, bulk, paging := o.object("filter"), o.object("bulk"), o.object("pagination")
	c := &config{Patch: o.supported("patch"), Filter: o.supported("filter"), ETag: o.supported("etag"), Bulk: o.supported("bulk"),
		Cursor: paging.flag("cursor"), Index: paging.flag("index"), Interop: o.flag("interopProfileConformant"),
		Default: paging.text("defaultPaginationMethod"), Results: filter.number("maxResults"), Page: paging.number("maxPageSize"),
		BulkOps: bulk.number("maxOperations"), BulkSize: bulk.number("maxPayloadSize")}
	for _, scheme := range o.objects("authenticationSchemes") {
		if kind := cmp.Or(scheme.text("type"), scheme.text("name")); kind != "" {
			c.Schemes = append(c.Schemes, Clean(kind, nil))
		}
	}
	if c.Patch == nil && c.Filter == nil && c.Bulk == nil && c.ETag == nil && c.Schemes == nil {
		return nil, errors.New("it is no ServiceProviderConfig")
	}
	return c, nil
}

// parseList reads a ListResponse, or a bare array. One that does not hold all is none.
func parseList(body []byte) ([]loose, error) {
	var bare []any
	if decode(body, &bare) == nil && bare != nil {
		return objects(bare), nil
	}
	o, err := parseObject(body)
	if err != nil {
		return nil, err
	}
	list := o.objects("Resources")
	switch total := o.number("totalResults"); {
	case len(list) == 0:
		return nil, errors.New("it lists nothing")
	case total > len(list):
		return nil, fmt.Errorf("it shows %d of %d", len(list), total)
	}
	return list, nil
}

// parseTypes finds the resource type of users, and tells whether there is none of groups.
func parseTypes(body []byte) (users *userType, ungrouped bool, err error) {
	list, err := parseList(body)
	if err != nil {
		return nil, false, err
	}
	ungrouped = !slices.ContainsFunc(list, func(o loose) bool {
		return strings.EqualFold(o.text("schema"), resource.GroupURN) || strings.EqualFold(o.text("name"), "Group")
	})
	for _, o := range list {
		u := &userType{Endpoint: Clean(o.text("endpoint"), nil), Schema: o.text("schema")}
		if !strings.EqualFold(u.Schema, resource.UserURN) && !strings.EqualFold(o.text("name"), "User") {
			continue
		}
		for _, e := range o.objects("schemaExtensions") {
			u.Extensions = append(u.Extensions, e.text("schema"))
		}
		return u, ungrouped, nil
	}
	return nil, false, errors.New("it has no users")
}

// parseSchemas reads the schemas, and makes sure that they describe users as there can
// be some: with a userName that can be written.
func parseSchemas(body []byte) (map[string][]attribute, error) {
	list, err := parseList(body)
	if err != nil {
		return nil, err
	}
	schemas := map[string][]attribute{}
	for _, o := range list {
		if attrs := attributes(o.objects("attributes")); attrs != nil {
			schemas[strings.ToLower(o.text("id"))] = attrs
		}
	}
	login := find(schemas[strings.ToLower(resource.UserURN)], "userName")
	if login == nil || login.readOnly() {
		return nil, errors.New("it does not describe users")
	}
	return schemas, nil
}

func attributes(list []loose) []attribute {
	var all []attribute
	for _, o := range list {
		all = append(all, attribute{Name: o.text("name"), Mutability: o.text("mutability"), Subs: attributes(o.objects("subAttributes"))})
	}
	slices.SortFunc(all, func(a, b attribute) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func find(all []attribute, name string) *attribute {
	for i := range all {
		if strings.EqualFold(all[i].Name, name) {
			return &all[i]
		}
	}
	return nil
}

func (a *attribute) readOnly() bool  { return strings.EqualFold(a.Mutability, "readOnly") }
func (a *attribute) immutable() bool { return strings.EqualFold(a.Mutability, "immutable") }
