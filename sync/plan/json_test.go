package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func asJSON(t *testing.T, plans ...*Plan) string {
	t.Helper()
	var buf bytes.Buffer
	for _, p := range plans {
		if err := p.WriteJSON(&buf); err != nil {
			t.Fatal(err)
		}
	}
	return buf.String()
}

func TestJSON(t *testing.T) {
	golden(t, "sample.jsonl", asJSON(t, sample()))
	golden(t, "empty.jsonl", asJSON(t, made()))
	if strings.Contains(asJSON(t, sample(), made(), made(&Change{Action: Delete, Kind: "user", Key: key("1")})), "null") {
		t.Error("a list or an object is null")
	}
}

// A change that needs several requests counts and shows them, and is read back so.
func TestParts(t *testing.T) {
	c := sampleChanges()[1]
	c.Parts = []int{1, 2}
	if c.Calls() != 2 || len(c.Requests()) != 2 || c.Requests()[1][1].Path != "title" {
		t.Errorf("%d calls: %v", c.Calls(), c.Requests())
	}
	p := made(c)
	if got := text(t, p, Style{}); !strings.Contains(got, "in 2 requests") || !strings.Contains(got, "1 update; 2 calls") {
		t.Error(got)
	}
	if got := asJSON(t, p); !strings.Contains(got, `"parts":[1,2]`) {
		t.Error(got)
	}
	if _, err := ReadSaved(strings.NewReader(asJSON(t, p)), ""); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"[1]", "[1,3]", "[3,0]", "[4,-1]", "[1,1,1,1]"} {
		file := strings.Replace(asJSON(t, p), `"parts":[1,2]`, `"parts":`+bad, 1)
		if _, err := ReadSaved(strings.NewReader(file), ""); err == nil || !strings.Contains(err.Error(), "do not make up its 3 operations") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if one := sampleChanges()[6]; one.Calls() != 1 || len(one.Requests()) != 1 {
		t.Errorf("a create is %d calls, %v", one.Calls(), one.Requests())
	}
}

func TestFate(t *testing.T) {
	gone, removed := sampleChanges()[0], sampleChanges()[0]
	gone.Fate, removed.Fate = FateGone, FateRemoved
	p := made(gone, removed)
	shown := text(t, p, Style{})
	for _, want := range []string{"it deletes the account, and counts as a delete too", "it takes the account out of the organisation, and counts as a delete too"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the text does not say %q:\n%s", want, shown)
		}
	}
	file := asJSON(t, p)
	if !strings.Contains(file, `"fate":"gone"`) || !strings.Contains(file, `"fate":"removed"`) || strings.Contains(asJSON(t, made(sampleChanges()...)), "fate") {
		t.Error(file)
	}
	if _, err := ReadSaved(strings.NewReader(file), ""); err != nil {
		t.Error(err)
	}
	if _, err := ReadSaved(strings.NewReader(strings.Replace(file, `"fate":"gone"`, `"fate":"sold"`, 1)), ""); err == nil || !strings.Contains(err.Error(), `unknown fate "sold"`) {
		t.Error(err)
	}
}

