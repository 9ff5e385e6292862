package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"scimsync/targets/scim/auth"
)

// keyPair is a key as an admin has it, and what the service has of it.
type keyPair struct {
	pem    string
	verify func(text, signature []byte) bool
}

func block(t testing.TB, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func pkcs8(t testing.TB, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return block(t, "PRIVATE KEY", der, err)
}

var rsaKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// keys makes a key for each algorithm.
func keys(t testing.TB) map[string]keyPair {
	t.Helper()
	long, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]keyPair{
		"RS256": {pkcs8(t, long), func(text, signature []byte) bool {
			sum := sha256.Sum256(text)
			return rsa.VerifyPKCS1v15(&long.PublicKey, crypto.SHA256, sum[:], signature) == nil
		}},
		"PS256": {block(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(long), nil), func(text, signature []byte) bool {
			sum := sha256.Sum256(text)
			return rsa.VerifyPSS(&long.PublicKey, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: 32}) == nil
		}},
		"ES256": {pkcs8(t, curve), func(text, signature []byte) bool {
			sum := sha256.Sum256(text)
			return len(signature) == 64 && ecdsa.Verify(&curve.PublicKey, sum[:],
				new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
		}},
		"EdDSA": {pkcs8(t, edwards), func(text, signature []byte) bool {
			return ed25519.Verify(edwards.Public().(ed25519.PublicKey), text, signature)
		}},
	}
}

