package profile

import (
	"fmt"
	"strings"
)

// Name tells the bucket from the others of a profile, and says in messages what it limits: "POST */Users, 10/m".
func (b *Bucket) Name() string {
	name := strings.Join(b.Match, ", ") + ", " + b.Rate.String()
	if b.MinBody > 0 {
		name += fmt.Sprintf(" of at least %d bytes", b.MinBody)
	}
	if b.Unit == UnitMembers {
		name += " members"
	}
	return name
}

// Name tells the cap from the others of a profile, and from its buckets.
func (c *Cap) Name() string { return strings.Join(c.Match, ", ") + ", at most " + c.Rate.String() }
