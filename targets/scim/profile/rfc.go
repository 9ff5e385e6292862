package profile

import "time"

// EnterpriseURN is the enterprise extension of RFC 7643 section 4.3.
const EnterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// RFC gives the profile that all others are laid over: RFC 7643 and RFC 7644, and where they leave a choice, what nearly every
// service bears.
func RFC() *Profile {
	return &Profile{
		Name:    "rfc",
		Service: "any service that keeps to RFC 7643 and RFC 7644",

		Paths: Paths{Users: "/Users", Groups: "/Groups", SPC: "/ServiceProviderConfig", Schemas: "/Schemas",
			ResourceTypes: "/ResourceTypes", Bulk: "/Bulk"},
		ContentType: "application/scim+json",
		Accept:      "application/scim+json, application/json;q=0.9",
		Timeout:     time.Minute,

		Auth:      Auth{Kind: AuthBearer, ExpiryWarning: 30 * 24 * time.Hour, ReplayAfter401: 1},
		Discovery: Discovery{Mode: DiscoveryProbe},

		Resources:  []Resource{Users, Groups},
		Extensions: []string{"*"},

		Attrs:  Attrs{ClearStyle: ClearRemove},
		Lookup: Lookup{User: []By{ByExternalID, ByUserName, ByEmail}, Group: []By{ByExternalID, ByDisplayName}, NoneStatus: []int{200}},
		List:   List{Supported: true, PageSize: 100, Mode: ListIndex, ExcludeAttributes: map[Resource][]string{Groups: {"members"}}},

		Create: Create{ConflictStatus: []int{409}, AcceptInactive: true, GroupsWithMembers: true},
		Update: Update{Method: UpdatePatch},
		Put:    Put{Mode: PutMerge},
		Patch: Patch{OpCase: OpLower, Path: PathRequired, ValueFilter: true, Multivalue: MultiFilter, Dotted: true,
			Bool: BoolJSON, ExtSep: ":"},
		Verify:  Verify{AfterWrite: VerifyNever},
		Members: Members{Add: AddArray, Remove: RemoveFilter, MaxPerRequest: 100, RequiresUsersFirst: true, InGet: true},

		Deactivate: Deactivate{Method: DeactivateActiveFalse, Effect: EffectDisable},
		Delete:     Delete{Allowed: true, Effect: DeleteIrreversible},
		Reactivate: Reactivate{Method: ReactivateActiveTrue, InSameRequestAsUpdate: true},
		Readback:   Readback{AfterDeactivate: ReadbackCompare},

		Rate: Rate{Buckets: []Bucket{{Match: Match{"*"}, Rate: Limit{N: 20, Per: time.Second}, Burst: 4, Unit: UnitRequests}},
			Concurrency: 4, Headers: RateHeaders{ResetFormat: ResetDelta}},
		Retry: Retry{Default429: 10 * time.Second, Max: 2, Statuses: []int{429, 502, 503, 504}},

		Bulk: Bulk{Mode: BulkOff},
		ETag: ETagOff,

		Facts: []Fact{
			{Knobs: []string{"paths", "content_type", "lookup.none_status", "list.mode", "create.conflict_status", "patch", "delete.effect", "members.add", "members.remove"},
				Confidence: Documented, Source: "RFC 7644"},
			{Knobs: []string{"resources", "extensions", "deactivate", "reactivate"}, Confidence: Documented, Source: "RFC 7643"},
			{Knobs: []string{"lookup", "list", "create", "update", "put", "members", "retry", "rate", "timeout", "auth", "discovery"},
				Confidence: Inferred, Source: "what Entra ID and Okta do, and so what services are tried with"},
		},
	}
}
