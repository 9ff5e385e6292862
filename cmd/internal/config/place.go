package config

import "scimsync/internal/strictyaml"

// What is said of a config file, with its place.
type (
	Pos      = strictyaml.Pos
	Problem  = strictyaml.Problem
	Problems = strictyaml.Problems
)

// Text is a value that another package understands, with its place.
type Text struct {
	Value string
	Pos   Pos
}
