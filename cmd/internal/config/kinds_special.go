package config

import (
	"maps"
	"net"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"scimsync/internal/strictyaml"
)

// isLoopback says whether host is this machine, by the name localhost or a loopback address.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// address is a URL with one of the schemes. What is wrong with it is said without the URL, which may hold a password.
func address(schemes ...string) kind[string] {
	what := "a URL that begins with " + strictyaml.OrList(schemes)
	return kind[string]{
		schema: func(mode) schema {
			return schema{"type": "string", "pattern": "^(" + strings.Join(schemes, "|") + ")"}
		},
		decode: func(s spot, n *strictyaml.Node, into *string) {
			if !s.wants(n, strictyaml.Text, what) {
				return
			}
			u, err := url.Parse(n.Text)
			wrong := ""
			switch {
			case err != nil || !hasPrefix(n.Text, schemes):
				wrong = "is not " + what
			case u.Host == "":
				wrong = "names no host"
			case u.User != nil:
				wrong = "holds a user or a password, which belong under their own keys"
			case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(n.Text, "#"):
				wrong = "has a query or a fragment, and a base URL has none"
			}
			if wrong != "" {
				s.wrong(s.at(n), "the URL "+wrong, "")
				return
			}
			*into = strings.TrimRight(n.Text, "/")
		},
		lines: func(value *string, tell emit) {
			if *value != "" {
				tell("", *value)
			}
		},
	}
}

func hasPrefix(text string, any []string) bool {
	for _, prefix := range any {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}

// column is a delimiter of columns: one character, or the word tab.
func column() kind[rune] {
	const what = `one character, or the word tab`
	of := schema{"type": "string", "pattern": `^(tab|[^"\r\n])$`}
	return scalar(what, of, func(text string) (rune, string) {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case text == "tab":
			return '\t', ""
		case size == 0 || size != len(text) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r):
			return 0, "is not a delimiter"
		}
		return r, ""
	}, func(r rune) any {
		if r == '\t' {
			return "tab"
		}
		return string(r)
	})
}

// rate is requests per time.
func rate() kind[Rate] {
	of := schema{"type": "string", "pattern": `^[1-9][0-9]*/(s|m|h|d)$`}
	return scalar("a rate such as 10/m", of, func(text string) (Rate, string) {
		value, err := ParseRate(text)
		if err != nil {
			return Rate{}, err.Error()
		}
		return value, ""
	}, func(value Rate) any { return value.String() })
}

// manifest is the path of a file's manifest, which begins with {path}.
func manifest() kind[string] {
	of := schema{"type": "string", "pattern": `^\{path\}.`}
	return scalar(`a path that begins with {path}, such as "{path}.ok"`, of, func(text string) (string, string) {
		if rest, ok := strings.CutPrefix(text, "{path}"); !ok || rest == "" || strings.Contains(rest, "{") {
			return "", "does not name the file it vouches for"
		}
		return text, ""
	}, func(value string) any { return value })
}

// where is a secret that stands elsewhere, as the file has it.
type where struct{ file, env, credential string }

var secretTable = table[where]{
	fields: []field[where]{
		key("file", filePath(), func(w *where) *string { return &w.file }, "The file that holds the secret and nothing else."),
		key("env", text("the name of an environment variable"), func(w *where) *string { return &w.env }, "The environment variable that holds the secret."),
		key("credential", text("the name of a systemd credential"), func(w *where) *string { return &w.credential }, "The systemd credential that holds the secret; with file for runs outside systemd."),
	},
	check: func(s spot, w *where) {
		switch {
		case s.has("env") && (s.has("file") || s.has("credential")):
			s.wrong(s.child("env"), "a secret has one place", "keep env, or file and credential")
		case s.has("credential") && !s.has("file"):
			s.wrong(s.child("credential"), "the key file is missing beside credential", "it is read outside systemd, where there are no credentials")
		case !s.has("env") && !s.has("file"):
			s.wrong(s.key(), "names no place of the secret", "write {file: PATH} or {env: NAME}")
		case strings.ContainsAny(w.credential, `/\`):
			s.wrong(s.child("credential"), "the name of a credential has no slash", "write the name from LoadCredential=")
		}
	},
}

// secret is a secret, by preference one that stands elsewhere.
func secret() kind[Secret] {
	places := secretTable.kind()
	return kind[Secret]{
		schema: func(mode) schema {
			object := maps.Clone(places.schema(whole))
			object["oneOf"] = []any{
				schema{"required": []any{"file"}, "not": schema{"required": []any{"env"}}},
				schema{"required": []any{"env"}, "not": schema{"anyOf": []any{
					schema{"required": []any{"file"}}, schema{"required": []any{"credential"}}}}},
			}
			return schema{"anyOf": []any{schema{"type": "string", "minLength": 1}, object}}
		},
		decode: decodeSecret,
		lines: func(value *Secret, tell emit) {
			if value.plain != nil {
				tell("", redacted)
			}
			secretTable.kind().lines(&where{value.file, value.env, value.credential}, tell)
		},
	}
}

func decodeSecret(s spot, n *strictyaml.Node, into *Secret) {
	switch n.Shape {
	case strictyaml.Text:
		if n.Text == "" {
			s.wrong(s.at(n), "the secret is empty", "an empty password is a login as nobody; write {file: PATH} or {env: NAME}")
			return
		}
		s.warn(s.at(n), "the secret stands in plain text", "move it to a file of mode 0600 and write {file: PATH}, or {env: NAME}")
		*into = PlainSecret(n.Text)
		return
	case strictyaml.Mapping:
		var w where
		secretTable.decode(s, n, &w)
		*into = Secret{file: w.file, env: w.env, credential: w.credential}
		if exposed := into.exposed(); exposed != "" {
			s.warn(s.at(n), exposed, "chmod 0600")
		}
		return
	}
	s.wants(n, strictyaml.Mapping, "{file: PATH}, {env: NAME} or {credential: NAME, file: PATH}")
}

// version is the version of the config format, of which there is one.
func version() kind[int] {
	return kind[int]{
		schema: func(mode) schema { return schema{"const": 1} },
		decode: func(s spot, n *strictyaml.Node, into *int) {
			if !s.wants(n, strictyaml.Number, "the number 1") {
				return
			}
			if n.Text != "1" {
				s.wrong(s.at(n), "version "+strconv.Quote(n.Text)+" is not one this scimsync reads", "write 1")
				return
			}
			*into = 1
		},
		lines: func(value *int, tell emit) { tell("", *value) },
	}
}
