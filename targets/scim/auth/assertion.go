package auth

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
	"errors"
	"fmt"
	"time"

	"scimsync/targets/scim"
)

// Claims are those of a JWT that are not made up anew for each (RFC 7523 section 3).
type Claims struct {
	Issuer   string // iss; empty: the client
	Subject  string // sub; empty: the client
	Audience string // aud; empty: the token endpoint's URL
}

// assertionLife is how long an assertion is valid. It is used at once; the rest is for
// clocks that differ, at most five minutes.
const assertionLife = 3 * time.Minute

// minRSA is the least size of an RSA key in bits (RFC 7518 section 3.3).
const minRSA = 2048

// assertion makes a signed JWT (RFC 7519, RFC 7515) that nobody has seen before.
func (a *OAuth) assertion(keyPEM string, claims Claims) (string, error) {
	key, err := parseKey(keyPEM)
	if err != nil {
		return "", err
	}
	alg, sign, err := signer(key, a.o.Alg)
	if err != nil {
		return "", err
	}
	or := func(value, otherwise string) string {
		if value == "" {
			return otherwise
		}
		return value
	}
	now := a.o.Now()
	head, err := part(struct {
		Alg string `json:"alg"`
		Typ string `json:"typ"`
		Kid string `json:"kid,omitempty"`
	}{alg, "JWT", a.o.KeyID})
	if err != nil {
		return "", err
	}
	body, err := part(struct {
		Iss string `json:"iss"`
		Sub string `json:"sub"`
		Aud string `json:"aud"`
		Iat int64  `json:"iat"`
		Exp int64  `json:"exp"`
		Jti string `json:"jti"`
	}{or(claims.Issuer, a.o.ClientID), or(claims.Subject, a.o.ClientID), or(claims.Audience, a.o.TokenURL),
		now.Unix(), now.Add(assertionLife).Unix(), rand.Text()})
	if err != nil {
		return "", err
	}
	signature, err := sign([]byte(head + "." + body))
	if err != nil {
		return "", fmt.Errorf("sign a JWT with auth.oauth2.key: %w", err)
	}
	return head + "." + body + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func part(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write a JWT: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(text), nil
}

// parseKey reads a private key in PEM form. Its errors tell nothing of the key.
func parseKey(text string) (crypto.Signer, error) {
	block, rest := pem.Decode([]byte(text))
	if block != nil && block.Type == "EC PARAMETERS" { // openssl puts them first
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("auth.oauth2.key: holds no private key in PEM form; is it the right file?")
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errors.New("auth.oauth2.key: is encrypted; decrypt it (openssl pkey) and keep it in a file of mode 0600")
	default:
		return nil, fmt.Errorf("auth.oauth2.key: holds a %q, not a private key", scim.Clean(block.Type, nil))
	}
	signer, ok := key.(crypto.Signer)
	if err != nil || !ok {
		return nil, errors.New("auth.oauth2.key: the private key cannot be read")
	}
	return signer, nil
}

// signer gives the algorithm of a key (RFC 7518 section 3.1, RFC 8037 section 3.1),
// which has to be alg unless that is empty, and the func that signs with it.
func signer(key crypto.Signer, alg string) (string, func([]byte) ([]byte, error), error) {
	fits := func(mine string) error {
		if alg != "" && alg != mine {
			return fmt.Errorf("auth.oauth2.alg: the key is for %s, not for %s", mine, alg)
		}
		return nil
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSA {
			return "", nil, fmt.Errorf("auth.oauth2.key: an RSA key of %d bits is too short, at least %d", bits, minRSA)
		}
		if alg == "PS256" {
			return alg, func(text []byte) ([]byte, error) {
				sum := sha256.Sum256(text)
				return rsa.SignPSS(rand.Reader, k, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
			}, nil
		}
		return "RS256", func(text []byte) ([]byte, error) {
			sum := sha256.Sum256(text)
			return rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
		}, fits("RS256")
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return "", nil, fmt.Errorf("auth.oauth2.key: keys on the curve %s are not supported; use P-256", k.Curve.Params().Name)
		}
		return "ES256", func(text []byte) ([]byte, error) {
			sum := sha256.Sum256(text)
			r, s, err := ecdsa.Sign(rand.Reader, k, sum[:])
			if err != nil {
				return nil, err
			}
			out := make([]byte, 64)
			r.FillBytes(out[:32])
			s.FillBytes(out[32:])
			return out, nil
		}, fits("ES256")
	case ed25519.PrivateKey:
		return "EdDSA", func(text []byte) ([]byte, error) { return ed25519.Sign(k, text), nil }, fits("EdDSA")
	}
	return "", nil, errors.New("auth.oauth2.key: keys of this kind are not supported; use RSA, P-256 or Ed25519")
}
