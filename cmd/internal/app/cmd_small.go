package app

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"scimsync/cmd/internal/config"
)

func (a *app) schema() *cobra.Command {
	return &cobra.Command{
		Use:     "schema",
		Short:   "Print the JSON Schema of the config file",
		Long:    "Prints the JSON Schema (draft 2020-12) of the config file, for editors and for checks before a roll-out.",
		Example: "  scimsync schema > scimsync.schema.json",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.Out, string(config.Schema()))
			return err
		},
	}
}

func (a *app) version() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print build facts",
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintf(a.Out, "scimsync %s (%s, %s/%s)\n", Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}

// Version is the version that the binary was built from.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
