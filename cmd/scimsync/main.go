// Command scimsync keeps the accounts of SCIM 2.0 services as a directory says.
package main

import (
	"os"

	"scimsync/cmd/internal/app"
)

func main() { os.Exit(app.Main(os.Args[1:], app.Real())) }
