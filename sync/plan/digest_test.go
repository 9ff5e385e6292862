package plan

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"scimsync/sync/ledger"
	"scimsync/sync/record"
	"scimsync/sync/resource"
)

func TestSetKnowsNoOrder(t *testing.T) {
	sum := func(digests []string) string {
		var s Set
		for _, d := range digests {
			s.Add(d)
		}
		if s.Len() != len(digests) {
			t.Errorf("a set of %d has length %d", len(digests), s.Len())
		}
		return s.String()
	}
	rapid.Check(t, func(t *rapid.T) {
		digests := rapid.SliceOfN(rapid.StringMatching(`[0-9a-f]{1,4}`), 0, 20).Draw(t, "digests")
		shuffled := rapid.Permutation(digests).Draw(t, "shuffled")
		if sum(digests) != sum(shuffled) {
			t.Fatal("the order counts")
		}
		if sum(append(slices.Clone(digests), "new")) == sum(digests) {
			t.Fatal("one more does not count")
		}
		if n := len(digests); n > 0 {
			changed := slices.Clone(digests)
			changed[rapid.IntRange(0, n-1).Draw(t, "at")] += "x"
			if sum(changed) == sum(digests) {
				t.Fatal("another one does not count")
			}
			if sum(append(slices.Clone(digests), digests[0], digests[0])) == sum(digests) {
				t.Fatal("the same twice more does not count")
			}
		}
	})
	var empty Set
	if empty.String() != sum(nil) || empty.String() == sum([]string{""}) {
		t.Error("the empty set is not the empty set")
	}
}

// The digest covers what is sent and to whom, and nothing else.
func TestDigestCovers(t *testing.T) {
	base := func() *Change { return sampleChanges()[1] }
	for name, edit := range map[string]func(c *Change){
		"action": func(c *Change) { c.Action = Reactivate }, "key": func(c *Change) { c.Key.ID = "1" }, "source": func(c *Change) { c.Key.Source = "x" },
		"account": func(c *Change) { c.RemoteID = "r0" }, "after": func(c *Change) { c.After["title"] = "x" }, "after, more": func(c *Change) { c.After["x"] = "y" },
		"op": func(c *Change) { c.Ops[0].Op = "add" }, "path": func(c *Change) { c.Ops[0].Path = "x" }, "value": func(c *Change) { c.Ops[1].Value = true },
		"fewer ops": func(c *Change) { c.Ops = c.Ops[1:] }, "parts": func(c *Change) { c.Parts = []int{1, 2} }, "temporary": func(c *Change) { c.Temporary = "t" },
	} {
		c := base()
		if edit(c); c.Digest() == base().Digest() {
			t.Errorf("%s does not count", name)
		}
	}
	for name, edit := range map[string]func(c *Change){
		"name": func(c *Change) { c.Name = "x" }, "cause": func(c *Change) { c.Cause = Cause{} }, "held": func(c *Change) { c.Held = true },
		"approved": func(c *Change) { c.Approved = true }, "round": func(c *Change) { c.Round = 4 }, "before": func(c *Change) { c.Before = nil },
		"due": func(c *Change) { c.Due = noon }, "parked": func(c *Change) { c.Parked = &ledger.Parked{Tries: 4} },
	} {
		c := base()
		if edit(c); c.Digest() != base().Digest() {
			t.Errorf("%s counts", name)
		}
	}
}

// What a human said yes to is a disable, or the end of the account: not the one for the other.
func TestDigestCoversTheFate(t *testing.T) {
	digests := map[string]Fate{}
	for _, fate := range []Fate{FateDisabled, FateRemoved, FateGone} {
		c := sampleChanges()[0]
		c.Fate = fate
		if other, taken := digests[c.Digest()]; taken {
			t.Errorf("%q and %q have one digest", fate, other)
		}
		digests[c.Digest()] = fate
		update := sampleChanges()[1]
		if update.Fate = fate; update.Digest() != sampleChanges()[1].Digest() {
			t.Errorf("%q counts for an update", fate)
		}
	}
}

var someText = rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "a\xffb", "\ufffd", `\ufffd`, "<&>", "\u2028", "\x00", "é", "e\u0301"}))

func someValue() *rapid.Generator[any] {
	element := rapid.Custom(func(t *rapid.T) resource.Element {
		return resource.Element{"type": someText.Draw(t, "type"), "value": someText.Draw(t, "value"), "primary": rapid.Bool().Draw(t, "primary")}
	})
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 3).Draw(t, "type of value") {
		case 0:
			return rapid.Bool().Draw(t, "truth")
		case 1:
			return json.Number(fmt.Sprint(rapid.Int64().Draw(t, "number")))
		case 2:
			return rapid.SliceOfN(element, 1, 3).Draw(t, "list")
		}
		return someText.Draw(t, "text")
	})
}

