package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
)

// number writes 9980 as 9,980.
func number(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count writes "1 update" or "25 updates".
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

func (a Action) count(n int) string {
	switch a {
	case AddMember:
		return count(n, "member", "members") + " added"
	case RemoveMember:
		return count(n, "member", "members") + " removed"
	}
	return count(n, string(a), string(a)+"s")
}

// countGroups is count for groups.
func (a Action) countGroups(n int) string {
	return count(n, "group", "groups") + " " + map[Action]string{Create: "created", Update: "updated", Adopt: "adopted", Delete: "deleted"}[a]
}

// ofMembers tells that an action changes a member of a group.
func (a Action) ofMembers() bool { return a == AddMember || a == RemoveMember }

// memberCount says how many members come and go.
func memberCount(summary map[Action]int) string {
	var parts []string
	for _, action := range []Action{AddMember, RemoveMember} {
		if n := summary[action]; n > 0 {
			parts = append(parts, action.count(n))
		}
	}
	return strings.Join(parts, ", ")
}

// more says how many changes were left out, and what shows them.
func more(action Action, n int, where string) string {
	words := string(action)
	if n != 1 {
		words += "s"
	}
	return fmt.Sprintf("… and %s more %s; %s", number(n), Safe(words), where)
}

// remark explains what the values of a change alone do not explain.
func (c *Change) remark() string {
	text := c.nature()
	if len(c.Parts) > 1 {
		if text != "" {
			text += ", "
		}
		text += "in " + number(len(c.Parts)) + " requests: the service does not take all of it in one"
	}
	return text
}

func (c *Change) nature() string {
	switch {
	case c.Temporary != "":
		return "a login for a moment, so that logins can be passed on in a circle"
	case c.Action == Adopt && len(c.Ops) == 0:
		return "takes over account " + Safe(c.RemoteID) + " as it is: no call"
	case c.Action == Adopt:
		return "takes over account " + Safe(c.RemoteID)
	case c.Action == Deactivate && c.Fate == FateRemoved:
		return "at this service it takes the account out of the organisation, and counts as a delete too"
	case c.Action == Deactivate && c.Fate == FateGone:
		return "at this service it deletes the account, and counts as a delete too"
	}
	return ""
}

// stamp writes a moment for the reader.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// span writes a duration without parts that are zero: 1h, 3m36s.
func span(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// why gives the cause of a change in words.
func (c Cause) why() string {
	if c.What != "" {
		return Safe(c.What)
	}
	switch c.By {
	case CauseSource:
		return "changed at the source"
	case CauseConfig:
		return "the config changed"
	case CauseTime:
		return "a date has come"
	}
	return Safe(c.By)
}

// who names the person of a change or of a problem.
func who(name, key string) string {
	if name == "" || name == key {
		return Safe(key)
	}
	return Safe(name) + " (" + Safe(key) + ")"
}

// who names the person, or the group, of a change.
func (c *Change) who() string {
	if c.Key.Kind == record.Group {
		return "group " + who(c.Name, c.Key.ID)
	}
	return who(c.Name, c.Key.ID)
}

// who names whom a problem is about.
func (p *Problem) who() string {
	if p.Group != "" {
		return who(p.Name, p.Key) + " in " + Safe(p.Group)
	}
	return who(p.Name, p.Key)
}

// HoldID is the short name of a hold. Two targets may have to be sent the same: a yes
// to one of them is none to the other, so their holds have different names.
func HoldID(job, target, heldDigest string) string {
	sum := sha256.Sum256([]byte(job + "\x00" + target + "\x00" + heldDigest))
	return hex.EncodeToString(sum[:4])
}

// Totals is the plan in one line: "1 deactivate, 25 updates; 26 calls, about 3m36s
// at this pace".
func (p *Plan) Totals() string {
	var parts []string
	for _, action := range Actions {
		if n := p.accounts(action); n > 0 {
			parts = append(parts, action.count(n))
		}
		if n := p.Groups[action]; n > 0 {
			parts = append(parts, action.countGroups(n))
		}
	}
	if len(parts) == 0 {
		return "no changes"
	}
	text := strings.Join(parts, ", ") + "; " + count(p.Calls, "call", "calls")
	if p.Estimate >= time.Second {
		text += ", about " + span(p.Estimate) + " at this pace"
	}
	return text
}

// limitWords say what a limit counts, for one and for many, and how that is held
// against the live accounts.
var limitWords = map[string][3]string{
	LimitDeactivate:   {"deactivation", "deactivations", "of"},
	LimitDelete:       {"deletion", "deletions", "of"},
	LimitUpdate:       {"update", "updates", "of"},
	LimitCreate:       {"new account", "new accounts", "beside"},
	LimitAdopt:        {"adoption of an account that is there already", "adoptions of accounts that are there already", "beside"},
	LimitRename:       {"change of login or anchor", "changes of login or anchor", "of"},
	LimitMemberRemove: {"member taken out of a group", "members taken out of groups", "of"},
	LimitVanished:     {"account that is not there any more, to be made again", "accounts that are not there any more, to be made again", "of"},
}

// LimitText says which limit tripped, and by how much.
func LimitText(l ledger.Limit) string {
	name, _, _ := strings.Cut(l.Limit, ".")
	if name == LimitFirstRun {
		return fmt.Sprintf("%s: the first run of a job at a target waits for a human's yes: %s", LimitFirstRun, count(l.N, "change", "changes"))
	}
	if name == LimitRejected {
		return fmt.Sprintf("%s: %s that a human said no to, or left out of a yes", LimitRejected, count(l.N, "change", "changes"))
	}
	words, known := limitWords[name]
	if !known {
		return fmt.Sprintf("%s: %s of %s; the limit is %s", Safe(l.Limit), number(l.N), number(l.Of), Safe(l.Max))
	}
	text := Safe(l.Limit) + ": " + count(l.N, words[0], words[1])
	one, many := "live account", "live accounts"
	if name == LimitMemberRemove {
		one, many = "membership", "memberships"
	}
	if l.Group != "" {
		text = fmt.Sprintf("%s: %s taken out of group %s", Safe(l.Limit), count(l.N, "member", "members"), Safe(l.Group))
	}
	if l.Of > 0 {
		text += " " + words[2] + " " + count(l.Of, one, many)
	}
	return text + "; the limit is " + Safe(l.Max)
}

// limitText adds to LimitText where the number comes from when the plan alone does
// not explain it.
func (p *Plan) limitText(l ledger.Limit) string {
	text := LimitText(l)
	name, _, _ := strings.Cut(l.Limit, ".")
	n, counted := map[string]int{
		LimitDeactivate:   p.accounts(Deactivate),
		LimitDelete:       p.Summary[Delete],
		LimitUpdate:       p.accounts(Update) + p.accounts(Reactivate),
		LimitCreate:       p.accounts(Create),
		LimitAdopt:        p.Summary[Adopt],
		LimitRename:       p.accounts(Update) + p.accounts(Reactivate),
		LimitMemberRemove: p.Summary[RemoveMember],
	}[name]
	if counted && l.Group == "" && l.N > n {
		text += " (with those sent lately, within the guard's window)"
	}
	return text
}

// holdText says, a line each, what is held and why; no lines: nothing is.
func (p *Plan) holdText() []string {
	if p.Held == 0 {
		return nil
	}
	first, destructive := false, false
	for _, l := range p.Holds {
		name, _, _ := strings.Cut(l.Limit, ".")
		first = first || name == LimitFirstRun
		destructive = destructive || name == LimitDeactivate || name == LimitDelete || name == LimitMemberRemove
	}
	if first {
		return p.firstRunText()
	}
	total := p.Changes()
	held := "all " + count(total, "change", "changes")
	if p.Held < total {
		held = fmt.Sprintf("%s of %s", number(p.Held), count(total, "change", "changes"))
	}
	lines := []string{fmt.Sprintf("Held until a human says yes: %s (hold %s)", held, HoldID(p.Job, p.Target, p.HeldDigest))}
	for _, l := range p.Holds {
		lines = append(lines, "  "+p.limitText(l))
	}
	if destructive {
		lines = append(lines, "  One such limit holds everything that takes access away.")
	}
	if p.Held < total {
		lines = append(lines, "The rest does not wait.")
	}
	return lines
}

func (p *Plan) firstRunText() []string {
	lines := []string{
		fmt.Sprintf("Held: this is the first run of %s at %s, and nothing is sent before a human says yes (hold %s)", Safe(p.Job), Safe(p.Target), HoldID(p.Job, p.Target, p.HeldDigest)),
		fmt.Sprintf("  It would adopt %s there already, and create %s.",
			count(p.accounts(Adopt), "account that is", "accounts that are"), number(p.accounts(Create))),
	}
	if n := p.Groups[Adopt] + p.Groups[Create]; n > 0 {
		lines = append(lines, fmt.Sprintf("  Of groups it would adopt %s, and create %s; %s.", number(p.Groups[Adopt]), number(p.Groups[Create]), memberCount(p.Summary)))
	}
	if n := len(p.Conflicts); n > 0 {
		lines = append(lines, fmt.Sprintf("  %s with another account: nothing is done for them until that is settled.",
			count(n, "person is in conflict", "people are in conflict")))
	}
	if p.Unclaimed < 0 {
		return append(lines, "  Whether accounts are there that nobody claims is not known: people were looked up one by one.")
	}
	return append(lines, fmt.Sprintf("  %s there that nobody claims: left alone.", count(p.Unclaimed, "account is", "accounts are")))
}
