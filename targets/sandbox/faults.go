package sandbox

import (
	"fmt"
	"strconv"
	"strings"
)

// Cut says where a planned fault cuts the connection.
type Cut string

// The cuts: none (an error is answered), before and after the request is
// applied. Both leave the client without an answer.
const (
	CutNone   Cut = ""
	CutBefore Cut = "drop-before"
	CutAfter  Cut = "drop-after"
)

// Fail plans faults: every Every-th request, or each with Probability. The
// zero value is no faults.
type Fail struct {
	Every       int
	Probability float64 // 0 to 1
	Status      int     // answered without applying the request; 0 means 503
	Cut         Cut     // instead of an answer
}

// ParseFail reads "10%" or "every 20", optionally followed by what happens: a
// status from 400 to 599 (503 unless given), drop-before (the connection is cut
// and nothing applied) or drop-after (applied, then cut), as in
// "every 20 drop-after". An empty text is no faults.
func ParseFail(text string) (Fail, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return Fail{}, nil
	}
	bad := fmt.Errorf("fail %q: write it as 10%% or every 20, if needed with a status, drop-before or drop-after", text)
	var f Fail
	var err error
	if percent, ok := strings.CutSuffix(words[0], "%"); ok {
		f.Probability, err = strconv.ParseFloat(percent, 64)
		f.Probability /= 100
		if err != nil || !(f.Probability > 0 && f.Probability <= 1) {
			return Fail{}, bad
		}
		words = words[1:]
	} else {
		if words[0] != "every" || len(words) < 2 {
			return Fail{}, bad
		}
		if f.Every, err = strconv.Atoi(words[1]); err != nil || f.Every < 1 {
			return Fail{}, bad
		}
		words = words[2:]
	}
	switch {
	case len(words) == 0:
	case len(words) > 1:
		return Fail{}, bad
	case words[0] == string(CutBefore) || words[0] == string(CutAfter):
		f.Cut = Cut(words[0])
	default:
		if f.Status, err = strconv.Atoi(words[0]); err != nil || f.Status < 400 || f.Status > 599 {
			return Fail{}, bad
		}
	}
	return f, nil
}

// hits says whether the fault strikes the n-th request; draw gives a number
// in [0, 1).
func (f Fail) hits(n int64, draw func() float64) bool {
	if f.Every > 0 {
		return n%int64(f.Every) == 0
	}
	return f.Probability > 0 && draw() < f.Probability
}

func (f Fail) status() int {
	if f.Status != 0 {
		return f.Status
	}
	return 503
}
