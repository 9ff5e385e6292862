package sourcetest_test

import (
	"errors"
	"testing"

	"scimsync/sources/sourcetest"
	"scimsync/sync/record"
)

func people() []sourcetest.Person {
	return []sourcetest.Person{
		{ID: "1", Enabled: record.True, Attrs: map[string][]string{"mail": {"a@example.org"}, "sn": {"Ada"}}},
		{ID: "2", Enabled: record.False, DN: "uid=2,dc=example,dc=org", Attrs: map[string][]string{"mail": {"b@example.org", "c@example.org"}}},
		{ID: "3"},
	}
}

func TestFakeIsASource(t *testing.T) {
	sourcetest.Run(t, func(*testing.T) sourcetest.Fixture {
		f := sourcetest.NewFake(people()...)
		return sourcetest.Fixture{
			Source: f,
			Names:  []string{"mail", "sn"},
			People: people(),
			Change: func(*testing.T) { f.Set(people()[:2]...) },
		}
	})
}

func TestFakeFails(t *testing.T) {
	broken := errors.New("broken")
	f := sourcetest.NewFake(people()...)
	full, err := f.Read(t.Context(), record.Want{}, func(*record.Record) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	for after := range 5 {
		f.FailAfter(after, broken)
		n := 0
		_, err := f.Read(t.Context(), record.Want{From: full.Cursor}, func(*record.Record) error { n++; return nil })
		if !errors.Is(err, broken) || n != min(after, 3) {
			t.Errorf("after %d: %d records, %v", after, n, err)
		}
	}
	f.FailAfter(0, nil)
	if b, err := f.Read(t.Context(), record.Want{From: full.Cursor}, nil); err != nil || b.Extent != record.Same {
		t.Errorf("healed: %v, %v", b.Extent, err)
	}
	if f.Reads() != 7 {
		t.Errorf("%d reads", f.Reads())
	}
}
