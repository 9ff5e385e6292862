package csv

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// maxManifest bounds a manifest, in bytes: two short lines are expected.
const maxManifest = 64 << 10

// manifest is what the exporting side says about its file.
type manifest struct {
	path string
	rows int
	sum  string // lower-case hex
}

// readManifest reads lines such as "rows=120" and "sha256: ab12…", or a JSON
// object with the same two names. Both must be there.
func readManifest(name string) (*manifest, error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", name)
	}
	if err != nil {
		return nil, fmt.Errorf("look for its manifest: %w: the hand-over is not finished, or ready.manifest is wrong", err)
	}
	in, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open its manifest: %w", err)
	}
	defer func() { _ = in.Close() }()
	text, err := io.ReadAll(io.LimitReader(in, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("read its manifest: %w", err)
	}
	m, err := parseManifest(text)
	if err != nil {
		return nil, fmt.Errorf("read its manifest %s: %w: it has to hold rows=NUMBER and sha256=HEX, or a JSON object of both", name, err)
	}
	m.path = name
	return m, nil
}

func parseManifest(text []byte) (*manifest, error) {
	text = bytes.TrimPrefix(bytes.TrimSpace(text), []byte("\xef\xbb\xbf"))
	pairs := map[string]string{}
	if bytes.HasPrefix(text, []byte("{")) {
		var v struct {
			Rows   json.Number `json:"rows"`
			SHA256 string      `json:"sha256"`
		}
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, errors.New("no valid JSON")
		}
		pairs["rows"], pairs["sha256"] = v.Rows.String(), v.SHA256
	} else {
		for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
			if at := strings.IndexAny(in.Text(), "=:"); at > 0 {
				key := strings.ToLower(strings.TrimSpace(in.Text()[:at]))
				pairs[key] = strings.TrimSpace(in.Text()[at+1:])
			}
		}
	}
	rows, err := strconv.Atoi(pairs["rows"])
	if err != nil || rows < 0 {
		return nil, errors.New("no number of rows")
	}
	sum := strings.ToLower(pairs["sha256"])
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != 32 {
		return nil, errors.New("no SHA-256 of 64 hex digits")
	}
	return &manifest{rows: rows, sum: sum}, nil
}

// agrees holds the file against its manifest.
func (m *manifest) agrees(rows int, sum string) error {
	if m.sum != sum {
		return fmt.Errorf("the file's SHA-256 is not the one in %s: it was cut or changed on its way; hand both over again", m.path)
	}
	if m.rows != rows {
		return fmt.Errorf("the file has %d rows and %s says %d: rows count without the header", rows, m.path, m.rows)
	}
	return nil
}
