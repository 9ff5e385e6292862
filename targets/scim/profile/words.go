package profile

import "reflect"

// The kinds of words that knobs may hold. The table below lists the words of each.
type (
	AuthKind         string
	DiscoveryMode    string
	Resource         string
	Normal           string
	ClearStyle       string
	By               string
	ListMode         string
	UpdateMethod     string
	PutMode          string
	OpCase           string
	PathUse          string
	Multivalue       string
	BoolForm         string
	MemberAdd        string
	MemberRemove     string
	DeactivateMethod string
	DeactivateEffect string
	DeleteEffect     string
	ReactivateMethod string
	AfterDeactivate  string
	AfterWrite       string
	Unit             string
	ResetFormat      string
	Permanent        string
	CodeVerdict      string
	BulkMode         string
	ETag             string
	Separator        string
)

// What stands at the fields says what the words mean.
const (
	AuthBearer            AuthKind = "bearer"
	AuthBasic             AuthKind = "basic"
	AuthClientCredentials AuthKind = "oauth2_client_credentials"
	AuthJWTBearer         AuthKind = "oauth2_jwt_bearer"
	AuthRefreshToken      AuthKind = "oauth2_refresh_token"

	DiscoveryTrust DiscoveryMode = "trust"
	DiscoveryProbe DiscoveryMode = "probe"
	DiscoveryOff   DiscoveryMode = "off"

	Users  Resource = "users"
	Groups Resource = "groups"

	Casefold Normal = "casefold"
	E164     Normal = "e164"
	Country  Normal = "country"
	Trim     Normal = "trim"
	Ignore   Normal = "ignore"

	ClearRemove       ClearStyle = "remove"
	ClearReplaceEmpty ClearStyle = "replace_empty"
	ClearReplaceNull  ClearStyle = "replace_null"
	ClearUnsupported  ClearStyle = "unsupported"

	ByExternalID  By = "externalId"
	ByUserName    By = "userName"
	ByEmail       By = "email"
	ByDisplayName By = "displayName" // of groups

	ListIndex  ListMode = "index"
	ListCursor ListMode = "cursor"
	ListSingle ListMode = "single"

	UpdatePatch        UpdateMethod = "patch"
	UpdatePut          UpdateMethod = "put"
	UpdatePatchThenPut UpdateMethod = "patch_then_put"

	PutMerge PutMode = "merge"
	PutFull  PutMode = "full"

	OpLower OpCase = "lower"
	OpTitle OpCase = "title"

	PathRequired PathUse = "required"
	PathOptional PathUse = "optional"
	PathPathless PathUse = "pathless"

	MultiFilter       Multivalue = "filter"
	MultiReplaceArray Multivalue = "replace_array"

	BoolJSON   BoolForm = "json"
	BoolString BoolForm = "string"

	AddArray  MemberAdd = "array"
	AddFilter MemberAdd = "filter"

	RemoveFilter     MemberRemove = "filter"
	RemoveArray      MemberRemove = "array"
	RemoveReplaceAll MemberRemove = "replace_all"
	RemovePut        MemberRemove = "put"
	RemoveNone       MemberRemove = "none"

	DeactivateActiveFalse    DeactivateMethod = "active_false"
	DeactivatePutActiveFalse DeactivateMethod = "put_active_false"
	DeactivateDelete         DeactivateMethod = "delete"
	DeactivateNone           DeactivateMethod = "none"

	EffectDisable       DeactivateEffect = "disable"
	EffectRemoveFromOrg DeactivateEffect = "remove_from_org"
	EffectDeleteObject  DeactivateEffect = "delete_object"

	DeleteDeactivates  DeleteEffect = "deactivate"
	DeleteReleases     DeleteEffect = "release"
	DeleteIrreversible DeleteEffect = "irreversible"
	DeleteUnsupported  DeleteEffect = "unsupported"

	ReactivateActiveTrue ReactivateMethod = "active_true"
	ReactivateRepost     ReactivateMethod = "repost"

	ReadbackCompare AfterDeactivate = "compare"
	ReadbackIgnore  AfterDeactivate = "ignore"

	VerifyNever  AfterWrite = "never"
	VerifyCanary AfterWrite = "canary"
	VerifyAlways AfterWrite = "always"

	UnitRequests Unit = "requests"
	UnitMembers  Unit = "members"

	ResetDelta    ResetFormat = "delta"
	ResetEpoch    ResetFormat = "epoch"
	ResetHTTPDate ResetFormat = "http_date"

	PermanentObject Permanent = "object"
	PermanentForm   Permanent = "form"

	CodeAgain CodeVerdict = "again"
	CodePark  CodeVerdict = "park"
	CodeStop  CodeVerdict = "stop"

	BulkOff  BulkMode = "off"
	BulkAuto BulkMode = "auto"

	ETagOff     ETag = "off"
	ETagIfMatch ETag = "if_match"

	SeparatorColon Separator = ":"
	SeparatorDot   Separator = "."
)

// words lists what the knobs of each type may hold, in the order of messages.
var words = vocabulary(
	of(AuthBearer, AuthBasic, AuthClientCredentials, AuthJWTBearer, AuthRefreshToken),
	of(DiscoveryTrust, DiscoveryProbe, DiscoveryOff),
	of(Users, Groups),
	of(Casefold, E164, Country, Trim, Ignore),
	of(ClearRemove, ClearReplaceEmpty, ClearReplaceNull, ClearUnsupported),
	of(ByExternalID, ByUserName, ByEmail, ByDisplayName),
	of(ListIndex, ListCursor, ListSingle),
	of(UpdatePatch, UpdatePut, UpdatePatchThenPut),
	of(PutMerge, PutFull),
	of(OpLower, OpTitle),
	of(PathRequired, PathOptional, PathPathless),
	of(MultiFilter, MultiReplaceArray),
	of(BoolJSON, BoolString),
	of(AddArray, AddFilter),
	of(RemoveFilter, RemoveArray, RemoveReplaceAll, RemovePut, RemoveNone),
	of(DeactivateActiveFalse, DeactivatePutActiveFalse, DeactivateDelete, DeactivateNone),
	of(EffectDisable, EffectRemoveFromOrg, EffectDeleteObject),
	of(DeleteDeactivates, DeleteReleases, DeleteIrreversible, DeleteUnsupported),
	of(ReactivateActiveTrue, ReactivateRepost),
	of(ReadbackCompare, ReadbackIgnore),
	of(VerifyNever, VerifyCanary, VerifyAlways),
	of(UnitRequests, UnitMembers),
	of(ResetDelta, ResetEpoch, ResetHTTPDate),
	of(PermanentObject, PermanentForm),
	of(CodeAgain, CodePark, CodeStop),
	of(BulkOff, BulkAuto),
	of(ETagOff, ETagIfMatch),
	of(SeparatorColon, SeparatorDot),
	of(Documented, Observed, Reported, Inferred, Unchecked),
)

// term is a type with its words.
type term struct {
	of    reflect.Type
	words []string
}

func of[T ~string](list ...T) term {
	t := term{of: reflect.TypeFor[T]()}
	for _, word := range list {
		t.words = append(t.words, string(word))
	}
	return t
}

func vocabulary(terms ...term) map[reflect.Type][]string {
	all := map[reflect.Type][]string{}
	for _, t := range terms {
		all[t.of] = t.words
	}
	return all
}
