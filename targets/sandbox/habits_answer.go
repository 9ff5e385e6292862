package sandbox

import (
	"net/http"
	"strings"
)

// How answers are labelled, and what discovery says.

var answerHabits = []habit{
	{name: "content-type", takes: "TYPE", value: "text/html", help: "answers of SCIM are labelled so", make: contentType},
}

func contentType(_ *Server, value string) (hooks, error) {
	return hooks{serve: func(c *call, next handler) (*response, error) {
		a, err := next(c)
		if a != nil && a.media == "" {
			a.media = value
		}
		return a, err
	}}, nil
}

var discoveryHabits = []habit{
	{name: "discovery", takes: "404|403|html", value: "404", make: oneOf(noDiscovery, "404", "403", "html"),
		help: "ServiceProviderConfig, ResourceTypes and Schemas answer so"},
	{name: "config-plural", help: "the configuration is at /ServiceProviderConfigs, and nothing at /ServiceProviderConfig", make: always(hooks{serve: configPlural})},
	{name: "config-liar", help: "the configuration says that PATCH and filters are not supported, though they work",
		make: always(hooks{config: func(m map[string]any) {
			m["patch"] = map[string]any{"supported": false}
			m["filter"] = map[string]any{"supported": false, "maxResults": 0}
		}})},
	{name: "config-extra", help: "the configuration has xmlDataFormat besides",
		make: always(hooks{config: func(m map[string]any) { m["xmlDataFormat"] = map[string]any{"supported": false} }})},
	{name: "bulk", takes: "OPERATIONS,BYTES", value: "100,1048576", make: newBulk,
		help: "POST /Bulk takes so many operations and bytes (RFC 7644 section 3.7)"},
	{name: "bulk-lost", takes: "N", value: "1", make: counted(bulkLost),
		help: "the connection of the N-th Bulk request is cut when half of it is applied"},
}

func noDiscovery(_ *Server, word string) hooks {
	return hooks{serve: func(c *call, next handler) (*response, error) {
		switch endpoint, _ := c.parts(); endpoint {
		case "/ServiceProviderConfig", "/ResourceTypes", "/Schemas":
		default:
			return next(c)
		}
		switch word {
		case "403":
			return nil, answerError(http.StatusForbidden, "there is no discovery for you")
		case "html":
			return htmlPage(http.StatusOK, "Welcome"), nil
		}
		return nil, answerError(http.StatusNotFound, "there is nothing here")
	}}
}

func configPlural(c *call, next handler) (*response, error) {
	const plural = "/ServiceProviderConfigs"
	switch {
	case c.path == plural:
		inner := *c
		inner.path = strings.TrimSuffix(plural, "s")
		return next(&inner)
	case strings.HasPrefix(plural, c.path) && len(c.path) == len(plural)-1:
		return nil, answerError(http.StatusNotFound, "there is nothing here")
	}
	return next(c)
}
