package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"scimsync/sync/ledger"
)

// What is remembered of the pace stands beside the state, in a file for each budget: a
// dry run, which leaves the state alone, draws from the budget too, and a state that is
// restored from a backup has to obey what was announced since. It survives the end of
// the process; that of the machine takes longer than nearly every wait.

func paceFile(dir, budget string) string {
	return filepath.Join(dir, "pace-"+url.PathEscape(budget)+".json")
}

// ReadPace gives what was remembered of a budget in the directory of a state; nil if
// nothing was.
func ReadPace(dir, budget string) (ledger.Pace, error) {
	text, err := os.ReadFile(paceFile(dir, budget))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the pace of %s: %w", budget, err)
	}
	var pace ledger.Pace
	if err := json.Unmarshal(text, &pace); err != nil {
		return nil, fmt.Errorf("read the pace of %s from %s: %w; without the file nothing is remembered", budget, paceFile(dir, budget), err)
	}
	return pace, nil
}

// WritePace remembers a budget, as a whole or not at all.
func WritePace(dir, budget string, pace ledger.Pace) error {
	text, err := json.Marshal(pace)
	if err != nil {
		return fmt.Errorf("remember the pace of %s: %w", budget, err)
	}
	temp, err := os.CreateTemp(dir, ".pace-")
	if err != nil {
		return fmt.Errorf("remember the pace of %s: %w", budget, err)
	}
	_, err = temp.Write(append(text, '\n'))
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), paceFile(dir, budget))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("remember the pace of %s: %w", budget, err), os.Remove(temp.Name()))
	}
	return nil
}
