package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	_ "time/tzdata" // time zones are config: they must not depend on what the machine has installed

	"scimsync/internal/strictyaml"
)

// DefaultPath is the config file of a machine on which nothing else is said.
const DefaultPath = "/etc/scimsync/config.yaml"

// defaultStateDir is where the state is unless the file or systemd says otherwise.
const defaultStateDir = "/var/lib/scimsync"

// maxFile bounds what Load reads: a config is written by hand.
const maxFile = 16 << 20

// Find is the path of the config file: what --config says, else SCIMSYNC_CONFIG, else DefaultPath.
func Find(flag string) string {
	return cmp.Or(flag, os.Getenv("SCIMSYNC_CONFIG"), DefaultPath)
}

// Load reads and checks the config file at path. The warnings are worth showing, also beside an error. An error that is Problems
// holds everything that is wrong with the file; any other says why the file could not be read.
func Load(path string) (*Config, []Problem, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read config %s: %w; name another with --config or SCIMSYNC_CONFIG", path, reason(err))
	}
	if info.IsDir() || info.Size() > maxFile {
		return nil, nil, fmt.Errorf("read config %s: it is not a file of at most %d bytes", path, maxFile)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read config %s: %w", path, reason(err))
	}
	absolutePath, err := filepath.Abs(path)
	if err != nil {
		return nil, nil, fmt.Errorf("find the folder of config %s: %w", path, err)
	}
	return parse(path, filepath.Dir(absolutePath), text)
}

// parse decodes and checks a config text. Relative paths in it are relative to dir.
func parse(file, dir string, text []byte) (*Config, []Problem, error) {
	tree, problems := strictyaml.Read(file, text)
	if tree == nil {
		return nil, nil, problems.Sorted()
	}
	w := &walker{file: file, dir: dir, problems: problems, places: map[string]Pos{}}
	var r root
	whole := rootTable.kind()
	whole.fill(&r)
	r.File, r.places = file, w.places
	r.State.Dir = stateDir()
	whole.decode(spot{w: w, line: 1, column: 1}, tree, &r)
	if len(w.problems) > 0 {
		return nil, w.warnings.Sorted(), w.problems.Sorted()
	}
	return &r.Config, w.warnings.Sorted(), nil
}

// stateDir is the default state directory: the first that systemd made for the service, if any.
func stateDir() string {
	first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	return cmp.Or(first, defaultStateDir)
}
