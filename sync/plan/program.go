package plan

import "strings"

// Program is how scimsync was called, for hints that can be pasted: the name, and the
// config where one was named. Empty: the name alone.
type Program string

// ProgramWith is the program with a config; empty: none was named.
func ProgramWith(config string) Program {
	if config == "" {
		return ""
	}
	return Program("scimsync --config " + shellWord(config))
}

// Command spells a command line. Each word is quoted where a shell would split it.
func (p Program) Command(words ...string) string {
	line := []string{string(p)}
	if p == "" {
		line[0] = "scimsync"
	}
	for _, w := range words {
		line = append(line, shellWord(w))
	}
	return strings.Join(line, " ")
}

// Approve is the command that releases what is held of a job at a target.
func (p Program) Approve(job, target string) string {
	return p.Command("approve", job, "--target", target)
}

// shellWord makes a name one word of a shell's command line.
func shellWord(s string) string {
	plain := s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._@/-", r))
	}) < 0
	if plain {
		return s
	}
	return "'" + strings.ReplaceAll(Safe(s), "'", `'\''`) + "'"
}