// What was written is read back: the changes with their values, kinds of values and
// digests.
func TestJSONRoundTrip(t *testing.T) {
	lines := strings.Split(strings.TrimSpace(asJSON(t, sample())), "\n")
	for i, want := range sampleChanges() {
		var got Change
		if err := json.Unmarshal([]byte(lines[i+1]), &got); err != nil {
			t.Fatal(err)
		}
		if got.Digest() != want.Digest() {
			t.Errorf("%s: the digest is another", want)
		}
		if got.Ops, want.Ops = nil, nil; len(want.Before) == 0 {
			want.Before = map[string]any{}
		}
		if len(want.After) == 0 {
			want.After = map[string]any{}
		}
		if diff := cmp.Diff(want, &got, cmpopts.IgnoreUnexported(Change{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want, diff)
		}
		inside, err := json.Marshal([]*Change{want})
		if err != nil || !json.Valid(inside) {
			t.Errorf("%s inside other JSON: %s, %v", want, inside, err)
		}
	}
}

func TestReadSaved(t *testing.T) {
	a, b := sample(), made(many(3)...)
	b.Target, b.Job = "sandbox", "partners"
	got, err := ReadSaved(strings.NewReader(asJSON(t, a, b)), "")
	if err != nil {
		t.Fatal(err)
	}
	want := []Saved{
		{Job: "staff", Target: "ringcentral", Digest: a.Digest, Changes: 8},
		{Job: "partners", Target: "sandbox", Digest: b.Digest, Changes: 3},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// An action that does not occur is no change, and nobody unclaimed is not the same as not known.
	b.Summary[Delete], b.Unclaimed = 0, 0
	if _, err := ReadSaved(strings.NewReader(asJSON(t, b)), ""); err != nil || !strings.Contains(asJSON(t, b), `"unclaimed":0,`) {
		t.Errorf("%v: %s", err, asJSON(t, b))
	}
	dos := strings.ReplaceAll(asJSON(t, a), "\n", "\r\n") + "\r\n"
	for _, same := range []string{strings.TrimSuffix(asJSON(t, a), "\n"), dos} {
		if got, err := ReadSaved(strings.NewReader(same), ""); err != nil || len(got) != 1 {
			t.Errorf("line ends matter: %v, %v", got, err)
		}
	}
}

// Wherever a file is cut, it is refused and the message says so; only between two
// sections does a shorter file make sense.
func TestReadSavedRefusesEveryCut(t *testing.T) {
	first, second := sample(), made(many(2)...)
	second.Job = "partners"
	one := asJSON(t, first)
	whole := one + asJSON(t, second)
	for n := range whole {
		// Every cut near the end of a line, and many inside one.
		if near := strings.Contains(whole[max(0, n-3):min(len(whole), n+3)], "\n"); n > 20 && n%17 != 0 && !near {
			continue
		}
		got, err := ReadSaved(strings.NewReader(whole[:n]), "")
		switch {
		case n == len(one) || n == len(one)-1 || n == len(whole)-1: // but for the line's end, a section is complete
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
		case err == nil:
			t.Fatalf("%d bytes are taken for %v", n, got)
		case n > 0 && !strings.Contains(err.Error(), "cut off"):
			t.Fatalf("%d bytes: %v", n, err)
		case n > strings.Index(one, "\n") && n < len(one) && !strings.Contains(err.Error(),
			"staff at ringcentral, begun in line 1, has no last line; make the plan again: scimsync plan staff --out FILE"):
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

func TestReadSavedRefuses(t *testing.T) {
	good := asJSON(t, sample())
	lines := strings.SplitAfter(good, "\n")
	edit := func(old, new string) string {
		if strings.Count(good, old) < 1 {
			t.Fatalf("%s is not in the sample", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	const edited = "these are not the changes that the plan was made of"
	for name, c := range map[string]struct{ file, want string }{
		"empty":                  {"", "the file is empty"},
		"blank":                  {"\n \n", "the file is empty"},
		"a value":                {edit(`"after":{"active":true,"name.givenName":"Eve"`, `"after":{"active":true,"name.givenName":"Eva"`), edited},
		"an operation":           {edit(`"op":"remove"`, `"op":"add"`), edited},
		"an operation's value":   {edit(`"value":"rob"`, `"value":"bob"`), edited},
		"a key":                  {edit(`"key":"10034"`, `"key":"10033"`), edited},
		"a source":               {edit(`"source":"hr","name":"Jane Doe"`, `"source":"xx","name":"Jane Doe"`), edited},
		"an account":             {edit(`"remote_id":"r34"`, `"remote_id":"r1"`), edited},
		"an action":              {edit(`"action":"deactivate"`, `"action":"delete"`), edited},
		"held no more":           {edit(`,"held":true`, ``), edited},
		"the digest":             {edit(`"digest":"`, `"digest":"0`), edited},
		"the held digest":        {edit(`"held_digest":"`, `"held_digest":"0`), edited},
		"the summary":            {edit(`"create":1`, `"create":2`), edited},
		"a change left out":      {strings.Join(append(append([]string{}, lines[:3]...), lines[4:]...), ""), edited},
		"a change twice":         {strings.Join(append(append([]string{}, lines[:3]...), lines[2:]...), ""), edited},
		"an unknown action":      {edit(`"action":"create"`, `"action":"promote"`), `line 8: unknown action "promote"`},
		"an unknown kind":        {edit(`"kind":"user"`, `"kind":"device"`), `line 2: unknown kind "device"`},
		"no member":              {edit(`"kind":"user"`, `"kind":"member"`), `line 2: a deactivate of a member is no change`},
		"a broken line":          {edit(`"name":"Bob"`, `"name":"Bob`), "line 5: "},
		"newer":                  {edit(`{"plan":1,`, `{"plan":2,`), "line 1: this plan has format 2 and this scimsync reads format 1"},
		"another line":           {lines[0] + `{"x":1}` + "\n", "line 2 is neither a change nor the last line"},
		"no header":              {strings.Join(lines[1:], ""), "line 1: a plan begins with"},
		"something else":         {"people:\n- jane\n", "line 1: a plan begins with"},
		"one word":               {"x", "line 1: a plan begins with"},
		"other JSON":             {"[1,2]\n", "line 1: a plan begins with"},
		"behind the end":         {good + "# approved by Kim\n", fmt.Sprintf("line %d: a plan begins with", len(lines))},
		"no job":                 {edit(`"job":"staff"`, `"job":""`), "line 1 names no job"},
		"the same twice":         {good + good, "staff at ringcentral has a section already"},
		"a section in a section": {lines[0] + lines[1] + good, "the file is cut off: staff at ringcentral, begun in line 1,"},
		"a wrong type":           {edit(`"calls":7`, `"calls":"7"`), "line 10: "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ReadSaved(strings.NewReader(c.file), "")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("read as %v with error %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestReadSavedTakesLongLines(t *testing.T) {
	p := made(&Change{Action: Create, Kind: "user", Key: key("1"), After: map[string]any{"note": strings.Repeat("x", 200<<10)}})
	if got, err := ReadSaved(strings.NewReader(asJSON(t, p)), ""); err != nil || len(got) != 1 {
		t.Errorf("%v, %v", got, err)
	}
}
