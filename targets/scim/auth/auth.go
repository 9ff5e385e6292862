// Package auth proves to a service provider who we are: a token or a password that
// somebody put there (Bearer, Basic), or access tokens that it fetches itself (OAuth).
// Each is a scim.Authorizer. It reads credentials anew whenever it needs them, keeps
// what it fetched in memory only, and lets none of it into an error.
package auth

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"
)

// JWTExpiry tells until when a token is valid, if it is a JWT that says so (RFC 7519
// section 4.1.4). The token is not verified: that is for those who made it.
func JWTExpiry(token string) (time.Time, bool) {
	parts := strings.Split(strings.TrimSpace(token), ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp json.Number `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return time.Time{}, false
	}
	seconds, err := claims.Exp.Float64()
	if err != nil || seconds <= 0 || seconds > 1e11 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// CertificateExpiry tells until when the first certificate of a PEM file is valid.
func CertificateExpiry(file string) (time.Time, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}, fmt.Errorf("read the certificate: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return time.Time{}, fmt.Errorf("read the certificate in %s: %w", file, err)
		}
		return certificate.NotAfter, nil
	}
	return time.Time{}, fmt.Errorf("%s holds no certificate in PEM form", file)
}
