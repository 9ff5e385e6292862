package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// marker is a secret that must not be seen anywhere.
const marker = "MARKER-7f3a"

// holder holds a secret where a method of it cannot be called: fmt prints unexported fields without asking them.
type holder struct {
	Open   Secret
	hidden Secret
	inside map[string]*Secret
	list   []any
}

func holding() holder {
	s := PlainSecret(marker)
	return holder{Open: s, hidden: s, inside: map[string]*Secret{"a": &s}, list: []any{s, &s, Basic{Password: s}}}
}

// leaks looks for the marker as text, as hex and as the numbers of its bytes.
func leaks(t *testing.T, how, printed string) {
	t.Helper()
	for _, form := range []string{marker, fmt.Sprintf("%x", marker), fmt.Sprintf("%X", marker), fmt.Sprint([]byte(marker))} {
		if strings.Contains(printed, form) {
			t.Errorf("%s shows the secret: %s", how, printed)
		}
	}
}

func TestSecretIsNeverPrinted(t *testing.T) {
	h := holding()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%t", "% x", "%#x", "%10.3s", "%!", "%p"} {
		leaks(t, verb, fmt.Sprintf(verb, h.Open))
		leaks(t, verb+" of a pointer", fmt.Sprintf(verb, &h.Open))
		leaks(t, verb+" of a struct", fmt.Sprintf(verb, h))
		leaks(t, verb+" of a pointer to a struct", fmt.Sprintf(verb, &h))
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, h.Open); got != "<secret>" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	leaks(t, "error", fmt.Errorf("log in with %v: %w", h.Open, os.ErrPermission).Error())
	leaks(t, "Effective", func() string {
		var b bytes.Buffer
		cfg := Config{Targets: []Target{{Name: "a", Auth: Auth{Bearer: &Bearer{Token: h.Open}}}}}
		if err := Effective(&b, &cfg, ""); err != nil || !strings.Contains(b.String(), "<secret>") {
			t.Error(err, b.String())
		}
		return b.String() + fmt.Sprintf("%+v %#v", cfg, cfg)
	}())
}

func TestSecretIsNeverEncoded(t *testing.T) {
	h := holding()
	for how, encode := range map[string]func(any) ([]byte, error){"json": json.Marshal, "yaml": yaml.Marshal} {
		for _, value := range []any{h.Open, &h.Open, h, map[string]any{"a": h.Open}, map[string]any{"a": &h}} {
			out, err := encode(value)
			if err != nil {
				t.Error(err)
			}
			leaks(t, how, string(out))
			if !strings.Contains(string(out), "secret") {
				t.Errorf("%s writes %s", how, out)
			}
		}
	}
	if out, err := h.Open.MarshalText(); err != nil || string(out) != "<secret>" {
		t.Errorf("%s, %v", out, err)
	}
	// As the key of a map, a type is asked for its text.
	out, err := json.Marshal(map[string]fmt.Stringer{"a": h.Open})
	if err != nil {
		t.Error(err)
	}
	leaks(t, "json of an interface", string(out))
}

func TestSecretIsNeverLogged(t *testing.T) {
	h := holding()
	var out bytes.Buffer
	for _, encoder := range []zapcore.Encoder{
		zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.NewConsoleEncoder(zap.NewDevelopmentEncoderConfig()),
	} {
		log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(&out), zapcore.DebugLevel))
		log.Info("zap", zap.Any("a", h.Open), zap.Any("b", h), zap.Any("c", &h), zap.Stringer("d", h.Open), zap.Reflect("e", h.Open))
		log.Sugar().Infow("sugar", "a", h.Open, "b", h)
		log.Sugar().Infof("%v %+v %#v", h.Open, h, h)
	}
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&out, nil), slog.NewTextHandler(&out, nil)} {
		slog.New(handler).Info("slog", "a", h.Open, "b", h, "c", &h, slog.Group("d", "e", h.Open))
	}
	leaks(t, "log", out.String())
	if strings.Count(out.String(), "secret") < 10 {
		t.Errorf("the log lacks what was logged: %s", &out)
	}
}

// A panic prints its value by the runtime's own rules, so it takes a process to see it.
func TestSecretIsNotInPanics(t *testing.T) {
	switch os.Getenv("CONFIG_TEST_PANIC") {
	case "secret":
		panic(PlainSecret(marker))
	case "struct":
		panic(holding())
	case "error":
		panic(fmt.Errorf("log in: %+v", holding()))
	}
	for _, what := range []string{"secret", "struct", "error"} {
		child := exec.Command(os.Args[0], "-test.run=^TestSecretIsNotInPanics$")
		child.Env = append(os.Environ(), "CONFIG_TEST_PANIC="+what, "GOTRACEBACK=all")
		out, err := child.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "panic: ") {
			t.Errorf("%s: no panic: %s", what, out)
		}
		leaks(t, "panic("+what+")", string(out))
	}
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Setenv("CONFIG_TEST_SECRET", "from env")
	t.Setenv("CONFIG_TEST_EMPTY", "")
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	file, missing := write("file", " from file \n"), filepath.Join(dir, "missing")
	for _, c := range []struct {
		secret      Secret
		want, wrong string
	}{
		{secret: PlainSecret("plain"), want: "plain"},
		{secret: Secret{file: file}, want: " from file "},
		{secret: Secret{file: write("dos", "x\r\n")}, want: "x"},
		{secret: Secret{file: write("two", "x\n\n")}, want: "x\n"},
		{secret: Secret{env: "CONFIG_TEST_SECRET"}, want: "from env"},
		{secret: Secret{credential: "bind", file: file}, want: " from file "},
		{secret: Secret{file: write("empty", "\n")}, wrong: "read secret from file " + dir + "/empty: it is empty"},
		{secret: Secret{file: missing}, wrong: "read secret from file " + missing + ": no such file or directory"},
		{secret: Secret{file: dir}, wrong: "read secret from file " + dir + ": it is not a regular file"},
		{secret: Secret{file: write("big", strings.Repeat("x", 70_000))}, wrong: "read secret from file " + dir + "/big: it has 70000 bytes, more than a secret may have (65536)"},
		{secret: Secret{env: "CONFIG_TEST_EMPTY"}, wrong: "read secret from environment variable CONFIG_TEST_EMPTY: it is empty"},
		{secret: Secret{env: "CONFIG_TEST_UNSET"}, wrong: "read secret from environment variable CONFIG_TEST_UNSET: it is not set"},
		{secret: Secret{}, wrong: "read secret from nowhere: the config names none"},
	} {
		got, err := c.secret.Resolve()
		if got != c.want || (err == nil) != (c.wrong == "") || err != nil && err.Error() != c.wrong {
			t.Errorf("got %q, %v; want %q, %s", got, err, c.want, c.wrong)
		}
		if c.secret.Given() == strings.Contains(c.wrong, "names none") {
			t.Errorf("Given is %v of %s", c.secret.Given(), c.secret.Where())
		}
	}
	write("file", "rotated\n")
	if got, err := (Secret{file: file}).Resolve(); got != "rotated" || err != nil {
		t.Errorf("got %q, %v: a secret is read each time", got, err)
	}
}

func TestCredentialUnderSystemd(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	secret := Secret{credential: "bind", file: "/nowhere/bind.pw"}
	if _, err := secret.Resolve(); err == nil || err.Error() != "read secret from credential bind: no such file or directory" {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "bind"), []byte("from systemd\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	if got, err := secret.Resolve(); got != "from systemd" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}
