package ldap

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// text makes a value of an attribute readable. Values are octets in LDAP:
// those that are no UTF-8 become base64.
func text(v []byte) string {
	if utf8.Valid(v) {
		return string(v)
	}
	return base64.StdEncoding.EncodeToString(v)
}

// format gives the readable form of a binary attribute, by its folded name.
func format(name string) func([]byte) (string, error) {
	switch name {
	case "objectguid", "ms-ds-consistencyguid", "msexchmailboxguid":
		return guidText
	case "objectsid", "sidhistory":
		return sidText
	case "guid": // eDirectory
		return func(v []byte) (string, error) { return hex.EncodeToString(v), nil }
	}
	return nil
}

// guidText is the canonical text of a Microsoft GUID (MS-DTYP section 2.3.4.2):
// the first three fields are little-endian on the wire.
func guidText(v []byte) (string, error) {
	if len(v) != 16 {
		return "", fmt.Errorf("a GUID has 16 octets, this value %d", len(v))
	}
	return fmt.Sprintf("%08x-%04x-%04x-%x-%x", binary.LittleEndian.Uint32(v), binary.LittleEndian.Uint16(v[4:]),
		binary.LittleEndian.Uint16(v[6:]), v[8:10], v[10:]), nil
}

// sidText is the text of a security identifier (MS-DTYP section 2.4.2.1).
func sidText(v []byte) (string, error) {
	if len(v) < 8 || len(v) != 8+4*int(v[1]) {
		return "", fmt.Errorf("a SID of %d octets is malformed", len(v))
	}
	authority := uint64(binary.BigEndian.Uint16(v[2:]))<<32 | uint64(binary.BigEndian.Uint32(v[4:]))
	out := fmt.Appendf(nil, "S-%d-%d", v[0], authority)
	for sub := v[8:]; len(sub) > 0; sub = sub[4:] {
		out = fmt.Appendf(out, "-%d", binary.LittleEndian.Uint32(sub))
	}
	return string(out), nil
}

const (
	fileTimeNever = 1<<63 - 1
	fileTimeUnix  = 11644473600 // seconds from 1601-01-01 to 1970-01-01
	fileTimeTicks = 10_000_000  // ticks of 100 ns a second
)

// fileTime reads a FILETIME (100 ns since 1601-01-01 UTC). 0, the highest value
// and whatever lies beyond 2200 mean never: the zero time.
func fileTime(v string) (time.Time, error) {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	if n < 0 {
		return time.Time{}, errors.New("a FILETIME is not negative")
	}
	if n == 0 || n == fileTimeNever {
		return time.Time{}, nil
	}
	t := time.Unix(n/fileTimeTicks-fileTimeUnix, n%fileTimeTicks*100).UTC()
	if t.Year() > 2200 { // beyond what nanoseconds since 1970 can count
		return time.Time{}, nil
	}
	return t, nil
}

// description is an attribute description (RFC 4512 section 2.5), folded.
type description struct {
	key  string // name and options without range and binary
	from int    // the first index of a range; -1: no range
	to   int    // the last; -1: up to the end
}

// parseDescription takes "Member;range=0-1499" apart. ;binary is how a value is
// transferred (RFC 4522), not another attribute.
func parseDescription(s string) (description, error) {
	name, options, found := strings.Cut(strings.ToLower(s), ";")
	d := description{key: name, from: -1, to: -1}
	if !found {
		return d, nil
	}
	for option := range strings.SplitSeq(options, ";") {
		bounds, ranged := strings.CutPrefix(option, "range=")
		switch {
		case option == "binary":
		case !ranged:
			d.key += ";" + option
		default:
			low, high, _ := strings.Cut(bounds, "-")
			var err, err2 error
			d.from, err = strconv.Atoi(low)
			if high != "*" {
				d.to, err2 = strconv.Atoi(high)
			}
			if err != nil || err2 != nil || d.from < 0 || d.to >= 0 && d.to < d.from {
				return d, fmt.Errorf("attribute %s: the range is malformed", s)
			}
		}
	}
	return d, nil
}

// baseName is an attribute description without its options.
func baseName(s string) string {
	name, _, _ := strings.Cut(s, ";")
	return strings.TrimSpace(name)
}
