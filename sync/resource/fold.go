package resource

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Fold makes two logins equal that a target may take for the same: outer white
// space, case (Unicode simple case folding, RFC 7643 section 2.2) and
// normalisation (NFC) do not matter.
func Fold(s string) string { return fold(strings.TrimSpace(s)) }

func fold(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return norm.NFC.String(strings.Map(foldRune, norm.NFC.String(s)))
		}
	}
	return strings.ToLower(s)
}

// foldRune maps all runes that differ only by case to the same one.
func foldRune(r rune) rune {
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		least = min(least, o)
	}
	if 'A' <= least && least <= 'Z' {
		least += 'a' - 'A'
	}
	return least
}

// Nearest gives the name that was probably meant, or "" if none is close: at most
// a third of the letters may differ. Case does not matter.
func Nearest(name string, among []string) string {
	best, found := len([]rune(name))/3+1, ""
	for _, candidate := range among {
		if d := distance([]rune(strings.ToLower(name)), []rune(strings.ToLower(candidate))); d < best {
			best, found = d, candidate
		}
	}
	return found
}

// distance counts the letters to insert, drop, replace or swap with their
// neighbour (optimal string alignment).
func distance(a, b []rune) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
