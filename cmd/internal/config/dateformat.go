package config

import (
	"fmt"
	"strings"
)

// DateFormat is how a source writes a date: the tokens YYYY, MM, DD, HH, mm and ss, and literal punctuation between them.
type DateFormat struct {
	Text   string // as in the file: "YYYY-MM-DD"
	Layout string // for time.ParseInLocation
}

// dateTokens are the tokens of a DateFormat with what they are in a Go layout.
var dateTokens = []struct{ token, layout string }{
	{"YYYY", "2006"}, {"MM", "01"}, {"DD", "02"}, {"HH", "15"}, {"mm", "04"}, {"ss", "05"},
}

// dateLiterals may stand between tokens. No other may: a Go layout cannot quote.
const dateLiterals = "-/.:, T"

// ParseDateFormat reads a format such as YYYY-MM-DD or DD.MM.YYYY HH:mm:ss. Year, month and day must be there, each once.
func ParseDateFormat(text string) (DateFormat, error) {
	var layout strings.Builder
	seen := map[string]bool{}
	for rest := text; rest != ""; {
		token, in := nextDateToken(rest)
		switch {
		case token == "":
			return DateFormat{}, fmt.Errorf("%q has no token at %q", text, rest)
		case token == "ss" && strings.IndexAny(rest[2:]+" ", ".,") == 0:
			// A Go layout takes these for the start of a fraction.
			return DateFormat{}, fmt.Errorf("%q has a %q after ss", text, rest[2:3])
		case in != "" && seen[token]:
			return DateFormat{}, fmt.Errorf("%q has %s twice", text, token)
		case in == "":
			in = token
		}
		seen[token] = true
		layout.WriteString(in)
		rest = rest[len(token):]
	}
	for _, must := range []struct{ token, with string }{{"YYYY", ""}, {"MM", ""}, {"DD", ""}, {"HH", "mm"}, {"mm", "ss"}} {
		if !seen[must.token] && (must.with == "" || seen[must.with]) {
			return DateFormat{}, fmt.Errorf("%q lacks %s", text, must.token)
		}
	}
	return DateFormat{Text: text, Layout: layout.String()}, nil
}

// nextDateToken cuts the token or literal at the start of text; layout is "" for a literal, both are for neither.
func nextDateToken(text string) (token, layout string) {
	for _, t := range dateTokens {
		if strings.HasPrefix(text, t.token) {
			return t.token, t.layout
		}
	}
	if strings.ContainsRune(dateLiterals, rune(text[0])) {
		return text[:1], ""
	}
	return "", ""
}
