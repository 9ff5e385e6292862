package sandbox

// clouds are large services.
var clouds = []profile{
	{
		name: "aws-identity-center", base: "/0123456789a-bcdef/scim/v2", // https://scim.REGION.amazonaws.com/TENANT/scim/v2
		help: "searches end after 50, one e-mail which is primary, at most 100 members a request, no PUT of groups",
		habits: []string{
			// Developer guide: CreateUser needs these; one value each; what is not supported.
			"requires=userName,name.givenName,name.familyName,displayName", "primary-mail",
			"max-values=emails 1, addresses 1, phoneNumbers 1, roles 1", "refuses=ims,photos,x509Certificates,entitlements,emails.display",
			// authentik issue: a colon in externalId gave the generic 400.
			"forbids=externalId :",
			// Developer guide: eq, and only and; ListUsers returns 50 and cannot page further (community).
			"filter-only=id,externalId,userName,displayName,emails.value,members,members.value,and", "first-page-only=50",
			// Developer guide: no several operations on userName or active; a path unless one attribute is changed; at most
			// 100 changes of members; no replace and no removal of all members; no PUT of groups. ssosync and authentik
			// remove by value array.
			"isolates=userName,active", "pathless-single", "max-members=100", "replace-members-400", "remove-array-works",
			"method-off=PUT /Groups 405", "members-hidden",
			// Issues: errors have schema and schemas; PATCH without User-Agent is blocked.
			"error-schema", "user-agent",
		},
	},
	{
		name: "github-emu", base: "/scim/v2/enterprises/example",
		help: "no value paths, deactivation obfuscates login and e-mail, 1,000 new users an hour, User-Agent required",
		habits: []string{
			// REST guide: value filters in paths are not supported; User-Agent; active: false obfuscates; 1,000 users an hour.
			// The limit on members added is not imitated.
			"value-path-400", "user-agent", "active-obfuscates", "hides-inactive", "limit=users 1000/h POST /Users",
			"filter-only=id,userName,externalId,displayName",
		},
	},
	{
		name: "github-org", base: "/scim/v2/organizations/example",
		help: "users only, no value paths, deactivation deletes",
		habits: []string{
			// REST reference: active: false removes the member and the SCIM id.
			"users-only", "value-path-400", "user-agent", "active-deletes", "filter-only=id,userName,externalId,emails",
		},
	},
	{
		name: "gitlab", base: "/api/scim/v2/application",
		help: "the id is the externalId and changes with it, only active and externalId can be changed, PATCH answers 204",
		habits: []string{
			// Internal API: the id in URLs is the external UID; what can be updated; 204; Replace and Add and "false";
			// a key name.formatted; what a POST needs.
			"users-only", "id-is-external", "updates-only=active,externalId", "patch-204", "ops=any", "string-booleans", "name-flat",
			"requires=externalId,userName,emails,name", "filter-only=id,externalId",
		},
	},
	{
		name: "atlassian", base: "/scim/directory/0123456789abcdef",
		help: "one eq in filters, groups cannot be renamed",
		habits: []string{
			// API description: single eq; no sort; group rename is not supported (which status that gives is not documented).
			"filter-only=userName,externalId,displayName", "no-rename",
		},
	},
	{
		name: "slack", base: "/scim/v2",
		help: "SCIM 2.0 of Slack: short lower-case logins, no @ in display names, limits with bursts",
		habits: []string{
			// Docs: 21 characters, lower case; no @ in displayName; userName and email match; limits for the whole org.
			"max-length=userName 21", "forbids=displayName @", "lowers=userName", "content-type=application/json",
			"filter-only=id,userName,email,externalId,displayName",
			"limit=writes 600/m burst 180 POST,PUT,PATCH,DELETE; create 180/m burst 20 POST /Users; change 180/m burst 20 PUT,PATCH,DELETE /Users/*; " +
				"reads 1000/m burst 1000 GET; user 300/m burst 300 GET /Users/*",
		},
	},
	{
		name: "salesforce", base: "/services/scim/v2",
		help: "the configuration at a plural path, users cannot be deleted",
		// Help: ServiceProviderConfigs; users are deactivated, never deleted (the status is not documented).
		habits: []string{"config-plural", "method-off=DELETE /Users 405"},
	},
	{
		name: "zoom", base: "/scim2",
		help: "Accept: application/scim+json required, filters on userName only",
		// SCIM guide: set Accept; userName is the only matching attribute.
		habits: []string{"accept-required", "filter-only=userName,displayName"},
	},
	{
		name: "databricks", base: "/api/2.1/accounts/example/scim/v2",
		help: "no externalId, a duplicate is a 400 in words",
		habits: []string{
			// CLI reference: externalId is not supported (that it is dropped without a word is inferred). Terraform issues: the
			// error says "already exists in this account" (which status it has is not said). Reference: at most 200 nodes in a
			// filter, which is not imitated.
			"keeps=userName,name,displayName,active,emails,roles,entitlements", "conflict-400",
		},
	},
	{
		name: "snowflake", base: "/scim/v2",
		help: "one value each of e-mails, phone numbers and addresses, filters on userName only",
		// Reference: no multi-valued user attributes (read as: not more than one value).
		habits: []string{"max-values=emails 1, phoneNumbers 1, addresses 1", "filter-only=userName,displayName"},
	},
	{name: "datadog", base: "/api/v2/scim", help: "by the book, as far as is known"},
	{
		name: "webex", base: "/identity/scim/example/v2",
		help:   "groups show no members",
		habits: []string{"members-hidden"}, // members come from a call of their own
	},
}

