//go:build !linux

package ldap

import (
	"syscall"
	"time"
)

// userTimeout has no counterpart outside Linux; the deadlines of idleConn are
// what ends a dead connection there.
func userTimeout(time.Duration) func(network, address string, c syscall.RawConn) error {
	return nil
}
