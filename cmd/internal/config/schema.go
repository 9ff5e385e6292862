package config

import (
	"bytes"
	"encoding/json"
)

// Schema is the JSON Schema (draft 2020-12) of the config file, for editors. It says all that a file can be checked for on its
// own keys; references between parts, and what depends on several keys, are Load's.
func Schema() []byte {
	out := rootTable.schema(whole)
	out["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	out["title"] = "scimsync"
	out["description"] = rootTable.doc
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		panic("the tables of config hold what JSON cannot: " + err.Error()) // a mistake in a table; every test would see it
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