// products are services and servers with one or two notorious habits.
var products = []profile{
	{
		name: "sentry", base: "/api/0/organizations/example/scim/v2",
		help: "PATCH only deactivates, which deletes; no names; groups become slugs and start empty",
		habits: []string{
			// Source: filters on these names with exact eq; count at most 100; the first operation decides; anything but
			// active: false is a 400; 204 and the member is gone; 100 operations; names are N/A; active is left out for
			// Entra organisations; group names are slugs; members of a POST are ignored.
			"filter-only=userName,displayName", "page-max=100", "max-ops=100", "deactivates-only", "active-deletes",
			"names-hidden", "no-active", "slugs", "groups-start-empty", "content-type=application/json+scim",
		},
	},
	{
		name: "bitwarden", base: "/v2/example",
		help: "errors without a body, PATCH changes active and externalId only and says 204 to everything",
		habits: []string{
			// Source: POST of active: false is a 400 without a body, a duplicate mail or externalId a 409 without one;
			// mails are lower-cased; PATCH honours active and externalId; both removal dialects work.
			"inactive-refused", "conflict-empty", "unique=emails,externalId", "lowers=emails.value", "updates-only=active,externalId",
			"patch-204", "max-length=externalId 300", "remove-array-works",
		},
	},
	{
		name: "pagerduty",
		help: "deactivation deletes, users only",
		// Docs: required userName and displayName; one role and entitlement; active: false deletes.
		habits: []string{"users-only", "requires=userName,displayName", "max-values=roles 1, entitlements 1", "active-deletes"},
	},
	{
		name: "zitadel", base: "/scim/v2/example",
		help: "users and Bulk, pages of 100, types and active are lost",
		habits: []string{
			// Docs: users and Bulk; count 100; filters of 1,000 characters; PATCH 204; type of mail and phone is lost; no
			// active in a create's answer; E.164; a bare counter for version. The limits of Bulk are made up.
			"users-only", "bulk=100,1048576", "page-max=100", "filter-max=1000", "patch-204", "no-types", "no-active", "phones-e164", "version-bare",
		},
	},
	{name: "canva", help: "users cannot be deleted", habits: []string{"method-off=DELETE /Users 501"}}, // there is no DELETE; its status is inferred
	{
		name: "figma", base: "/scim/v2/example",
		help: "groups say external_id",
		// Docs: lengths; external_id. active: false removes from the organisation, and the record stays.
		habits: []string{"max-length=displayName 100, userName 100, externalId 255", "external-id-snake"},
	},
	{
		name: "miro", base: "/api/v1/scim",
		help: "limits by method and size of a body for 30 seconds, at most 8,000 members and 800,000 bytes",
		habits: []string{
			// Docs: the table of limits; 413 above both.
			"limit=users 200/30s GET,POST /Users; user-read 200/30s GET /Users/*; user-change 100/30s PUT,PATCH /Users/*; user-delete 20/30s DELETE /Users/*; " +
				"groups 5/30s GET /Groups; group-read 20/30s GET /Groups/*; group-big 5/30s PATCH /Groups/* over 500; group-small 100/30s PATCH /Groups/*",
			"max-group=8000", "max-body=800000",
		},
	},
	{
		name: "asana", base: "/api/1.0/scim",
		help: "one page with everybody, filters on userName only, deactivation removes",
		// Docs: GET /Users returns the full list; userName only; PUT, PATCH and DELETE all deprovision.
		habits: []string{"count-ignored", "filter-only=userName,displayName", "active-deletes"},
	},
	{
		name: "notion", base: "/scim/v2",
		help: "filters on email and displayName only, deactivation removes",
		// Help: members are found by email or name (that the filter says email, and displayName of groups, is believed); they are removed from the
		// workspace (that the id is gone then is inferred).
		habits: []string{"filter-only=email,displayName", "active-deletes"},
	},
	{
		name: "grafana", base: "/apis/scim.grafana.app/v0alpha1/namespaces/stacks-1",
		help: "a POST adopts the account with the same e-mail, users cannot be deleted, unknown attributes are ignored",
		// Docs; which status a DELETE gives is not documented.
		habits: []string{"adopts", "method-off=DELETE /Users 405", "unknown-ignored", "unknown-path-ignored", "filter-only=userName,externalId,displayName"},
	},
	{
		name: "launchdarkly",
		help: "an inactive user cannot be changed, e-mails are unique",
		// Docs: unless reactivated in the same call; 409 for a mail; names up to 256.
		habits: []string{"inactive-locked", "unique=emails", "max-length=displayName 256"},
	},
	{
		name: "casdoor", base: "/scim",
		help: "filters and unknown paths ignored, totals lie, no active",
		habits: []string{
			// Source: filter ignored; totalResults is the length of the page; itemsPerPage echoes count; unrecognised paths
			// are ignored with 200; no active; organization is required. That a PATCH without path fails is inferred.
			"users-only", "filter-ignored", "total-is-page", "per-page-wrong", "value-path-ignored", "unknown-path-ignored", "path-required",
			"keeps=userName,externalId,name,displayName,nickName,title,userType,emails,phoneNumbers,photos,addresses,locale,preferredLanguage,enterprise",
			"requires=enterprise:organization",
		},
	},
	{
		name: "wso2", base: "/scim2",
		help: "e-mails are strings, totals lie, removals by compound filters do nothing, Bulk",
		// Issues: totals limited to the page; count=0 ignored; bare e-mails; compound removal filters. The limits of Bulk are made up.
		habits: []string{"total-is-page", "zero-count-ignored", "emails-bare", "remove-compound-ignored", "bulk=100,1048576"},
	},
}
