package sandbox

import (
	"net/http"
	"strings"
)

// discover answers the endpoints of RFC 7644 section 4. An empty id asks for
// the whole list.
func (s *Server) discover(c *call, endpoint, id string) (*response, error) {
	if values, err := c.parameters(); err != nil || values["filter"] != "" {
		return nil, answerError(http.StatusForbidden, "%s cannot be filtered", endpoint)
	}
	var all []map[string]any
	switch endpoint {
	case "ServiceProviderConfig":
		return &response{status: http.StatusOK, body: encode(s.providerConfig(c.base))}, nil
	case "ResourceTypes":
		for _, t := range s.tables() {
			all = append(all, t.kind.describe(c.base))
		}
	case "Schemas":
		for _, t := range s.tables() {
			for _, d := range append([]*schema{t.kind.Core}, t.kind.Extensions...) {
				all = append(all, d.describe(c.base))
			}
		}
	}
	if id == "" {
		return &response{status: http.StatusOK, body: encode(map[string]any{
			"schemas": []string{listURN}, "totalResults": len(all), "startIndex": 1, "itemsPerPage": len(all), "Resources": all,
		})}, nil
	}
	for _, d := range all {
		if strings.EqualFold(d["id"].(string), id) {
			return &response{status: http.StatusOK, body: encode(d)}, nil
		}
	}
	return nil, answerError(http.StatusNotFound, "%s has no %s", endpoint, id)
}

func (s *Server) providerConfig(base string) map[string]any {
	schemes := []any{}
	if s.opts.BearerToken != "" {
		schemes = append(schemes, map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "A fixed bearer token.", "primary": true,
		})
	}
	if s.opts.BasicUser != "" {
		schemes = append(schemes, map[string]any{
			"type": "httpbasic", "name": "HTTP Basic", "description": "A fixed user and password.",
		})
	}
	supported := map[string]any{"supported": true}
	missing := map[string]any{"supported": false}
	config := map[string]any{
		"schemas":               []string{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":                 supported,
		"bulk":                  map[string]any{"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
		"filter":                map[string]any{"supported": true, "maxResults": s.habits().settings.maxResults},
		"changePassword":        missing,
		"sort":                  supported,
		"etag":                  supported,
		"pagination":            map[string]any{"cursor": false, "index": true},
		"authenticationSchemes": schemes,
		"meta": map[string]any{
			"resourceType": "ServiceProviderConfig", "location": base + "/ServiceProviderConfig",
		},
	}
	s.habits().config(config)
	return config
}

func (t *resourceType) describe(base string) map[string]any {
	extensions := []any{}
	for _, e := range t.Extensions {
		extensions = append(extensions, map[string]any{"schema": e.ID, "required": false})
	}
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:ResourceType"},
		"id":      t.Name, "name": t.Name, "description": t.Describe, "endpoint": t.Endpoint,
		"schema": t.Core.ID, "schemaExtensions": extensions,
		"meta": map[string]any{"resourceType": "ResourceType", "location": base + "/ResourceTypes/" + t.Name},
	}
}

func (d *schema) describe(base string) map[string]any {
	return map[string]any{
		"schemas": []string{"urn:ietf:params:scim:schemas:core:2.0:Schema"},
		"id":      d.ID, "name": d.Name, "description": d.Description, "attributes": d.Attributes,
		"meta": map[string]any{"resourceType": "Schema", "location": base + "/Schemas/" + d.ID},
	}
}
