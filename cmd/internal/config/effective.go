package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/goccy/go-yaml"

	"scimsync/internal/strictyaml"
)

// Effective prints every line that holds, merged and with defaults, and where it comes from: FILE:LINE, or "default". For a job
// it prints that job, its sources and its targets; for "" all of the file. A job's users, leavers and guard are printed as they
// stand for each of its targets. Secrets are not printed, only where they are.
func Effective(out io.Writer, cfg *Config, job string) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	tell := func(path string, value any) {
		fmt.Fprintf(table, "%s: %s\t# %s\n", path, inline(value), cfg.origin(path))
	}
	if job == "" {
		stateTable.kind().lines(&cfg.State, under("state", tell))
		logTable.kind().lines(&cfg.Log, under("log", tell))
		for i := range cfg.Sources {
			sourceTable.kind().lines(&cfg.Sources[i], under("sources."+cfg.Sources[i].Name, tell))
		}
		for i := range cfg.Targets {
			targetTable.kind().lines(&cfg.Targets[i], under("targets."+cfg.Targets[i].Name, tell))
		}
		for i := range cfg.Jobs {
			cfg.Jobs[i].tell(tell)
		}
		return table.Flush()
	}
	j := cfg.Job(job)
	if j == nil {
		names := make([]string, 0, len(cfg.Jobs))
		for i := range cfg.Jobs {
			names = append(names, cfg.Jobs[i].Name)
		}
		return fmt.Errorf("there is no job named %s (%s)", job, strictyaml.Suggest(job, names))
	}
	for _, name := range j.Sources() {
		sourceTable.kind().lines(cfg.Source(name), under("sources."+name, tell))
	}
	for _, to := range j.To {
		targetTable.kind().lines(cfg.Target(to.Target.Value), under("targets."+to.Target.Value, tell))
	}
	j.tell(tell)
	return table.Flush()
}

// tell tells the lines of a job: its own but for those that each target has in its version.
func (j *Job) tell(tell emit) {
	path := "jobs." + j.Name
	for _, f := range jobTable.fields {
		if f.name != "users" && f.name != "groups" && f.name != "leavers" && f.name != "guard" {
			f.lines(j, under(path+"."+f.name, tell))
		}
	}
}

// under tells lines with their whole path.
func under(prefix string, tell emit) emit {
	return func(path string, value any) { tell(prefix+path, value) }
}

// origin is where the line at path comes from. What a target's version of a job does not say, the job says.
func (c *Config) origin(path string) string {
	pos, ok := c.places[path]
	if !ok {
		pos, ok = c.places[c.inherited(path)]
	}
	if !ok {
		return "default"
	}
	return filepath.Base(pos.File) + ":" + strconv.Itoa(pos.Line)
}

// inherited is the path of a job's line that the line of a target at path is laid over: jobs.staff.users.match for
// jobs.staff.to.sandbox.users.match. It is "" for other paths.
func (c *Config) inherited(path string) string {
	job, rest, ok := strings.Cut(path, ".to.")
	_, line, named := strings.Cut(rest, ".")
	if !ok || !named {
		return ""
	}
	return job + "." + line
}

// inline is a value on one line of YAML.
func inline(value any) string {
	if text, ok := value.(string); ok && !strings.Contains(text, "\n") {
		if out, err := yaml.MarshalWithOptions(text, yaml.UseSingleQuote(true)); err == nil {
			return strings.TrimSuffix(string(out), "\n")
		}
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