func someChange(t *rapid.T) *Change {
	path := rapid.SampledFrom([]string{"title", "emails", `emails[type eq "work"].value`, enterprise + "department", "active", "nickName"})
	values := func(name string) map[string]any {
		if rapid.Bool().Draw(t, "no "+name) {
			return nil
		}
		return rapid.MapOfN(path, someValue(), 0, 4).Draw(t, name)
	}
	moment := func(name string) time.Time {
		if n := rapid.Int64Range(0, 1<<32).Draw(t, name); n > 0 {
			return time.Unix(n, n%1e9).UTC()
		}
		return time.Time{}
	}
	flag := func(name string) bool { return rapid.Bool().Draw(t, name) }
	c := &Change{Action: rapid.SampledFrom(Actions).Draw(t, "action"), Kind: "user",
		Key:  record.Key{Kind: record.User, Source: "hr", ID: rapid.StringN(1, 9, -1).Draw(t, "id")},
		Name: rapid.String().Draw(t, "name"), RemoteID: rapid.String().Draw(t, "remote id"), Before: values("before"), After: values("after"),
		Cause: Cause{By: CauseSource, What: rapid.String().Draw(t, "what")}, Held: flag("held"), Round: rapid.IntRange(0, 3).Draw(t, "round"),
		Temporary: rapid.String().Draw(t, "temporary"), Left: flag("left"), Mine: flag("mine"), Rename: flag("rename"),
		Fate:  rapid.SampledFrom([]Fate{FateDisabled, FateRemoved, FateGone}).Draw(t, "fate"),
		Doubt: Doubt{Sent: flag("doubted"), Created: flag("created"), Since: moment("doubt")}, Approved: flag("approved"), NextRun: flag("again"), Due: moment("due")}
	if c.Action.ofMembers() {
		c.Kind, c.Key.Kind = KindMember, record.Group
		nested := flag("nested")
		c.Member = &Member{Key: record.Key{Kind: record.User, Source: "hr", ID: rapid.StringN(1, 9, -1).Draw(t, "member")},
			Name: rapid.String().Draw(t, "member name"), RemoteID: rapid.String().Draw(t, "member id"), Along: flag("along"),
			Edge: ledger.Edge{Group: rapid.Uint32().Draw(t, "group ordinal"), Member: rapid.Uint32().Draw(t, "ordinal"), Nested: nested},
			Of:   rapid.IntRange(0, 1e6).Draw(t, "of"), Beside: rapid.String().Draw(t, "beside")}
		if nested {
			c.Member.Key.Kind = record.Group
		}
	}
	if flag("parked") {
		c.Parked = &ledger.Parked{Kind: ledger.ParkedRefused, Error: rapid.String().Draw(t, "error"), Digest: "d", Tries: rapid.IntRange(0, 9).Draw(t, "tries"), At: moment("at"), Since: moment("since")}
	}
	ops := rapid.IntRange(0, 3).Draw(t, "ops")
	for range ops {
		op := resource.Op{Op: rapid.SampledFrom([]string{"add", "remove", "replace"}).Draw(t, "op"), Path: path.Draw(t, "path")}
		if op.Op != "remove" {
			op.Value = rapid.OneOf(someValue(), rapid.Just[any]([]any{"bare", true})).Draw(t, "op value")
		}
		c.Ops = append(c.Ops, op)
	}
	for left := ops; left > 0 && ops > 1; left -= c.Parts[len(c.Parts)-1] {
		c.Parts = append(c.Parts, rapid.IntRange(1, left).Draw(t, "part"))
	}
	if ops == 0 && flag("empty ops") {
		c.Ops = []resource.Op{}
	}
	if flag("shown") {
		c.Echo = values("echo")
	}
	c.Want.Resource = resource.New(values("want"))
	c.Want.Managed = slices.Sorted(maps.Keys(values("managed")))
	if flag("once") {
		c.Want.Once = []resource.Once{{Attr: resource.Attr{Path: "locale", Value: someValue().Draw(t, "once value")}, When: resource.OnlyEmpty}}
	}
	return c
}

// A change that was spooled, or written as JSON, is the change it was: the digest, all
// fields, and the types of the values, which other packages rely on.
func TestCodecRoundTrip(t *testing.T) {
	valid := cmp.Transformer("valid", func(s string) string { return strings.ToValidUTF8(s, "\ufffd") })
	asText := cmp.Transformer("json", func(o resource.Op) string {
		text, _ := json.Marshal(o)
		return strings.ReplaceAll(string(text), `\ufffd`, "\ufffd")
	})
	none := cmp.FilterValues(func(a, b any) bool { return isEmpty(a) && isEmpty(b) }, cmp.Ignore())
	rapid.Check(t, func(t *rapid.T) {
		c := someChange(t)
		text, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var got Change
		if err := got.Decode(text); err != nil {
			t.Fatal(err)
		}
		if (got.Echo == nil) != (c.Echo == nil) {
			t.Fatal("that the account was never shown is not that it has no echo")
		}
		if got.computeDigest() != c.Digest() {
			t.Fatalf("spooled, the digest is another: %s", text)
		}
		if diff := cmp.Diff(c, &got, cmpopts.IgnoreUnexported(Change{}), none, asText, cmp.FilterValues(notValid, valid)); diff != "" {
			t.Fatalf("spooled (-want +got):\n%s", diff)
		}
		if text, err = json.Marshal(c); err != nil {
			t.Fatal(err)
		}
		var read Change
		if err := json.Unmarshal(text, &read); err != nil {
			t.Fatal(err)
		}
		if read.Digest() != c.Digest() {
			t.Fatalf("as JSON, the digest is another: %s", text)
		}
	})
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []resource.Op:
		return len(v) == 0
	case []resource.Attr:
		return len(v) == 0
	case []string:
		return len(v) == 0
	}
	return false
}

// notValid tells that one of two texts is no UTF-8: JSON cannot hold that.
func notValid(a, b string) bool {
	return strings.ToValidUTF8(a, "") != a || strings.ToValidUTF8(b, "") != b
}

func TestFoundRoundTrip(t *testing.T) {
	want := Found{ID: "r1", Version: `W/"1"`, UserName: "a<b", ExternalID: "10034", Active: record.False, Masked: true, By: MatchEmail,
		Body: map[string]any{"id": "r1", "n": json.Number("9007199254740993"), "emails": []any{map[string]any{"value": "a@example.org", "primary": true}}}}
	text, err := want.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var got Found
	if err := got.Decode(text); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
