package config

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// redacted is what any print of a secret shows.
const redacted = "<secret>"

// maxSecret bounds what Resolve reads: a secret is a line, and a wrong path may be a device.
const maxSecret = 64 << 10

// Secret is a password or token, or where to read it. No way of printing, logging or encoding it shows the value; Resolve does.
type Secret struct {
	// plain is a function because reflection, which is how fmt prints the unexported fields of others, cannot see into one.
	plain      func() string
	file       string // absolute
	env        string
	credential string
}

// PlainSecret is a secret with that value.
func PlainSecret(value string) Secret {
	return Secret{plain: func() string { return value }}
}

// Given says whether the config names this secret at all.
func (s Secret) Given() bool {
	return s.plain != nil || s.file != "" || s.env != "" || s.credential != ""
}

// Where says where the secret comes from, without the secret: "file /etc/scimsync/bind.pw".
func (s Secret) Where() string {
	switch {
	case s.plain != nil:
		return "the config file"
	case s.credential != "" && os.Getenv("CREDENTIALS_DIRECTORY") != "":
		return "credential " + s.credential
	case s.file != "":
		return "file " + s.file
	case s.env != "":
		return "environment variable " + s.env
	}
	return "nowhere"
}

// Resolve reads the secret, each time anew, so that a rotated one is seen. One newline at its end is not part of it; an empty
// secret is an error.
func (s Secret) Resolve() (string, error) {
	value, err := s.read()
	if err != nil {
		return "", fmt.Errorf("read secret from %s: %w", s.Where(), err)
	}
	value = strings.TrimSuffix(strings.TrimSuffix(value, "\n"), "\r")
	if value == "" {
		return "", fmt.Errorf("read secret from %s: it is empty", s.Where())
	}
	return value, nil
}

func (s Secret) read() (string, error) {
	path := s.path()
	switch {
	case s.plain != nil:
		return s.plain(), nil
	case path != "":
		return readSecretFile(path)
	case s.env != "":
		value, ok := os.LookupEnv(s.env)
		if !ok {
			return "", errors.New("it is not set")
		}
		return value, nil
	}
	return "", errors.New("the config names none")
}

// path is the file that holds the secret: under systemd the credential's, or "".
func (s Secret) path() string {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" && s.credential != "" {
		return filepath.Join(dir, s.credential)
	}
	return s.file
}

// Changed tells when the file of the secret was last written; the zero time when it has none.
func (s Secret) Changed() time.Time {
	info, err := os.Stat(s.path())
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func readSecretFile(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", reason(err)
	}
	if !info.Mode().IsRegular() {
		return "", errors.New("it is not a regular file")
	}
	if info.Size() > maxSecret {
		return "", fmt.Errorf("it has %d bytes, more than a secret may have (%d)", info.Size(), maxSecret)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "", reason(err)
	}
	return string(text), nil
}

// reason is an error of the file system without the path, which the message has already.
func reason(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// exposed says that others than the owner may read the file of the secret, with its mode; "" when not, or when it has none.
func (s Secret) exposed() string {
	path := s.path()
	if path == "" {
		return ""
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm()&0o044 == 0 {
		return ""
	}
	return fmt.Sprintf("%s has mode %04o: others than its owner can read this secret", path, info.Mode().Perm())
}

// String hides the value.
func (s Secret) String() string { return redacted }

// GoString hides the value from %#v.
func (s Secret) GoString() string { return redacted }

// Format hides the value from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalJSON hides the value.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText hides the value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalYAML hides the value.
func (s Secret) MarshalYAML() (any, error) { return redacted, nil }

// LogValue hides the value from slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
