package csv

import (
	"context"
	"fmt"
	"os"
	"path"
	"strings"
)

// generation is the open files of one export, in the order of ofUsers, ofGroups, ofMembers;
// or the file of people alone.
type generation []*file

func (g generation) close() {
	for _, f := range g {
		_ = f.Close()
	}
}

// openTogether opens the files to be read: those that were all in their places, and had
// come to rest, at one moment. Each has to be young enough and to end as a whole file does,
// and the numbers in their names must not tell of different exports.
func openTogether(ctx context.Context, places []*place) (generation, error) {
	for range settleRounds {
		files, again, err := openOnce(ctx, places)
		if err != nil {
			return nil, err
		}
		if again {
			files.close() // one was replaced while another was waited for
			continue
		}
		err = files.alike(places)
		for i, f := range files {
			if err == nil {
				err = places[i].checkWhole(f)
			}
			if err != nil {
				files.close()
				return nil, fmt.Errorf("read %s: %w", f.path, err)
			}
		}
		return files, nil
	}
	return nil, fmt.Errorf("read %s: one of its files is replaced again and again: the export goes on, or ready.settled is missing", places[0].Path)
}

// openOnce opens the files one after another. again says that meanwhile another file took
// the place of one.
func openOnce(ctx context.Context, places []*place) (files generation, again bool, err error) {
	defer func() {
		if err != nil {
			files.close()
		}
	}()
	roots := make([]*os.Root, len(places))
	picked := make([]candidate, len(places))
	for i, p := range places {
		if roots[i], err = os.OpenRoot(p.dir); err != nil {
			return files, false, fmt.Errorf("open the folder of %s: %w", p.Path, err)
		}
		defer func() { _ = roots[i].Close() }()
		if picked[i], err = p.settle(ctx, roots[i]); err != nil {
			return files, false, err
		}
		f, err := p.open(roots[i], picked[i])
		if err != nil {
			return files, false, err
		}
		files = append(files, f)
	}
	if len(places) == 1 {
		return files, false, nil
	}
	for i, p := range places {
		now, err := p.pick(roots[i])
		if err != nil {
			return files, false, err
		}
		again = again || !now.same(picked[i])
	}
	return files, again, nil
}

// alike refuses files of different exports: where globs match digits, a date or a number
// that counts up, these have to be the same.
func (g generation) alike(places []*place) error {
	first, stamp := "", ""
	for i, f := range g {
		digits := places[i].stamp(f.name)
		switch {
		case digits == "":
		case stamp == "":
			first, stamp = f.name, digits
		case digits != stamp:
			return fmt.Errorf("%s and %s are of different exports, as the numbers in their names say: hand the missing file over, or name them alike", first, f.name)
		}
	}
	return nil
}

// stamp gives the digits that the wildcards of a glob match in a name.
func (p *place) stamp(name string) string {
	if !p.glob {
		return ""
	}
	name, pattern := path.Base(name), path.Base(p.pattern)
	first, last := strings.IndexAny(pattern, wildcards), strings.LastIndexAny(pattern, "*?]")
	if first < 0 || last < 0 || len(pattern)-last-1 > len(name)-first {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, name[first:len(name)-(len(pattern)-last-1)])
}

// wildcards are the characters that make a glob of a path.
const wildcards = `*?[\`