// opened is a JWT whose signature was found good.
func opened(t *testing.T, token string, key keyPair) (head, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("not a JWT: %s", token)
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil || !key.verify([]byte(parts[0]+"."+parts[1]), signature) {
		t.Errorf("the signature is wrong (%v)", err)
	}
	for i, into := range []*map[string]any{&head, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(text, into) != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	return head, claims
}

// The ways of a client to say who it is, as they are on the wire.
func TestClientMethods(t *testing.T) {
	key := keys(t)["ES256"]
	for _, c := range []struct {
		name   string
		change func(o *auth.OAuthOptions)
		basic  string // user:password as RFC 6749 section 2.3.1 has it
		form   map[string]string
	}{
		{"basic", func(o *auth.OAuthOptions) { o.ClientID, o.Secret = "cli:ent/ä", value("MARKER +%&=é \n") }, "cli%3Aent%2F%C3%A4:MARKER+%2B%25%26%3D%C3%A9+",
			map[string]string{"grant_type": "client_credentials"}},
		{"post", func(o *auth.OAuthOptions) {
			o.Method, o.Secret, o.Scope = auth.SecretPost, value("MARKER +%&=é"), []string{"scim.read", "scim.write"}
			o.Params = map[string][]string{"audience": {"https://api.example.org"}, "resource": {"https://scim.example.org"}}
		}, "", map[string]string{"grant_type": "client_credentials", "client_id": "client", "client_secret": "MARKER +%&=é", "scope": "scim.read scim.write",
			"audience": "https://api.example.org", "resource": "https://scim.example.org"}},
		{"tls", func(o *auth.OAuthOptions) { o.Method, o.Secret = auth.ClientTLS, nil }, "", map[string]string{"grant_type": "client_credentials", "client_id": "client"}},
		{"private_key_jwt", func(o *auth.OAuthOptions) { o.Method, o.Secret, o.Key = auth.PrivateKeyJWT, nil, value(key.pem) }, "",
			map[string]string{"grant_type": "client_credentials", "client_id": "client", "client_assertion": "*",
				"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}},
		{"a grant of the service's own", func(o *auth.OAuthOptions) {
			o.Params = map[string][]string{"grant_type": {"account_credentials"}, "account_id": {"a-1"}}
		}, "client:MARKER-secret", map[string]string{"grant_type": "account_credentials", "account_id": "a-1"}},
		{"jwt_bearer, given", func(o *auth.OAuthOptions) { o.Grant, o.JWT = auth.JWTBearer, value("a.jwt.MARKER\n") }, "client:MARKER-secret",
			map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.jwt.MARKER"}},
		{"jwt_bearer, made, nothing else", func(o *auth.OAuthOptions) {
			o.Grant, o.Method, o.Secret, o.Key = auth.JWTBearer, auth.NoMethod, nil, value(key.pem)
		}, "", map[string]string{"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "client_id": "client", "assertion": "*"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := &endpoint{}
			if _, err := proof(t, client(e, c.change)); err != nil {
				t.Fatal(err)
			}
			got := e.asked[0]
			want := ""
			if c.basic != "" {
				want = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.basic))
			}
			if header := got.header.Get("Authorization"); header != want {
				t.Errorf("Authorization %q, want %q", header, want)
			}
			for name, want := range map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json", "User-Agent": "scimsync/test"} {
				if got.header.Get(name) != want {
					t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
				}
			}
			if len(got.form) != len(c.form) {
				t.Errorf("form %v, want %v", got.form, c.form)
			}
			for name, want := range c.form {
				if text := got.form.Get(name); text != want && (want != "*" || text == "") {
					t.Errorf("%s: %q, want %q", name, text, want)
				}
			}
		})
	}
}

// Assertions are signed by every algorithm, short-lived, and never the same twice.
func TestAssertions(t *testing.T) {
	for alg, key := range keys(t) {
		e := &endpoint{life: 10}
		now := time.Now()
		a := client(e, func(o *auth.OAuthOptions) {
			o.Method, o.Secret, o.Key, o.Alg, o.KeyID = auth.PrivateKeyJWT, nil, value(key.pem), alg, "key-1"
			o.Now = func() time.Time { return now }
		})
		seen := map[any]bool{}
		for range 2 {
			if _, err := proof(t, a); err != nil {
				t.Fatal(err)
			}
			head, claims := opened(t, e.asked[len(e.asked)-1].form.Get("client_assertion"), key)
			if head["alg"] != alg || head["kid"] != "key-1" || head["typ"] != "JWT" {
				t.Errorf("%s: %v", alg, head)
			}
			iat, exp := claims["iat"].(float64), claims["exp"].(float64)
			if claims["iss"] != "client" || claims["sub"] != "client" || claims["aud"] != tokenURL || int64(iat) != now.Unix() || exp <= iat || exp > iat+300 {
				t.Errorf("%s: %v", alg, claims)
			}
			if jti := claims["jti"]; seen[jti] || len(jti.(string)) < 20 {
				t.Errorf("%s: jti %v", alg, jti)
			} else {
				seen[jti] = true
			}
			now = now.Add(time.Minute)
		}
		if len(e.asked) != 2 {
			t.Errorf("%s: %d requests", alg, len(e.asked))
		}
	}
}

// The claims of a grant's assertion are the config's; those of the client's are not.
func TestClaims(t *testing.T) {
	key := keys(t)["RS256"]
	e := &endpoint{}
	a := client(e, func(o *auth.OAuthOptions) {
		o.Grant, o.Method, o.Secret, o.Key = auth.JWTBearer, auth.PrivateKeyJWT, nil, value(key.pem)
		o.Claims = auth.Claims{Issuer: "https://idp.example.org", Subject: "admin@example.org", Audience: "https://login.example.org"}
	})
	if _, err := proof(t, a); err != nil {
		t.Fatal(err)
	}
	_, grant := opened(t, e.asked[0].form.Get("assertion"), key)
	_, mine := opened(t, e.asked[0].form.Get("client_assertion"), key)
	if grant["iss"] != "https://idp.example.org" || grant["sub"] != "admin@example.org" || grant["aud"] != "https://login.example.org" {
		t.Errorf("%v", grant)
	}
	if mine["iss"] != "client" || mine["sub"] != "client" || mine["aud"] != "https://login.example.org" || mine["jti"] == grant["jti"] {
		t.Errorf("%v", mine)
	}
}

// Keys that cannot be used are told, before anything is sent.
func TestBadKeys(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	good := keys(t)
	for _, c := range []struct{ key, alg, says string }{
		{"MARKER", "", "holds no private key in PEM form"},
		{block(t, "PUBLIC KEY", []byte("MARKER"), nil), "", `holds a "PUBLIC KEY", not a private key`},
		{block(t, "PRIVATE KEY", []byte("MARKER"), nil), "", "the private key cannot be read"},
		{block(t, "ENCRYPTED PRIVATE KEY", []byte("MARKER"), nil), "", "is encrypted"},
		{pkcs8(t, other), "", "P-384 are not supported"},
		{pkcs8(t, short), "", "an RSA key of 1024 bits is too short, at least 2048"},
		{good["RS256"].pem, "ES256", "the key is for RS256, not for ES256"},
		{good["ES256"].pem, "RS256", "the key is for ES256, not for RS256"},
		{good["EdDSA"].pem, "PS256", "the key is for EdDSA, not for PS256"},
	} {
		e := &endpoint{}
		_, err := proof(t, client(e, func(o *auth.OAuthOptions) {
			o.Method, o.Secret, o.Key, o.Alg = auth.PrivateKeyJWT, nil, value(c.key), c.alg
		}))
		final(t, err, "get an access token: auth.oauth2.", c.says)
		if e.calls() != 0 {
			t.Errorf("%s: something was sent", c.says)
		}
	}
}

func TestKeyWithParameters(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(curve)
	text := block(t, "EC PARAMETERS", []byte{6, 8, 42, 134, 72, 206, 61, 3, 1, 7}, nil) + block(t, "EC PRIVATE KEY", der, err)
	if _, err := proof(t, client(&endpoint{}, func(o *auth.OAuthOptions) { o.Method, o.Secret, o.Key = auth.PrivateKeyJWT, nil, value(text) })); err != nil {
		t.Error(err)
	}
}

// An assertion that was given to us and has had its day is not sent.
func TestExpiredAssertion(t *testing.T) {
	e := &endpoint{}
	given := &safe{text: jwt(time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC))}
	a := client(e, func(o *auth.OAuthOptions) { o.Grant, o.JWT = auth.JWTBearer, given.get })
	_, err := proof(t, a)
	final(t, err, "the jwt expired on 2025-03-01; put a new one in its place")
	if e.calls() != 0 {
		t.Error("it was sent")
	}
	given.set(jwt(time.Now().Add(time.Hour)))
	if _, err := proof(t, a); err != nil {
		t.Error(err)
	}
}
