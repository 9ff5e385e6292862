package mapping

import (
	"encoding/hex"
	"strings"
)

// dnPart is dn_part(dn, "ou"): the value of the first part of a distinguished name
// with that attribute, counted from the entry upwards; a third argument takes the
// second, third and so on. No such part is nothing.
func dnPart(args []any, nilled bool) (any, error) {
	dn, err := oneText("dn_part", args, nilled)
	if dn == nil || err != nil {
		return nil, err
	}
	attr, _ := args[1].(string)
	nth := 1
	if len(args) > 2 {
		nth, _ = args[2].(int)
	}
	if attr == "" || nth < 1 || len(args) > 3 {
		return nil, say(`dn_part(…) takes a distinguished name, an attribute and a number from 1, as in dn_part(dn, "ou", 2)`)
	}
	for _, part := range splitDN(*dn) {
		name, value, found := strings.Cut(part, "=")
		if !found {
			return nil, say("dn_part(…) got something that is not a distinguished name")
		}
		if !strings.EqualFold(strings.TrimSpace(name), attr) {
			continue
		}
		if nth--; nth == 0 {
			return unescapeDN(value), nil
		}
	}
	return nil, nil
}

// splitDN cuts at the separators of RFC 4514: commas, and plus signs inside of one RDN.
func splitDN(dn string) []string {
	var parts []string
	start := 0
	for i := 0; i < len(dn); i++ {
		switch dn[i] {
		case '\\':
			i++
		case ',', ';', '+':
			parts = append(parts, dn[start:i])
			start = i + 1
		}
	}
	if strings.TrimSpace(dn) == "" {
		return nil
	}
	return append(parts, dn[start:])
}

// unescapeDN undoes the escapes of RFC 4514 section 2.4: \2C and \, .
func unescapeDN(value string) string {
	value = strings.TrimLeft(value, " ")
	var b strings.Builder
	last := 0 // length up to the last byte that is not a space to be dropped
	for i := 0; i < len(value); i++ {
		c, escaped := value[i], false
		if c == '\\' && i+1 < len(value) {
			escaped = true
			if raw, err := hex.DecodeString(value[i+1 : min(i+3, len(value))]); err == nil && len(raw) == 1 {
				c, i = raw[0], i+2
			} else {
				c, i = value[i+1], i+1
			}
		}
		b.WriteByte(c)
		if escaped || c != ' ' {
			last = b.Len()
		}
	}
	return b.String()[:last]
}
