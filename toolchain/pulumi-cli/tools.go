//go:build tools

// Package tools names the Pulumi CLI, so that `go mod tidy` keeps everything it is built from in go.mod and go.sum.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
