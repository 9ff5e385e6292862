package sandbox

import (
	"fmt"
	"net/http"
)

// scimError is a refusal, as RFC 7644 section 3.12 words it.
type scimError struct {
	status   int
	scimType string
	detail   string
	code     string // the vendor's own
}

func (e *scimError) Error() string {
	if e.scimType == "" {
		return fmt.Sprintf("%d: %s", e.status, e.detail)
	}
	return fmt.Sprintf("%d %s: %s", e.status, e.scimType, e.detail)
}

// refuse is a 400 with a scimType of RFC 7644 table 9.
func refuse(scimType, format string, args ...any) error {
	return &scimError{status: http.StatusBadRequest, scimType: scimType, detail: fmt.Sprintf(format, args...)}
}

// answerError is a refusal with another status and no scimType.
func answerError(status int, format string, args ...any) *scimError {
	return &scimError{status: status, detail: fmt.Sprintf(format, args...)}
}
