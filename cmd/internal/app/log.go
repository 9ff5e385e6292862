package app

import (
	"io"
	"os"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/term"

	"scimsync/cmd/internal/config"
)

// logger writes to the error stream: console lines on a terminal, lines with a
// priority that journald understands under systemd, JSON elsewhere. Nothing is
// sampled: each line stands for something that happened.
func (a *app) logger(cfg config.Log) *zap.Logger {
	level := zapcore.InfoLevel
	if text := a.logLevel; text != "" {
		_ = level.Set(text) // checked with the flags
	} else if cfg.Level != "" {
		_ = level.Set(cfg.Level) // checked with the config
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339TimeEncoder
	encoding.TimeKey = "time"
	encoding.EncodeDuration = zapcore.StringDurationEncoder
	out := zapcore.Lock(zapcore.AddSync(a.Err))
	journal := os.Getenv("JOURNAL_STREAM") != ""
	switch {
	case cfg.Format == "json" || cfg.Format != "console" && !journal && !isTerminal(a.Err):
		return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoding), out, level))
	case journal && cfg.Format != "console":
		encoding.TimeKey = ""
		encoding.EncodeLevel = priority
		encoding.ConsoleSeparator = " "
	default:
		encoding.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05")
		encoding.EncodeLevel = zapcore.LowercaseLevelEncoder
	}
	return zap.New(zapcore.NewCore(zapcore.NewConsoleEncoder(encoding), out, level))
}

// priority writes the level as syslog does, which journald takes off the line again.
func priority(l zapcore.Level, enc zapcore.PrimitiveArrayEncoder) {
	switch {
	case l >= zapcore.ErrorLevel:
		enc.AppendString("<3>")
	case l == zapcore.WarnLevel:
		enc.AppendString("<4>")
	case l == zapcore.InfoLevel:
		enc.AppendString("<6>")
	default:
		enc.AppendString("<7>")
	}
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// host is what is shown of a target's address.
func host(target *config.Target) string {
	if target.URL == "" {
		return "the sandbox in this process"
	}
	address := target.URL
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	address, _, _ = strings.Cut(address, "/")
	return address
}
