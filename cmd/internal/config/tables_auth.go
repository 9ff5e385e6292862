package config

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"scimsync/internal/strictyaml"
)

var authTable = table[Auth]{
	fields: []field[Auth]{
		key("bearer", pointer(bearerTable.kind()), func(a *Auth) **Bearer { return &a.Bearer }, "A token."),
		key("basic", pointer(basicTable.kind()), func(a *Auth) **Basic { return &a.Basic }, "A name and a password."),
		key("oauth2", pointer(oauth2Table.kind()), func(a *Auth) **OAuth2 { return &a.OAuth2 }, "Access tokens that scimsync fetches."),
	},
	check: func(s spot, _ *Auth) {
		var ways []string
		for _, way := range []string{"bearer", "basic", "oauth2"} {
			if s.has(way) {
				ways = append(ways, way)
			}
		}
		switch {
		case len(ways) == 0:
			s.wrong(s.key(), "the key bearer, basic or oauth2 is missing", "remove auth where none is needed")
		case len(ways) > 1:
			s.wrong(s.child(ways[1]), "auth is bearer, basic or oauth2, not several", "keep one of them")
		}
	},
	refine: oneOf("bearer", "basic", "oauth2"),
}

var bearerTable = table[Bearer]{fields: []field[Bearer]{
	key("token", secret(), func(b *Bearer) *Secret { return &b.Token }, "The token.").must(),
	expires(func(b *Bearer) *time.Time { return &b.Expires }, "The day on which the token ends, to be warned in time; a JWT says it itself."),
}}

var basicTable = table[Basic]{fields: []field[Basic]{
	key("username", text("the name of a user"), func(b *Basic) *string { return &b.Username }, "The user that logs in.").must(),
	key("password", secret(), func(b *Basic) *Secret { return &b.Password }, "The password of the user.").must(),
}}

var oauth2Table = table[OAuth2]{
	fields: []field[OAuth2]{
		keyOr("grant", word(GrantClientCredentials, GrantJWTBearer), func(o *OAuth2) *Grant { return &o.Grant }, GrantClientCredentials,
			"What a token is asked for with: the client itself, or a JWT (RFC 7523)."),
		key("token_url", endpoint(), func(o *OAuth2) *string { return &o.TokenURL }, "Where tokens are; https, or http on loopback.").must(),
		key("client_id", text("the id of a client"), func(o *OAuth2) *string { return &o.ClientID }, "What the service calls this client."),
		key("client_secret", secret(), func(o *OAuth2) *Secret { return &o.ClientSecret }, "The client's secret."),
		key("method", given(word(ClientBasic, ClientPost, ClientPrivateKeyJWT, ClientTLS)), func(o *OAuth2) *ClientMethod { return &o.Method },
			"How the client says who it is. Default: basic with client_secret, else private_key_jwt with key; with grant jwt_bearer and no client_secret not at all."),
		key("key", secret(), func(o *OAuth2) *Secret { return &o.Key }, "The private key that JWTs are signed with, PEM: RSA, P-256 or Ed25519."),
		key("key_id", text("the id of a key"), func(o *OAuth2) *string { return &o.KeyID }, "What the service calls the key (kid)."),
		key("alg", given(word("ES256", "RS256", "PS256", "EdDSA")), func(o *OAuth2) *string { return &o.Alg }, "How JWTs are signed. Default: as the key is; RS256 for RSA."),
		key("jwt", secret(), func(o *OAuth2) *Secret { return &o.JWT }, "The JWT of grant jwt_bearer, as the service gave it; with key one is made."),
		key("claims", claimsTable.kind(), func(o *OAuth2) *Claims { return &o.Claims }, "What a JWT made with key says."),
		key("scope", list(text("a scope"), alone), func(o *OAuth2) *[]string { return &o.Scope }, "The scopes to ask for."),
		key("audience", text("an audience"), func(o *OAuth2) *string { return &o.Audience }, "The parameter audience of the request, for services that want it."),
		key("resource", text("a URI"), func(o *OAuth2) *string { return &o.Resource }, "The parameter resource of the request (RFC 8707)."),
		key("params", params(), func(o *OAuth2) *[]Param { return &o.Params }, "Further parameters of the request, for services that want their own."),
		expires(func(o *OAuth2) *time.Time { return &o.Expires }, "The day on which client_secret or key end, to be warned in time; a jwt says it itself."),
	},
	check: checkOAuth2,
}

var claimsTable = table[Claims]{fields: []field[Claims]{
	key("iss", text("an issuer"), func(c *Claims) *string { return &c.Issuer }, "Who says it. Default: client_id."),
	key("sub", text("a subject"), func(c *Claims) *string { return &c.Subject }, "In whose name. Default: client_id."),
	key("aud", text("an audience"), func(c *Claims) *string { return &c.Audience }, "To whom. Default: token_url."),
}}

