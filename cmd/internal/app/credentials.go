package app

import (
	"scimsync/cmd/internal/config"
	"scimsync/targets/scim"
	"scimsync/targets/scim/auth"
)

// newAuthorizer makes what proves to a target who we are; nil: nothing does. There is
// one for a target, so that all who speak to it share its tokens.
func newAuthorizer(cfg config.Auth) (scim.Authorizer, error) {
	switch {
	case cfg.Bearer != nil:
		return auth.NewBearer(auth.BearerOptions{Token: cfg.Bearer.Token.Resolve, Changed: cfg.Bearer.Token.Changed}), nil
	case cfg.Basic != nil:
		return auth.NewBasic(cfg.Basic.Username, cfg.Basic.Password.Resolve)
	}
	return nil, nil
}

// userAgent is what we call ourselves.
func userAgent() string { return "scimsync/" + Version() }
