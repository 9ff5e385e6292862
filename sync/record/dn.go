package record

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CanonDN gives the one spelling of a distinguished name (RFC 4514): two texts name the same
// entry if and only if CanonDN gives the same for both. Types are short names in lower case,
// values are prepared as for caseIgnoreMatch (RFC 4517 section 4.2.15, without the Unicode
// normal form of RFC 4518: case folded, runs of spaces one, none at the ends), the parts of
// a multi-valued RDN are sorted, and what is special in a value stands as two hex digits.
// So a comma in it always ends an RDN: who stands below a base has it, behind a comma, at
// the end. The name of the root is empty. An error says what is no DN in text.
//
// Octets that are no UTF-8 stay apart as they are.
func CanonDN(text string) (string, error) {
	if strings.TrimSpace(text) == "" {
		return "", nil
	}
	var space [192]byte // no allocation for names of common length
	b := space[:0]
	for at, rdn, parts := 0, 0, 1; ; at++ {
		var err error
		if b, at, err = appendType(b, text, at); err == nil {
			b, at, err = appendValue(b, text, at)
		}
		if err != nil {
			return "", fmt.Errorf("parse DN %q: %w", text, err)
		}
		if at < len(text) && text[at] == '+' {
			b = append(b, '+')
			parts++
			continue
		}
		if parts > 1 {
			sorted := strings.Split(string(b[rdn:]), "+")
			slices.Sort(sorted)
			b = append(b[:rdn], strings.Join(sorted, "+")...)
		}
		if at == len(text) {
			break
		}
		b = append(b, ',')
		rdn, parts = len(b), 1
	}
	if string(b) == text {
		return text, nil
	}
	return string(b), nil
}

// shortNames are the attribute types that RFC 4514 section 3 names, by OID and long name.
var shortNames = map[string]string{
	"2.5.4.3": "cn", "2.5.4.7": "l", "2.5.4.8": "st", "2.5.4.10": "o", "2.5.4.11": "ou", "2.5.4.6": "c",
	"2.5.4.9": "street", "0.9.2342.19200300.100.1.25": "dc", "0.9.2342.19200300.100.1.1": "uid",
	"commonname": "cn", "localityname": "l", "stateorprovincename": "st", "organizationname": "o",
	"organizationalunitname": "ou", "countryname": "c", "streetaddress": "street", "domaincomponent": "dc", "userid": "uid",
}

// shortest is the length from which on a type may be one of shortNames.
const shortest = 6

// appendType appends the type that begins at a place of text, with its equals sign, and
// returns the place behind that.
func appendType(b []byte, text string, at int) ([]byte, int, error) {
	size := strings.IndexByte(text[at:], '=')
	if size < 0 {
		return b, at, errors.New("a part of it is no attribute=value")
	}
	name, start := strings.TrimSpace(text[at:at+size]), len(b)
	for i := range len(name) {
		c := name[i]
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return b, at, fmt.Errorf("%q is no attribute type", name)
		}
		b = append(b, c)
	}
	if name == "" {
		return b, at, errors.New("an attribute type is missing")
	}
	if len(name) >= shortest {
		if short := shortNames[string(b[start:])]; short != "" {
			b = append(b[:start], short...)
		}
	}
	return append(b, '='), at + size + 1, nil
}

// appendValue appends the value that begins at a place of text and returns the place of
// what ends it: a separator, or the end.
func appendValue(b []byte, text string, at int) ([]byte, int, error) {
	for at < len(text) && text[at] == ' ' {
		at++
	}
	end, escaped := at, false
	for end < len(text) && text[end] != ',' && text[end] != '+' && text[end] != ';' {
		if text[end] == '\\' {
			escaped = true
			end++
		}
		end++
	}
	if end > len(text) {
		return b, at, errors.New("it ends in a backslash")
	}
	value := text[at:end]
	switch {
	case strings.HasPrefix(value, "#"):
		octets, err := hex.DecodeString(strings.TrimSpace(value[1:]))
		if err != nil {
			return b, at, fmt.Errorf("%q has to be hex digits", value)
		}
		if content, ok := berString(octets); ok {
			return appendFolded(b, content), end, nil
		}
		return hex.AppendEncode(append(b, '#'), octets), end, nil
	case strings.HasPrefix(value, `"`):
		return b, at, errors.New("a value in quotes: LDAP version 3 escapes what is special with a backslash")
	case escaped:
		var err error
		if value, err = unescape(value); err != nil {
			return b, at, err
		}
	}
	return appendFolded(b, value), end, nil
}

// berString gives the content of a BER element that is a string of octets or characters.
func berString(octets []byte) (string, bool) {
	if len(octets) < 2 || int(octets[1]) != len(octets)-2 || octets[1] >= 0x80 {
		return "", false
	}
	switch octets[0] {
	case 0x04, 0x0c, 0x13, 0x14, 0x16: // OCTET, UTF8, Printable, T61, IA5
		return string(octets[2:]), true
	}
	return "", false
}

// unescape resolves the backslashes of a value (RFC 4514 section 3).
func unescape(value string) (string, error) {
	b := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		if value[i] != '\\' {
			b = append(b, value[i])
			continue
		}
		if i+2 < len(value) {
			if octet, err := hex.DecodeString(value[i+1 : i+3]); err == nil {
				b = append(b, octet[0])
				i += 2
				continue
			}
		}
		i++
		if !strings.ContainsRune(" \"#+,;<=>\\", rune(value[i])) {
			return "", fmt.Errorf("%q is no escape", value[i-1:i+1])
		}
		b = append(b, value[i])
	}
	return string(b), nil
}

// appendFolded appends a value prepared for comparison, and escaped.
func appendFolded(b []byte, v string) []byte {
	start, gap := len(b), false
	for i := 0; i < len(v); {
		r, size := rune(v[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(v[i:])
		}
		octet := v[i]
		i += size
		if r == ' ' || r < ' ' && '\t' <= r && r <= '\r' || r >= utf8.RuneSelf && unicode.IsSpace(r) {
			gap = true
			continue
		}
		if gap && len(b) > start {
			b = append(b, ' ')
		}
		gap = false
		switch {
		case 'A' <= r && r <= 'Z':
			b = append(b, octet+'a'-'A')
		case r >= utf8.RuneSelf && (r != utf8.RuneError || size > 1):
			b = utf8.AppendRune(b, unicode.ToLower(r))
		case special[octet] || r == utf8.RuneError || octet == '#' && len(b) == start:
			b = append(b, '\\', "0123456789abcdef"[octet>>4], "0123456789abcdef"[octet&15])
		default:
			b = append(b, octet)
		}
	}
	return b
}

// special are the octets of a value that never stand for themselves.
var special = [256]bool{0: true, '"': true, '+': true, ',': true, ';': true, '<': true, '>': true, '\\': true}