// checkOAuth2 looks at the keys of oauth2 together, and settles the method.
func checkOAuth2(s spot, o *OAuth2) {
	if u, err := url.Parse(o.TokenURL); err == nil && u.Scheme == "http" && !isLoopback(u.Hostname()) {
		s.wrong(s.child("token_url"), "http:// would send credentials in clear", "write https://; http:// is for loopback")
	}
	if o.Grant == "" || s.has("method") && o.Method == "" {
		return // an unknown word, which is reported already
	}
	jwtBearer := o.Grant == GrantJWTBearer
	if !s.has("method") {
		switch {
		case s.has("client_secret"):
			o.Method = ClientBasic
		case jwtBearer:
		case s.has("key"):
			o.Method = ClientPrivateKeyJWT
		default:
			s.wrong(s.key(), "the key client_secret or key is missing", "or write method: tls")
		}
	}
	if !s.has("client_id") && (o.Method != "" || !s.has("jwt")) {
		s.wrong(s.key(), "the key client_id is missing", "What the service calls this client.")
	}
	secret, signs := o.Method == ClientBasic || o.Method == ClientPost, o.Method == ClientPrivateKeyJWT
	switch {
	case secret && !s.has("client_secret"):
		s.wrong(s.child("method"), "method "+string(o.Method)+" needs client_secret", "name it, or another method")
	case !secret && s.has("client_secret"):
		s.wrong(s.child("client_secret"), "method "+string(o.Method)+" has no use for client_secret", "remove one of the two")
	case signs && !s.has("key"):
		s.wrong(s.child("method"), "method private_key_jwt needs key", "name it, or another method")
	}
	switch {
	case jwtBearer && !s.has("jwt") && !s.has("key"):
		s.wrong(s.key(), "the key jwt or key is missing", "jwt is the one the service gave you; key makes one for each request")
	case jwtBearer && s.has("jwt") && s.has("key") && !signs:
		s.wrong(s.child("key"), "jwt is given, and so key has no use", "keep one of them")
	case !jwtBearer && s.has("jwt"):
		s.wrong(s.child("jwt"), "grant client_credentials has no use for jwt", "write grant: jwt_bearer, or remove it")
	case !jwtBearer && s.has("key") && !signs:
		s.wrong(s.child("key"), "method "+string(o.Method)+" has no use for key", "write method: private_key_jwt, or remove it")
	}
	for _, name := range []string{"key_id", "alg", "claims"} {
		if s.has(name) && !s.has("key") {
			s.wrong(s.child(name), name+" has no use without key", "remove it")
		}
	}
	for _, name := range []string{"claims.iss", "claims.sub"} {
		if s.has(name) && !jwtBearer {
			s.wrong(s.child(name), "is client_id with grant client_credentials", "remove it")
		}
	}
}

// endpoint is a URL that is used to the letter, a slash at its end included.
func endpoint() kind[string] {
	k := address("https://", "http://")
	read := k.decode
	k.decode = func(s spot, n *strictyaml.Node, into *string) {
		if read(s, n, into); *into != "" {
			*into = n.Text
		}
	}
	return k
}

// expires is a key that holds the day on which a credential ends, at its beginning in UTC.
func expires[S any](at func(*S) *time.Time, doc string) field[S] {
	of := schema{"type": "string", "format": "date", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}$`}
	day := scalar("a day such as 2027-01-31", of, func(text string) (time.Time, string) {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return time.Time{}, "is not a day"
		}
		return day, ""
	}, func(day time.Time) any { return day.Format(time.DateOnly) })
	return key("expires", given(day), at, doc)
}

// ownKeys are parameters of a token request that have keys of their own.
var ownKeys = []string{"client_id", "client_secret", "client_assertion", "client_assertion_type", "assertion", "scope", "audience", "resource"}

// params is a mapping of the names of parameters to their values.
func params() kind[[]Param] {
	one := literal()
	return kind[[]Param]{
		schema: func(m mode) schema {
			names := make([]any, 0, len(ownKeys))
			for _, name := range ownKeys {
				names = append(names, name)
			}
			return schema{"type": "object", "minProperties": 1, "additionalProperties": one.schema(m),
				"propertyNames": schema{"not": schema{"enum": names}}}
		},
		decode: func(s spot, n *strictyaml.Node, into *[]Param) {
			if !s.wants(n, strictyaml.Mapping, "a mapping of names to values") {
				return
			}
			if len(n.Entries) == 0 {
				s.wrong(s.at(n), "names none", "remove the line, or name at least one")
			}
			for _, e := range n.Entries {
				at := s.in(e)
				if slices.Contains(ownKeys, e.Key) {
					s.wrong(at.key(), strconv.Quote(e.Key)+" is not for params", "write it beside params, as a key of oauth2")
				}
				param := Param{Name: e.Key}
				one.decode(at, e.Value, &param.Value)
				*into = append(*into, param)
			}
		},
		lines: func(value *[]Param, tell emit) {
			for _, p := range *value {
				tell("."+p.Name, p.Value)
			}
		},
	}
}
