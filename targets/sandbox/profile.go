package sandbox

import (
	"fmt"
	"slices"
)

// profile imitates a service provider: where its endpoints are, and its habits.
// It is no copy of what the client believes of that service: an error there is
// to show here. Each habit stands beside the fact it comes from; what is not
// documented says so.
type profile struct {
	name   string
	help   string
	base   string // path of the endpoints; empty: DefaultBasePath
	habits []string
}

// Profiles lists the service providers that can be imitated, for help.
func Profiles() []Description {
	var all []Description
	for _, p := range profileTable() {
		all = append(all, Description{p.name, p.help})
	}
	return all
}

// findProfile takes no name, rfc and sandbox for the correct one.
func findProfile(name string) (profile, error) {
	var names []string
	for _, p := range profileTable() {
		if p.name == name || name == "" && p.name == "rfc" || name == "sandbox" && p.name == "rfc" {
			if p.base == "" {
				p.base = DefaultBasePath
			}
			return p, nil
		}
		names = append(names, p.name)
	}
	return profile{}, fmt.Errorf("profile %q: there is none of that name%s", name, suggestion(name, names))
}

func profileTable() []profile {
	return slices.Concat([]profile{{name: "rfc", help: "SCIM 2.0 by the book"}}, foremost, clouds, products)
}

// foremost are the services that have to work without exception.
var foremost = []profile{
	{
		name: "ringcentral", base: "/scim/v2",
		help: "userName is the work e-mail, accounts need a free extension (--extensions), 10 writes and 50 reads a minute with a penalty, OAuth (--token-ttl)",
		habits: []string{
			// API reference: no Groups, no Bulk, no /Me. GET /health and the configuration, which has an extra
			// xmlDataFormat, need no credentials and are not throttled.
			"users-only", "health", "open=/ServiceProviderConfig", "config-extra",
			// OAuth guide: access tokens live about an hour; codes OAU-128, 129, 149 and 213.
			"oauth=1h",
			// Rate limits guide: Light 50/min, Heavy 10/min, Auth 5/min, counted in a sliding window for each user and
			// app; penalty 60 s, which every call restarts; X-Rate-Limit headers; 429 CMN-304 for a concurrent duplicate.
			// Retry-After is usually there; the harder case without it is imitated.
			"limit=Light 50/m GET,SEARCH; Heavy 10/m POST,PUT,PATCH,DELETE; Auth 5/m TOKEN; penalty 60s; retry-after none; headers x-rate-limit",
			"one-writer",
			// API reference: lower-case op; filter on userName and email; count is 100 by default.
			"ops=lower", "filter-only=userName,email", "page-max=100",
			// API reference: the attributes of the model, the enumerated types, what a POST needs. That others are dropped
			// without a word is not documented.
			"keeps=externalId,userName,active,title,name.givenName,name.familyName,emails,addresses,phoneNumbers,photos,enterprise:department",
			"types=emails work, addresses work, phoneNumbers work|mobile|other, photos photo",
			"requires=userName,name.givenName,name.familyName,emails",
			// API reference: userName must be the work e-mail; 409 for a duplicate e-mail; active is false by default.
			"login-is-mail", "unique=emails", "inactive-default",
			// API reference: 404 for a POST is documented; that it means no free unassigned extension is inferred.
			"extensions=100",
			// Examples and community: US comes back as United States; a region is refused in the words of the telephony.
			"countries", "regions-refused",
			// Examples: an extension number of type other, primary: false, empty arrays, meta.location on another host by
			// http, meta.created equal to lastModified.
			"extra-phone", "primary-false", "empty-arrays", "meta-elsewhere",
		},
	},
	{
		name: "rsa-unified-directory", // The Base URI is copied from the console; its path is not documented.
		help: "Retry-After: \"2 seconds\", filters on userName, emails and id only, 405 for a local user (--local), users only",
		habits: []string{
			// Help page: users only; required userName and a work e-mail; the attribute table and its types.
			"users-only", "requires=userName,emails[work].value",
			"keeps=externalId,userName,name.formatted,name.givenName,name.familyName,displayName,nickName,title,userType,preferredLanguage,locale,active,emails,phoneNumbers,addresses",
			"types=emails work|home|other, phoneNumbers work|home|mobile|pager|fax|other, addresses work|home|other",
			// Article on search: eq on userName, emails and id, else "Unsupported Search Filter"; meta in lists lacks location.
			"filter-only=userName,emails,id", "list-meta-bare",
			// Article on modification: lower-case op only; 200 with the whole user, which is the default.
			"ops=lower",
			// Help page: 429 with a wait like "2 seconds". The number of requests is not published: 20 a second is made up.
			"limit=all 20/s; pause 2s; retry-after quoted",
		},
	},
	{
		name: "resolution-usersync", base: "/jira/rest/usersync/scim/1", // below the context path of the product; the rest is made up
		help: "resolution User Sync in Jira, Confluence or Bitbucket: base below a context path, bearer and Basic, tolerant of what Entra and Okta send",
		habits: []string{
			// Set-up guides name Okta and Entra without any flag, so both dialects must work (inferred). Limits, paging,
			// filters and DELETE are not documented. As it stands behind the log-in and the proxy of the product, rehearse
			// with maintenance and login-page too.
			"ops=any", "string-booleans", "remove-array-works", "requires=userName",
		},
	},
}
